import {
  diffInputs,
  type DiffRequest,
  type DiffResult,
  type InvokeRequest,
  type PropertyMap,
  type PropertyValue,
  type ResourceSpec,
  reveal,
  Unknown,
} from "../base/index.js";
import { isNotFound } from "./client.js";
import type { Connection } from "./configuration.js";
import { buildId, escapeIdPart, goTime, pathSegment, text } from "./resource.js";

/** What GitHub says of a repository, as far as it is read here. */
export interface RepositoryJson {
  id: number;
  name: string;
  full_name: string;
  [field: string]: unknown;
}

export function getRepositoryJson(
  connection: Connection,
  name: string,
  signal: AbortSignal,
  owner = connection.owner,
): Promise<RepositoryJson> {
  return connection.client.get<RepositoryJson>(`repos/${owner}/${name}`, signal);
}

/**
 * Compares as the table says; besides, a new name in `repository` means a new resource if it is another repository's,
 * and an update if the same repository was renamed. GitHub is asked which, in previews too.
 */
export async function diffInRepository(
  connection: Connection,
  spec: ResourceSpec,
  request: DiffRequest,
): Promise<DiffResult> {
  const diff = diffInputs(spec, request);
  if (!diff.detailedDiff["repository"]) {
    return diff;
  }
  return (await isOtherRepository(connection, request))
    ? diffInputs(
        {
          ...spec,
          properties: { ...spec.properties, repository: { type: "string", required: true, forceNew: true } },
        },
        request,
      )
    : diff;
}

async function isOtherRepository(connection: Connection, request: DiffRequest): Promise<boolean> {
  const oldId = request.olds["repositoryId"];
  if (oldId === undefined || oldId === 0) {
    return true;
  }
  const name = reveal(request.news["repository"] ?? "");
  if (name instanceof Unknown) {
    return false;
  }
  try {
    const repository = await getRepositoryJson(connection, text(request.news, "repository"), request.signal);
    return repository.id !== oldId;
  } catch (error) {
    if (isNotFound(error)) {
      return false;
    }
    throw error;
  }
}

/** Arguments of `getRepository`. */
export const getRepositorySpec: ResourceSpec = {
  properties: {
    description: { type: "string" },
    fullName: { type: "string", computed: true },
    homepageUrl: { type: "string" },
    name: { type: "string", computed: true },
  },
};

/** Results of `getRepository` and the fields they come from, apart from those with a rule of their own. */
const RESULT_FIELDS = {
  allowAutoMerge: "allow_auto_merge",
  allowForking: "allow_forking",
  allowMergeCommit: "allow_merge_commit",
  allowRebaseMerge: "allow_rebase_merge",
  allowSquashMerge: "allow_squash_merge",
  allowUpdateBranch: "allow_update_branch",
  archived: "archived",
  defaultBranch: "default_branch",
  deleteBranchOnMerge: "delete_branch_on_merge",
  description: "description",
  fork: "fork",
  fullName: "full_name",
  gitCloneUrl: "git_url",
  hasDiscussions: "has_discussions",
  hasDownloads: "has_downloads",
  hasIssues: "has_issues",
  hasProjects: "has_projects",
  hasWiki: "has_wiki",
  homepageUrl: "homepage",
  htmlUrl: "html_url",
  httpCloneUrl: "clone_url",
  isTemplate: "is_template",
  mergeCommitMessage: "merge_commit_message",
  mergeCommitTitle: "merge_commit_title",
  name: "name",
  nodeId: "node_id",
  primaryLanguage: "language",
  private: "private",
  repoId: "id",
  squashMergeCommitMessage: "squash_merge_commit_message",
  squashMergeCommitTitle: "squash_merge_commit_title",
  sshCloneUrl: "ssh_url",
  svnUrl: "svn_url",
  topics: "topics",
  visibility: "visibility",
} as const;

/** The repository that a function's `name` or `fullName` is. */
function namedRepository(connection: Connection, args: PropertyMap): { owner: string; name: string } {
  let owner = connection.owner;
  let name = text(args, "name");
  const fullName = text(args, "fullName");
  if (fullName !== "") {
    const parts = fullName.split("/");
    if (parts.length !== 2) {
      throw new Error(`unexpected full name format (${JSON.stringify(fullName)}), expected owner/repo_name`);
    }
    owner = parts[0] ?? "";
    name = name || (parts[1] ?? "");
  }
  if (name === "") {
    throw new Error('one of "full_name" or "name" has to be provided');
  }
  return { owner, name };
}

