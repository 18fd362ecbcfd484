import { z } from "zod";
import { DOPPLER_OWN } from "../../lib/namePattern";
import { dopplerNames, parseTemplate, type Sources } from "../../lib/template";
import type { JsonPart } from "../../lib/wholeTemplates";
import type { Lenient } from "./lenient";
import { anySource, dopplerNamePattern, dopplerSecretName, jsonProperty, secretKey, template } from "./names";
import { type Path, typeName } from "./problems";
import type { RequestedContent, SecretRequest } from "./secretRequest";

// What the keys of a Secret are made of: the settings `keys`, `values` and `spread`, and the rules that hold between them.

const keyList = z
  .array(dopplerSecretName)
  .min(1, { error: "expected at least one key", abort: true })
  .refine((list) => new Set(list).size === list.length, { error: "expected each name once" });
const part = z.strictObject({ name: dopplerSecretName, property: jsonProperty });
const keySource = z.union([dopplerSecretName, part], {
  error: (issue) => `expected a Doppler secret name, or a map of name and property, got ${typeName(issue.input)}`,
});
const keyMap = z
  .record(secretKey, keySource)
  .refine((map) => Object.keys(map).length > 0, { error: "expected at least one key", abort: true });

/** What `keys` has to be, in words. */
export const KEYS_FORM =
  'expected a list of Doppler secret names, a map from key to Doppler secret name, or a pattern such as "STRIPE_*"';

/** Doppler names, Doppler names by the Secret's key, or a pattern. */
export const keys = z.union([dopplerNamePattern, keyList, keyMap], {
  error: (issue) => `${KEYS_FORM}, got ${typeName(issue.input)}`,
});

/** More keys, by the source that they come from. */
export const from = z.record(
  anySource,
  z.union([keyList, z.record(secretKey, dopplerSecretName)], {
    error: (issue) =>
      `expected a list of Doppler secret names, or a map from key to Doppler secret name, got ${typeName(issue.input)}`,
  }),
);

/** Doppler names of JSON objects. */
export const spread = keyList;

/** Templates by the Secret's key. */
export const values = z.record(secretKey, template);

type Keys = Lenient<z.output<typeof keys>> | undefined;

/** The forms of `keys` as one. */
export interface AskedKeys {
  /** The Secret's key: the Doppler name. */
  keys: Record<string, string>;
  /** The Secret's key: a part of a JSON object. */
  parts?: Record<string, JsonPart>;
  pattern?: string;
}

/** What the setting `keys` asks for. */
export function askedKeys(setting: Keys): AskedKeys {
  if (typeof setting === "string") return { keys: {}, pattern: setting };
  if (Array.isArray(setting)) {
    return { keys: Object.fromEntries(setting.filter((name) => name !== undefined).map((name) => [name, name])) };
  }
  const keys: Record<string, string> = {};
  const parts: Record<string, JsonPart> = {};
  for (const [key, from] of Object.entries(setting ?? {})) {
    if (typeof from === "string") keys[key] = from;
    else if (from.name !== undefined && from.property !== undefined) {
      parts[key] = { name: from.name, property: from.property };
    }
  }
  return Object.keys(parts).length === 0 ? { keys } : { keys, parts };
}

/** The keys that are asked for of other sources: by source, the Doppler name by the Secret's key. */
export function fromOthers(of: Lenient<z.output<typeof from>> | undefined): Record<string, Record<string, string>> {
  return Object.fromEntries(Object.entries(of ?? {}).map(([source, keys]) => [source, askedKeys(keys).keys]));
}

/** Doppler's own names as keys of the Secret, where they are asked for. */
export function withDopplerNames(asked: AskedKeys, dopplerNames: boolean | undefined): AskedKeys {
  if (!dopplerNames) return asked;
  return { ...asked, keys: { ...asked.keys, ...Object.fromEntries(DOPPLER_OWN.map((name) => [name, name])) } };
}

/** The keys without which the API server takes no Secret of a type; of several in one entry, one. */
const TYPE_KEYS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "kubernetes.io/basic-auth": [["username", "password"]],
  "kubernetes.io/ssh-auth": [["ssh-privatekey"]],
  "kubernetes.io/dockerconfigjson": [[".dockerconfigjson"]],
  "kubernetes.io/dockercfg": [[".dockercfg"]],
  "kubernetes.io/tls": [["tls.crt"], ["tls.key"]],
};

