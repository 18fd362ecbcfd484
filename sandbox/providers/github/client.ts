import { setTimeout as delay } from "node:timers/promises";

/** An answer of GitHub other than success, worded as the released provider words it. */
export class GitHubError extends Error {
  override readonly name = "GitHubError";

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof GitHubError && error.status === 404;
}

export interface ClientOptions {
  /** Base of the REST API with a trailing slash, as in `http://127.0.0.1:8080/api/v3/`. */
  restUrl: string;
  /** Undefined: requests are anonymous. */
  token: string | undefined;
  /** Milliseconds to wait after a read or a write before the next request. */
  readDelayMs: number;
  writeDelayMs: number;
  /** Milliseconds between attempts, and how many more there are after the first. */
  retryDelayMs: number;
  maxRetries: number;
  retryableErrors: readonly number[];
  parallelRequests: boolean;
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** The end of the error page's address tells a secondary rate limit from other refusals. */
const SECONDARY_LIMIT = /(secondary-rate-limits|#abuse-rate-limits)$/;

/** Calls GitHub's REST API with the released provider's manners: one request at a time, its retries and its waits. */
export class GitHubClient {
  readonly #options: ClientOptions;
  /** Settles when the request before has been answered. */
  #previous: Promise<unknown> = Promise.resolve();
  #nextDelayMs = 0;
  /** Set by an answer that says that no requests are left: until then nothing is sent. */
  #blockedUntilMs = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get<Result>(path: string, signal: AbortSignal): Promise<Result> {
    return this.#call<Result>("GET", path, undefined, signal);
  }

  /** Sends JSON; answers with the JSON that comes back, or undefined if none does. */
  put<Result = undefined>(path: string, body: unknown, signal: AbortSignal): Promise<Result> {
    return this.#call<Result>("PUT", path, body, signal);
  }

  async delete(path: string, signal: AbortSignal): Promise<void> {
    await this.#call("DELETE", path, undefined, signal);
  }

  /** All items of a list over its pages. `field` is where in an answer they are. */
  async list<Item>(path: string, field: string, signal: AbortSignal, perPage: number): Promise<Item[]> {
    const items: Item[] = [];
    for (let page = 1; ; page++) {
      const query = `per_page=${perPage}${page > 1 ? `&page=${page}` : ""}`;
      const answer = await this.get<Record<string, Item[] | undefined>>(`${path}?${query}`, signal);
      const found = answer[field] ?? [];
      items.push(...found);
      if (found.length < perPage) {
        return items;
      }
    }
  }

  async #call<Result>(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Result> {
    const url = this.#options.restUrl + path;
    const answer = await this.#withRetries(method, url, body, signal);
    if (answer.status === 202) {
      throw new GitHubError(202, "job scheduled on GitHub side; try again later");
    }
    if (answer.status < 200 || answer.status > 299) {
      throw new GitHubError(answer.status, errorText(method, url, answer));
    }
    try {
      return (answer.text === "" ? undefined : JSON.parse(answer.text)) as Result;
    } catch {
      throw new GitHubError(answer.status, `${method} ${url}: the answer is not JSON`);
    }
  }

  /** Repeats after server errors and lost connections. */
  async #withRetries(method: string, url: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    const { maxRetries, retryDelayMs, retryableErrors } = this.#options;
    for (let retry = 0; ; retry++) {
      let answer: Answer | undefined;
      let failure: unknown;
      try {
        answer = await this.#inTurn(() => this.#withinLimits(method, url, body, signal));
        if (!retryableErrors.includes(answer.status)) {
          return answer;
        }
      } catch (error) {
        failure = error;
      }
      if (signal.aborted || failure instanceof GitHubError || retry >= maxRetries) {
        if (answer) {
          return answer;
        }
        throw failure instanceof GitHubError ? failure : transportError(method, url, failure);
      }
      await delay(retryDelayMs, undefined, { signal });
    }
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#options.parallelRequests) {
      return run();
    }
    const result = this.#previous.then(run);
    this.#previous = result.catch(() => undefined);
    return result;
  }

  /** Repeats as often as a rate limit asks to. */
  async #withinLimits(method: string, url: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    for (;;) {
      if (Date.now() < this.#blockedUntilMs) {
        const until = new Date(this.#blockedUntilMs).toISOString();
        throw new GitHubError(
          403,
          `${method} ${url}: 403 API rate limit still exceeded until ${until}, not making remote request.`,
        );
      }
      await delay(this.#nextDelayMs, undefined, { signal });
      this.#nextDelayMs = method === "GET" ? this.#options.readDelayMs : this.#options.writeDelayMs;
      const answer = await this.#send(method, url, body, signal);

      const refused = answer.status === 403 || answer.status === 429;
      const resetMs = Number(answer.headers.get("x-ratelimit-reset") ?? 0) * 1000;
      const exhausted = answer.headers.get("x-ratelimit-remaining") === "0";
      let waitMs: number | undefined;
      if (refused && exhausted) {
        waitMs = resetMs - Date.now();
      } else if (refused && SECONDARY_LIMIT.test(parseError(answer.text).documentation_url ?? "")) {
        const retryAfter = answer.headers.get("retry-after");
        // With neither header there is nothing to wait for, and the released provider tries again at once.
        waitMs = retryAfter !== null ? Number(retryAfter) * 1000 : resetMs > 0 ? resetMs - Date.now() : 0;
      }
      if (waitMs === undefined) {
        if (exhausted) {
          this.#blockedUntilMs = resetMs;
        }
        return answer;
      }
      this.#nextDelayMs = 0;
      await delay(Math.max(0, waitMs), undefined, { signal });
    }
  }

  async #send(method: string, url: string, body: unknown, signal: AbortSignal): Promise<Answer> {
    const { token } = this.#options;
    const response = await fetch(url, {
      method,
      signal,
      headers: {
        accept: "application/vnd.github.v3+json,application/vnd.github.stone-crop-preview+json",
        "user-agent": "go-github/v88.0.0",
        "x-github-api-version": "2022-11-28",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

interface ErrorBody {
  message?: string;
  documentation_url?: string;
  errors?: unknown[];
}

function parseError(text: string): ErrorBody {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}

/** `PUT http://…: 422 Validation Failed [{Resource:Secret Field:name Code:custom Message:…}]` */
function errorText(method: string, url: string, answer: Answer): string {
  const { message = "", errors = [] } = parseError(answer.text);
  const details = errors.map((item) => {
    const {
      resource,
      field,
      code,
      message: text,
    } = (typeof item === "object" ? item : { message: item }) as Record<string, string | undefined>;
    return `{Resource:${resource ?? ""} Field:${field ?? ""} Code:${code ?? ""} Message:${text ?? ""}}`;
  });
  return `${method} ${url}: ${answer.status} ${message} [${details.join(" ")}]`;
}

function transportError(method: string, url: string, failure: unknown): Error {
  const cause = failure instanceof Error && failure.cause instanceof Error ? failure.cause : failure;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${method} ${url}: ${reason}`, { cause: failure });
}
