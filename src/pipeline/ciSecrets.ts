import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import type { ActionsSecretValue, GithubActionsSecretsArgs } from "../../components/githubActionsSecrets";
import type { GithubOrganizationSecretsArgs } from "../../components/githubOrganizationSecrets";
import type { StackConfig } from "../settings";
import { actionsSecretStandings, knownSecret, type SecretPlace, type Survey } from "../world/survey";

// What to write to GitHub: the values that have been typed into Doppler, and for each whether GitHub's copy has to be
// written anew because somebody changed it. Says so where it is, since a preview shows no reason.

/** Typed values by Doppler name; `undefined` while the config does not exist yet. */
type Typed = ReadonlyMap<string, pulumi.Output<string>> | undefined;

/** What this run knows beside the values: the state, and through which provider GitHub is asked. */
type Known = Pick<Survey, "state"> & { provider: pulumi.ProviderResource | undefined };

/** The secrets of each repository that has its own. */
export async function repositorySecrets(
  { githubActions }: StackConfig,
  values: Typed,
  known: Known,
): Promise<GithubActionsSecretsArgs[]> {
  if (githubActions === undefined) return [];
  const { environment, createEnvironment, dependabot, secrets } = githubActions;
  const all: GithubActionsSecretsArgs[] = [];
  for (const repository of githubActions.repositories) {
    const made = known.state.some(
      (r) =>
        r.type === "github:index/repositoryEnvironment:RepositoryEnvironment" &&
        r.outputs["repository"] === repository &&
        r.outputs["environment"] === environment,
    );
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

/** The secrets of the organisation, where it has them in place of its repositories. */
export async function organizationSecrets(
  { githubActions }: StackConfig,
  values: Typed,
  known: Known,
): Promise<GithubOrganizationSecretsArgs | undefined> {
  if (githubActions?.organization === undefined) return undefined;
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
  if (visibility !== "selected" || Object.keys(args.secrets).length === 0) return args;
  return { ...args, selectedRepositoryIds: await repositoryIds(owner, organization.repositories, known.provider) };
}

/** GitHub's numbers for repositories. */
async function repositoryIds(
  owner: string,
  repositories: readonly string[],
  provider: pulumi.ProviderResource | undefined,
): Promise<number[]> {
  const ids: number[] = [];
  for (const name of repositories) {
    // Of one that is not there, or not to be seen, it says nothing.
    const { repoId } = (await github.getRepository({ name }, { provider })) as Partial<github.GetRepositoryResult>;
    if (repoId === undefined) {
      throw new pulumi.RunError(
        `githubActions.repositories: ${owner} has no repository "${name}", or this token may not see it.`,
      );
    }
    ids.push(repoId);
  }
  return ids;
}

async function secretValues(
  place: SecretPlace,
  secrets: NonNullable<StackConfig["githubActions"]>["secrets"],
  values: Typed,
  { state, provider }: Known,
  look = true,
): Promise<Record<string, ActionsSecretValue>> {
  const typed: { secretName: string; value: pulumi.Output<string> }[] = [];
  for (const { secretName, dopplerName } of secrets) {
    const value = values?.get(dopplerName);
    if (value !== undefined) typed.push({ secretName, value });
    else if (knownSecret(place, secretName, state) !== undefined) {
      await pulumi.log.warn(
        `${called(place, secretName)} is deleted by pulumi up, since ${dopplerName} has no value in Doppler any more: type it to keep the secret.`,
      );
    }
  }
  if (typed.length === 0) return {};
  const names = look ? typed.map(({ secretName }) => secretName) : [];
  const standings = await actionsSecretStandings(place, names, state, provider);

  const result: Record<string, ActionsSecretValue> = {};
  for (const { secretName, value } of typed) {
    const standing = standings.get(secretName) ?? { is: "ours", rewritten: false };
    if (standing.is === "ours") {
      result[secretName] = { value, rewritten: standing.rewritten };
      continue;
    }
    const what = called(place, secretName);
    if (standing.is === "foreign") {
      await pulumi.log.warn(
        `${what} exists and was not made by this stack: pulumi up overwrites it with Doppler's value.`,
      );
      result[secretName] = { value };
    } else {
      await pulumi.log.warn(`${what} ${standing.is} by somebody else: pulumi up writes Doppler's value again.`);
      result[secretName] = { value, rewritten: !standing.rewritten };
    }
  }
  return result;
}

function called(place: SecretPlace, name: string): string {
  const what = `${place.app === "actions" ? "Actions" : "Dependabot"} secret ${name}`;
  if ("organization" in place) return `${what} of organisation ${place.organization}`;
  const { repository, environment } = place;
  return `${what} of ${environment === undefined ? repository : `${repository}, environment ${environment}`}`;
}