/** What is checked of a Secret's contents. */
interface Contents extends Sources {
  /** Keys from other sources, by source. */
  from?: Record<string, Record<string, string>>;
  type?: string | undefined;
  /** Whether somebody who reads the Secret prescribes what is in it, be it a secret or not. */
  prescribed: boolean;
}

/** What is wrong with where a Secret's values come from, by the path in its settings. */
function contentProblems(contents: Contents): { path: string[]; message: string }[] {
  const { keys, values, parts = {}, spread = [], pattern, from = {}, type, prescribed } = contents;
  const problems: { path: string[]; message: string }[] = [];
  for (const [key, text] of Object.entries(values)) {
    const parsed = parseTemplate(text);
    const none = parsed.names.length === 0 && !prescribed;
    const all = [
      ...parsed.problems,
      ...(key in keys || key in parts ? ["is in keys too; each key is set once, here or in keys"] : []),
      ...(none && parsed.problems.length === 0
        ? ["expected a Doppler name in it, such as {{ .DB_PASSWORD }}; a plain value belongs into the app's manifests"]
        : []),
    ];
    problems.push(...all.map((message) => ({ path: ["values", key], message })));
  }
  if (problems.length === 0 && pattern === undefined && dopplerNames(contents).length === 0) {
    problems.push({ path: ["keys"], message: "expected at least one Doppler name, here or in values" });
  }
  const named = new Set([keys, values, parts].flatMap((part) => Object.keys(part)));
  for (const [source, others] of Object.entries(from)) {
    for (const key of Object.keys(others)) {
      const message = `sets the key ${key}, which is set elsewhere in this entry`;
      if (named.has(key)) problems.push({ path: ["from", source], message });
      named.add(key);
    }
  }
  for (const oneOf of TYPE_KEYS[type ?? ""] ?? []) {
    // Whether a JSON object has the key, only the operator sees.
    if (spread.length > 0 || oneOf.some((key) => named.has(key))) continue;
    problems.push({ path: ["type"], message: `needs the key ${oneOf.join(" or ")} in keys or values` });
  }
  return problems;
}

/** Adds what is wrong with a Secret's contents to a schema's issues. */
export function checkContents(contents: Contents, context: z.core.$RefinementCtx): void {
  for (const { path, message } of contentProblems(contents)) context.addIssue({ code: "custom", path, message });
}

/** What an entry with `keys`, `values` and `spread` asks for, part by part. A pattern asks for no name of its own. */
export function requestedContents(
  entry: Path,
  of: {
    keys?: Keys;
    values?: Record<string, string> | undefined;
    spread?: (string | undefined)[] | undefined;
    type?: string | undefined;
  },
): RequestedContent[] {
  const { type, values = {}, spread = [] } = of;
  return [
    ...(type === undefined ? [] : [{ path: [...entry, "type"], type, dopplerNames: [] }]),
    ...requestedKeys([...entry, "keys"], of.keys),
    ...spread.flatMap((name, at) =>
      name === undefined ? [] : [{ path: [...entry, "spread", at], dopplerNames: [name] }],
    ),
    ...Object.entries(values).map(([key, template]) => ({
      ...{ path: [...entry, "values", key], key, dopplerNames: parseTemplate(template).names, template },
    })),
  ];
}

/** What a setting asks for that names keys. */
function requestedKeys(path: Path, setting: Keys): RequestedContent[] {
  const { keys, parts = {} } = askedKeys(setting);
  const listed = Array.isArray(setting)
    ? setting.map((name, at) => [at, name] as const)
    : [...Object.entries(keys), ...Object.entries(parts).map(([key, { name }]) => [key, name] as const)];
  return listed.flatMap(([at, name]) =>
    name === undefined ? [] : [{ path: [...path, at], key: typeof at === "string" ? at : name, dopplerNames: [name] }],
  );
}

/** What an entry asks for of other sources. */
export function requestedFrom(entry: Path, of: Lenient<z.output<typeof from>> = {}): RequestedContent[] {
  return Object.entries(of).flatMap(([source, keys]) => requestedKeys([...entry, "from", source], keys));
}

/** The source that an entry names, if it names one. */
export function requestedSource(entry: Path, name: string | undefined): SecretRequest["sources"] {
  return name === undefined ? [] : [{ path: [...entry, "source"], name }];
}

/** What an entry asks for whose settings are Doppler names. */
export function requestedNames(entry: Path, names: Record<string, string | undefined>): RequestedContent[] {
  return Object.entries(names).flatMap(([setting, name]) =>
    name === undefined ? [] : [{ path: [...entry, setting], dopplerNames: [name] }],
  );
}
