import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Secrets of Actions and of Dependabot are two stores with separate keys, also on GitHub. */
export type SecretApp = "actions" | "dependabot";

export type Visibility = "all" | "private" | "selected";

/** A secret as stored: the sealed box it came in, never what is inside. */
export interface StoredSecret {
  /** Base64 of the libsodium sealed box. */
  ciphertext: string;
  /** RFC 3339, whole seconds. */
  createdAt: string;
  updatedAt: string;
  /** Organization secrets only. */
  visibility?: Visibility;
  selectedRepositoryIds?: number[];
}

/** One public key and what was sealed to it: a repository's, an environment's or an organization's secrets. */
export interface SecretScope {
  keyId: string;
  /** Base64, X25519. */
  publicKey: string;
  privateKey: string;
  /** By upper-case name. */
  secrets: Record<string, StoredSecret>;
}

export interface Account {
  id: number;
  login: string;
  type: "Organization" | "User";
}

export interface Repository {
  id: number;
  ownerId: number;
  name: string;
  /** Names it had before it was renamed; they redirect until another repository takes them. */
  formerNames: string[];
  private: boolean;
  description: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface Reviewer {
  type: "User" | "Team";
  id: number;
}

export interface Environment {
  id: number;
  repositoryId: number;
  name: string;
  /** Minutes. */
  waitTimer: number;
  preventSelfReview: boolean;
  canAdminsBypass: boolean;
  reviewers: Reviewer[];
  deploymentBranchPolicy: { protected_branches: boolean; custom_branch_policies: boolean } | null;
  createdAt: string;
  updatedAt: string;
}

export interface Variable {
  repositoryId: number;
  /** Upper case. */
  name: string;
  value: string;
  createdAt: string;
  updatedAt: string;
}

/** Everything the stand-in remembers; the content of state.json. */
export interface State {
  version: 1;
  /** Whose the one personal access token is. */
  userId: number;
  nextId: number;
  accounts: Account[];
  repositories: Repository[];
  environments: Environment[];
  variables: Variable[];
  /** By scope key, see {@link scopeKey}. */
  scopes: Record<string, SecretScope>;
}

/** Names one set of secrets. Repository as `owner/name`, both case-insensitive. */
export type ScopeRef =
  | { app: SecretApp; repository: string }
  | { app: "actions"; repository: string; environment: string }
  | { app: SecretApp; organization: string };

/** The same by ids, which survive renames. */
export type ScopeId =
  | { app: SecretApp; kind: "repository"; repositoryId: number }
  | { app: "actions"; kind: "environment"; environmentId: number }
  | { app: SecretApp; kind: "organization"; organizationId: number };

export function scopeKey(scope: ScopeId): string {
  switch (scope.kind) {
    case "repository":
      return `${scope.app}/repository/${scope.repositoryId}`;
    case "environment":
      return `${scope.app}/environment/${scope.environmentId}`;
    case "organization":
      return `${scope.app}/organization/${scope.organizationId}`;
  }
}

export const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export function findAccount(state: State, login: string): Account | undefined {
  return state.accounts.find((account) => same(account.login, login));
}

export function findRepository(state: State, owner: string, name: string): Repository | undefined {
  const account = findAccount(state, owner);
  return state.repositories.find((repo) => repo.ownerId === account?.id && same(repo.name, name));
}

/** The repository that had this name before a rename. */
export function findRenamedRepository(state: State, owner: string, name: string): Repository | undefined {
  const account = findAccount(state, owner);
  return state.repositories.find(
    (repo) => repo.ownerId === account?.id && repo.formerNames.some((former) => same(former, name)),
  );
}

export function findEnvironment(state: State, repositoryId: number, name: string): Environment | undefined {
  return state.environments.find((env) => env.repositoryId === repositoryId && same(env.name, name));
}

/** Resolves names to ids; undefined if the repository, environment or organization does not exist. */
export function resolveScope(state: State, ref: ScopeRef): ScopeId | undefined {
  if ("organization" in ref) {
    const account = findAccount(state, ref.organization);
    return account?.type === "Organization"
      ? { app: ref.app, kind: "organization", organizationId: account.id }
      : undefined;
  }
  const [owner = "", name = ""] = ref.repository.split("/");
  const repo = findRepository(state, owner, name);
  if (!repo) {
    return undefined;
  }
  if (!("environment" in ref)) {
    return { app: ref.app, kind: "repository", repositoryId: repo.id };
  }
  const environment = findEnvironment(state, repo.id, ref.environment);
  return environment && { app: "actions", kind: "environment", environmentId: environment.id };
}

/** As GitHub's: a decimal number of 18 or 19 digits. */
export function newKeyId(): string {
  return String(10n ** 17n + (randomBytes(8).readBigUInt64BE() % (5n * 10n ** 18n)));
}

/** The file in the data folder that holds the {@link State}. */
export const STATE_FILE = "state.json";
/** Reads DIR/state.json. Throws if there is none or it is not a state of this version. */
export function readState(dataDir: string): State {
  const path = join(dataDir, STATE_FILE);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path} cannot be read as JSON; delete the folder to start afresh`, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || (parsed as Partial<State>).version !== 1) {
    throw new Error(`${path} is not a state of this version of the GitHub stand-in; delete the folder to start afresh`);
  }
  return parsed as State;
}
