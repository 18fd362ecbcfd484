import * as pulumi from "@pulumi/pulumi";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const errorBody = z.object({ messages: z.array(z.string()) });

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

/** Requests to Doppler's API with one token, each sent again where that may help. */
export class DopplerRequests {
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

  /** How many reads of secrets a minute Doppler allows, by its answer to the last such read; it depends on the plan. */
  get secretReadLimit(): number | undefined {
    return this.#secretReadLimit;
  }

  /**
   * Sends a request. A request that Doppler limits is sent again, and a read also after a lost connection or an error of
   * the server; a change may have been made by then, so it is left to the next run.
   */
  async send(method: string, path: string, query: Record<string, string>, body?: unknown): Promise<unknown> {
    const what = `${method} ${this.#host}${path}`;
    const started = performance.now();
    const end = started + this.#patience.total;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#once(what, method, path, query, body);
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

  async #once(
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

/** What a refusal says, if it is one of Doppler's own. */
function refusal(text: string): string {
  try {
    return errorBody.parse(JSON.parse(text)).messages.join("; ");
  } catch {
    return "no reason given";
  }
}
