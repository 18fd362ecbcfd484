import { z } from "zod";
import { dopplerNames, parseTemplate } from "../../lib/template";
import type { Lenient } from "./lenient";
import { dopplerSecretName, secretKey, template } from "./names";
import { type Path, typeName } from "./problems";
import type { RequestedContent } from "./secretRequest";

// What the keys of a Secret are made of: the settings `keys` and `values`, and the rules that hold between them.

const keyList = z
  .array(dopplerSecretName)
  .min(1, { error: "expected at least one key", abort: true })
  .refine((list) => new Set(list).size === list.length, { error: "expected each name once" });
const keyMap = z
  .record(secretKey, dopplerSecretName)
  .refine((map) => Object.keys(map).length > 0, { error: "expected at least one key", abort: true });

/** What `keys` has to be, in words. */
export const KEYS_FORM = "expected a list of Doppler secret names, or a map from key to Doppler secret name";

/** Doppler names, or Doppler names by the Secret's key. */
export const keys = z.union([keyList, keyMap], {
  error: (issue) => `${KEYS_FORM}, got ${typeName(issue.input)}`,
});

/** Templates by the Secret's key. */
export const values = z.record(secretKey, template);

/** Both forms of `keys` as one: the Doppler name by the Secret's key. */
export function keyMapOf(keys: Lenient<z.output<typeof keyList | typeof keyMap>> | undefined): Record<string, string> {
  if (!Array.isArray(keys)) return keys ?? {};
  return Object.fromEntries(keys.filter((name) => name !== undefined).map((name) => [name, name]));
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
interface Contents {
  keys: Record<string, string>;
  values: Record<string, string>;
  type?: string | undefined;
  /** Whether somebody who reads the Secret prescribes what is in it, be it a secret or not. */
  prescribed: boolean;
}

/** What is wrong with where a Secret's values come from, by the path in its settings. */
function contentProblems({ keys, values, type, prescribed }: Contents): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  for (const [key, text] of Object.entries(values)) {
    const parsed = parseTemplate(text);
    const none = parsed.names.length === 0 && !prescribed;
    const all = [
      ...parsed.problems,
      ...(key in keys ? ["is in keys too; each key is set once, here or in keys"] : []),
      ...(none && parsed.problems.length === 0
        ? ["expected a Doppler name in it, such as {{ .DB_PASSWORD }}; a plain value belongs into the app's manifests"]
        : []),
    ];
    problems.push(...all.map((message) => ({ path: ["values", key], message })));
  }
  if (problems.length === 0 && dopplerNames({ keys, values }).length === 0) {
    problems.push({ path: ["keys"], message: "expected at least one Doppler name, here or in values" });
  }
  for (const oneOf of TYPE_KEYS[type ?? ""] ?? []) {
    if (oneOf.some((key) => key in keys || key in values)) continue;
    problems.push({ path: ["type"], message: `needs the key ${oneOf.join(" or ")} in keys or values` });
  }
  return problems;
}

/** Adds what is wrong with a Secret's contents to a schema's issues. */
export function checkContents(contents: Contents, context: z.core.$RefinementCtx): void {
  for (const { path, message } of contentProblems(contents)) context.addIssue({ code: "custom", path, message });
}

/** What an entry with `keys` and `values` asks for, part by part. */
export function requestedContents(
  entry: Path,
  of: { keys?: Parameters<typeof keyMapOf>[0]; values?: Record<string, string> | undefined; type?: string | undefined },
): RequestedContent[] {
  const { type, keys, values = {} } = of;
  const listed = Array.isArray(keys) ? keys.map((name, at) => [at, name] as const) : Object.entries(keys ?? {});
  return [
    ...(type === undefined ? [] : [{ path: [...entry, "type"], type, dopplerNames: [] }]),
    ...listed.flatMap(([at, name]) =>
      name === undefined
        ? []
        : [{ path: [...entry, "keys", at], key: typeof at === "string" ? at : name, dopplerNames: [name] }],
    ),
    ...Object.entries(values).map(([key, template]) => ({
      ...{ path: [...entry, "values", key], key, dopplerNames: parseTemplate(template).names, template },
    })),
  ];
}

/** What an entry asks for whose settings are Doppler names. */
export function requestedNames(entry: Path, names: Record<string, string | undefined>): RequestedContent[] {
  return Object.entries(names).flatMap(([setting, name]) =>
    name === undefined ? [] : [{ path: [...entry, setting], dopplerNames: [name] }],
  );
}
