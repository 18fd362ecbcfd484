const UNITS = { h: 3600, m: 60, s: 1 } as const;

/** What {@link canonicalDuration} accepts, in words for an error message. */
export const DURATION_FORM = 'a duration in whole seconds, such as "1m", "90s" or "1h30m", at least 1s';

/**
 * The form in which Go's `time.Duration` prints itself: `1m` → `1m0s`, `90s` → `1m30s`, `2h` → `2h0m0s`.
 *
 * ESO writes every duration back in this form. Had we sent another, the field would become ESO's and the next change to
 * the object would fail with a server-side-apply conflict.
 *
 * @param text hours, minutes and seconds, in this order, each at most once, in whole numbers
 * @throws RangeError if `text` has another form or is less than a second
 */
export function canonicalDuration(text: string): string {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const [, h = "0", m = "0", s = "0"] = match ?? [];
  const seconds = Number(h) * UNITS.h + Number(m) * UNITS.m + Number(s) * UNITS.s;
  if (!Number.isSafeInteger(seconds) || seconds < 1) {
    throw new RangeError(`expected ${DURATION_FORM}`);
  }
  const hours = Math.floor(seconds / UNITS.h);
  const minutes = Math.floor((seconds % UNITS.h) / UNITS.m);
  const rest = `${seconds % UNITS.m}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

const GO_UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** The seconds of a duration as Go writes them, such as `1h0m0s` or `1.5h`; `undefined` if it is none. */
export function seconds(duration: string): number | undefined {
  if (duration === "0") return 0;
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(duration)) return undefined;
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * (GO_UNITS[unit ?? ""] ?? 0);
  }
  return total;
}
