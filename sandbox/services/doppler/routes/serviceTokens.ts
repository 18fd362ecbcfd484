import type { FastifyInstance } from "fastify";
import type { ConfigPlace } from "../access.js";
import type { Api } from "../api.js";
import { badRequest, notFound } from "../errors.js";
import type { Input } from "../input.js";
import { checkTokenName } from "../names.js";
import type { ServiceToken, State } from "../state.js";
import { hashToken, issueToken, serviceTokenPrefix } from "../tokens.js";

const tokenBody = ({ project, environment, config }: ConfigPlace, token: ServiceToken) => ({
  name: token.name,
  slug: token.slug,
  created_at: token.createdAt,
  config: config.name,
  environment: environment.slug,
  project: project.name,
  expires_at: token.expiresAt,
  access: token.access,
});

/** Service tokens of a config. The key is in the answer to the creation and nowhere else. */
export function serviceTokenRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/configs/config/tokens", (request) =>
    api.read(request, ({ access, input }) => {
      const place = access.config(input.optional("project"), input.optional("config"), "manage");
      return {
        tokens: place.config.serviceTokens.map((token) => ({
          ...tokenBody(place, token),
          token_preview: token.preview,
          last_seen_at: token.lastSeenAt,
        })),
        success: true,
      };
    }),
  );

  app.post("/v3/configs/config/tokens", (request) =>
    api.write(request, ({ state, access, input }) => {
      const place = access.config(input.optional("project"), input.optional("config"), "manage");
      const name = input.required("name");
      checkTokenName(name);
      const tokenAccess = input.choice("access", ["read", "read/write"], "read");
      if (place.config.serviceTokens.some((token) => token.name === name)) {
        throw badRequest(`A service token named '${name}' already exists in this config`);
      }
      if (countServiceTokens(state) >= api.limits.serviceTokens) {
        throw badRequest(`The ${api.limits.title} plan is limited to ${api.limits.serviceTokens} service tokens`);
      }
      const { key, stored } = issueToken(
        serviceTokenPrefix(place.config.name),
        name,
        api.time(),
        expiry(input, api.now()),
      );
      const token: ServiceToken = { ...stored, access: tokenAccess };
      place.config.serviceTokens.push(token);
      return { token: { ...tokenBody(place, token), key }, success: true };
    }),
  );

  app.delete("/v3/configs/config/tokens/token", (request) =>
    api.write(request, ({ access, input }) => {
      const { config } = access.config(input.optional("project"), input.optional("config"), "manage");
      const slug = input.optional("slug") ?? "";
      const key = input.optional("token") ?? "";
      if (slug === "" && key === "") throw badRequest("You must specify 'slug' or 'token'");
      const hash = key === "" ? undefined : hashToken(key);
      const token = config.serviceTokens.find((candidate) =>
        hash === undefined ? candidate.slug === slug : candidate.hash === hash,
      );
      if (token === undefined) throw notFound("Could not find requested service token");
      config.serviceTokens = config.serviceTokens.filter((candidate) => candidate !== token);
      return { success: true };
    }),
  );
}

function countServiceTokens(state: State): number {
  return state.projects
    .flatMap((project) => project.environments)
    .flatMap((environment) => environment.configs)
    .reduce((count, config) => count + config.serviceTokens.length, 0);
}

/** `expire_at`: seconds since the epoch, as the Doppler CLI sends it, or an ISO 8601 time. */
function expiry(input: Input, now: number): string | null {
  const value = input.raw("expire_at");
  if (value === undefined || value === null) return null;
  const time =
    typeof value === "number" ? new Date(value * 1000) : typeof value === "string" ? new Date(value) : undefined;
  if (time === undefined || Number.isNaN(time.getTime())) throw badRequest("'expire_at' must be a time");
  if (time.getTime() <= now) throw badRequest("'expire_at' must be in the future");
  return time.toISOString();
}
