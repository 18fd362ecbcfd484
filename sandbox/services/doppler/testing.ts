import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readManagementToken, startDopplerStandIn, type DopplerStandIn, type Plan } from "./index.js";
import { isJsonObject, type JsonObject } from "./input.js";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body, when it is a JSON object. */
  json: JsonObject;
}

export interface RequestOptions {
  /** Default: the management token. `null`: none. */
  token?: string | null;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  rawBody?: string;
  headers?: Record<string, string>;
}

/** A stand-in on a folder of its own, with a clock that tests move. */
export class Harness {
  private constructor(
    readonly data: string,
    readonly plan: Plan,
    private readonly clock: { time: number },
    private standIn: DopplerStandIn,
  ) {}

  static async start(plan: Plan = "enterprise"): Promise<Harness> {
    const data = mkdtempSync(join(tmpdir(), "doppler-test-"));
    const clock = { time: Date.parse("2030-01-01T00:00:00Z") };
    const standIn = await startDopplerStandIn({ data, plan, now: () => clock.time });
    return new Harness(data, plan, clock, standIn);
  }

  get url(): string {
    return this.standIn.url;
  }

  get token(): string {
    return readManagementToken(this.data);
  }

  get now(): number {
    return this.clock.time;
  }

  advance(seconds: number): void {
    this.clock.time += seconds * 1000;
  }

  async restart(): Promise<void> {
    await this.standIn.close();
    this.standIn = await startDopplerStandIn({ data: this.data, plan: this.plan, now: () => this.clock.time });
  }

  async close(): Promise<void> {
    await this.standIn.close();
    rmSync(this.data, { recursive: true });
  }

  /** One request, a second after the last, so that limits matter only to the tests that want them to. */
  async call(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    this.advance(1);
    return this.callNow(method, path, options);
  }

  async callNow(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { token = this.token, body, rawBody, headers = {} } = options;
    const init: RequestInit = {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        "content-type": "application/json",
        ...headers,
      },
    };
    if (rawBody !== undefined) init.body = rawBody;
    else if (body !== undefined) init.body = JSON.stringify(body);
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    let json: unknown = {};
    try {
      json = JSON.parse(text);
    } catch {
      // Not every answer is JSON.
    }
    return { status: response.status, headers: response.headers, text, json: isJsonObject(json) ? json : {} };
  }

  /** A request that must succeed. */
  async ok(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const answer = await this.call(method, path, options);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.ok("GET", path, token === undefined ? {} : { token });
  }

  post(path: string, body: unknown, token?: string): Promise<Answer> {
    return this.ok("POST", path, token === undefined ? { body } : { body, token });
  }

  /** @returns the service token's key and slug. */
  async serviceToken(
    project: string,
    config: string,
    name: string,
    more: { access?: string; expire_at?: number | string } = {},
  ): Promise<{ key: string; slug: string }> {
    const { json } = await this.post("/v3/configs/config/tokens", { project, config, name, ...more });
    return { key: textAt(json, "token", "key"), slug: textAt(json, "token", "slug") };
  }

  /** @returns the key of a new service account's token, and the account's slug. */
  async serviceAccount(name: string, workplace_role: unknown): Promise<{ key: string; slug: string }> {
    const account = await this.post("/v3/workplace/service_accounts", { name, workplace_role });
    const slug = textAt(account.json, "service_account", "slug");
    const token = await this.post(`/v3/workplace/service_accounts/service_account/${slug}/tokens`, { name: "key" });
    return { key: textAt(token.json, "api_key"), slug };
  }
}

/** What is at a path of properties inside a JSON value. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isJsonObject(inner) ? inner[key] : undefined), value);
}

export function textAt(value: unknown, ...path: string[]): string {
  const text = at(value, ...path);
  if (typeof text !== "string") throw new Error(`no text at ${path.join(".")}`);
  return text;
}
