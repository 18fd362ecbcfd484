/** A refusal: an HTTP status and the messages Doppler's clients show. Never contains a value or a token. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }

  /** The body every official client parses. */
  get body(): { success: false; messages: string[] } {
    return { success: false, messages: [this.message] };
  }
}

export const badRequest = (message: string) => new ApiError(400, message);
export const forbidden = (message: string) => new ApiError(403, message);
export const notFound = (message: string) => new ApiError(404, message);

export const invalidToken = () => new ApiError(401, "Invalid Auth token");

/** A thing that this token may see but that is not there. */
export const couldNotFind = (kind: string, name: string) => notFound(`Could not find requested ${kind} '${name}'`);

/** Doppler's answer for a project or config outside a token's reach, and for most projects that do not exist. */
export const noAccess = (kind: "project" | "config", name: string) =>
  badRequest(`This token does not have access to requested ${kind} '${name}'`);

export const notPermitted = () => forbidden("This token does not have permission to perform this action");
export const readOnly = () => forbidden("This token does not have write access to the requested config");
