import { canonicalDuration, seconds } from "./duration";

// A mirror is a Secret in the operator's namespace with the values of one store. The operator fills it from Doppler, and
// feeds the apps' Secrets from it. So a value is read twice on its way. The two intervals together stay below the one that
// the user set, with room for the reads themselves.

/** What the objects of a store's mirror are called: the Secret, the store that reads it, and what this store signs in with. */
export function mirrorName(store: string): string {
  return `${store}-mirror`;
}

/** How often a mirror is filled from Doppler: two thirds of the shortest interval among its Secrets, at least a second. */
export function mirrorInterval(intervals: readonly string[]): string {
  return part(Math.min(...intervals.map(lengthOf)), 2, 3);
}

/** How often a Secret of this interval is fed from its mirror: a quarter of the interval, at least a second. */
export function hopInterval(interval: string): string {
  return part(lengthOf(interval), 1, 4);
}

function lengthOf(interval: string): number {
  return seconds(canonicalDuration(interval)) ?? 0;
}

function part(length: number, numerator: number, denominator: number): string {
  return canonicalDuration(`${Math.max(1, Math.floor((length * numerator) / denominator))}s`);
}
