// Doppler names that are asked for by a pattern: all names of a config, or all that begin so. The operator and this
// program find the same names with the same regular expressions, which RE2 and JavaScript read alike.

/** `*`, or the beginning of Doppler names and `*`. */
export const NAME_PATTERN = /^(?:[A-Z_][A-Z0-9_]*)?\*$/;

/** The names that Doppler itself puts into each config. */
export const DOPPLER_OWN = ["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"] as const;

/** Which names are not let into a Secret, although a pattern or a JSON object has them. */
export interface LeftOut {
  /** A regular expression for whole names. */
  leaveOut?: string | undefined;
  /** The names that are let in all the same. */
  keep?: readonly string[] | undefined;
}

/** What a pattern has among some names, in alphabetical order. */
export interface MatchingNames {
  taken: string[];
  /** Names that match and are left out. Doppler's own are not among them. */
  leftOut: string[];
}

/** A regular expression, without anchors, for the names that a pattern means. */
export function patternSource(pattern: string): string {
  const prefix = pattern.slice(0, -1);
  return prefix === "" ? "[A-Z_][A-Z0-9_]*" : `${prefix}[A-Z0-9_]*`;
}

/** A pattern in words. */
export function patternWords(pattern: string): string {
  return pattern === "*" ? "all names" : `all names that begin with ${pattern.slice(0, -1)}`;
}

/** Whether a name is one that a pattern means. */
export function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${patternSource(pattern)}$`).test(name);
}

/** A regular expression for whole names that a pattern means and does not let in. */
export function leftOutSource({ leaveOut }: LeftOut): string {
  return [...DOPPLER_OWN, ...(leaveOut === undefined ? [] : [leaveOut])].join("|");
}

/** Which of the names a pattern takes. */
export function matchingNames(pattern: string, out: LeftOut, names: Iterable<string>): MatchingNames {
  const unwanted = new RegExp(`^(?:${leftOutSource(out)})$`);
  const own: readonly string[] = DOPPLER_OWN;
  const found = [...names].filter((name) => matches(pattern, name)).sort();
  const isOut = (name: string) => unwanted.test(name) && out.keep?.includes(name) !== true;
  return {
    taken: found.filter((name) => !isOut(name)),
    leftOut: found.filter((name) => isOut(name) && !own.includes(name)),
  };
}
