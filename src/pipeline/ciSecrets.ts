import { goTime } from "../../lib/goTime";
import type { GithubActionsSecretsArgs } from "../../components/githubActionsSecrets";
import type { GithubOrganizationSecretsArgs } from "../../components/githubOrganizationSecrets";
import { type ActionsSecretValue, wasRewritten } from "../../components/secretValue";
import type { StackConfig } from "../settings";
import {
  type GithubSecretScope,
  hasValue,
  knownSecret,
  type ListedSecret,
  type Outputs,
  scopeKey,
  secretScopes,
  type TypedValue,
  type World,
} from "../world";

// What to write to GitHub. A secret whose value this run does not have stays at GitHub as it is: only the settings
// delete one. A secret that somebody else changed is written again; a preview shows no reason for that, so a warning does.

/** What a run knows of CI's secrets. */
export type CiWorld = Pick<World, "state" | "typed" | "inGithub">;

/** One secret of one scope, as the settings, Doppler, the state and GitHub have it. */
export interface CiSecret {
  scope: GithubSecretScope;
  secretName: string;
  dopplerName: string;
  /** Doppler's value, or why this run has none; `undefined` where Doppler has no such name. */
  typed?: TypedValue;
  /** What the last run left; `undefined` if this stack has not written the secret. */
  known?: Outputs;
  /** What GitHub lists; `undefined` if it lists no such secret, or was not asked. */
  found?: ListedSecret;
  /** Whether GitHub was asked, and answered. */
  looked: boolean;
}

/** All secrets that the settings ask for, in their order. */
export function ciSecrets({ githubActions }: StackConfig, { state, typed, inGithub }: CiWorld): CiSecret[] {
  if (githubActions === undefined) return [];
  return secretScopes(githubActions).flatMap((scope) => {
    const listed = inGithub.listed.get(scopeKey(scope));
    return githubActions.secrets.map(({ secretName, dopplerName }) => ({
      scope,
      secretName,
      dopplerName,
      typed: typed.values.get(dopplerName),
      known: knownSecret(state, scope, secretName),
      found: listed?.get(secretName.toUpperCase()),
      looked: listed !== undefined,
    }));
  });
}

/** Whether the secret is at GitHub and this stack did not write it: writing it takes it from somebody. */
export function isForeign(secret: CiSecret): boolean {
  return hasValue(secret.typed) && secret.known === undefined && secret.found !== undefined;
}

/** The secrets of each repository that has its own. */
export function repositorySecrets(stack: StackConfig, world: CiWorld): GithubActionsSecretsArgs[] {
  if (stack.githubActions === undefined) return [];
  const { repositories, environment, createEnvironment, dependabot } = stack.githubActions;
  const all = ciSecrets(stack, world);
  return repositories.map((repository) => {
    const own = all.filter(({ scope }) => "repository" in scope && scope.repository === repository);
    return {
      repository,
      environment,
      createEnvironment,
      secrets: secretValues(own, "actions"),
      ...(dependabot && { dependabotSecrets: secretValues(own, "dependabot") }),
    };
  });
}

/** The secrets of the organisation, where it has them in place of its repositories; one entry at most. */
export function organizationSecrets(stack: StackConfig, world: CiWorld): GithubOrganizationSecretsArgs[] {
  const { organization, dependabot } = stack.githubActions ?? {};
  if (organization === undefined) return [];
  const all = ciSecrets(stack, world);
  const args: GithubOrganizationSecretsArgs = {
    visibility: organization.visibility,
    secrets: secretValues(all, "actions"),
    ...(dependabot && { dependabotSecrets: secretValues(all, "dependabot") }),
  };
  // Until there is something to read, nobody has to be found who may.
  if (organization.visibility !== "selected" || Object.keys(args.secrets).length === 0) return [args];
  const { repositoryIds } = world.inGithub;
  return [
    { ...args, selectedRepositoryIds: organization.repositories.flatMap((name) => repositoryIds.get(name) ?? []) },
  ];
}

/** What each secret of a scope is to hold, by name; those without a value that this stack has not written are absent. */
function secretValues(secrets: readonly CiSecret[], app: GithubSecretScope["app"]): Record<string, ActionsSecretValue> {
  const values: Record<string, ActionsSecretValue> = {};
  for (const secret of secrets.filter(({ scope }) => scope.app === app)) {
    const { secretName, typed, known } = secret;
    if (!hasValue(typed)) {
      // Without a value, the secret stays as it was written last.
      if (known !== undefined) values[secretName] = {};
    } else if (known === undefined) values[secretName] = { value: typed };
    else {
      // A flag that differs from the one in the state writes the value again.
      const rewritten = drift(secret) === undefined ? wasRewritten(known) : !wasRewritten(known);
      values[secretName] = { value: typed, rewritten };
    }
  }
  return values;
}

/**
 * How GitHub's copy of a secret differs from what this stack wrote, in words; `undefined` if it does not, or GitHub was
 * not asked. GitHub tells no values, only when each was written last; the provider compares that only during a refresh,
 * and plans nothing on it.
 */
export function drift({ known, found, looked }: CiSecret): string | undefined {
  if (known === undefined || !looked) return undefined;
  if (found === undefined) return "was deleted";
  if (found.updatedAt !== goTime(String(known["updatedAt"]))) return "was overwritten";
  return found.visibility === known["visibility"] ? undefined : "was given another visibility";
}

/** Secrets in words, those that differ only in their repositories together. */
export function called(secrets: readonly Pick<CiSecret, "scope" | "secretName">[]): string {
  const places = new Map<string, { holders: string[]; environment?: string }>();
  for (const { scope, secretName } of secrets) {
    const what = `${scope.app === "actions" ? "Actions" : "Dependabot"} secret ${secretName}`;
    const [holder, environment] =
      "organization" in scope ? [`organisation ${scope.organization}`] : [scope.repository, scope.environment];
    const known = places.get(what) ?? { holders: [], environment };
    places.set(what, { ...known, holders: [...known.holders, holder] });
  }
  return [...places]
    .map(([what, { holders, environment }]) =>
      [`${what} of ${holders.join(", ")}`, ...(environment === undefined ? [] : [`environment ${environment}`])].join(
        ", ",
      ),
    )
    .join("; ");
}
