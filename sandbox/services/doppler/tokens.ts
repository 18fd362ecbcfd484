import { createHash, randomInt, randomUUID } from "node:crypto";
import type { Config, Environment, Project, ServiceAccount, ServiceToken, State, StoredToken } from "./state.js";

const ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const KEY_LENGTH = 43;

/** Anything that looks like a Doppler credential, wherever it turns up. */
export const TOKEN_PATTERN = /dp\.[a-z]+\.[A-Za-z0-9._-]+/g;

export interface IssuedToken {
  /** The credential itself, to be shown once. */
  key: string;
  stored: StoredToken;
}

/**
 * Makes a credential.
 * @param prefix `dp.pt`, `dp.sa` or `dp.st.<config>`.
 */
export function issueToken(
  prefix: string,
  name: string,
  createdAt: string,
  expiresAt: string | null = null,
): IssuedToken {
  const random = Array.from({ length: KEY_LENGTH }, () => ALPHANUMERIC[randomInt(ALPHANUMERIC.length)]).join("");
  const key = `${prefix}.${random}`;
  return {
    key,
    stored: {
      slug: randomUUID(),
      name,
      hash: hashToken(key),
      preview: `${prefix.split(".").slice(0, 2).join(".")}…${random.slice(-6)}`,
      createdAt,
      expiresAt,
      lastSeenAt: null,
    },
  };
}

/** Doppler's token format has room for a config name of 2 to 35 characters; a longer one is left out. */
export function serviceTokenPrefix(config: string): string {
  return config.length <= 35 ? `dp.st.${config}` : "dp.st";
}

export function hashToken(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** The sender of a request: a stored token and its owner. */
export type Actor =
  | { kind: "personal"; token: StoredToken }
  | { kind: "service_account"; token: StoredToken; account: ServiceAccount }
  | { kind: "service"; token: ServiceToken; project: Project; environment: Environment; config: Config };

/** How the access log names an actor: its kind and a name that is no secret. */
export function actorLabel(actor: Actor): string {
  return `${actor.kind}:${actor.kind === "personal" ? actor.token.name : actor.token.slug}`;
}

/** The actor a credential belongs to, or undefined when it is unknown or has expired. */
export function findActor(state: State, key: string, now: Date): Actor | undefined {
  const hash = hashToken(key);
  const actor = findByHash(state, hash);
  const expiresAt = actor?.token.expiresAt ?? null;
  return expiresAt !== null && new Date(expiresAt) <= now ? undefined : actor;
}

function findByHash(state: State, hash: string): Actor | undefined {
  for (const token of state.personalTokens) {
    if (token.hash === hash) return { kind: "personal", token };
  }
  for (const account of state.serviceAccounts) {
    for (const token of account.tokens) {
      if (token.hash === hash) return { kind: "service_account", token, account };
    }
  }
  for (const project of state.projects) {
    for (const environment of project.environments) {
      for (const config of environment.configs) {
        for (const token of config.serviceTokens) {
          if (token.hash === hash) return { kind: "service", token, project, environment, config };
        }
      }
    }
  }
  return undefined;
}

/** The credential in an Authorization header: Bearer, or Basic with the token as user (the password is ignored). */
export function readCredential(header: string | undefined): string | undefined {
  const match = /^(basic|bearer) +(\S+) *$/i.exec(header ?? "");
  const [, scheme, credential] = match ?? [];
  if (scheme === undefined || credential === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return credential;
  const [user] = Buffer.from(credential, "base64").toString("utf8").split(":", 1);
  return user === "" ? undefined : user;
}
