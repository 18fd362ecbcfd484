import { badRequest } from "./errors.js";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A request's parameters. Doppler's clients put them into the query or into the body. */
export class Input {
  readonly #parameters: JsonObject;

  constructor(query: unknown, body: unknown) {
    if (body !== undefined && body !== null && !isJsonObject(body)) {
      throw badRequest("The request body must be a JSON object");
    }
    this.#parameters = { ...(isJsonObject(body) ? body : {}), ...(isJsonObject(query) ? query : {}) };
  }

  has(name: string): boolean {
    return this.#parameters[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.#parameters[name];
  }

  /** A string, or undefined when absent or null. */
  optional(name: string): string | undefined {
    const value = this.#parameters[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string") throw badRequest(`'${name}' must be a string`);
    return value;
  }

  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined || value === "") throw badRequest(`You must specify '${name}'`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#parameters[name];
    if (value === undefined || value === null || value === "") return fallback;
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    throw badRequest(`'${name}' must be true or false`);
  }

  /** One of a fixed set of strings. */
  choice<Choice extends string>(name: string, choices: readonly Choice[], fallback: Choice): Choice {
    const value = this.optional(name) ?? fallback;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw badRequest(`'${name}' must be one of ${choices.join(", ")}`);
    return choice;
  }

  stringList(name: string): string[] | undefined {
    const value = this.#parameters[name];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      throw badRequest(`'${name}' must be a list of strings`);
    }
    return value;
  }

  /** The page of a list that the request asks for: 20 entries unless told, at most 100. */
  page<Item>(items: readonly Item[]): { page: number; items: Item[] } {
    const page = this.#count("page", 1);
    const size = Math.min(100, this.#count("per_page", 20));
    return { page, items: items.slice((page - 1) * size, page * size) };
  }

  #count(name: string, fallback: number): number {
    const text = this.optional(name);
    if (text === undefined || text === "") return fallback;
    const count = Number(text);
    if (!Number.isInteger(count) || count < 1) throw badRequest(`'${name}' must be a positive integer`);
    return count;
  }
}
