import type { ConfigPlace } from "./access.js";
import { badRequest, notFound } from "./errors.js";
import { isJsonObject, type JsonObject } from "./input.js";
import { checkSecretName, checkSecretValue, checkWritableSecretName } from "./names.js";
import { checkConfigSize, rootConfig } from "./secrets.js";
import { VISIBILITIES, type Config, type Visibility } from "./state.js";

const secretNotFound = (name: string) => notFound(`Could not find requested secret: ${name}`);

/** The `{"secrets": {NAME: value}}` form: sets each; null deletes. */
export function applySecretMap(place: ConfigPlace, secrets: unknown): void {
  if (!isJsonObject(secrets)) throw badRequest("'secrets' must be an object of names and values");
  for (const [name, value] of Object.entries(secrets)) {
    if (value === null) deleteSecret(place, name);
    else setSecret(place, name, stringValue(name, value), undefined);
  }
  checkConfigSize(place.config);
}

/** The `{"change_requests": […]}` form: set, rename, delete, each on conditions of its own. */
export function applyChangeRequests(place: ConfigPlace, requests: unknown): void {
  if (!Array.isArray(requests) || !requests.every(isJsonObject)) {
    throw badRequest("'change_requests' must be a list of objects");
  }
  for (const request of requests) applyChangeRequest(place, request);
  checkConfigSize(place.config);
}

function applyChangeRequest(place: ConfigPlace, request: JsonObject): void {
  const name = text(request, "name");
  if (name === undefined) throw badRequest("You must specify a secret name");
  checkSecretName(name);
  // A new secret has no original name; clients say so with null, "", or the new name itself.
  const originalName = text(request, "originalName") ?? "";
  if (originalName !== "") checkSecretName(originalName);
  checkPreconditions(place, originalName === "" ? name : originalName, request);

  if (flag(request, "shouldDelete")) {
    deleteSecret(place, originalName === "" ? name : originalName);
    return;
  }
  if (originalName !== "" && originalName !== name) renameSecret(place, originalName, name);

  const value = request.value === null || request.value === undefined ? undefined : stringValue(name, request.value);
  const visibility = visibilityOf(request, "visibility");
  if (flag(request, "shouldConverge")) {
    if (place.config.root)
      throw badRequest(`Config '${place.config.name}' is a root config: it has nothing to converge to`);
    deleteSecret(place, name);
    return;
  }
  setSecret(place, name, value, visibility);
  if (flag(request, "shouldPromote")) {
    if (place.config.root)
      throw badRequest(`Config '${place.config.name}' is a root config: it has nothing to promote to`);
    const root = rootConfig(place.environment);
    setSecret({ ...place, config: root }, name, value, visibility);
    checkConfigSize(root);
  }
}

function checkPreconditions({ environment, config }: ConfigPlace, name: string, request: JsonObject): void {
  const present = config.secrets[name] ?? rootConfig(environment).secrets[name];
  const value = text(request, "originalValue");
  if (value !== undefined && value !== present?.value) {
    throw badRequest(`Secret "${name}" does not have the expected original value`);
  }
  const visibility = visibilityOf(request, "originalVisibility");
  if (visibility !== undefined && visibility !== present?.visibility) {
    throw badRequest(`Secret "${name}" does not have the expected original visibility`);
  }
}

function setSecret(
  { environment, config }: ConfigPlace,
  name: string,
  value: string | undefined,
  visibility: Visibility | undefined,
): void {
  checkWritableSecretName(name);
  const present = config.secrets[name] ?? rootConfig(environment).secrets[name];
  const newValue = value ?? present?.value;
  if (newValue === undefined) throw badRequest(`You must specify a value for secret "${name}"`);
  const newVisibility = visibility ?? present?.visibility ?? "masked";
  if (value === undefined && present?.visibility === "restricted" && newVisibility !== "restricted") {
    // Otherwise a token that may write could read a restricted value.
    throw badRequest(`Secret "${name}" is restricted: changing its visibility requires a new value`);
  }
  checkSecretValue(name, newValue);
  config.secrets[name] = { value: newValue, visibility: newVisibility };
}

function renameSecret({ config }: ConfigPlace, from: string, to: string): void {
  checkWritableSecretName(from);
  checkWritableSecretName(to);
  const secret = config.secrets[from];
  if (secret === undefined) throw secretNotFound(from);
  if (config.secrets[to] !== undefined) throw badRequest(`Secret "${to}" already exists`);
  config.secrets = withoutSecret(config, from);
  config.secrets[to] = secret;
}

/** Deletes a config's own secret; a branch config then shows its root config's again, if there is one. */
export function deleteSecret({ config }: ConfigPlace, name: string): void {
  checkWritableSecretName(name);
  if (config.secrets[name] === undefined) throw secretNotFound(name);
  config.secrets = withoutSecret(config, name);
}

function withoutSecret(config: Config, name: string): Config["secrets"] {
  return Object.fromEntries(Object.entries(config.secrets).filter(([candidate]) => candidate !== name));
}

function stringValue(name: string, value: unknown): string {
  if (typeof value !== "string") throw badRequest(`Value of secret "${name}" must be a string`);
  return value;
}

function text(request: JsonObject, property: string): string | undefined {
  const value = request[property];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw badRequest(`'${property}' must be a string`);
  return value;
}

function flag(request: JsonObject, property: string): boolean {
  const value = request[property];
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw badRequest(`'${property}' must be true or false`);
  return value;
}

function visibilityOf(request: JsonObject, property: string): Visibility | undefined {
  const value = text(request, property);
  if (value === undefined || value === "") return undefined;
  const visibility = VISIBILITIES.find((candidate) => candidate === value);
  if (visibility === undefined) {
    throw badRequest(`'${property}' must be one of ${VISIBILITIES.join(", ")}`);
  }
  return visibility;
}
