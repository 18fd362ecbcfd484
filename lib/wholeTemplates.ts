import { type LeftOut, leftOutSource, patternSource, patternWords } from "./namePattern";

// Templates of the operator (Go's text/template with sprig's functions) for keys that are not named one by one, and for
// parts of JSON objects. Each begins with a comment that says in words what it makes: the operator's error messages
// repeat it, and the comment on a pull request takes it from there.

/** A part of a JSON object in Doppler. */
export interface JsonPart {
  /** The Doppler name whose value is the JSON object. */
  name: string;
  /** The way to the part: names of properties, with dots between them, such as `db.password`. */
  property: string;
}

/** What the way to a part looks like. */
export const JSON_PROPERTY = /^[-_A-Za-z0-9]+(?:\.[-_A-Za-z0-9]+)*$/;

const words = (text: string) => `{{- /* ${text} */}}`;

/** What such a template makes, in words; `undefined` for another template. */
export function templateWords(template: string): string | undefined {
  return /^\{\{- \/\* (.*?) \*\/\}\}/.exec(template)?.[1];
}

/** A text as Go's raw strings have it. No pattern and no name has a backquote. */
const raw = (text: string) => `\`${text}\``;

const list = (names: readonly string[]) => `(list ${[...names].sort().map(raw).join(" ")})`;

/** A condition on `$key`, in the language of templates: that it is not left out. */
function isLetIn({ leaveOut, keep = [] }: LeftOut): string {
  if (leaveOut === undefined) return "true";
  const isNot = `(not (mustRegexMatch ${raw(`^(?:${leaveOut})$`)} $key))`;
  return keep.length === 0 ? isNot : `(or (has $key ${list(keep)}) ${isNot})`;
}

/**
 * A key and its value as a line of YAML. Go writes both in quotes and in ASCII only, with escapes that mean the same in
 * YAML. JSON would not do: YAML refuses some characters that JSON leaves as they are, and takes U+0085 for a line break.
 * The percent signs are escaped because the operator names the template by its text, and Go would format that name.
 */
const LINE = '{{ printf "\\x25+q: \\x25+q" $key $value }}';

/** Keys and values as YAML, each `$key` and `$value` of a loop for which a condition holds; an error where none is. */
function linesOf(loop: readonly string[], condition: string, nothing: string): string[] {
  return [
    "{{- $nothing := true }}",
    ...loop,
    `{{- if and ${condition} }}`,
    "{{- $nothing = false }}",
    LINE,
    "{{- end }}{{ end }}",
    `{{- if $nothing }}{{ fail ${raw(nothing)} }}{{ end }}`,
  ];
}

/** A template, which renders to YAML, of all fetched Doppler names that a pattern means. */
export function patternTemplate(pattern: string, out: LeftOut): string {
  const beginning = pattern === "*" ? "" : ` that begins with ${pattern.slice(0, -1)}`;
  return [
    words(patternWords(pattern)),
    ...linesOf(
      ["{{- range $key, $value := . }}"],
      `(mustRegexMatch ${raw(`^${patternSource(pattern)}$`)} $key) ${isLetIn({ ...out, leaveOut: leftOutSource(out) })}`,
      `the Doppler config has no name${beginning} for this Secret; names that are left out do not count`,
    ),
  ].join("\n");
}

/** A template, which renders to YAML, of all properties of a JSON object. */
export function spreadTemplate(name: string, out: LeftOut): string {
  return [
    words(`all properties of ${name}`),
    ...parsed(name, "$object"),
    ...linesOf(
      ["{{- range $key, $part := $object }}", ...valueOf("$part")],
      isLetIn(out.keep?.includes(name) ? {} : out),
      `the JSON object in ${name} has no property for this Secret; properties that are left out do not count`,
    ),
  ].join("\n");
}

/** A template of one part of a JSON object. */
export function partTemplate({ name, property }: JsonPart): string {
  const absent = `{{ fail ${raw(`the JSON object in ${name} has no property ${property}`)} }}`;
  return [
    words(`${property} of ${name}`),
    ...parsed(name, "$part"),
    `{{- range $step := list ${property.split(".").map(raw).join(" ")} }}`,
    `{{- if not (kindIs "map" $part) }}${absent}{{ else if not (hasKey $part $step) }}${absent}{{ end }}`,
    "{{- $part = get $part $step }}",
    "{{- end }}",
    ...valueOf("$part"),
    "{{- $value }}",
  ].join("\n");
}

/**
 * In valid JSON, whatever comes before a number (texts in quotes are passed over as a whole), and the number; or the
 * rest.
 */
const UP_TO_NUMBER = '((?:[^"0-9-]|"(?:[^"\\\\]|\\\\.)*")*)(-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|$)';

/**
 * Parses the JSON object under a Doppler name. The operator has `remoteRef.property` and `fromJson` for this, but its
 * Doppler provider passes over the one, and the other rounds numbers of more than 15 digits. So each number becomes a text
 * before the JSON is parsed. It begins with `$mark`, the digest of the whole, which no text in the JSON can hold.
 */
function parsed(name: string, variable: string): string[] {
  return [
    `{{- if not (kindIs "map" (fromJson .${name})) }}{{ fail ${raw(`the value of ${name} is no JSON object`)} }}{{ end }}`,
    `{{- $mark := sha256sum .${name} }}`,
    `{{- ${variable} := regexReplaceAll ${raw(UP_TO_NUMBER)} .${name} (print ${raw('${1}"')} $mark ${raw('${2}"')}) }}`,
    `{{- ${variable} = fromJson (trimSuffix (print ${raw('"')} $mark ${raw('"')}) ${variable}) }}`,
  ];
}

/** Sets `$value` to what a part of a parsed object is as a value: a text as it is, and everything else as JSON. */
function valueOf(part: string): string[] {
  const marked = `(print ${raw('"')} $mark ${raw('([^"]*)"')})`;
  return [
    '{{- $value := "" }}',
    `{{- if or (kindIs "map" ${part}) (kindIs "slice" ${part}) }}`,
    `{{- $value = regexReplaceAll ${marked} (toRawJson ${part}) ${raw("${1}")} }}`,
    `{{- else if not (kindIs "invalid" ${part}) }}`,
    `{{- $value = ${part} | toString | trimPrefix $mark }}`,
    "{{- end }}",
  ];
}
