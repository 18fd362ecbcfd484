import { randomBytes } from "node:crypto";
import { type CommandOptions, succeed } from "secrets-pipeline-sandbox";

// Values are typed as a person types them: after `pulumi up` has said which Doppler names need one.

/**
 * The Doppler names that need a value, in the order in which a run names them.
 *
 * @param said what `pulumi up` wrote
 * @throws if the run says that names need values, and no name can be found in what it says
 */
export function namesWithoutValue(said: string): string[] {
  if (!/Doppler name(s need values| needs a value)/.test(said)) return [];
  const names = [...said.matchAll(/^ +([A-Z_][A-Z0-9_]*) \(.+\)$/gm)].map(([, name]) => name ?? "");
  if (names.length === 0) throw new Error(`pulumi up says that Doppler names need values, but not which:\n${said}`);
  return [...new Set(names)];
}

/**
 * Types a random value for each name, with the Doppler CLI.
 *
 * @param typing told each name before its value is typed
 */
export async function typeValues(
  names: readonly string[],
  tool: CommandOptions,
  typing: (name: string) => void = () => undefined,
): Promise<void> {
  for (const name of names) {
    typing(name);
    const input = randomBytes(18).toString("base64url");
    await succeed("doppler", ["secrets", "set", name, "--silent"], { ...tool, input });
  }
}
