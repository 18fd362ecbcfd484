import * as pulumi from "@pulumi/pulumi";
import type { GithubActionsSecretsArgs } from "../../components/githubActionsSecrets";
import type { GithubOrganizationSecretsArgs } from "../../components/githubOrganizationSecrets";
import { type ActionsSecretValue, wasRewritten } from "../../components/secretValue";
import type { StackConfig } from "../settings";
import {
  type GithubSecretScope,
  type ListedSecret,
  listSecrets,
  type Outputs,
  repositoryId,
  secretType,
  type World,
} from "../world";
import type { Values } from "./values";

// What to write to GitHub: the values that have been typed into Doppler, and for each whether GitHub's copy has to be
// written anew because somebody changed it. A preview shows no reason for that, so a warning says it.

/** What this run knows beside the values: the state, and through which provider GitHub is asked. */
type Known = Pick<World, "state"> & { provider: pulumi.ProviderResource | undefined };

/** The secrets of each repository that has its own. */
export async function repositorySecrets(
  { githubActions }: StackConfig,
  values: Values,
  known: Known,
): Promise<GithubActionsSecretsArgs[]> {
  if (githubActions === undefined) return [];
  const { environment, createEnvironment, dependabot, secrets } = githubActions;
  const all: GithubActionsSecretsArgs[] = [];
  for (const repository of githubActions.repositories) {
    const type = "github:index/repositoryEnvironment:RepositoryEnvironment";
    const made = known.state.find(type, { repository, environment }) !== undefined;
    // An environment that is still to be made has no secrets to look at.
    const look = made || !createEnvironment;
    all.push({
      repository,
      environment,
      createEnvironment,
      secrets: await secretValues({ app: "actions", repository, environment }, secrets, values, known, look),
      ...(dependabot && {
        dependabotSecrets: await secretValues({ app: "dependabot", repository }, secrets, values, known),
      }),
    });
  }
  return all;
}

/** The secrets of the organisation, where it has them in place of its repositories; one entry at most. */
export async function organizationSecrets(
  { githubActions }: StackConfig,
  values: Values,
  known: Known,
): Promise<GithubOrganizationSecretsArgs[]> {
  if (githubActions?.organization === undefined) return [];
  const { organization, dependabot, secrets } = githubActions;
  const { owner, visibility } = organization;
  const args: GithubOrganizationSecretsArgs = {
    visibility,
    secrets: await secretValues({ app: "actions", organization: owner }, secrets, values, known),
    ...(dependabot && {
      dependabotSecrets: await secretValues({ app: "dependabot", organization: owner }, secrets, values, known),
    }),
  };
  // Until there is something to read, nobody has to be found who may.
  if (visibility !== "selected" || Object.keys(args.secrets).length === 0) return [args];
  const selectedRepositoryIds = await repositoryIds(owner, organization.repositories, known.provider);
  return [{ ...args, selectedRepositoryIds }];
}

async function repositoryIds(
  owner: string,
  repositories: readonly string[],
  provider: pulumi.ProviderResource | undefined,
): Promise<number[]> {
  const ids: number[] = [];
  for (const name of repositories) {
    const id = await repositoryId(name, { provider });
    if (id === undefined) {
      throw new pulumi.RunError(
        `githubActions.repositories: ${owner} has no repository "${name}", or this token may not see it.`,
      );
    }
    ids.push(id);
  }
  return ids;
}

/** What each secret of a scope is set to; one whose Doppler name has no value is absent. */
async function secretValues(
  scope: GithubSecretScope,
  secrets: NonNullable<StackConfig["githubActions"]>["secrets"],
  values: Values,
  { state, provider }: Known,
  look = true,
): Promise<Record<string, ActionsSecretValue>> {
  const inState = (name: string) => state.find(secretType(scope), { ...holder(scope), secretName: name });
  const typed: { secretName: string; value: pulumi.Output<string> }[] = [];
  for (const { secretName, dopplerName } of secrets) {
    const value = values?.get(dopplerName);
    if (value !== undefined) typed.push({ secretName, value });
    else if (inState(secretName) !== undefined) {
      await pulumi.log.warn(
        `${called(scope, secretName)} is deleted by pulumi up, since ${dopplerName} has no value in Doppler any more: type it to keep the secret.`,
      );
    }
  }
  if (typed.length === 0) return {};
  const listed = look ? await listSecrets(scope, { provider }) : undefined;

  const result: Record<string, ActionsSecretValue> = {};
  for (const { secretName, value } of typed) {
    const known = inState(secretName);
    const now = listed?.get(secretName.toUpperCase());
    if (known === undefined) {
      result[secretName] = { value };
      if (now !== undefined) {
        await pulumi.log.warn(
          `${called(scope, secretName)} exists and was not made by this stack: pulumi up overwrites it with Doppler's value.`,
        );
      }
      continue;
    }
    const drift = listed === undefined ? undefined : drifted(known, now);
    // A flag that differs from the one in the state writes the value again.
    result[secretName] = { value, rewritten: drift === undefined ? wasRewritten(known) : !wasRewritten(known) };
    if (drift !== undefined) {
      await pulumi.log.warn(
        `${called(scope, secretName)} ${drift} by somebody else: pulumi up writes Doppler's value again.`,
      );
    }
  }
  return result;
}

/**
 * How GitHub's copy of a secret has drifted from what this stack wrote, in words; `undefined` if it has not. GitHub tells
 * no values, only when each was written last; the provider compares that only during a refresh, and plans nothing on it.
 */
function drifted(known: Outputs, now: ListedSecret | undefined): string | undefined {
  if (now === undefined) return "was deleted";
  if (now.updatedAt !== known["updatedAt"]) return "was overwritten";
  return now.visibility === known["visibility"] ? undefined : "was given another visibility";
}

/** The outputs by which a state knows whose secret one is. */
function holder(scope: GithubSecretScope): { repository?: string; environment?: string } {
  return "organization" in scope ? {} : { repository: scope.repository, environment: scope.environment };
}

function called(scope: GithubSecretScope, name: string): string {
  const what = `${scope.app === "actions" ? "Actions" : "Dependabot"} secret ${name}`;
  if ("organization" in scope) return `${what} of organisation ${scope.organization}`;
  const { repository, environment } = scope;
  return `${what} of ${environment === undefined ? repository : `${repository}, environment ${environment}`}`;
}
