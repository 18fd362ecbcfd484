import { badRequest } from "./errors.js";
import { SECRET_LIMITS } from "./plans.js";

/** Secrets that Doppler puts into every config itself. */
export const MANAGED_SECRETS = ["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"] as const;

const SLUG = /^[a-z0-9][a-z0-9_-]*$/;

function checkLength(what: string, text: string, minimum: number, maximum: number): void {
  if (text.length < minimum || text.length > maximum) {
    throw badRequest(`${what} must be between ${minimum} and ${maximum} characters`);
  }
}

function checkSlug(what: string, text: string, maximum: number): void {
  checkLength(what, text, 2, maximum);
  if (!SLUG.test(text)) {
    throw badRequest(
      `${what} may only contain lowercase letters, numbers, hyphens, and underscores, and must start with a letter or number`,
    );
  }
}

/** A project's name is also its slug and id. */
export function checkProjectName(name: string): void {
  checkSlug("Project name", name, 80);
}

export function checkEnvironmentSlug(slug: string): void {
  checkSlug("Environment slug", slug, 50);
}

export function checkEnvironmentName(name: string): void {
  checkLength("Environment name", name, 2, 50);
}

/** Doppler does not add the environment's prefix: the caller must. The length counts it. */
export function checkBranchConfigName(name: string, environment: string): void {
  checkSlug("Config name", name, 60);
  const prefix = `${environment}_`;
  if (!name.startsWith(prefix) || name === prefix) {
    throw badRequest(`Config name must start with '${prefix}'`);
  }
}

export function checkTokenName(name: string): void {
  checkLength("Token name", name, 2, 100);
}

/** Also applied to reads: a name that could not exist is an error, not an absent secret. */
export function checkSecretName(name: string): void {
  if (name === "") throw badRequest("You must specify a secret name");
  if (!/^[A-Z0-9_]+$/.test(name)) {
    throw badRequest(`Secret name "${name}" may only contain uppercase letters, numbers, and underscores.`);
  }
  if (/^[0-9]/.test(name)) throw badRequest(`Secret name "${name}" may not start with a number.`);
  if (name.length > SECRET_LIMITS.name) {
    throw badRequest(`Secret name "${name}" is longer than ${SECRET_LIMITS.name} characters.`);
  }
}

/** A name that may be set, renamed or deleted. */
export function checkWritableSecretName(name: string): void {
  checkSecretName(name);
  if ((MANAGED_SECRETS as readonly string[]).includes(name)) {
    throw badRequest(`Secret name "${name}" is managed by Doppler and can not be changed.`);
  }
}

export function checkSecretValue(name: string, value: string): void {
  if (Buffer.byteLength(value) > SECRET_LIMITS.value) {
    throw badRequest(`Value of secret "${name}" is larger than ${SECRET_LIMITS.value / 1024} KiB.`);
  }
}
