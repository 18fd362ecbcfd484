import { z } from "zod";
import { DopplerError, DopplerRequests, type Patience } from "./dopplerRequests";

// The Pulumi provider for Doppler can't tell whether a thing exists before it is created, nor who uses it. This client
// asks Doppler's API for that. Whatever changes Doppler is a resource; the one exception is {@link DopplerClient.revoke}.

/** A service token as Doppler lists it; never with its key. */
export interface ListedToken {
  name: string;
  slug: string;
  /** When a request last came with it; null if none ever did; undefined where Doppler does not tell. */
  lastSeenAt: string | null | undefined;
  createdAt?: string | undefined;
  expiresAt?: string | undefined;
}

const projectBody = z.object({ project: z.object({ name: z.string(), description: z.string().nullish() }) });
const environmentsBody = z.object({ environments: z.array(z.object({ slug: z.string(), name: z.string() })) });
const configsBody = z.object({ configs: z.array(z.object({ name: z.string(), environment: z.string() })) });
const tokensBody = z.object({
  tokens: z.array(
    z.object({
      name: z.string(),
      slug: z.string(),
      last_seen_at: z.string().nullish(),
      created_at: z.string().nullish(),
      expires_at: z.string().nullish(),
    }),
  ),
});
const logsBody = z.object({ logs: z.array(z.object({ id: z.string(), created_at: z.string() })) });

const namesBody = z.object({ names: z.array(z.string()) });
const secretsBody = z.object({
  secrets: z.record(z.string(), z.object({ computed: z.string().nullable() })),
});

const PER_PAGE = 100;
/** Doppler's API, with the rights of one token. */
export class DopplerClient {
  readonly #requests: DopplerRequests;

  /**
   * @param host Doppler's API without a trailing slash
   * @param token a personal or service account token
   */
  constructor(host: string, token: string, patience?: Patience) {
    this.#requests = new DopplerRequests(host, token, patience);
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
    return tokens.map((t) => ({
      name: t.name,
      slug: t.slug,
      lastSeenAt: t.last_seen_at,
      createdAt: t.created_at ?? undefined,
      expiresAt: t.expires_at ?? undefined,
    }));
  }

  /**
   * The names that a config has, inherited ones and Doppler's own among them, whatever their values; `undefined` if there
   * is no such config that this token may see.
   */
  async secretNames(project: string, config: string): Promise<ReadonlySet<string> | undefined> {
    const body = await this.#find("/v3/configs/config/secrets/names", { project, config });
    return body === undefined ? undefined : new Set(namesBody.parse(body).names);
  }

  /** Some values of a config, by name: with references replaced, and null where the name is restricted. */
  async secrets(
    project: string,
    config: string,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, string | null>> {
    const body = await this.#get("/v3/configs/config/secrets", { project, config, secrets: names.join(",") });
    const secrets = Object.entries(parsed(secretsBody, body).secrets);
    return new Map(secrets.filter(([name]) => names.includes(name)).map(([name, { computed }]) => [name, computed]));
  }

  /** When a config was changed, the latest change first. The changes themselves stay in Doppler: they have values. */
  async changes(project: string, config: string): Promise<{ id: string; at: number }[]> {
    const { logs } = logsBody.parse(await this.#get("/v3/configs/config/logs", { project, config }));
    return logs.map(({ id, created_at: at }) => ({ id, at: Date.parse(at) })).sort((a, b) => b.at - a.at);
  }

  /** How many reads of secrets a minute Doppler allows, by its answer to the last such read; it depends on the plan. */
  get secretReadLimit(): number | undefined {
    return this.#requests.secretReadLimit;
  }

  /** Revokes a service token that an interrupted run made and no state knows. */
  async revoke(project: string, config: string, slug: string): Promise<void> {
    await this.#requests.send("DELETE", "/v3/configs/config/tokens/token", {}, { project, config, slug });
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
    return this.#requests.send("GET", path, query);
  }
}

/** As the schema's own `parse`, but an error quotes nothing of the answer, which holds values. */
function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, success } = schema.safeParse(body);
  if (!success) throw new DopplerError("Doppler's answer to a read of values is not of the documented form.");
  return data;
}
