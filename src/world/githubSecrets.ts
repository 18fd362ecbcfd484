import { z } from "zod";
import type { GithubActionsConfig, StackConfig } from "../settings";
import { hasValue, type TypedValues } from "./dopplerValues";
import { GithubClient, githubCredential, GithubError } from "./github";
import { plain } from "./plain";
import type { Patience } from "./dopplerRequests";
import type { Outputs, StackState } from "./state";

/** Whose secrets are meant, and for which runs: Dependabot's see no Actions secrets, and all others no Dependabot secrets. */
export type GithubSecretScope =
  | { app: "actions" | "dependabot"; organization: string }
  | { app: "actions" | "dependabot"; repository: string; environment?: string };

/** What GitHub tells of a secret. It never tells the value. */
export interface ListedSecret {
  name: string;
  /** When it was written last, in milliseconds since 1970. */
  updatedAt: number;
  /** Which repositories may read it; only for an organisation's. */
  visibility?: string;
}

/** What GitHub has where this run is to write secrets. It is not asked about anything else. */
export interface GithubFindings {
  /** The account that was asked about; empty where GitHub was not asked. */
  owner: string;
  /** The secrets by name in capitals, by {@link scopeKey}: GitHub makes no difference between letters' cases. */
  listed: ReadonlyMap<string, ReadonlyMap<string, ListedSecret>>;
  /**
   * By {@link scopeKey}, with which HTTP status GitHub refused to list them. 404: there is no such repository,
   * environment or organisation, or none that this credential may see. 403: a right is missing.
   */
  refused: ReadonlyMap<string, number>;
  /**
   * GitHub's numbers of the repositories that are to read the organisation's secrets, or to get an environment. GitHub
   * does not say whether a repository is absent or hidden from this credential; both are absent here.
   */
  repositoryIds: ReadonlyMap<string, number>;
}

const listBody = z.object({
  secrets: z.array(z.object({ name: z.string(), updated_at: z.string(), visibility: z.string().optional() })),
});
const repositoryBody = z.object({ id: z.number() });
const userBody = z.object({ login: z.string() });

/** Where a stack's secrets go: of the organisation, or of each repository; once for each app that reads them. */
export function secretScopes({
  organization,
  repositories,
  environment,
  dependabot,
}: GithubActionsConfig): GithubSecretScope[] {
  const apps = dependabot ? (["actions", "dependabot"] as const) : (["actions"] as const);
  if (organization !== undefined) return apps.map((app) => ({ app, organization: organization.owner }));
  return repositories.flatMap((repository) =>
    apps.map((app) => (app === "actions" ? { app, repository, environment } : { app, repository })),
  );
}

/** Tells scopes apart. */
export function scopeKey(scope: GithubSecretScope): string {
  return "organization" in scope
    ? `${scope.app} ${scope.organization}/`
    : `${scope.app} ${scope.repository} ${scope.environment ?? ""}`;
}

