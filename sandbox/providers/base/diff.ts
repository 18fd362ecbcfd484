import { isDeepStrictEqual } from "node:util";
import { containsUnknowns, isObject, type PropertyMap, type PropertyValue, reveal, revealAll } from "./values.js";

export type DiffKind = "add" | "delete" | "update" | "add-replace" | "delete-replace" | "update-replace";

/** How one property differs. */
export interface PropertyDiff {
  kind: DiffKind;
  /** True when old and new *inputs* were compared, false when the new input was compared with the old state. */
  inputDiff?: boolean;
}

/** Differences by property path. */
export type DetailedDiff = Record<string, PropertyDiff>;

/** A path into a property map: names and list indices, outermost first. */
export type PropertyPath = readonly (string | number)[];

/** Writes a path the way the engine does: `spec.rules[0].host`, `data["a.b"]`. */
export function formatPath(path: PropertyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") {
      text += `[${step}]`;
    } else if (/^[^.["\]]+$/.test(step)) {
      text += text === "" ? step : `.${step}`;
    } else {
      text += `[${JSON.stringify(step)}]`;
    }
  }
  return text;
}

/** Reads a path written as {@link formatPath} does; `[*]` becomes the step `*`. Throws on a malformed one. */
export function parsePath(text: string): (string | number)[] {
  const path: (string | number)[] = [];
  const step = /(?:^|\.)([^.["\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\[(\*)\]/y;
  while (step.lastIndex < text.length) {
    const match = step.exec(text);
    if (match === null) {
      throw new Error(`malformed property path: ${text}`);
    }
    if (match[2] !== undefined) {
      path.push(Number(match[2]));
    } else if (match[3] !== undefined) {
      path.push(JSON.parse(match[3]) as string);
    } else {
      path.push(match[1] ?? "*");
    }
  }
  return path;
}

/** Tells whether `path` is `pattern` or lies beneath it; `*` in the pattern stands for any one step. */
export function matchesPath(pattern: PropertyPath, path: PropertyPath): boolean {
  return (
    pattern.length <= path.length &&
    pattern.every((step, index) => step === "*" || String(step) === String(path[index]))
  );
}

/** Compares values by content: secret or not makes no difference, an unknown in either equals nothing. */
export function equalValues(left: PropertyValue | undefined, right: PropertyValue | undefined): boolean {
  if (left === undefined || right === undefined) {
    return left === right;
  }
  return !containsUnknowns(right) && isDeepStrictEqual(revealAll(left), revealAll(right));
}

export interface DiffOptions {
  /** Tells whether a change at this path means a new resource. Default: never. */
  forcesReplace?: (path: PropertyPath) => boolean;
  /** Paths whose changes are passed over, as in the resource option `ignoreChanges`. */
  ignoreChanges?: readonly string[];
  /** Names at the top to leave out. */
  skip?: (name: string) => boolean;
}

/** Compares two property maps in depth. The result is empty when nothing differs. */
export function diffProperties(olds: PropertyMap, news: PropertyMap, options: DiffOptions = {}): DetailedDiff {
  const ignored = (options.ignoreChanges ?? []).map(parsePath);
  const diff: DetailedDiff = {};

  const report = (path: PropertyPath, kind: "add" | "delete" | "update"): void => {
    if (!ignored.some((pattern) => matchesPath(pattern, path))) {
      diff[formatPath(path)] = { kind: options.forcesReplace?.(path) ? `${kind}-replace` : kind };
    }
  };
  const compare = (path: PropertyPath, before: PropertyValue | undefined, after: PropertyValue | undefined): void => {
    const left = before === undefined ? undefined : reveal(before);
    const right = after === undefined ? undefined : reveal(after);
    if (left === undefined || right === undefined) {
      if (left !== right) {
        report(path, left === undefined ? "add" : "delete");
      }
    } else if (Array.isArray(left) && Array.isArray(right)) {
      for (let index = 0; index < Math.max(left.length, right.length); index++) {
        compare([...path, index], left[index], right[index]);
      }
    } else if (isObject(left) && isObject(right)) {
      for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
        compare([...path, name], left[name], right[name]);
      }
    } else if (!equalValues(left, right)) {
      report(path, "update");
    }
  };

  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (options.skip?.(name) !== true) {
      compare([name], olds[name], news[name]);
    }
  }
  return diff;
}

/** The answer to a diff: which properties differ, and whether that means a new resource. */
export interface DiffResult {
  changes: "none" | "some" | "unknown";
  /** Paths that force a new resource. */
  replaces: string[];
  detailedDiff: DetailedDiff;
  /** True when the old resource must go before the new one can come. */
  deleteBeforeReplace?: boolean;
  /** Names of properties that keep their value in any update. */
  stables?: string[];
}

/** Builds the answer from the differences. */
export function diffResult(
  detailedDiff: DetailedDiff,
  more: { deleteBeforeReplace?: boolean; stables?: string[] } = {},
): DiffResult {
  const paths = Object.keys(detailedDiff);
  return {
    changes: paths.length === 0 ? "none" : "some",
    replaces: paths.filter((path) => detailedDiff[path]?.kind.endsWith("-replace")),
    detailedDiff,
    ...more,
  };
}
