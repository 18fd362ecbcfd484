import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Api, Call } from "../api.js";
import { badRequest, couldNotFind, notFound } from "../errors.js";
import { isJsonObject } from "../input.js";
import { checkTokenName } from "../names.js";
import { WORKPLACE_ROLES, type ServiceAccount, type StoredToken } from "../state.js";
import { issueToken } from "../tokens.js";

const BASE = "/v3/workplace/service_accounts";

type AccountPath = { Params: { account: string } };
type TokenPath = { Params: { account: string; token: string } };

const accountBody = ({ slug, name, createdAt, role }: ServiceAccount) => ({
  slug,
  name,
  created_at: createdAt,
  workplace_role: {
    identifier: "identifier" in role ? role.identifier : `inline-${slug}`,
    permissions: "permissions" in role ? role.permissions : [],
    is_inline_role: "permissions" in role,
  },
});

const tokenBody = ({ slug, name, createdAt, expiresAt, lastSeenAt }: StoredToken) => ({
  slug,
  name,
  created_at: createdAt,
  expires_at: expiresAt,
  last_seen_at: lastSeenAt,
});

/** Service accounts and their tokens. Not on the Developer plan. */
export function serviceAccountRoutes(app: FastifyInstance, api: Api): void {
  const accounts = ({ state, access }: Call) => {
    access.requireWorkplaceAdmin();
    return state.serviceAccounts;
  };
  const find = (call: Call, slug: string) => {
    const account = accounts(call).find((candidate) => candidate.slug === slug);
    if (account === undefined) throw couldNotFind("service account", slug);
    return account;
  };

  app.get(BASE, (request) =>
    api.read(request, (call) => {
      const { page, items } = call.input.page(accounts(call));
      return { page, service_accounts: items.map(accountBody), success: true };
    }),
  );

  app.post(BASE, (request) =>
    api.write(request, (call) => {
      const all = accounts(call);
      if (all.length >= api.limits.serviceAccounts) {
        throw badRequest(`The ${api.limits.title} plan is limited to ${api.limits.serviceAccounts} service accounts`);
      }
      const account: ServiceAccount = {
        slug: randomUUID(),
        name: call.input.required("name"),
        createdAt: api.time(),
        role: workplaceRole(call.input.raw("workplace_role")),
        tokens: [],
      };
      all.push(account);
      return { service_account: accountBody(account), success: true };
    }),
  );

  const one = `${BASE}/service_account/:account`;
  app.get<AccountPath>(one, (request) =>
    api.read(request, (call) => ({
      service_account: accountBody(find(call, request.params.account)),
      success: true,
    })),
  );

  app.patch<AccountPath>(one, (request) =>
    api.write(request, (call) => {
      const account = find(call, request.params.account);
      account.name = call.input.optional("name") ?? account.name;
      if (call.input.has("workplace_role")) account.role = workplaceRole(call.input.raw("workplace_role"));
      return { service_account: accountBody(account), success: true };
    }),
  );

  app.delete<AccountPath>(one, (request) =>
    api.write(request, (call) => {
      const { slug } = find(call, request.params.account);
      call.state.serviceAccounts = call.state.serviceAccounts.filter((account) => account.slug !== slug);
      for (const project of call.state.projects) {
        project.members = project.members.filter((member) => member.slug !== slug);
      }
      return { success: true };
    }),
  );

  app.get<AccountPath>(`${one}/tokens`, (request) =>
    api.read(request, (call) => ({
      api_tokens: find(call, request.params.account).tokens.map(tokenBody),
      success: true,
    })),
  );

  app.post<AccountPath>(`${one}/tokens`, (request) =>
    api.write(request, (call) => {
      const account = find(call, request.params.account);
      const name = call.input.required("name");
      checkTokenName(name);
      const count = call.state.serviceAccounts.reduce((sum, { tokens }) => sum + tokens.length, 0);
      const cap = api.limits.serviceAccountTokens;
      if (count >= cap) throw badRequest(`The ${api.limits.title} plan is limited to ${cap} service account tokens`);
      const expiresAt = call.input.optional("expires_at") ?? null;
      if (expiresAt !== null && !(Date.parse(expiresAt) > api.now())) {
        throw badRequest("'expires_at' must be a time in the future");
      }
      const { key, stored } = issueToken("dp.sa", name, api.time(), expiresAt);
      account.tokens.push(stored);
      return { api_token: tokenBody(stored), api_key: key, success: true };
    }),
  );

  const findToken = (account: ServiceAccount, slug: string) => {
    const token = account.tokens.find((candidate) => candidate.slug === slug);
    if (token === undefined) throw notFound("Could not find requested service account token");
    return token;
  };

  app.get<TokenPath>(`${one}/tokens/token/:token`, (request) =>
    api.read(request, (call) => ({
      api_token: tokenBody(findToken(find(call, request.params.account), request.params.token)),
      success: true,
    })),
  );

  app.delete<TokenPath>(`${one}/tokens/token/:token`, (request) =>
    api.write(request, (call) => {
      const account = find(call, request.params.account);
      const token = findToken(account, request.params.token);
      account.tokens = account.tokens.filter((candidate) => candidate !== token);
      return { success: true };
    }),
  );
}

/** A role by name or a list of permissions, never both; none of either is no access. */
function workplaceRole(value: unknown): ServiceAccount["role"] {
  if (value === undefined || value === null) return { identifier: "no_access" };
  if (!isJsonObject(value)) throw badRequest("'workplace_role' must be an object");
  const { identifier, permissions } = value;
  if ((identifier === undefined) === (permissions === undefined)) {
    throw badRequest("You may provide an identifier OR permissions, but not both");
  }
  if (permissions !== undefined) {
    if (!Array.isArray(permissions) || !permissions.every((item) => typeof item === "string")) {
      throw badRequest("'permissions' must be a list of strings");
    }
    return { permissions };
  }
  const role = WORKPLACE_ROLES.find((candidate) => candidate === identifier);
  if (role === undefined) throw badRequest(`'identifier' must be one of ${WORKPLACE_ROLES.join(", ")}`);
  return { identifier: role };
}
