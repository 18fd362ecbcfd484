// The program's warning about Doppler names that have no value yet. The PR comment takes the names from the warning's
// text, so what writes the text and what reads it stand side by side.

/** Doppler names without a value, and patterns that no name matches: where they are to be typed, and who needs each. */
export interface Pending {
  project: string;
  config: string;
  /** By Doppler name or pattern, who needs it, in words. */
  users: ReadonlyMap<string, readonly string[]>;
}

/** The warning's text. */
export function pendingNotice({ project, config, users }: Pending): string {
  return [
    `${users.size} Doppler ${users.size === 1 ? "name needs a value" : "names need values"} in project "${project}", config "${config}":`,
    ...[...users].map(([name, by]) => `  ${name} (${by.join("; ")})`),
    `Type them in the Doppler dashboard, or: doppler secrets set NAME --project ${project} --config ${config}`,
    "Apps get theirs within their refresh interval; CI's are written by the next `pulumi up`.",
  ].join("\n");
}

/** The Doppler names and patterns in such warnings among a run's messages, in alphabetical order; other messages are passed over. */
export function pendingNames(messages: readonly string[]): string[] {
  const names = messages
    .filter((text) => /Doppler name(s need values| needs a value)/.test(text))
    .flatMap((text) => [...text.matchAll(/^ {2}([A-Z_*][A-Z0-9_]*\*?) \(/gm)].map(([, name]) => name ?? ""));
  return [...new Set(names)].sort();
}
