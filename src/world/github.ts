import { createPrivateKey, sign } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { Patience } from "./dopplerRequests";

// Reads GitHub's REST API. The Pulumi provider has functions for that too, but it sends one request at a time, and with
// its option for parallel requests the writes would be parallel as well, which GitHub punishes. Octokit's packages are
// ES modules by now, which this program, compiled to CommonJS by ts-node, can't load on every version of Node.

/** Who asks: a token, or an installation of a GitHub App. */
export type GithubCredential = { token: string } | { app: string; installation: string; key: string };

const PER_PAGE = 100;
/** Requests at a time. GitHub allows 100. */
const PARALLEL = 8;
const TIMEOUT_MS = 30_000;
/** What GitHub asks of clients that it tells to slow down without saying for how long. */
const DEFAULT_PAUSE_MS = 60_000;
/** GitHub's limit counts by the hour; a run does not wait for the next one. */
const PATIENCE: Patience = { total: 180_000, first: 500, longest: 15_000 };

const tokenBody = z.object({ token: z.string() });

/** GitHub refused or did not answer. The message says what was asked and what came back; it holds no credential. */
export class GithubError extends Error {
  constructor(
    message: string,
    /** The HTTP status, if there was an answer. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/**
 * The credential that the provider would use: an App's, where all three variables are set, else the token.
 *
 * @param token from the stack's settings
 */
export function githubCredential(token: string | undefined, env: NodeJS.ProcessEnv): GithubCredential {
  const { GITHUB_APP_ID: app, GITHUB_APP_INSTALLATION_ID: installation, GITHUB_APP_PEM_FILE: key } = env;
  // The variable holds the key itself, as the provider takes it, line breaks perhaps written as "\n".
  if (app && installation && key) return { app, installation, key: key.replaceAll("\\n", "\n") };
  const known = token ?? env["GITHUB_TOKEN"];
  if (known) return { token: known };
  throw new GithubError(
    'No credential for GitHub: "pulumi config set --secret githubToken", the environment variable GITHUB_TOKEN, or GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and GITHUB_APP_PEM_FILE. A sign-in of the gh command is not used.',
  );
}

/** The REST API's address, without a trailing slash, as the provider makes it from its `baseUrl`. */
export function githubApi(baseUrl: string | undefined): string {
  const url = new URL(baseUrl || "https://api.github.com");
  const path = url.pathname.replace(/\/+$/, "");
  if (url.host === "github.com") url.host = "api.github.com";
  else if (/\.ghe\.com$/.test(url.host) && !/^api\.[a-zA-Z0-9-]+\.ghe\.com$/.test(url.host))
    url.host = `api.${url.host}`;
  const cloud = url.host === "api.github.com" || url.host.endsWith(".ghe.com");
  return cloud ? `${url.origin}${path}` : `${url.origin}${path.replace(/\/api\/v3$/, "")}/api/v3`;
}

/** GitHub's REST API, with the rights of one credential. It only reads, a few requests at a time. */
export class GithubClient {
  readonly #api: string;
  readonly #credential: GithubCredential;
  readonly #patience: Patience;
  #token: Promise<string> | undefined;
  #free = PARALLEL;
  readonly #waiting: (() => void)[] = [];
  /** Until then nobody asks: GitHub said so to one of the requests. */
  #pausedUntil = 0;
  /** What ends all further requests, such as a token that is not valid. */
  #final: GithubError | undefined;

  /**
   * @param baseUrl as the provider's; without it, GitHub itself
   * @param patience how long a request is tried
   */
  constructor(baseUrl: string | undefined, credential: GithubCredential, patience: Patience = PATIENCE) {
    this.#api = githubApi(baseUrl);
    this.#credential = credential;
    this.#patience = patience;
  }

  /**
   * What is at a path.
   *
   * @throws GithubError, with the status if GitHub answered
   */
  async get(path: string): Promise<unknown> {
    return (await this.#bounded(path)).body;
  }

  /** All pages of a list. */
  async list<Item>(path: string, items: (body: unknown) => Item[]): Promise<Item[]> {
    const all: Item[] = [];
    for (let page = 1; ; page++) {
      const { body, more } = await this.#bounded(`${path}?per_page=${PER_PAGE}&page=${page}`);
      all.push(...items(body));
      if (!more) return all;
    }
  }

  async #bounded(path: string): Promise<{ body: unknown; more: boolean }> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (this.#final !== undefined) throw this.#final;
      this.#token ??= this.#signIn();
      return await this.#request("GET", path, await this.#token);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #signIn(): Promise<string> {
    if ("token" in this.#credential) return this.#credential.token;
    const { app, installation, key } = this.#credential;
    const path = `/app/installations/${encodeURIComponent(installation)}/access_tokens`;
    const { body } = await this.#request("POST", path, appToken(app, key));
    return tokenBody.parse(body).token;
  }

  /** Sends a request, again after a lost connection, an error of the server, or when GitHub says to wait. */
  async #request(method: string, path: string, token: string): Promise<{ body: unknown; more: boolean }> {
    const what = `${method} ${this.#api}${path}`;
    const end = performance.now() + this.#patience.total;
    for (let attempt = 0; ; attempt++) {
      await this.#unpaused();
      const usual = Math.min(this.#patience.first * 2 ** attempt, this.#patience.longest);
      let response: Response;
      let text: string;
      let body: unknown;
      try {
        response = await fetch(`${this.#api}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            accept: "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
          },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        text = await response.text();
        if (response.ok) body = JSON.parse(text);
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        // The parser's own message would show a part of the answer, which may be a token.
        const why = cause instanceof SyntaxError ? "the answer is no JSON" : (cause as Error).message;
        const lost = new GithubError(`GitHub can't be reached: ${what}: ${why}`);
        if (performance.now() + usual > end) throw this.#ended(lost);
        await delay(usual);
        continue;
      }
      if (response.ok) return { body, more: /rel="next"/.test(response.headers.get("link") ?? "") };
      const { status } = response;
      const refused = new GithubError(`GitHub refused ${what}: ${reason(text)} (HTTP ${status})`, status);
      const pause = pauseMs(response, text);
      if (pause !== undefined) {
        if (performance.now() + pause > end) throw this.#ended(limited(refused, pause));
        this.#pause(pause);
      } else if (status >= 500 && performance.now() + usual <= end) await delay(usual);
      else throw status === 401 || status >= 500 ? this.#ended(refused) : refused;
    }
  }

  async #unpaused(): Promise<void> {
    for (;;) {
      const wait = this.#pausedUntil - performance.now();
      if (wait <= 0) return;
      await delay(wait);
    }
  }

  /** No request is sent for a while: to go on asking is what GitHub punishes. */
  #pause(milliseconds: number): void {
    const until = performance.now() + milliseconds;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    void pulumi.log.info(`GitHub says to wait; the program goes on asking in ${Math.ceil(milliseconds / 1000)} s …`);
  }

  #ended(error: GithubError): GithubError {
    return (this.#final ??= error);
  }
}

/** How long GitHub says to wait, of whichever of its limits; `undefined` if it refused for another reason. */
function pauseMs({ status, headers }: Response, text: string): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const seconds = Number(headers.get("retry-after"));
  if (seconds > 0) return seconds * 1000;
  const reset = Number(headers.get("x-ratelimit-reset"));
  if (headers.get("x-ratelimit-remaining") === "0" && reset > 0) return Math.max(1000, reset * 1000 - Date.now());
  return status === 429 || /secondary rate limit/i.test(text) ? DEFAULT_PAUSE_MS : undefined;
}

function limited({ message, status }: GithubError, pause: number): GithubError {
  const at = new Date(Date.now() + pause).toISOString().slice(0, 16).replace("T", " ");
  return new GithubError(
    `${message}. GitHub's limit for this credential ends at ${at} UTC: run again after that.`,
    status,
  );
}

/** What an App proves itself with for a few minutes, to get a token of its installation. */
function appToken(app: string, key: string): string {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  // A minute back, for clocks that differ.
  const claims = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ iss: app, iat: now - 60, exp: now + 300 })}`;
  try {
    return `${claims}.${sign("RSA-SHA256", Buffer.from(claims), createPrivateKey(key)).toString("base64url")}`;
  } catch {
    throw new GithubError("GITHUB_APP_PEM_FILE: expected the App's private key itself, in PEM form, and not a path.");
  }
}

/** What a refusal says, if it is one of GitHub's own. */
function reason(text: string): string {
  try {
    return z.object({ message: z.string() }).parse(JSON.parse(text)).message;
  } catch {
    return "no reason given";
  }
}
