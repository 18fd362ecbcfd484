import { z } from "zod";
import type { StackConfig } from "../settings";

// The Pulumi provider for Doppler can't tell whether a thing exists before it is created, nor who uses it. This client
// asks Doppler's API for that. Whatever changes Doppler is a resource; the one exception is {@link DopplerClient.revoke}.

/** What Doppler has of a stack's project. */
export interface DopplerFindings {
  /** The project; `undefined` if there is none that this token may see. */
  project?: { name: string; description: string };
  /** Its environments. */
  environments: { slug: string; name: string }[];
  /** The configs of the stack's environment, read only where the stack has a branch config. */
  configs: string[];
}

/** A service token as Doppler lists it; never with its key. */
export interface ListedToken {
  name: string;
  slug: string;
  /** When a request last came with it, or null if none ever did. */
  lastSeenAt: string | null;
}

const errorBody = z.object({ messages: z.array(z.string()) });
const projectBody = z.object({ project: z.object({ name: z.string(), description: z.string().nullish() }) });
const environmentsBody = z.object({ environments: z.array(z.object({ slug: z.string(), name: z.string() })) });
const configsBody = z.object({ configs: z.array(z.object({ name: z.string(), environment: z.string() })) });
const tokensBody = z.object({
  tokens: z.array(z.object({ name: z.string(), slug: z.string(), last_seen_at: z.string().nullish() })),
});

const PER_PAGE = 100;
const ATTEMPTS = 5;
const TIMEOUT_MS = 30_000;

/** Doppler refused or did not answer. The message says what was asked and what came back; it holds no token. */
export class DopplerError extends Error {
  constructor(
    message: string,
    /** The HTTP status, if there was an answer. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/** Doppler's API, with the rights of one token. */
export class DopplerClient {
  readonly #host: string;
  readonly #token: string;

  /**
   * @param host Doppler's API without a trailing slash
   * @param token a personal or service account token
   */
  constructor(host: string, token: string) {
    this.#host = host;
    this.#token = token;
  }

  /** The project, or `undefined` if there is none that this token may see. */
  async project(name: string): Promise<{ name: string; description: string } | undefined> {
    const body = await this.#find("/v3/projects/project", { project: name });
    if (body === undefined) return undefined;
    const { project } = projectBody.parse(body);
    return { name: project.name, description: project.description ?? "" };
  }

  /** The project's environments. */
  async environments(project: string): Promise<{ slug: string; name: string }[]> {
    return this.#pages("/v3/environments", { project }, (body) => environmentsBody.parse(body).environments);
  }

  /** The names of an environment's configs, its root config among them. */
  async configs(project: string, environment: string): Promise<string[]> {
    const all = await this.#pages("/v3/configs", { project, environment }, (body) => configsBody.parse(body).configs);
    return all.filter((config) => config.environment === environment).map((config) => config.name);
  }

  /** The service tokens of a config. */
  async serviceTokens(project: string, config: string): Promise<ListedToken[]> {
    const { tokens } = tokensBody.parse(await this.#get("/v3/configs/config/tokens", { project, config }));
    return tokens.map((t) => ({ name: t.name, slug: t.slug, lastSeenAt: t.last_seen_at ?? null }));
  }

  /** Revokes a service token that an interrupted run made and no state knows. */
  async revoke(project: string, config: string, slug: string): Promise<void> {
    await this.#request("DELETE", "/v3/configs/config/tokens/token", {}, { project, config, slug });
  }

  async #pages<Item>(path: string, query: Record<string, string>, items: (body: unknown) => Item[]): Promise<Item[]> {
    const all: Item[] = [];
    for (let page = 1; ; page++) {
      const found = items(await this.#get(path, { ...query, page: String(page), per_page: String(PER_PAGE) }));
      all.push(...found);
      if (found.length < PER_PAGE) return all;
    }
  }

  /** As {@link #get}, but `undefined` for what is not there. Doppler says 404, or 400 with a message that says so. */
  async #find(path: string, query: Record<string, string>): Promise<unknown> {
    try {
      return await this.#get(path, query);
    } catch (error) {
      if (!(error instanceof DopplerError)) throw error;
      const absent =
        error.status === 404 ||
        ((error.status === 400 || error.status === 403) &&
          /could not find|does not have access to requested/i.test(error.message));
      if (absent) return undefined;
      throw error;
    }
  }

  #get(path: string, query: Record<string, string>): Promise<unknown> {
    return this.#request("GET", path, query);
  }

  async #request(method: string, path: string, query: Record<string, string>, body?: unknown): Promise<unknown> {
    const what = `${method} ${this.#host}${path}`;
    for (let attempt = 1; ; attempt++) {
      let response: Response;
      try {
        response = await fetch(`${this.#host}${path}?${new URLSearchParams(query).toString()}`, {
          method,
          headers: {
            authorization: `Basic ${Buffer.from(`${this.#token}:`).toString("base64")}`,
            accept: "application/json",
            "content-type": "application/json",
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        throw new DopplerError(`Doppler can't be reached: ${what}: ${(cause as Error).message}`);
      }
      const text = await response.text();
      if (response.ok) return JSON.parse(text) as unknown;
      if (response.status === 429 && attempt < ATTEMPTS) {
        const seconds = Number(response.headers.get("retry-after"));
        await new Promise((resolve) => setTimeout(resolve, 1000 * (seconds > 0 ? Math.min(seconds, 60) : 1)));
        continue;
      }
      throw new DopplerError(`Doppler refused ${what}: ${refusal(text)} (HTTP ${response.status})`, response.status);
    }
  }
}

/** Reads what Doppler has of a stack's project. */
export async function readDoppler(
  { doppler: { project, environment, branchConfig } }: Pick<StackConfig, "doppler">,
  client: DopplerClient,
): Promise<DopplerFindings> {
  const found = await client.project(project.name);
  const environments = found === undefined ? [] : await client.environments(project.name);
  const askConfigs = branchConfig !== undefined && environments.some(({ slug }) => slug === environment.slug);
  const configs = askConfigs ? await client.configs(project.name, environment.slug) : [];
  return { project: found, environments, configs };
}

/** What a refusal says, if it is one of Doppler's own. */
function refusal(text: string): string {
  try {
    return errorBody.parse(JSON.parse(text)).messages.join("; ");
  } catch {
    return "no reason given";
  }
}
