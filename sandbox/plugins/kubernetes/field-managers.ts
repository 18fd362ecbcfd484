import { isObject, type PropertyMap, type PropertyValue } from "../../providers/base/index.js";
import { at, type KubeObject, text } from "./objects.js";

/** Managers whose fields the provider takes over before it applies its own: its client-side self, and kubectl. */
const ADOPTED: readonly { prefix: string; operation: string }[] = [
  { prefix: "kubectl", operation: "Apply" },
  { prefix: "kubectl", operation: "Update" },
  { prefix: "before-first-apply", operation: "Update" },
  { prefix: "pulumi-kubernetes", operation: "Update" },
  { prefix: "pulumi-resource-kubernetes", operation: "Update" },
];

/** The entries of an object's `metadata.managedFields`. */
export function managedFields(object: KubeObject): PropertyMap[] {
  const entries = at(object, "metadata", "managedFields");
  return Array.isArray(entries) ? entries.filter(isObject) : [];
}

/**
 * The `managedFields` with which `manager` takes over what the provider itself wrote by a plain create, and what was
 * applied with kubectl. Undefined if there is nothing to take over.
 */
export function adoptFields(object: KubeObject, manager: string): PropertyMap[] | undefined {
  const entries = managedFields(object);
  let own = entries.find((entry) => entry["manager"] === manager && entry["operation"] === "Apply");
  const kept: PropertyMap[] = [];
  const before = own;
  let changed = false;
  for (const entry of entries) {
    if (entry === before) {
      continue;
    }
    const adopted = ADOPTED.some(
      ({ prefix, operation }) =>
        entry["operation"] === operation &&
        text(entry["subresource"]) === "" &&
        text(entry["manager"]).startsWith(prefix),
    );
    if (!adopted) {
      kept.push(entry);
      continue;
    }
    changed = true;
    own =
      own === undefined
        ? { ...entry, manager, operation: "Apply" }
        : { ...own, fieldsV1: unite(own["fieldsV1"] ?? {}, entry["fieldsV1"] ?? {}) };
  }
  return changed && own !== undefined ? [...kept, own] : undefined;
}

/** The union of two sets of fields in the form of `fieldsV1`. */
function unite(left: PropertyValue, right: PropertyValue): PropertyValue {
  const a = isObject(left) ? left : {};
  const b = isObject(right) ? right : {};
  // An empty object is a field itself; with children, a "." says that the field is in the set as well.
  if (Object.keys(a).length === 0 || Object.keys(b).length === 0) {
    const other = Object.keys(a).length === 0 ? b : a;
    return Object.keys(other).length === 0 ? {} : { ".": {}, ...other };
  }
  const result = { ...a };
  for (const [name, fields] of Object.entries(b)) {
    const before = result[name];
    result[name] = before === undefined ? fields : unite(before, fields);
  }
  return result;
}

/** Tells whether a set of fields holds a path of names or anything beneath it. */
function owns(fields: PropertyValue | undefined, path: readonly string[]): boolean {
  return at(fields, ...path.map((name) => `f:${name}`)) !== undefined;
}

/**
 * Makes an apply leave an ignored field alone: it is left out where another manager alone has it, and sent with its
 * live value where it is ours, since leaving it out would remove it. Changes `object`.
 */
export function ignoreField(object: KubeObject, live: KubeObject, manager: string, path: readonly string[]): void {
  const entries = managedFields(live);
  const ours = entries.some((entry) => entry["manager"] === manager && owns(entry["fieldsV1"], path));
  const theirs = entries.some((entry) => entry["manager"] !== manager && owns(entry["fieldsV1"], path));
  const current = at(live, ...path);
  if (theirs && !ours) {
    setField(object, path, undefined);
  } else if (current !== undefined) {
    setField(object, path, current);
  }
}

function setField(object: PropertyMap, path: readonly string[], value: PropertyValue | undefined): void {
  const [name, ...rest] = path;
  if (name === undefined) {
    return;
  }
  if (rest.length === 0) {
    if (value === undefined) {
      delete object[name];
    } else {
      object[name] = value;
    }
    return;
  }
  const nested = object[name];
  if (isObject(nested)) {
    setField(nested, rest, value);
  } else if (value !== undefined) {
    const created: PropertyMap = {};
    object[name] = created;
    setField(created, rest, value);
  }
}

/**
 * Whether an apply overrides other managers' fields. A preview does where a real update would first take over the
 * fields that the provider's own plain create wrote.
 */
export function forcesConflicts(
  object: KubeObject,
  live: KubeObject | undefined,
  options: { enablePatchForce: boolean; preview: boolean },
): boolean {
  if (text(at(object, "metadata", "annotations", "pulumi.com/patchForce")) === "true" || options.enablePatchForce) {
    return true;
  }
  if (live === undefined) {
    return options.preview;
  }
  const entries = managedFields(live);
  if (entries.length === 0) {
    return true;
  }
  return (
    options.preview &&
    entries.some(
      (entry) =>
        entry["operation"] === "Update" &&
        ["pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"].includes(text(entry["manager"])),
    )
  );
}
