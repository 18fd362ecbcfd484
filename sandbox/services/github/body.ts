import { ApiError, invalidRequest } from "./errors.js";

/** A request body read field by field, refusing what GitHub's schemas refuse. Values are never quoted in errors. */
export class Body {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(body: unknown) {
    if (body === undefined || body === null || body === "") {
      this.#fields = {};
    } else if (typeof body === "object" && !Array.isArray(body)) {
      this.#fields = body as Record<string, unknown>;
    } else {
      throw new ApiError(400, "Body should be a JSON object");
    }
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined;
  }

  raw(field: string): unknown {
    return this.#fields[field];
  }

  requiredString(field: string): string {
    const value = this.optionalString(field);
    if (value === undefined) {
      throw invalidRequest(`"${field}" wasn't supplied.`);
    }
    return value;
  }

  optionalString(field: string): string | undefined {
    const value = this.#fields[field];
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== "string") {
      throw this.wrongType(field, "string");
    }
    return value;
  }

  optionalBoolean(field: string, absent: boolean): boolean {
    const value = this.#fields[field] ?? absent;
    if (typeof value !== "boolean") {
      throw this.wrongType(field, "boolean");
    }
    return value;
  }

  /** Repository ids. Dependabot's route for secrets takes them as texts too, and those for Actions refuse that. */
  optionalIds(field: string, texts: boolean): number[] | undefined {
    const value = this.#fields[field];
    if (value === undefined || value === null) {
      return undefined;
    }
    if (!Array.isArray(value)) {
      throw this.wrongType(field, "array");
    }
    return value.map((item: unknown) => {
      const id = texts && typeof item === "string" && /^\d+$/.test(item) ? Number(item) : item;
      if (typeof id !== "number" || !Number.isSafeInteger(id)) {
        throw this.wrongType(`${field}/items`, "integer");
      }
      return id;
    });
  }

  private wrongType(field: string, type: string): ApiError {
    return invalidRequest(`For 'properties/${field}', the value is not ${type === "integer" ? "an" : "a"} ${type}.`);
  }
}
