import { randomBytes } from "node:crypto";
import { type CommandOptions, succeed } from "./command.js";

/**
 * Types a random value for each of the names that has none yet, as a person would.
 *
 * @param typing told each name before it is typed
 * @returns the names that were typed
 */
export async function typeMissing(
  names: readonly string[],
  tool: CommandOptions,
  typing: (name: string, first: boolean) => void,
): Promise<string[]> {
  const present = JSON.parse(await succeed("doppler", ["secrets", "--only-names", "--json"], tool)) as object;
  const missing = names.filter((name) => !(name in present));
  for (const [index, name] of missing.entries()) {
    typing(name, index === 0);
    const input = randomBytes(18).toString("base64url");
    await succeed("doppler", ["secrets", "set", name, "--silent"], { ...tool, input });
  }
  return missing;
}

/** The Doppler names that a stack's apps and its DockerHub credentials come from. */
export function dopplerNames(settings: Record<string, unknown>): string[] {
  const { apps = [], githubActions } = settings as {
    apps?: { keys: string[] | Record<string, string> }[];
    githubActions?: { username?: { dopplerName?: string }; token?: { dopplerName?: string } };
  };
  const names = apps.flatMap(({ keys }) => (Array.isArray(keys) ? keys : Object.values(keys)));
  if (githubActions !== undefined) {
    names.push(
      githubActions.username?.dopplerName ?? "DOCKERHUB_USERNAME",
      githubActions.token?.dopplerName ?? "DOCKERHUB_TOKEN",
    );
  }
  return [...new Set(names)];
}
