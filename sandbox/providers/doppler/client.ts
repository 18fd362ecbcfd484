import http from "node:http";
import https from "node:https";
import { setTimeout as delay } from "node:timers/promises";

const ATTEMPTS = 10;

/** A failed call to Doppler's API. The message never holds a token or a secret value. */
export class DopplerError extends Error {
  constructor(
    message: string,
    /** The HTTP status, or undefined when there was no answer. */
    readonly status?: number,
    /** Seconds after which trying again makes sense; undefined when it does not. */
    readonly retryAfter?: number,
  ) {
    super(`Doppler Error: ${message}`);
    this.name = "DopplerError";
  }

  /** Only this status says that a thing is gone; Doppler also answers 400 for absent projects. */
  get isNotFound(): boolean {
    return this.status === 404;
  }
}

/** A parsed JSON object. */
export type Json = Record<string, unknown>;

export interface ClientOptions {
  /** The address of the API without a trailing slash, as in `https://api.doppler.com`. */
  host: string;
  token: string;
  /** Whether to check the server's certificate. */
  verifyTls: boolean;
  /** How long one attempt may take, in milliseconds. Default 30 000. */
  timeout?: number;
}

export interface CallOptions {
  query?: Record<string, string | undefined>;
  body?: Json;
  signal: AbortSignal;
}

/** Calls Doppler's HTTP API the way the released provider does: a connection each, no proxy, retries on request. */
export class DopplerClient {
  constructor(private readonly options: ClientOptions) {}

  /** Calls the API and parses the answer. Waits and tries again when the server asks for it, ten times in all. */
  async call(method: string, path: string, options: CallOptions): Promise<Json> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(method, path, options);
      } catch (error) {
        if (!(error instanceof DopplerError) || error.retryAfter === undefined || attempt >= ATTEMPTS) {
          throw error;
        }
        await delay(error.retryAfter * 1000, undefined, { signal: options.signal });
      }
    }
  }

  async #attempt(method: string, path: string, { query, body, signal }: CallOptions): Promise<Json> {
    const url = new URL(this.options.host + path);
    const names = Object.keys(query ?? {}).sort();
    for (const name of names) {
      const value = query?.[name];
      if (value !== undefined) {
        url.searchParams.append(name, value);
      }
    }
    const { status, headers, text } = await this.#send(method, url, body, signal);
    if (status >= 200 && status < 400) {
      return parseObject(text);
    }
    if (!headers["content-type"]?.startsWith("application/json")) {
      const size = Buffer.byteLength(text);
      throw new DopplerError(`Unable to load response\n${status} status code; ${size} bytes`, status);
    }
    const answer = parseObject(text);
    const messages = Array.isArray(answer["messages"]) ? answer["messages"] : [];
    throw new DopplerError(messages.join("\n"), status, retryDelay(status, headers, answer));
  }

  #send(
    method: string,
    url: URL,
    body: Json | undefined,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const timeout = AbortSignal.timeout(this.options.timeout ?? 30_000);
    const place = `${method} "${url.href}"`;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        if (signal.aborted) {
          reject(new DopplerError(`Unable to load response\n${place}: context canceled`));
        } else if (timeout.aborted) {
          reject(new DopplerError(`Unable to load response\n${place}: timed out`, undefined, 1));
        } else {
          reject(new DopplerError(`Unable to load response\n${place}: ${error.message}`));
        }
      };
      const request = (url.protocol === "https:" ? https : http).request(url, {
        method,
        agent: false,
        signal: AbortSignal.any([signal, timeout]),
        rejectUnauthorized: this.options.verifyTls,
        minVersion: "TLSv1.2",
        headers: {
          Authorization: `Basic ${Buffer.from(`${this.options.token}:`).toString("base64")}`,
          "User-Agent": "terraform-provider-doppler/dev",
          Accept: "application/json",
          "Content-Type": "application/json",
          Connection: "close",
          ...(payload === undefined ? {} : { "Content-Length": Buffer.byteLength(payload) }),
        },
      });
      request.on("error", fail);
      request.on("response", (response) => {
        response.setEncoding("utf8");
        let text = "";
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", fail);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      request.end(payload);
    });
  }
}

/** Seconds to wait before trying again, if the answer says that trying again makes sense. */
function retryDelay(status: number, headers: http.IncomingHttpHeaders, answer: Json): number | undefined {
  const data = isJson(answer["data"]) ? answer["data"] : {};
  if (data["isRetryable"] === true) {
    return 0;
  }
  if (typeof data["isRetryableAfterSec"] === "number") {
    return Math.trunc(data["isRetryableAfterSec"]);
  }
  if (status === 429) {
    const after = headers["retry-after"] ?? "";
    return /^\d+$/.test(after) ? Number(after) : 1;
  }
  return undefined;
}

function parseObject(text: string): Json {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message would quote the text, which may hold secrets.
    throw new DopplerError("Unable to load response\nthe answer is not JSON");
  }
  if (!isJson(parsed)) {
    throw new DopplerError("Unable to load response\nthe answer is not a JSON object");
  }
  return parsed;
}

/** Tells whether a value is a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes an object out of an answer. Throws when it is not there: the answer is then of another form than agreed. */
export function objectField(answer: Json, name: string): Json {
  const value = answer[name];
  if (!isJson(value)) {
    throw new DopplerError(`Unable to parse response\nit has no object "${name}"`);
  }
  return value;
}

/** Takes a string out of an answer. Throws when it is not there. */
export function stringField(answer: Json, name: string): string {
  const value = answer[name];
  if (typeof value !== "string") {
    throw new DopplerError(`Unable to parse response\nit has no string "${name}"`);
  }
  return value;
}

/** Takes a string out of an answer that may lack it or have null there. */
export function optionalStringField(answer: Json, name: string): string | null {
  return answer[name] === undefined || answer[name] === null ? null : stringField(answer, name);
}
