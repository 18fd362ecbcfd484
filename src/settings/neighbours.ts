import type { Reading } from "./reading";
import { clusterMates, type Unreadable } from "./rules/stacks";
import { type Settings, settingsSchema } from "./schema";
import { isMap } from "./values";

/** Another stack that is, or may be, in the same cluster, and as much of its settings as can be read. */
export interface ReadNeighbour {
  stack: string;
  /** `undefined` where too little can be read to know what it asks for. */
  settings?: Settings | undefined;
}

/**
 * The other stacks of a stack's cluster. A stack whose file can't be read may be in it.
 *
 * @param stacks those whose files were found
 * @param unreadable stacks whose files could not be read, and why
 */
export function neighboursOf(mine: Reading, stacks: readonly Reading[], unreadable: Unreadable): ReadNeighbour[] {
  return [
    ...clusterMates(mine, stacks).map(({ stack, settings }) => ({ stack, settings: readable(settings) })),
    ...[...unreadable.keys()].filter((stack) => stack !== mine.stack).map((stack) => ({ stack })),
  ];
}

/** Settings without the entries that their schema refused; credentials, which a file has encrypted, are among these. */
function readable(settings: Reading["settings"]): Settings | undefined {
  const whole = settingsSchema.safeParse(withoutGaps(settings));
  return whole.success ? whole.data : undefined;
}

function withoutGaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== undefined).map(withoutGaps);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutGaps(part)]));
}
