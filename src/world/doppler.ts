import * as pulumi from "@pulumi/pulumi";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  configsBody,
  environmentsBody,
  logsBody,
  namesBody,
  projectBody,
  refusal,
  secretsBody,
  tokensBody,
} from "./dopplerAnswers";

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

const PER_PAGE = 100;
const TIMEOUT_MS = 30_000;

/** How long a request is tried; a test gives its own. Milliseconds. */
export interface Patience {
  /** How long to go on from the first try, waits included. */
  total: number;
  /** The wait after the first failure, where Doppler names none; each later one is twice as long. */
  first: number;
  /** The longest of these waits. */
  longest: number;
}

const PATIENCE: Patience = { total: 120_000, first: 500, longest: 15_000 };

/** Doppler refused or did not answer. The message says what was asked and what came back; it holds no token. */
export class DopplerError extends Error {
  constructor(
    message: string,
    /** The HTTP status, if there was an answer. */
    readonly status?: number,
  ) {
    super(message);
  }

  /** The same, of a request that was tried for so long. */
  after(milliseconds: number): DopplerError {
    return new DopplerError(`${this.message}, also after ${Math.round(milliseconds / 1000)} s`, this.status);
  }
}

/** Doppler's API, with the rights of one token. */
export class DopplerClient {
  readonly #host: string;
  readonly #token: string;
  readonly #patience: Patience;
  /** The moment until which a notice has said that the run waits, in milliseconds since 1970. */
  #saidUntil = 0;
  #secretReadLimit: number | undefined;

  /**
   * @param host Doppler's API without a trailing slash
   * @param token a personal or service account token
   */
  constructor(host: string, token: string, patience: Patience = PATIENCE) {
    this.#host = host;
    this.#token = token;
    this.#patience = patience;
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
    return this.#secretReadLimit;
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

  /**
   * Sends a request. A request that Doppler limits is sent again, and a read also after a lost connection or an error of
   * the server; a change may have been made by then, so it is left to the next run.
   */
  async #request(method: string, path: string, query: Record<string, string>, body?: unknown): Promise<unknown> {
    const what = `${method} ${this.#host}${path}`;
    const started = performance.now();
    const end = started + this.#patience.total;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#send(what, method, path, query, body);
      if (!(answer instanceof Failure)) return answer;
      const again = answer.limited || (method === "GET" && answer.passing);
      const usual = Math.min(this.#patience.first * 2 ** attempt, this.#patience.longest);
      const wait = answer.retryAfter ?? usual;
      const now = performance.now();
      if (!again) throw answer.error;
      if (now + wait > end) throw attempt === 0 ? answer.error : answer.error.after(now - started);
      if (now + wait - started >= this.#patience.first * 4) await this.#sayWait(answer, wait);
      await delay(wait);
    }
  }

  /** Says what the run waits for, until when and why. Requests that wait for the same moment say so once. */
  async #sayWait({ error, limited }: Failure, wait: number): Promise<void> {
    const until = Date.now() + wait;
    if (until <= this.#saidUntil + 1000) return;
    this.#saidUntil = until;
    const why = limited
      ? " Whatever reads with the same token or from the same IP address takes from the same limit, such as the operator of a cluster."
      : "";
    await pulumi.log.info(
      `Waiting for Doppler until ${new Date(until).toISOString().slice(11, 19)} UTC, ${Math.ceil(wait / 1000)} s from now. ${error.message}.${why}`,
    );
  }

  async #send(
    what: string,
    method: string,
    path: string,
    query: Record<string, string>,
    body: unknown,
  ): Promise<unknown> {
    let response: Response;
    let text: string;
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
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return new Failure(new DopplerError(`Doppler can't be reached: ${what}: ${(cause as Error).message}`), {
        passing: true,
      });
    }
    const { status } = response;
    if (/^\/v3\/configs\/config\/secrets?\b/.test(path)) {
      this.#secretReadLimit = Number(response.headers.get("x-ratelimit-limit")) || this.#secretReadLimit;
    }
    if (response.ok) {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        // The parser's own message would show a part of the answer.
        return new Failure(new DopplerError(`Doppler's answer to ${what} is no JSON`, status), { passing: true });
      }
    }
    const seconds = Number(response.headers.get("retry-after") ?? "");
    return new Failure(
      new DopplerError(`Doppler refused ${what}: ${refusal(text)} (HTTP ${status})`, status),
      { limited: status === 429, passing: status >= 500 },
      seconds > 0 ? seconds * 1000 : undefined,
    );
  }
}

/** A request that failed, and whether it may succeed later. */
class Failure {
  readonly limited: boolean;
  readonly passing: boolean;

  constructor(
    readonly error: DopplerError,
    kind: { limited?: boolean; passing?: boolean },
    /** How long Doppler asks to wait, in milliseconds. */
    readonly retryAfter?: number,
  ) {
    this.limited = kind.limited ?? false;
    this.passing = kind.passing ?? false;
  }
}

/** As the schema's own `parse`, but an error quotes nothing of the answer, which holds values. */
function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, success } = schema.safeParse(body);
  if (!success) throw new DopplerError("Doppler's answer to a read of values is not of the documented form.");
  return data;
}
