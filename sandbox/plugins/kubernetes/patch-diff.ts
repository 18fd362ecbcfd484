import { isDeepStrictEqual } from "node:util";
import {
  type DetailedDiff,
  formatPath,
  isObject,
  matchesPath,
  parsePath,
  type PropertyMap,
  type PropertyPath,
  type PropertyValue,
  Unknown,
} from "../../providers/base/index.js";

/**
 * The JSON merge patch (RFC 7386) that turns one object into another: null for what goes, whole lists for lists that
 * differ. An unknown value differs from everything and stands in the patch as itself.
 */
export function mergePatch(from: PropertyMap, to: PropertyMap): PropertyMap {
  const patch: PropertyMap = {};
  for (const [name, after] of Object.entries(to)) {
    const before = from[name];
    if (before === undefined) {
      patch[name] = after;
    } else if (isObject(before) && isObject(after)) {
      const nested = mergePatch(before, after);
      if (Object.keys(nested).length > 0) {
        patch[name] = nested;
      }
    } else if (after instanceof Unknown || !isDeepStrictEqual(before, after)) {
      patch[name] = after;
    }
  }
  for (const name of Object.keys(from)) {
    if (to[name] === undefined) {
      patch[name] = null;
    }
  }
  return patch;
}

/**
 * The merge patch that brings `current` to what `modified` asks for, and removes from it what `original` asked for
 * and `modified` no longer does. What others put into `current` stays.
 */
export function threeWayPatch(original: PropertyMap, modified: PropertyMap, current: PropertyMap): PropertyMap {
  return merge(deletions(original, modified), additions(current, modified));
}

function additions(current: PropertyMap, modified: PropertyMap): PropertyMap {
  const patch: PropertyMap = {};
  for (const [name, after] of Object.entries(modified)) {
    const before = current[name];
    if (isObject(before) && isObject(after)) {
      const nested = additions(before, after);
      if (Object.keys(nested).length > 0) {
        patch[name] = nested;
      }
    } else if (after instanceof Unknown || !isDeepStrictEqual(before, after)) {
      patch[name] = after;
    }
  }
  return patch;
}

function deletions(original: PropertyMap, modified: PropertyMap): PropertyMap {
  const patch: PropertyMap = {};
  for (const [name, before] of Object.entries(original)) {
    const after = modified[name];
    if (after === undefined) {
      patch[name] = null;
    } else if (isObject(before) && isObject(after)) {
      const nested = deletions(before, after);
      if (Object.keys(nested).length > 0) {
        patch[name] = nested;
      }
    }
  }
  return patch;
}

function merge(left: PropertyMap, right: PropertyMap): PropertyMap {
  const result = { ...left };
  for (const [name, value] of Object.entries(right)) {
    const before = result[name];
    result[name] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return result;
}

/** The states between which {@link patchToDiff} tells the differences. */
export interface PatchedStates {
  /** What the patch was computed against. */
  old: PropertyMap;
  newInputs: PropertyMap;
  oldInputs: PropertyMap;
}

/** Marks a place where there is nothing, as opposed to a null. */
const MISSING = Symbol("missing");
type Place = PropertyValue | typeof MISSING;

/**
 * Translates a merge patch to the differences that the user is shown. A merge patch replaces lists as a whole; inside
 * them only the elements that do differ are reported.
 */
export function patchToDiff(
  patch: PropertyMap,
  { old, newInputs, oldInputs }: PatchedStates,
  forcesReplace: (path: PropertyPath, value: PropertyValue | undefined) => boolean,
  ignoreChanges: readonly string[] = [],
): DetailedDiff {
  const diff: DetailedDiff = {};
  const ignored = ignoreChanges.map(parsePath);

  const report = (
    path: PropertyPath,
    kind: "add" | "delete" | "update",
    value: PropertyValue | undefined,
    inputDiff: boolean,
  ): void => {
    if (!ignored.some((pattern) => matchesPath(pattern, path))) {
      const replaced: typeof kind | `${typeof kind}-replace` = forcesReplace(path, value) ? `${kind}-replace` : kind;
      diff[formatPath(path)] = inputDiff ? { kind: replaced, inputDiff } : { kind: replaced };
    }
  };

  const compare = (
    path: PropertyPath,
    value: PropertyValue,
    before: Place,
    newInput: Place,
    oldInput: Place,
    inList: boolean,
  ): void => {
    // What no new input speaks of can only be deleted, and only if an input once spoke of it.
    if (newInput === MISSING && (value !== null || oldInput === MISSING)) {
      return;
    }
    if (value === null) {
      report(path, "delete", undefined, true);
    } else if (before === MISSING) {
      report(path, "add", value, false);
    } else if (isObject(value) && isObject(before)) {
      compareObjects(path, value, before, objectAt(newInput), objectAt(oldInput), inList);
    } else if (Array.isArray(value) && Array.isArray(before)) {
      compareLists(path, value, before, listAt(newInput), listAt(oldInput));
    } else if (value instanceof Unknown || !isDeepStrictEqual(value, before)) {
      report(path, "update", value, false);
    }
  };

  const compareObjects = (
    path: PropertyPath,
    value: PropertyMap,
    before: PropertyMap,
    newInput: PropertyMap,
    oldInput: PropertyMap,
    inList: boolean,
  ): void => {
    const names = inList ? new Set([...Object.keys(value), ...Object.keys(before)]) : Object.keys(value);
    for (const name of names) {
      compare(
        [...path, name],
        value[name] ?? null,
        before[name] ?? MISSING,
        newInput[name] ?? MISSING,
        oldInput[name] ?? MISSING,
        inList,
      );
    }
  };

  const compareLists = (
    path: PropertyPath,
    value: PropertyValue[],
    before: PropertyValue[],
    newInput: PropertyValue[],
    oldInput: PropertyValue[],
  ): void => {
    for (let index = 0; index < Math.max(value.length, before.length); index++) {
      compare(
        [...path, index],
        value[index] ?? null,
        before[index] ?? MISSING,
        newInput[index] ?? null,
        oldInput[index] ?? null,
        true,
      );
    }
  };

  compareObjects([], patch, old, newInputs, oldInputs, false);
  return diff;
}

function objectAt(place: Place): PropertyMap {
  return place !== MISSING && isObject(place) ? place : {};
}

function listAt(place: Place): PropertyValue[] {
  return Array.isArray(place) ? place : [];
}
