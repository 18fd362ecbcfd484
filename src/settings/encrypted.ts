import * as pulumi from "@pulumi/pulumi";
import { isMap } from "./values";

// Which parts of a setting are encrypted. Pulumi says of a whole setting that it is, or holds, a secret; the stack's
// file says which parts, where `pulumi config set --secret --path` wrote them.

function isEncrypted(inFile: unknown): boolean {
  return isMap(inFile) && typeof inFile["secure"] === "string" && Object.keys(inFile).length === 1;
}

/** A value as the stack's file has it, without what is encrypted there. */
export function partInClear(inFile: unknown): unknown {
  if (Array.isArray(inFile)) return inFile.map(partInClear);
  if (!isMap(inFile)) return inFile;
  if (isEncrypted(inFile)) return undefined;
  return Object.fromEntries(Object.entries(inFile).map(([key, item]) => [key, partInClear(item)]));
}

/**
 * A value whose encrypted parts are Pulumi secrets again; all of it where the stack's file does not say which parts are
 * encrypted. Maps stay maps, so that they can be merged.
 */
export function withSecrets(value: unknown, inFile: unknown): unknown {
  const hidden = inFile === undefined || isEncrypted(inFile);
  if (isMap(value)) {
    const below = (key: string) => (hidden ? inFile : isMap(inFile) ? inFile[key] : undefined);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withSecrets(item, below(key))]));
  }
  if (Array.isArray(value) && Array.isArray(inFile)) return value.map((item, i) => withSecrets(item, inFile[i]));
  return hidden ? pulumi.secret(value) : value;
}
