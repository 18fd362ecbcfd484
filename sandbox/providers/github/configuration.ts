import { createPrivateKey, sign } from "node:crypto";
import { type PropertyMap, type PropertyValue, type ResourceSpec, revealAll } from "../base/index.js";
import { type ClientOptions, GitHubClient, isNotFound } from "./client.js";

const atLeast =
  (minimum: number) =>
  (value: PropertyValue, name: string): string | undefined =>
    Number(value) < minimum ? `expected ${name} to be at least (${minimum}), got ${Number(value)}` : undefined;

/** The provider's own inputs. */
export const configurationSpec: ResourceSpec = {
  properties: {
    appAuth: {
      type: {
        object: {
          id: { type: "string", required: true },
          installationId: { type: "string", required: true },
          pemFile: { type: "string", required: true, secret: true },
        },
      },
    },
    baseUrl: { type: "string" },
    cachePath: { type: "string" },
    insecure: { type: "boolean" },
    legacyClient: { type: "boolean" },
    maxPerPage: { type: "number", validate: atLeast(1) },
    maxRetries: { type: "number", validate: atLeast(0) },
    organization: { type: "string" },
    owner: { type: "string" },
    parallelRequests: { type: "boolean" },
    readDelayMs: { type: "number", validate: atLeast(0) },
    retryDelayMs: { type: "number", validate: atLeast(0) },
    retryableErrors: { type: { list: "number" } },
    token: { type: "string", secret: true },
    writeDelayMs: { type: "number", validate: atLeast(0) },
  },
};

/** The engine adds these to every provider's inputs; they are not the provider's business. */
const ENGINE_KEYS = new Set(["version", "pluginDownloadURL", "pluginChecksums"]);

/**
 * The provider's inputs as values. What is not a string comes as JSON text.
 * @throws if a text is not JSON
 */
export function decodeConfiguration(args: PropertyMap): PropertyMap {
  const decoded: PropertyMap = {};
  for (const [name, value] of Object.entries(revealAll(args))) {
    const type = configurationSpec.properties[name]?.type;
    if (ENGINE_KEYS.has(name) || value === null) {
      continue;
    }
    if (typeof value !== "string" || type === "string" || type === undefined) {
      decoded[name] = value;
    } else if (value !== "") {
      try {
        decoded[name] = JSON.parse(value) as PropertyValue;
      } catch {
        throw new Error(`github provider: ${name} is not JSON; give a value of the type that the SDK declares`);
      }
    }
  }
  return decoded;
}

