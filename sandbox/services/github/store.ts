import { randomInt } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Account,
  type Environment,
  findAccount,
  findRenamedRepository,
  findRepository,
  readState,
  type Repository,
  same,
  scopeKey,
  type State,
  STATE_FILE,
} from "./state.js";

const TOKEN_FILE = "token";

function writeAtomically(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, path);
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function newToken(): string {
  return "ghp_" + Array.from({ length: 36 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
}

/** GitHub's times have whole seconds: two changes within one second look alike, there as here. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
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
