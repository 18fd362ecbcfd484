import type { FastifyInstance, FastifyRequest } from "fastify";
import { Body } from "./body.js";
import { ApiError, invalidRequest, notFound } from "./errors.js";
import {
  page,
  parameter,
  requestedEnvironment,
  requestedOrganization,
  requestedRepository,
  REPOSITORY_PREFIXES,
} from "./lookup.js";
import { repositoryJson } from "./answers.js";
import { newScope, openSealedBox } from "./sealedBox.js";
import type { Context } from "./context.js";
import { type ScopeId, scopeKey, type SecretScope, type StoredSecret, type Visibility } from "./state.js";

/*
 * Texts of refusals. GitHub documents that it refuses, not in which words. Those for a missing key_id, a value that is
 * no base64 and a box that does not open are as users have reported them from the API; the name rules are as the
 * website words them. The rest (stale key_id, sizes, counts) is this stand-in's own wording on GitHub's documented
 * limit.
 */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;
const MAX_VALUE_BYTES = 48 * 1024;
const MAX_SECRETS: Record<ScopeId["kind"], number> = { repository: 100, environment: 100, organization: 1000 };

/** Refuses what GitHub refuses as the name of a secret or variable. */
export function checkName(name: string, kind: "Secret" | "Variable"): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ApiError(
      422,
      `${kind} names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). ` +
        "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).",
    );
  }
  if (/^GITHUB_/i.test(name)) {
    throw new ApiError(422, `${kind} names must not start with GITHUB_.`);
  }
}

/** Secrets of Actions and Dependabot, for repositories, environments and organizations. */
export function registerSecretRoutes(api: FastifyInstance, context: Context): void {
  for (const prefix of REPOSITORY_PREFIXES) {
    for (const app of ["actions", "dependabot"] as const) {
      registerScope(api, context, `${prefix}/${app}/secrets`, (request) => ({
        app,
        kind: "repository",
        repositoryId: requestedRepository(context, request).id,
      }));
    }
    registerScope(api, context, `${prefix}/environments/:environment/secrets`, (request) => ({
      app: "actions",
      kind: "environment",
      environmentId: requestedEnvironment(context, request).id,
    }));
  }
  for (const app of ["actions", "dependabot"] as const) {
    const path = `/orgs/:organization/${app}/secrets`;
    const scopeOf = (request: FastifyRequest): ScopeId => ({
      app,
      kind: "organization",
      organizationId: requestedOrganization(context, request).id,
    });
    registerScope(api, context, path, scopeOf);
    registerSelectedRepositories(api, context, path, scopeOf);
  }
}

function registerScope(
  api: FastifyInstance,
  context: Context,
  path: string,
  scopeOf: (request: FastifyRequest) => ScopeId,
): void {
  const { store } = context;

  api.get(path, (request, reply) => {
    const id = scopeOf(request);
    const secrets = Object.entries(store.state.scopes[scopeKey(id)]?.secrets ?? {}).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const { items, link } = page(context, request, secrets);
    return reply.headers(link === undefined ? {} : { link }).send({
      total_count: secrets.length,
      secrets: items.map(([name, secret]) => secretJson(context, request, path, name, secret)),
    });
  });

  api.get(`${path}/public-key`, async (request) => {
    const scope = await openScope(context, scopeOf(request));
    return { key_id: scope.keyId, key: scope.publicKey };
  });

  api.get(`${path}/:name`, (request) => {
    const name = parameter(request, "name").toUpperCase();
    return secretJson(context, request, path, name, existingSecret(context, scopeOf(request), name));
  });

  api.put(`${path}/:name`, async (request, reply) => {
    const id = scopeOf(request);
    const name = parameter(request, "name").toUpperCase();
    checkName(name, "Secret");
    const body = new Body(request.body);
    const access = id.kind === "organization" ? organizationAccess(context, id, body) : {};
    const ciphertext = await acceptedCiphertext(context, id, body);
    const scope = await openScope(context, id);
    const old = scope.secrets[name];
    if (!old && Object.keys(scope.secrets).length >= MAX_SECRETS[id.kind]) {
      throw new ApiError(422, `Too many secrets. No more than ${MAX_SECRETS[id.kind]} can be stored per ${id.kind}.`);
    }
    const at = store.timestamp();
    scope.secrets[name] = { ciphertext, createdAt: old?.createdAt ?? at, updatedAt: at, ...access };
    store.save();
    return old ? reply.code(204).send() : reply.code(201).send({});
  });

  api.delete(`${path}/:name`, (request, reply) => {
    const id = scopeOf(request);
    const name = parameter(request, "name").toUpperCase();
    existingSecret(context, id, name);
    delete store.state.scopes[scopeKey(id)]?.secrets[name];
    store.save();
    return reply.code(204).send();
  });
}

