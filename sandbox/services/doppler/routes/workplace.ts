import type { FastifyInstance } from "fastify";
import type { Api } from "../api.js";
import type { Actor } from "../tokens.js";

const ACTOR_TYPES: Readonly<Record<Actor["kind"], string>> = {
  personal: "personal",
  service_account: "service_account_api",
  service: "service_token",
};

/** The workplace and the token's own description. */
export function workplaceRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/me", (request) =>
    api.read(request, ({ state, access: { actor } }) => ({
      workplace: { name: state.workplace.name, slug: state.workplace.slug },
      type: ACTOR_TYPES[actor.kind],
      token_preview: actor.token.preview,
      slug: actor.token.slug,
      created_at: actor.token.createdAt,
      name: actor.token.name,
      last_seen_at: actor.token.lastSeenAt,
      success: true,
    })),
  );

  app.get("/v3/workplace", (request) =>
    api.read(request, ({ state, access }) => {
      access.requireWorkplaceAdmin();
      const { slug, name, billingEmail } = state.workplace;
      return { workplace: { id: slug, name, billing_email: billingEmail }, success: true };
    }),
  );
}