/** An absent repository is no error: the result is empty then. */
export async function getRepository(connection: Connection, request: InvokeRequest): Promise<PropertyMap> {
  const { owner, name } = namedRepository(connection, request.args);
  try {
    const repository = await getRepositoryJson(connection, name, request.signal, owner);
    const result: PropertyMap = { id: name };
    for (const [property, field] of Object.entries(RESULT_FIELDS)) {
      // Absent texts are empty, as in the released provider.
      result[property] = (repository[field] ?? "") as PropertyValue;
    }
    // Pages, licences and templates would need requests of their own; repositories in the sandbox have none.
    return { ...result, pages: [], repositoryLicenses: [], templates: [] };
  } catch (error) {
    if (isNotFound(error)) {
      return {};
    }
    throw error;
  }
}

/** Arguments of `getActionsPublicKey`. */
export const getActionsPublicKeySpec: ResourceSpec = {
  properties: { repository: { type: "string", required: true } },
};

export async function getActionsPublicKey(connection: Connection, request: InvokeRequest): Promise<PropertyMap> {
  const repository = text(request.args, "repository");
  const { key_id: keyId, key } = await connection.client.get<{ key_id: string; key: string }>(
    `repos/${connection.owner}/${repository}/actions/secrets/public-key`,
    request.signal,
  );
  return { id: keyId, keyId, key, repository };
}

/** Arguments of `getActionsSecrets` and `getDependabotSecrets`. */
export const getSecretsSpec: ResourceSpec = {
  properties: { fullName: { type: "string", computed: true }, name: { type: "string", computed: true } },
  conflictsWith: { fullName: ["name"], name: ["fullName"] },
};

type App = "actions" | "dependabot";

const repositorySecrets = (app: App) => async (connection: Connection, request: InvokeRequest) => {
  const { owner, name } = namedRepository(connection, request.args);
  return {
    ...request.args,
    id: name,
    secrets: await listedSecrets(connection, `repos/${owner}/${name}/${app}/secrets`, request.signal),
  };
};

/** Names and times of a repository's Actions secrets. */
export const getActionsSecrets = repositorySecrets("actions");
/** Names and times of a repository's Dependabot secrets. */
export const getDependabotSecrets = repositorySecrets("dependabot");

/** Arguments of `getActionsOrganizationSecrets` and `getDependabotOrganizationSecrets`: none. */
export const getOrganizationSecretsSpec: ResourceSpec = { properties: {} };

const organizationSecrets = (app: App) => async (connection: Connection, request: InvokeRequest) => ({
  id: connection.owner,
  secrets: await listedSecrets(connection, `orgs/${connection.owner}/${app}/secrets`, request.signal),
});

/** Names, times and visibility of an organization's Actions secrets. */
export const getActionsOrganizationSecrets = organizationSecrets("actions");
/** Names, times and visibility of an organization's Dependabot secrets. */
export const getDependabotOrganizationSecrets = organizationSecrets("dependabot");

/** Arguments of `getActionsEnvironmentSecrets`. */
export const getActionsEnvironmentSecretsSpec: ResourceSpec = {
  properties: { ...getSecretsSpec.properties, environment: { type: "string", required: true } },
};

/** Names and times of the secrets of a repository's environment. */
export async function getActionsEnvironmentSecrets(
  connection: Connection,
  request: InvokeRequest,
): Promise<PropertyMap> {
  const { owner, name } = namedRepository(connection, request.args);
  const environment = text(request.args, "environment");
  const { id } = await getRepositoryJson(connection, name, request.signal, owner);
  const path = `repositories/${id}/environments/${pathSegment(environment)}/secrets`;
  return {
    ...request.args,
    id: buildId(name, escapeIdPart(environment)),
    secrets: await listedSecrets(connection, path, request.signal),
  };
}

async function listedSecrets(connection: Connection, path: string, signal: AbortSignal): Promise<PropertyMap[]> {
  const secrets = await connection.client.list<{
    name: string;
    created_at: string;
    updated_at: string;
    visibility?: string;
  }>(path, "secrets", signal, 100);
  return secrets.map((secret) => ({
    name: secret.name,
    createdAt: goTime(secret.created_at),
    updatedAt: goTime(secret.updated_at),
    ...(secret.visibility === undefined ? {} : { visibility: secret.visibility }),
  }));
}
