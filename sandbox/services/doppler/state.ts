import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

export const VISIBILITIES = ["unmasked", "masked", "restricted"] as const;
/** From open to closed. A restricted value can be read only with a token that belongs to no user. */
export type Visibility = (typeof VISIBILITIES)[number];

/** Times are ISO 8601 in UTC throughout. */
export interface Secret {
  value: string;
  visibility: Visibility;
}

/** A credential as stored: its hash, never the key, so that the key is shown once and can't be shown again. */
export interface StoredToken {
  slug: string;
  name: string;
  /** SHA-256 of the key, hex. */
  hash: string;
  /** The first characters of the key, as Doppler's lists show it. */
  preview: string;
  createdAt: string;
  expiresAt: string | null;
  lastSeenAt: string | null;
}

export interface ServiceToken extends StoredToken {
  access: "read" | "read/write";
}

export interface Config {
  name: string;
  slug: string;
  root: boolean;
  locked: boolean;
  createdAt: string;
  initialFetchAt: string | null;
  lastFetchAt: string | null;
  secrets: Record<string, Secret>;
  serviceTokens: ServiceToken[];
  /** Changes of its secrets, the latest last; absent as long as there were none. */
  logs?: ConfigLog[];
}

/** A change of a config's secrets. */
export interface ConfigLog {
  id: string;
  text: string;
  createdAt: string;
}

export interface Environment {
  slug: string;
  name: string;
  personalConfigs: boolean;
  createdAt: string;
  /** The first is the root config, named like the environment. */
  configs: Config[];
}

export const PROJECT_ROLES = ["admin", "collaborator", "viewer", "no_access"] as const;
export type ProjectRole = (typeof PROJECT_ROLES)[number];

export interface ProjectMember {
  /** Slug of a service account. */
  slug: string;
  role: ProjectRole;
  /** Environment slugs the role holds in; null is all of them. */
  environments: string[] | null;
}

export interface Project {
  name: string;
  description: string;
  createdAt: string;
  environments: Environment[];
  members: ProjectMember[];
  /** Secret name → note. Doppler keeps one note per name and project. */
  notes: Record<string, string>;
}

export const WORKPLACE_ROLES = ["owner", "admin", "collaborator", "viewer", "no_access"] as const;
export type WorkplaceRole = (typeof WORKPLACE_ROLES)[number];

export interface ServiceAccount {
  slug: string;
  name: string;
  createdAt: string;
  /** A named role, or permissions of its own. */
  role: { identifier: WorkplaceRole } | { permissions: string[] };
  tokens: StoredToken[];
}

export interface State {
  version: 1;
  workplace: { slug: string; name: string; billingEmail: string };
  personalTokens: StoredToken[];
  serviceAccounts: ServiceAccount[];
  projects: Project[];
}

/** Replaces a file so that a reader, or a crash, meets either the old or the new content. Mode 0600. */
export function writeFileDurably(path: string, content: string): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  // Without this sync, a power cut may undo the rename.
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * The workplace, in memory and in `state.json`.
 *
 * Changes are synchronous from first check to last byte on disk, so requests can't interleave,
 * and a change that throws half-way leaves nothing behind.
 */
export class Store {
  readonly #path: string;
  #state: State;

  private constructor(path: string, state: State) {
    this.#path = path;
    this.#state = state;
  }

  /**
   * Opens the state in a data folder, making both when missing.
   * @throws if an existing state file is not one of ours.
   */
  static open(folder: string, initial: () => State): Store {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, "state.json");
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      const store = new Store(path, initial());
      store.flush();
      return store;
    }
    return new Store(path, parseState(path, text));
  }

  get state(): State {
    return this.#state;
  }

  /** Runs a change on a copy, makes it durable, and only then lets others see it. */
  transact<Result>(change: (draft: State) => Result): Result {
    const draft = structuredClone(this.#state);
    const result = change(draft);
    this.#write(draft);
    this.#state = draft;
    return result;
  }

  /** Writes what {@link touch} left in memory. */
  flush(): void {
    this.#write(this.#state);
  }

  /**
   * A change that is worth no disk write of its own (when a token was last seen, say).
   * It reaches the disk with the next transaction or flush.
   */
  touch(change: (state: State) => void): void {
    change(this.#state);
  }

  #write(state: State): void {
    writeFileDurably(this.#path, JSON.stringify(state));
  }
}

function parseState(path: string, text: string): State {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON. Move it away to start with an empty workplace.`);
  }
  if (typeof state !== "object" || state === null || !("version" in state) || state.version !== 1) {
    throw new Error(`${path} was not written by this version. Move it away to start with an empty workplace.`);
  }
  return state as State;
}
