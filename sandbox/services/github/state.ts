import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
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

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

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

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function newToken(): string {
  return "ghp_" + Array.from({ length: 36 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
}

/** As GitHub's: a decimal number of 18 or 19 digits. */
export function newKeyId(): string {
  return String(10n ** 17n + (randomBytes(8).readBigUInt64BE() % (5n * 10n ** 18n)));
}

/** GitHub's times have whole seconds: two changes within one second look alike, there as here. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}

const STATE_FILE = "state.json";
const TOKEN_FILE = "token";

function writeAtomically(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, path);
}

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

/** The stand-in's memory: a state in a folder, written back whole after each change. */
export class Store {
  readonly state: State;
  readonly #dataDir: string;

  /** Opens the folder's state, or makes one with a new token. */
  constructor(
    dataDir: string,
    private readonly now: () => Date,
    userLogin: string,
  ) {
    this.#dataDir = dataDir;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if (existsSync(join(dataDir, STATE_FILE))) {
      this.state = readState(dataDir);
    } else {
      this.state = {
        version: 1,
        userId: 1,
        // Far from 1, so that an id mistaken for an index or a count shows.
        nextId: 1_000_001,
        accounts: [{ id: 1, login: userLogin, type: "User" }],
        repositories: [],
        environments: [],
        variables: [],
        scopes: {},
      };
      this.save();
    }
    if (!existsSync(join(dataDir, TOKEN_FILE))) writeAtomically(join(dataDir, TOKEN_FILE), newToken() + "\n");
    chmodSync(join(dataDir, STATE_FILE), 0o600);
  }

  /**
   * The one personal access token. It is read each time: another one written into the file is what its owner does on
   * GitHub's settings page when they replace a token.
   */
  get token(): string {
    return readFileSync(join(this.#dataDir, TOKEN_FILE), "utf8").trim();
  }

  get user(): Account {
    const user = this.state.accounts.find((account) => account.id === this.state.userId);
    if (!user) {
      throw new Error("the state names a token owner that is not among its accounts");
    }
    return user;
  }

  save(): void {
    writeAtomically(join(this.#dataDir, STATE_FILE), JSON.stringify(this.state, null, 2) + "\n");
  }

  nextId(): number {
    return this.state.nextId++;
  }

  timestamp(): string {
    return timestamp(this.now());
  }

  ownerOf(repository: Repository): Account {
    const owner = this.state.accounts.find((account) => account.id === repository.ownerId);
    if (!owner) {
      throw new Error(`the state names an owner of repository ${repository.id} that is not among its accounts`);
    }
    return owner;
  }

  /** Makes the repository if it is not there yet, under this or a later name. */
  ensureRepository(owner: string, name: string): void {
    if (!findRepository(this.state, owner, name) && !findRenamedRepository(this.state, owner, name)) {
      this.addRepository(owner, name);
    }
  }

  renameRepository(repository: Repository, name: string): void {
    this.#releaseName(repository.ownerId, name);
    repository.formerNames.push(repository.name);
    repository.name = name;
    this.save();
  }

  /** A name in use redirects nowhere any more. */
  #releaseName(ownerId: number, name: string): void {
    for (const repository of this.state.repositories.filter((repo) => repo.ownerId === ownerId)) {
      repository.formerNames = repository.formerNames.filter((former) => !same(former, name));
    }
  }

  /** Adds the repository and, if new, its owner, who is an organization unless it is the token's user. */
  addRepository(owner: string, name: string, settings: Partial<Pick<Repository, "private" | "description">> = {}) {
    let account = findAccount(this.state, owner);
    if (!account) {
      account = { id: this.nextId(), login: owner, type: "Organization" };
      this.state.accounts.push(account);
    }
    this.#releaseName(account.id, name);
    const at = this.timestamp();
    const repository: Repository = {
      id: this.nextId(),
      ownerId: account.id,
      name,
      formerNames: [],
      private: settings.private ?? true,
      description: settings.description ?? null,
      createdAt: at,
      updatedAt: at,
    };
    this.state.repositories.push(repository);
    this.save();
    return repository;
  }

  removeEnvironment(environment: Environment): void {
    this.state.environments = this.state.environments.filter((other) => other !== environment);
    delete this.state.scopes[scopeKey({ app: "actions", kind: "environment", environmentId: environment.id })];
    this.save();
  }

  removeRepository(repository: Repository): void {
    for (const environment of this.state.environments.filter((env) => env.repositoryId === repository.id)) {
      this.removeEnvironment(environment);
    }
    for (const app of ["actions", "dependabot"] as const) {
      delete this.state.scopes[scopeKey({ app, kind: "repository", repositoryId: repository.id })];
    }
    this.state.variables = this.state.variables.filter((variable) => variable.repositoryId !== repository.id);
    this.state.repositories = this.state.repositories.filter((other) => other !== repository);
    this.save();
  }
}
