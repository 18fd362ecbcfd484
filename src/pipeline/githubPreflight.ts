import { called, ciSecrets, type CiWorld, isForeign } from "./ciSecrets";
import type { GithubActionsConfig, StackConfig } from "../settings";
import { type GithubSecretScope, isToBeMade, scopeKey, secretScopes } from "../world";

// Before anything is made: can CI's secrets be written, and does writing them take none from somebody?

/**
 * Compares the secrets that the stack is to write at GitHub with those that are there.
 *
 * @returns what stands in the way, in words; lines that belong to the one before are indented
 */
export function githubPreflight(stack: StackConfig, world: CiWorld): string[] {
  const { githubActions: settings, adopt } = stack;
  const { inGithub, state } = world;
  if (settings === undefined) return [];
  const problems: string[] = [];
  const absent = new Set<string>();
  const inTheWay: string[] = [];

  for (const name of repositoriesAskedFor(settings, world)) {
    if (!inGithub.repositoryIds.has(name)) absent.add(name);
  }
  for (const scope of secretScopes(settings)) {
    const status = inGithub.refused.get(scopeKey(scope));
    const toBeMade = isToBeMade(settings, scope, state);
    if (status === 404 && "repository" in scope && scope.environment === undefined) absent.add(scope.repository);
    else if (status !== undefined && !(toBeMade && status === 404))
      problems.push(...refusal(scope, status, settings.createEnvironment));
    if (toBeMade && inGithub.listed.has(scopeKey(scope)) && "repository" in scope) inTheWay.push(scope.repository);
  }
  for (const name of absent) {
    problems.push(
      `githubActions.repositories: ${inGithub.owner} has no repository "${name}", or this token may not see it.`,
    );
  }
  if (adopt) return problems;

  const takeOver = `pulumi config set adopt true --stack ${stack.name}`;
  if (inTheWay.length > 0) {
    problems.push(
      `GitHub environment "${settings.environment}" exists in ${inTheWay.join(", ")}, and this stack did not make it.`,
      "  To use it as it is: take githubActions.createEnvironment out.",
      `  If a run that was cut off made it: ${takeOver}, then pulumi up takes it over and leaves it no protection rules.`,
    );
  }
  const foreign = ciSecrets(stack, world).filter(isForeign);
  if (foreign.length > 0) {
    problems.push(
      "At GitHub there are secrets of these names already, and this stack did not write them:",
      ...foreign.map((secret) => `  ${called([secret])}`),
      "  To keep them: choose other names, with secretName under githubActions.username and githubActions.token.",
      `  If they were set by hand, or by a run that was cut off: ${takeOver}, then pulumi up writes Doppler's values over them. GitHub shows nobody what they hold now.`,
    );
  }
  return problems;
}

/** Repositories that GitHub was asked for by name. */
function repositoriesAskedFor(settings: GithubActionsConfig, { inGithub, state }: CiWorld): string[] {
  if (inGithub.owner === "") return [];
  if (settings.organization?.visibility === "selected") return settings.organization.repositories;
  return secretScopes(settings).flatMap((scope) =>
    "repository" in scope && isToBeMade(settings, scope, state) ? [scope.repository] : [],
  );
}

function refusal(scope: GithubSecretScope, status: number, createEnvironment: boolean): string[] {
  const secrets = scope.app === "actions" ? "Actions secrets" : "Dependabot secrets";
  if ("organization" in scope) {
    return [
      `githubActions.organization: "${scope.organization}" is no organisation, or this token may not manage its ${secrets}.`,
      `  It needs the organisation's permission "${scope.app === "actions" ? "Secrets" : "Dependabot secrets"}"; a classic token the scope admin:org.`,
    ];
  }
  const { repository, environment } = scope;
  if (environment !== undefined && status === 404) {
    return [
      `githubActions.environment: ${repository} has no GitHub environment "${environment}", or this token may not see it.`,
      createEnvironment
        ? "  This stack made it, and somebody deleted it: pulumi up --refresh makes it again."
        : "  To have it made, without protection rules: githubActions.createEnvironment: true.",
    ];
  }
  const permission = environment !== undefined ? "Environments" : scope.app === "actions" ? "Secrets" : secrets;
  return [
    `githubActions.repositories: this token may not list the ${secrets} of ${repository}.`,
    `  It needs the repository's permission "${permission}"; a classic token the scope repo.`,
  ];
}
