import { NAME_PATTERN } from "../lib/namePattern";
import { DOPPLER_NAME, dopplerNames, parseTemplate } from "../lib/template";
import { JSON_PROPERTY } from "../lib/wholeTemplates";
import type { SecretShape } from "./externalSecretSpec";

/** Something wrong with an argument. */
interface ContentProblem {
  propertyPath: string;
  reason: string;
}

/** Why no Secret can be made of these keys and values; `undefined` if one can. */
export function contentProblem(shape: SecretShape): ContentProblem | undefined {
  const { keys = {}, values = {}, parts = {}, spread = [], pattern, perKey, mirrorSecret } = shape;
  if (perKey && mirrorSecret !== undefined) {
    const reason = "expected one of perKey and mirrorSecret: a mirror is read as a whole";
    return { propertyPath: "perKey", reason };
  }
  for (const [key, template] of Object.entries(values)) {
    const [reason] =
      key in keys || key in parts ? ["expected each key once, here or in keys"] : parseTemplate(template).problems;
    if (reason !== undefined) return { propertyPath: `values["${key}"]`, reason };
  }
  for (const [key, { name, property }] of Object.entries(parts)) {
    const at = (field: string, reason: string) => ({ propertyPath: `parts["${key}"]${field}`, reason });
    if (key in keys) return at("", "expected each key once, here or in keys");
    if (!DOPPLER_NAME.test(name)) return at(".name", "expected a Doppler name");
    if (!JSON_PROPERTY.test(property))
      return at(".property", 'expected names with dots between, such as "db.password"');
  }
  if (!spread.every((name) => DOPPLER_NAME.test(name)) || new Set(spread).size < spread.length) {
    return { propertyPath: "spread", reason: "expected Doppler names, each once" };
  }
  if (pattern !== undefined && !NAME_PATTERN.test(pattern)) {
    return { propertyPath: "pattern", reason: 'expected "*", or how Doppler names begin and "*": "STRIPE_*"' };
  }
  if (shape.leaveOut?.includes("`")) return { propertyPath: "leaveOut", reason: "expected no backquote" };
  const named = new Set([keys, values, parts].flatMap((part) => Object.keys(part)));
  for (const [store, others] of Object.entries(shape.from ?? {})) {
    const at = (reason: string) => ({ propertyPath: `from["${store}"]`, reason });
    if (!/^[a-z][a-z0-9_]*$/.test(store)) {
      return at('expected a name of lower-case letters, digits and "_", the first a letter');
    }
    for (const key of Object.keys(others.keys)) {
      if (named.has(key)) return at(`expected each key once; ${key} is elsewhere too`);
      named.add(key);
    }
  }
  if (pattern === undefined && dopplerNames({ keys, values, parts, spread }).length === 0) {
    return { propertyPath: "keys", reason: "expected at least one Doppler name, here or in values" };
  }
  return undefined;
}
