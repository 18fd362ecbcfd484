// Templates of the operator (Go's text/template, engine v2): which Doppler names a value is made of, and what in it can't
// be right. Enough of the language to know that; the operator has the last word.

import type { JsonPart } from "./wholeTemplates";

/** A template, as far as it is understood. */
export interface Template {
  /** The names it refers to, each once; where there are no problems, Doppler's. */
  names: string[];
  /** The text with `{{x}}` in place of each action. */
  text: string;
  /** Texts in quotes within the actions. */
  quoted: string[];
  /** Those of them that stand in for a value that is empty. */
  defaults: string[];
  /** Names that the operator may leave out of account: it comes to them under a condition, or looks them up by index. */
  optional: string[];
  /** What can't be right, in words that repeat nothing of the template. */
  problems: string[];
}

/** What Doppler calls a secret. */
export const DOPPLER_NAME = /^[A-Z_][A-Z0-9_]*$/;

/** Each look at Doppler would give another value, and pods another one at each restart. */
const UNSTEADY =
  /^(?:bcrypt|htpasswd|rand\w+|gen[A-Z]\w*|uuidv4|now|ago|unixEpoch|shuffle|encryptAES|getHostByName|env|expandenv)$/;

/** These read names out of all values together. Only values that a template names are fetched, and it must name them so. */
const FROM_ALL = /^(?:get|pluck|dig|pick|omit|hasKey|keys|values)$/;

/** Functions that do not look at each of their arguments, or find nothing where a name is missing. */
const LENIENT = /(?<![\w.$])(?:and|or|index)\b/;

const UNPAIRED = 'expected an "end" for each "if", "with" and "range"';

/** Up to the end of an action, whose texts in quotes may hold braces. */
const ACTION =
  /\{\{(-\s)?((?:\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|(?!\}\}|\{\{)[^"'`])*?)\}\}/g;

const QUOTED = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'/g;

const DEFAULT = new RegExp(`\\bdefault\\s+(${QUOTED.source})`, "g");

/** What a template is made of. */
export function parseTemplate(template: string): Template {
  const names = new Set<string>();
  const certain = new Set<string>();
  const quoted: string[] = [];
  const defaults: string[] = [];
  const problems = new Set<string>();
  // Within `with` and `range` the dot is something else; an `else` of theirs has it back.
  const blocks: boolean[] = [];

  const text = template.replace(ACTION, (_action, _trim: string | undefined, inside: string) => {
    const whole = inside.replace(/\/\*[^]*?\*\//g, " ").trim();
    const strings = (whole.match(QUOTED) ?? []).map((literal) => literal.slice(1, -1));
    quoted.push(...strings);
    for (const [, literal = ""] of whole.matchAll(DEFAULT)) defaults.push(literal.slice(1, -1));
    for (const [, name = ""] of whole.matchAll(/\bindex\s+[.$]\s+["`]([-.\w]+)["`]/g)) {
      names.add(name);
      if (!DOPPLER_NAME.test(name)) problems.add("expected Doppler names, such as {{ .DB_PASSWORD }}");
    }
    const code = whole.replace(QUOTED, '""');
    const keyword = /^(?:if|with|range|else|end|define|template|block)\b/.exec(code)?.[0];

    const opens = keyword === "if" || keyword === "with" || keyword === "range";
    // The pipeline of a block's own action still has the dot from outside.
    const shifted = blocks.slice(0, keyword === "end" || keyword === "else" ? -1 : undefined).some((shifts) => shifts);
    if (keyword === "end" && blocks.pop() === undefined) problems.add(UNPAIRED);
    else if (keyword === "else") blocks.splice(-1, 1, /^else\s+with\b/.test(code));
    else if (opens) blocks.push(keyword !== "if");
    else if (keyword !== "end" && keyword !== undefined) problems.add(`expected no "${keyword}"`);

    const always = blocks.length === (opens ? 1 : 0) && !LENIENT.test(code);
    for (const [, root = "", field = "", more] of code.matchAll(/(?<![\w)\]])(\$?)\.([A-Za-z_]\w*)(\.)?/g)) {
      if (shifted && root === "") continue;
      names.add(field);
      if (always) certain.add(field);
      if (!DOPPLER_NAME.test(field)) problems.add("expected Doppler names, such as {{ .DB_PASSWORD }}");
      else if (more !== undefined) problems.add("expected no dot behind a Doppler name: its value is a text");
    }
    const fromAll = shifted ? /(?<=[\s(])\$(?=[\s)|]|$)/ : /(?<=[\s(])[.$](?=[\s)|]|$)/;
    for (const [word] of code.matchAll(/(?<![\w.$])[a-zA-Z]\w*/g)) {
      if (UNSTEADY.test(word)) problems.add(`expected no "${word}", which gives another value each time`);
      if (FROM_ALL.test(word) && fromAll.test(code)) {
        problems.add(`expected no "${word}" on all values: write each Doppler name, such as {{ .DB_PASSWORD }}`);
      }
    }
    return "{{x}}";
  });

  // Braces of the text itself need no partner, but where two of them together look like one end of an action.
  const rest = text.replaceAll("{{x}}", "");
  const braces = [...rest].reduce((depth, c) => depth + (c === "{" ? 1 : c === "}" ? -1 : 0), 0);
  if (rest.includes("{{") || (rest.includes("}}") && braces !== 0))
    problems.add("expected as many closing braces as opening ones");
  if (blocks.length > 0) problems.add(UNPAIRED);
  const optional = [...names].filter((name) => !certain.has(name));
  return { names: [...names], text, quoted, defaults, optional, problems: [...problems] };
}

/**
 * The same template, made to fail wherever one of its names is missing. Of several values that were fetched together, a
 * template does not miss those that it does not come to. The operator fails only for a name that it comes to.
 */
export function templateWithoutGaps(template: string): string {
  return parseTemplate(template)
    .optional.map((name) => `{{ $_ := .${name} }}`)
    .concat(template)
    .join("");
}

/** Where a Secret's values come from. */
export interface Sources {
  /** The Secret's key: the Doppler name. */
  keys: Readonly<Record<string, string>>;
  /** The Secret's key: the template. */
  values: Readonly<Record<string, string>>;
  /** The Secret's key: a part of a JSON object in Doppler. */
  parts?: Readonly<Record<string, JsonPart>> | undefined;
  /** Doppler names whose values are JSON objects. Each property is a key of the Secret. */
  spread?: readonly string[] | undefined;
  /** The Doppler names that are keys of the Secret as they are: {@link NAME_PATTERN}. */
  pattern?: string | undefined;
}

/** The Doppler names that the value of each key comes from, for the keys that are named one by one. */
export function namesByKey({ keys, values, parts = {} }: Sources): Record<string, string[]> {
  return {
    ...Object.fromEntries(Object.entries(keys).map(([key, name]) => [key, [name]])),
    ...Object.fromEntries(Object.entries(parts).map(([key, { name }]) => [key, [name]])),
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [key, parseTemplate(value).names])),
  };
}

/** The Doppler names that a Secret's values come from, each once: what is fetched at each refresh, beside a pattern's. */
export function dopplerNames(sources: Sources): string[] {
  return [...new Set([...Object.values(namesByKey(sources)).flat(), ...(sources.spread ?? [])])];
}
