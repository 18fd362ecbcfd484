import { createHash, randomBytes } from "node:crypto";
import { Unknown } from "../../providers/base/index.js";
import type { CheckRequest, PropertyMap } from "../../providers/base/index.js";
import { annotation, at, type KubeObject, nameOf, setAnnotation, setMetadata } from "./objects.js";

export const AUTONAMED = "pulumi.com/autonamed";

/**
 * A name that is not taken: the prefix and eight hexadecimal digits. With a seed, the same seed gives the same name.
 */
export function uniqueName(prefix: string, seed?: Uint8Array): string {
  const bytes =
    seed !== undefined && seed.length > 0 ? createHash("sha256").update(seed).update(prefix).digest() : randomBytes(4);
  return prefix + bytes.toString("hex").slice(0, 8);
}

/** Tells whether the program named the object itself; an unknown name counts. */
export function isNamed(object: KubeObject): boolean {
  return nameOf(object) !== "" || at(object, "metadata", "name") instanceof Unknown;
}

export function isAutonamed(object: KubeObject): boolean {
  return annotation(object, AUTONAMED) === "true";
}

/** Names an object that the program left unnamed: as before where it was autonamed, afresh for a new one. */
export function assignName(
  object: KubeObject,
  old: KubeObject,
  request: Pick<CheckRequest, "name" | "randomSeed" | "autonaming">,
): void {
  if (isNamed(object)) {
    return;
  }
  if (Object.keys(old).length > 0) {
    if (isAutonamed(old)) {
      setMetadata(object, "name", nameOf(old));
      setAnnotation(object, AUTONAMED, "true");
    }
    return;
  }
  if (hasGenerateName(object)) {
    return;
  }
  if (request.autonaming?.mode === "disable") {
    throw new Error("autonaming is disabled, resource requires the .metadata.name field to be set");
  }
  setMetadata(object, "name", request.autonaming?.proposedName ?? uniqueName(`${request.name}-`, request.randomSeed));
  setAnnotation(object, AUTONAMED, "true");
}

/** Tells whether the cluster is asked to choose the name. */
export function hasGenerateName(object: PropertyMap): boolean {
  const generateName = at(object, "metadata", "generateName");
  return !isNamed(object) && generateName !== undefined && generateName !== "";
}