/** The scope's key and secrets; the key is made when first asked for. */
async function openScope(context: Context, id: ScopeId): Promise<SecretScope> {
  const { store } = context;
  const key = scopeKey(id);
  const existing = store.state.scopes[key];
  if (existing) {
    return existing;
  }
  const made = await newScope();
  // Another request may have made one meanwhile; a client may hold that key already.
  const scope = (store.state.scopes[key] ??= made);
  store.save();
  return scope;
}

function existingSecret(context: Context, id: ScopeId, name: string): StoredSecret {
  const secret = context.store.state.scopes[scopeKey(id)]?.secrets[name];
  if (!secret) {
    throw notFound();
  }
  return secret;
}

/** The sealed box of a PUT, if GitHub could open it with the key it was said to be made for. */
async function acceptedCiphertext(context: Context, id: ScopeId, body: Body): Promise<string> {
  const ciphertext = body.requiredString("encrypted_value");
  if (!BASE64.test(ciphertext)) {
    // GitHub quotes the value here. This one doesn't: it may be a secret that someone forgot to encrypt.
    throw invalidRequest(`encrypted_value does not match /${BASE64.source}/.`);
  }
  const keyId = body.requiredString("key_id");
  const scope = await openScope(context, id);
  if (keyId !== scope.keyId) {
    throw new ApiError(422, "Bad request - key_id is not the ID of the current public key");
  }
  const value = await openSealedBox(scope, ciphertext);
  if (!value) {
    throw new ApiError(422, "Bad request - validation failed due to an improperly encrypted secret");
  }
  if (value.length > MAX_VALUE_BYTES) {
    throw new ApiError(422, "Secret value is too large. It must be no more than 48 KB.");
  }
  return ciphertext;
}

const VISIBILITIES: readonly string[] = ["all", "private", "selected"] satisfies Visibility[];

function organizationAccess(
  context: Context,
  { app, organizationId }: ScopeId & { kind: "organization" },
  body: Body,
): Pick<StoredSecret, "visibility" | "selectedRepositoryIds"> {
  const visibility = body.requiredString("visibility");
  if (!VISIBILITIES.includes(visibility)) {
    throw invalidRequest(
      `visibility is not a possible value. Must be one of the following: ${VISIBILITIES.join(", ")}.`,
    );
  }
  // A list that is left out counts as an empty one, even if the secret had another list before.
  const ids = body.optionalIds("selected_repository_ids", app === "dependabot") ?? [];
  if (visibility !== "selected" && ids.length > 0) {
    throw new ApiError(422, "selected_repository_ids can only be given when the visibility is selected");
  }
  checkOwned(context, organizationId, ids);
  return {
    visibility: visibility as Visibility,
    ...(visibility === "selected" ? { selectedRepositoryIds: ids } : {}),
  };
}

function checkOwned(context: Context, organizationId: number, ids: readonly number[]): void {
  const unknown = ids.filter(
    (id) => !context.store.state.repositories.some((repo) => repo.id === id && repo.ownerId === organizationId),
  );
  if (unknown.length > 0) {
    throw new ApiError(422, `selected_repository_ids: no such repository in this organization: ${unknown.join(", ")}`);
  }
}

function registerSelectedRepositories(
  api: FastifyInstance,
  context: Context,
  path: string,
  scopeOf: (request: FastifyRequest) => ScopeId,
): void {
  const { store } = context;
  const requestedSecret = (request: FastifyRequest): StoredSecret => {
    const secret = existingSecret(context, scopeOf(request), parameter(request, "name").toUpperCase());
    if (secret.visibility !== "selected") {
      throw new ApiError(409, "The visibility of this secret is not selected");
    }
    return secret;
  };

  api.get(`${path}/:name/repositories`, (request, reply) => {
    const ids = requestedSecret(request).selectedRepositoryIds ?? [];
    const repositories = store.state.repositories.filter((repo) => ids.includes(repo.id));
    const { items, link } = page(context, request, repositories);
    return reply
      .headers(link === undefined ? {} : { link })
      .send({ total_count: repositories.length, repositories: items.map((repo) => repositoryJson(context, repo)) });
  });

  api.put(`${path}/:name/repositories`, (request, reply) => {
    const secret = requestedSecret(request);
    const ids = new Body(request.body).optionalIds("selected_repository_ids", false);
    if (!ids) {
      throw invalidRequest('"selected_repository_ids" wasn\'t supplied.');
    }
    checkOwned(context, requestedOrganization(context, request).id, ids);
    secret.selectedRepositoryIds = ids;
    store.save();
    return reply.code(204).send();
  });
}

/** A secret as any route shows it: never its value, nor the box it is in. */
function secretJson(
  context: Context,
  request: FastifyRequest,
  path: string,
  name: string,
  secret: StoredSecret,
): Record<string, unknown> {
  const organization = path.replace(":organization", parameter(request, "organization"));
  return {
    name,
    created_at: secret.createdAt,
    updated_at: secret.updatedAt,
    ...(secret.visibility === undefined ? {} : { visibility: secret.visibility }),
    ...(secret.visibility === "selected"
      ? { selected_repositories_url: `${context.baseUrl()}/api/v3${organization}/${name}/repositories` }
      : {}),
  };
}