/** Pulumi's type of the secrets of a scope. */
export function secretType(scope: GithubSecretScope): string {
  const holder = "organization" in scope ? "Organization" : scope.environment === undefined ? "" : "Environment";
  const name = `${scope.app}${holder}Secret`;
  return `github:index/${name}:${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** A secret of a scope as the last run left it. */
export function knownSecret(state: StackState, scope: GithubSecretScope, secretName: string): Outputs | undefined {
  const { repository, environment } = "organization" in scope ? {} : scope;
  return state.find(secretType(scope), { repository, environment, secretName });
}

/** Whether a scope is a GitHub environment that this stack is to make, and has not made yet. */
export function isToBeMade(
  { createEnvironment }: GithubActionsConfig,
  scope: GithubSecretScope,
  state: StackState,
): boolean {
  if (!createEnvironment || "organization" in scope || scope.environment === undefined) return false;
  const { repository, environment } = scope;
  const type = "github:index/repositoryEnvironment:RepositoryEnvironment";
  return state.find(type, { repository, environment }) === undefined;
}

/**
 * Reads what GitHub has where this run is to write a secret or make an environment; where it is to do neither, GitHub is
 * not asked at all.
 *
 * @throws GithubError if GitHub can't be reached or does not take the credential
 */
export async function readGithub(
  { githubActions }: Pick<StackConfig, "githubActions">,
  { values }: TypedValues,
  state: StackState,
): Promise<GithubFindings> {
  const listed = new Map<string, ReadonlyMap<string, ListedSecret>>();
  const refused = new Map<string, number>();
  const repositoryIds = new Map<string, number>();
  if (githubActions === undefined) return { owner: "", listed, refused, repositoryIds };
  const { secrets } = githubActions;
  const all = secretScopes(githubActions);
  const writes = secrets.some(({ dopplerName }) => hasValue(values.get(dopplerName)));
  const keeps = all.some((scope) => secrets.some(({ secretName }) => knownSecret(state, scope, secretName)));
  const scopes = all.filter((scope) => writes || isToBeMade(githubActions, scope, state));
  const repositories = new Set(writes || keeps ? readers(githubActions) : []);
  for (const scope of scopes) {
    // GitHub does not say whether it is the environment that is missing, or its repository.
    if ("repository" in scope && isToBeMade(githubActions, scope, state)) repositories.add(scope.repository);
  }
  if (scopes.length + repositories.size === 0) return { owner: "", listed, refused, repositoryIds };

  const { storedToken, baseUrl, owner: named } = githubActions;
  const { client, owner } = await connectGithub({
    token: storedToken && (await plain(storedToken)),
    baseUrl,
    owner: named,
  });
  const list = async (scope: GithubSecretScope) => {
    try {
      listed.set(scopeKey(scope), await listGithubSecrets(client, owner, scope));
    } catch (error) {
      if (!(error instanceof GithubError) || (error.status !== 403 && error.status !== 404)) throw error;
      refused.set(scopeKey(scope), error.status);
    }
  };
  const identify = async (name: string) => {
    try {
      repositoryIds.set(name, repositoryBody.parse(await client.get(repositoryPath(owner, name))).id);
    } catch (error) {
      if (!(error instanceof GithubError) || error.status !== 404) throw error;
    }
  };
  await Promise.all([...scopes.map(list), ...[...repositories].map(identify)]);
  return { owner, listed, refused, repositoryIds };
}

/** What the provider for GitHub is told, and takes from the environment where it is not. */
export interface GithubAccess {
  token?: string | undefined;
  baseUrl?: string | undefined;
  owner?: string | undefined;
}

/**
 * A client for what the provider works with: the same credential, address and owner.
 *
 * @throws GithubError if there is no credential, or no owner
 */
export async function connectGithub(
  { token, baseUrl, owner: named }: GithubAccess,
  patience?: Patience,
): Promise<{ client: GithubClient; owner: string }> {
  const credential = githubCredential(token, process.env);
  const client = new GithubClient(baseUrl, credential, patience);
  const owner = process.env["GITHUB_ORGANIZATION"] || named;
  if (owner) return { client, owner };
  if ("app" in credential) {
    throw new GithubError(
      "githubActions.owner: expected the owner of the repositories; a GitHub App has none of its own.",
    );
  }
  return { client, owner: userBody.parse(await client.get("/user")).login };
}

/** The repositories that are to read the organisation's secrets, where they are chosen by name. */
function readers({ organization }: GithubActionsConfig): string[] {
  return organization?.visibility === "selected" ? organization.repositories : [];
}

/** The secrets that GitHub has in a place, by name in capitals. */
export async function listGithubSecrets(
  client: GithubClient,
  owner: string,
  scope: GithubSecretScope,
): Promise<ReadonlyMap<string, ListedSecret>> {
  const secrets = await client.list(`${scopePath(owner, scope)}/secrets`, (body) => listBody.parse(body).secrets);
  return new Map(
    secrets.map(({ name, updated_at: updated, visibility }) => [
      name.toUpperCase(),
      { name, updatedAt: Date.parse(updated), visibility },
    ]),
  );
}

const repositoryPath = (owner: string, name: string) =>
  `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`;

function scopePath(owner: string, scope: GithubSecretScope): string {
  if ("organization" in scope) return `/orgs/${encodeURIComponent(scope.organization)}/${scope.app}`;
  const repository = repositoryPath(owner, scope.repository);
  return scope.environment === undefined
    ? `${repository}/${scope.app}`
    : `${repository}/environments/${encodeURIComponent(scope.environment)}`;
}