/** What every resource works with. */
export interface Connection {
  client: GitHubClient;
  /** Account whose repositories and secrets are managed; empty if none is known. */
  owner: string;
  /** Whether the owner is an organization. */
  isOrganization: boolean;
  /** Items to ask for in one answer of a list. */
  maxPerPage: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const GITHUB_HOSTS = /^(api\.)?(github\.com|[A-Za-z0-9-]+\.ghe\.com)$/;

/**
 * Base of the REST API for a `baseUrl`. Any host other than GitHub's own is taken for a GitHub Enterprise Server, whose
 * API is under `api/v3/`, which may or may not be in `baseUrl` already.
 */
export function restUrl(baseUrl: string): string {
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch {
    throw new Error("base url must be absolute");
  }
  const path = url.pathname.replace(/\/*$/, "/");
  if (!GITHUB_HOSTS.test(url.host)) {
    return `${url.protocol}//${url.host}${path.replace(/api\/v3\/$/, "")}api/v3/`;
  }
  if (url.protocol !== "https:") {
    throw new Error("base url for github.com or ghe.com must use the https scheme");
  }
  if (path !== "/") {
    throw new Error(`base url for github.com or ghe.com must not contain a path, got ${path}`);
  }
  return `https://${url.host.startsWith("api.") ? "" : "api."}${url.host}/`;
}

/**
 * Who owns what is managed. The environment variable beats the property that is meant to override it; that is a bug of
 * the released provider, kept there for compatibility and here because it surprises people.
 */
export function chosenOwner(config: PropertyMap, environment: Environment): string {
  const candidates = [
    config["organization"],
    environment["GITHUB_ORGANIZATION"],
    environment["GITHUB_OWNER"],
    config["owner"],
  ];
  return candidates.find((name): name is string => typeof name === "string" && name !== "") ?? "";
}

/** Builds a client from the provider's inputs and the environment, and finds out what the owner is. */
export async function connect(args: PropertyMap, environment: Environment, signal: AbortSignal): Promise<Connection> {
  const config = decodeConfiguration(args);
  const text = (name: string, variable: string): string => {
    const value = config[name];
    return typeof value === "string" && value !== "" ? value : (environment[variable] ?? "");
  };
  const number = (name: string, absent: number): number => {
    const value = config[name];
    return typeof value === "number" ? value : absent;
  };

  const legacyClient = config["legacyClient"] ?? environment["GITHUB_LEGACY_CLIENT"] !== "false";
  if (legacyClient === false) {
    throw new Error("github provider stand-in: legacyClient false is not covered; leave it at its default");
  }
  const base = restUrl(text("baseUrl", "GITHUB_BASE_URL") || "https://api.github.com/");
  let owner = chosenOwner(config, environment);

  let token = text("token", "GITHUB_TOKEN");
  const app = appCredentials(config, environment);
  if (app) {
    if (owner === "") {
      throw new Error("owner must be set for github app authentication");
    }
    token = await installationToken(base, app, signal);
  } else if (config["appAuth"] !== undefined) {
    throw new Error("app_auth block is set but required fields are missing or contains empty values");
  }
  // The released provider now asks `gh auth token`. This one doesn't: a person's own login has no place in a sandbox.

  const statuses = config["retryableErrors"];
  const options: ClientOptions = {
    restUrl: base,
    token: token === "" ? undefined : token,
    readDelayMs: number("readDelayMs", 0),
    // The released default is 1000, so as not to upset GitHub. Nothing here can be upset, so only an explicit one counts.
    // For the same reason its fixed waits of one second after each create and update of a secret are left out.
    writeDelayMs: number("writeDelayMs", 0),
    retryDelayMs: number("retryDelayMs", 1000),
    maxRetries: number("maxRetries", 3),
    retryableErrors: Array.isArray(statuses) && statuses.length > 0 ? statuses.map(Number) : [500, 502, 503, 504],
    parallelRequests: config["parallelRequests"] === true,
  };
  const client = new GitHubClient(options);

  if (owner === "" && options.token !== undefined) {
    try {
      owner = (await client.get<{ login: string }>("user", signal)).login;
    } catch (error) {
      throw new Error(`owner cannot be found by token: ${(error as Error).message}`, { cause: error });
    }
  }
  let isOrganization = false;
  if (owner !== "") {
    try {
      await client.get(`orgs/${owner}`, signal);
      isOrganization = true;
    } catch (error) {
      // A user account is no organization; it may own repositories all the same.
      if (!isNotFound(error)) {
        const reason = (error as Error).message;
        throw new Error(`failed to lookup organization ${JSON.stringify(owner)}: ${reason}`, { cause: error });
      }
    }
  }
  return {
    client,
    owner,
    isOrganization,
    maxPerPage: number("maxPerPage", Number(environment["GITHUB_MAX_PER_PAGE"]) || 100),
  };
}

interface AppCredentials {
  id: string;
  installationId: string;
  pem: string;
}

/** Credentials of a GitHub App, field by field from the provider's inputs or the environment; they win over a token. */
function appCredentials(config: PropertyMap, environment: Environment): AppCredentials | undefined {
  const given = (config["appAuth"] ?? {}) as Record<string, unknown>;
  const field = (name: string, variable: string): string => {
    const value = given[name];
    return typeof value === "string" && value !== "" ? value : (environment[variable] ?? "");
  };
  const id = field("id", "GITHUB_APP_ID");
  const installationId = field("installationId", "GITHUB_APP_INSTALLATION_ID");
  const pem = field("pemFile", "GITHUB_APP_PEM_FILE").replaceAll("\\n", "\n");
  return id && installationId && pem ? { id, installationId, pem } : undefined;
}

async function installationToken(base: string, app: AppCredentials, signal: AbortSignal): Promise<string> {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ iss: app.id, iat: now - 60, exp: now + 300 })}`;
  let key;
  try {
    key = createPrivateKey(app.pem);
  } catch {
    throw new Error("no decodeable PEM data found");
  }
  const signature = sign("RSA-SHA256", Buffer.from(claims), key).toString("base64url");
  const response = await fetch(`${base}app/installations/${app.installationId}/access_tokens`, {
    method: "POST",
    signal,
    headers: { accept: "application/vnd.github.v3+json", authorization: `Bearer ${claims}.${signature}` },
  });
  const body = await response.text();
  if (response.status !== 201) {
    throw new Error(`failed to create OAuth token from GitHub App: ${body}`);
  }
  return (JSON.parse(body) as { token: string }).token;
}
