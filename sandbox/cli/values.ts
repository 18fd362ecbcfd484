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

/** Where values come from: Doppler names by key, or templates over them. */
interface Sources {
  keys?: string[] | Record<string, string>;
  values?: Record<string, string>;
}

/** The Doppler names that a stack's Secrets and its DockerHub credentials come from. */
export function dopplerNames(settings: Record<string, unknown>): string[] {
  const { apps, argocd, pullSecrets, githubActions } = settings as {
    apps?: Sources[];
    argocd?: {
      admin?: { passwordHash?: string; passwordMtime?: string };
      repositories?: Sources[];
      repositoryCredentials?: Sources[];
    };
    pullSecrets?: { username?: string; token?: string }[];
    githubActions?: { username?: { dopplerName?: string }; token?: { dopplerName?: string } };
  };
  const secrets = [...(apps ?? []), ...(argocd?.repositories ?? []), ...(argocd?.repositoryCredentials ?? [])];
  const names = secrets.flatMap(({ keys = [], values = {} }) => [
    ...Object.values(keys),
    ...Object.values(values).flatMap(inTemplate),
  ]);
  if (argocd?.admin !== undefined) {
    const { passwordHash = "ARGOCD_ADMIN_PASSWORD_HASH", passwordMtime = "ARGOCD_ADMIN_PASSWORD_MTIME" } = argocd.admin;
    names.push(passwordHash, passwordMtime);
  }
  for (const { username = "DOCKERHUB_USERNAME", token = "DOCKERHUB_TOKEN" } of pullSecrets ?? []) {
    names.push(username, token);
  }
  if (githubActions !== undefined) {
    names.push(
      githubActions.username?.dopplerName ?? "DOCKERHUB_USERNAME",
      githubActions.token?.dopplerName ?? "DOCKERHUB_TOKEN",
    );
  }
  return [...new Set(names)];
}

/** The names that a template refers to. */
function inTemplate(template: string): string[] {
  const actions = template.match(/\{\{.*?\}\}/gs) ?? [];
  return actions.flatMap((action) =>
    [...action.matchAll(/(?<![\w)\]])\.([A-Z_][A-Z0-9_]*)/g)].map(([, name]) => name ?? ""),
  );
}
