import { type MatchingNames, patternWords } from "./namePattern";

// The program's note on the keys that an app has by a pattern. The PR comment takes the names from the note's text, so
// what writes the text and what reads it stand side by side.

/** What an app's pattern has in Doppler. */
export interface PatternMatch {
  app: string;
  pattern: string;
  project: string;
  config: string;
  /** `undefined` while the config can't be read because it does not exist yet. */
  names: MatchingNames | undefined;
}

/** The note's text. */
export function patternNotice({ app, pattern, project, config, names }: PatternMatch): string {
  const what = `App "${app}" takes ${patternWords(pattern)}`;
  const where = `of Doppler project "${project}", config "${config}"`;
  if (names === undefined) {
    return `${what} ${where}. The config does not exist yet, so this preview can't list them.`;
  }
  const listed = (some: readonly string[]) => (some.length === 0 ? "none" : some.join(", "));
  return [
    `${what} ${where}. At present: ${listed(names.taken)}.`,
    ...(names.leftOut.length === 0
      ? []
      : [`Left out, as plain configuration or TLS: ${listed(names.leftOut)}. To let one in, name it in secretNames.`]),
  ].join("\n");
}

/** The names that such notes among a run's messages list, by app; other messages are passed over. */
export function patternNames(messages: readonly string[]): Map<string, string[]> {
  return new Map(
    messages.flatMap((text): [string, string[]][] => {
      const [, app, names] = /App "([^"]+)" takes all names[^]*? At present: ([A-Z0-9_, ]+|none)\.$/m.exec(text) ?? [];
      return app === undefined || names === undefined ? [] : [[app, names === "none" ? [] : names.split(", ")]];
    }),
  );
}
