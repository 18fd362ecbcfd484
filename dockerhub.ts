import * as pulumi from "@pulumi/pulumi";
import type { ActionsSecretValue } from "./components/githubActionsSecrets";
import type { StackConfig } from "./config";
import { actionsSecretStandings, type Survey } from "./survey";

/**
 * What to write to a repository: the values that have been typed into Doppler, and for each whether GitHub's copy has to
 * be written anew because somebody overwrote it. Says so where it is, since a preview shows no reason.
 *
 * @param values by Doppler name; `undefined` while the config does not exist yet
 */
export async function actionsSecretValues(
  { githubActions }: StackConfig,
  repository: string,
  values: ReadonlyMap<string, pulumi.Output<string>> | undefined,
  { state }: Pick<Survey, "state">,
  provider: pulumi.ProviderResource | undefined,
): Promise<Record<string, ActionsSecretValue>> {
  if (githubActions === undefined || values === undefined) return {};
  const typed = githubActions.secrets.filter(({ dopplerName }) => values.has(dopplerName));
  if (typed.length === 0) return {};
  const { environment, createEnvironment } = githubActions;
  const made = state.some(
    (r) =>
      r.type === "github:index/repositoryEnvironment:RepositoryEnvironment" &&
      r.outputs["repository"] === repository &&
      r.outputs["environment"] === environment,
  );
  // An environment that is still to be made has no secrets to look at.
  const names = createEnvironment && !made ? [] : typed.map(({ secretName }) => secretName);
  const standings =
    names.length === 0
      ? new Map<string, never>()
      : await actionsSecretStandings(
          { repository, ...(environment !== undefined && { environment }) },
          names,
          state,
          provider,
        );

  const where = environment === undefined ? repository : `${repository}, environment ${environment}`;
  const result: Record<string, ActionsSecretValue> = {};
  for (const { secretName, dopplerName } of typed) {
    const value = values.get(dopplerName);
    if (value === undefined) continue;
    const standing = standings.get(secretName);
    let rewritten = standing !== undefined && standing.is !== "foreign" && standing.rewritten === true;
    if (standing?.is === "foreign") {
      await pulumi.log.warn(
        `Actions secret ${secretName} of ${where} exists and was not made by this stack: pulumi up overwrites it with Doppler's value.`,
      );
    } else if (standing?.is === "overwritten" && environment === undefined) {
      await pulumi.log.warn(
        `Actions secret ${secretName} of ${where} was overwritten by somebody else: pulumi up writes Doppler's value again.`,
      );
      rewritten = !rewritten;
    } else if (standing?.is === "overwritten") {
      await pulumi.log.warn(
        `Actions secret ${secretName} of ${where} was overwritten by somebody else. The provider can't write it in place; to have Doppler's value written again: pulumi state delete '${standing.urn}', then pulumi up.`,
      );
    }
    result[secretName] = { value, rewritten };
  }
  return result;
}
