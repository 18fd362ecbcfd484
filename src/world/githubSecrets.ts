import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";

/** Whose secrets are meant, and for which runs: Dependabot's see no Actions secrets, and all others no Dependabot secrets. */
export type GithubSecretScope =
  | { app: "actions" | "dependabot"; organization: string }
  | { app: "actions" | "dependabot"; repository: string; environment?: string };

/** What GitHub tells of a secret. It never tells the value. */
export interface ListedSecret {
  name: string;
  /** When it was written last. */
  updatedAt: string;
  /** Which repositories may read it; only for an organisation's. */
  visibility?: string;
}

/** Pulumi's type of the secrets of a scope. */
export function secretType(scope: GithubSecretScope): string {
  const app = scope.app === "actions" ? "actions" : "dependabot";
  const holder = "organization" in scope ? "Organization" : scope.environment === undefined ? "" : "Environment";
  const name = `${app}${holder}Secret`;
  return `github:index/${name}:${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/**
 * The secrets of a scope as GitHub lists them, by name in capitals: GitHub makes no difference between letters' cases.
 *
 * @throws what GitHub answers; for an organisation that can't be managed, in the words of the settings
 */
export async function listSecrets(
  scope: GithubSecretScope,
  opts: pulumi.InvokeOptions,
): Promise<Map<string, ListedSecret>> {
  const listed: readonly ListedSecret[] | undefined =
    "organization" in scope
      ? await ofOrganization(scope, opts)
      : scope.environment !== undefined
        ? (await github.getActionsEnvironmentSecrets({ name: scope.repository, environment: scope.environment }, opts))
            .secrets
        : scope.app === "actions"
          ? (await github.getActionsSecrets({ name: scope.repository }, opts)).secrets
          : (await github.getDependabotSecrets({ name: scope.repository }, opts)).secrets;
  return new Map((listed ?? []).map((secret) => [secret.name.toUpperCase(), secret]));
}

async function ofOrganization(
  { app, organization }: Extract<GithubSecretScope, { organization: string }>,
  opts: pulumi.InvokeOptions,
): Promise<readonly ListedSecret[] | undefined> {
  try {
    return app === "actions"
      ? (await github.getActionsOrganizationSecrets(opts)).secrets
      : (await github.getDependabotOrganizationSecrets(opts)).secrets;
  } catch (error) {
    if (!/ 40[34] /.test(String(error))) throw error;
    throw new pulumi.RunError(
      `githubActions.organization: "${organization}" is no organisation, or this token may not manage its ${app === "actions" ? "Actions" : "Dependabot"} secrets.`,
    );
  }
}

/** GitHub's number of a repository. GitHub does not say whether a repository is absent or hidden from this token; both come back as undefined. */
export async function repositoryId(name: string, opts: pulumi.InvokeOptions): Promise<number | undefined> {
  const { repoId } = (await github.getRepository({ name }, opts)) as Partial<github.GetRepositoryResult>;
  return repoId;
}
