import { randomBytes } from "node:crypto";
import { type CommandOptions, succeed } from "secrets-pipeline-sandbox";

// Values are typed as a person types them: after `pulumi up` has said which Doppler names need one, and where.

/** A Doppler name that needs a value, and where the value is typed. */
export interface NameWithoutValue {
  readonly name: string;
  readonly project: string;
  readonly config: string;
}

/**
 * The Doppler names that need a value, in the order in which a run names them.
 *
 * @param said what `pulumi up` wrote
 * @throws if the run says that names need values, and no name can be found in what it says
 */
export function namesWithoutValue(said: string): NameWithoutValue[] {
  const names: NameWithoutValue[] = [];
  let place: Omit<NameWithoutValue, "name"> | undefined;
  for (const line of said.split("\n")) {
    const [, project, config] =
      /Doppler names? needs? (?:a value|values) in project "(.+)", config "(.+)":/.exec(line) ?? [];
    if (project !== undefined && config !== undefined) place = { project, config };
    const [, name] = /^ +([A-Z_][A-Z0-9_]*) \(.+\)$/.exec(line) ?? [];
    const known = names.some((other) => other.name === name && other.project === place?.project);
    if (name !== undefined && place !== undefined && !known) names.push({ name, ...place });
  }
  if (names.length === 0 && /Doppler name(s need values| needs a value)/.test(said)) {
    throw new Error(`pulumi up says that Doppler names need values, but not which:\n${said}`);
  }
  return names;
}

/**
 * Types a random value for each name, with the Doppler CLI.
 *
 * @param typing told each name before its value is typed
 */
export async function typeValues(
  names: readonly NameWithoutValue[],
  tool: CommandOptions,
  typing: (name: NameWithoutValue) => void = () => undefined,
): Promise<void> {
  for (const each of names) {
    typing(each);
    const input = randomBytes(18).toString("base64url");
    const place = ["--project", each.project, "--config", each.config];
    await succeed("doppler", ["secrets", "set", each.name, "--silent", ...place], { ...tool, input });
  }
}
