/** An answer other than success, in the form of GitHub's error bodies. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    message: string,
    readonly details: { errors?: unknown[]; documentationUrl?: string } = {},
  ) {
    super(message);
  }

  /** The JSON body. */
  body(): Record<string, unknown> {
    return {
      message: this.message,
      ...(this.details.errors ? { errors: this.details.errors } : {}),
      documentation_url: this.details.documentationUrl ?? "https://docs.github.com/rest",
      status: String(this.status),
    };
  }
}

/** Absent, or hidden from this token: GitHub does not say which. */
export const notFound = (): ApiError => new ApiError(404, "Not Found");

/** A body that the operation's schema refuses. */
export const invalidRequest = (problem: string): ApiError => new ApiError(422, `Invalid request.\n\n${problem}`);

/** A field value that is well-formed but not acceptable. */
export const validationFailed = (resource: string, field: string, message: string): ApiError =>
  new ApiError(422, "Validation Failed", { errors: [{ resource, field, code: "custom", message }] });
