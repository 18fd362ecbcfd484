import { unknownCheckingProxy, UnknownValueError } from "@pulumi/policy";

// Properties as a policy gets them: of any shape, and in a preview partly unknown. Reading an unknown one throws.

/** What the engine sends as a policy gets it. */
export const asSeenByPolicies = unknownCheckingProxy as (props: object) => unknown;

/** Stands for a value that a preview can't know. */
export const UNKNOWN = Symbol("unknown");

/** Whether a value is known; an absent one is. */
export function isKnown(value: unknown): boolean {
  return value !== UNKNOWN;
}

/** The value at a path, {@link UNKNOWN} if it or a part of the way is, `undefined` if there is none. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return current === UNKNOWN ? UNKNOWN : undefined;
    try {
      current = (current as Record<string | number, unknown>)[key];
    } catch (error) {
      if (error instanceof UnknownValueError) return UNKNOWN;
      throw error;
    }
  }
  return current;
}

/** Whether it is a map, and not a list. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is a map, else an empty one. */
export function map(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : {};
}

/** A list's items, unknown ones as {@link UNKNOWN}; none if it is no list. */
export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? Array.from({ length: value.length }, (_, index) => at(value, index)) : [];
}

/** The texts in a list. */
export function texts(value: unknown): string[] {
  return list(value).filter((item) => typeof item === "string");
}

/** The value if it is a text, else an empty one. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
