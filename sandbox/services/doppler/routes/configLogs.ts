import type { FastifyInstance } from "fastify";
import type { Api } from "../api.js";

/** When a config's secrets were changed, the latest change first. Doppler shows the changes themselves one by one only. */
export function configLogRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/configs/config/logs", (request) =>
    api.read(request, ({ access, input }) => {
      const { project, environment, config } = access.config(
        input.optional("project"),
        input.optional("config"),
        "read",
      );
      const { page, items } = input.page([...(config.logs ?? [])].reverse());
      return {
        page,
        logs: items.map(({ id, text, createdAt }) => ({
          id,
          text,
          html: text,
          created_at: createdAt,
          config: config.name,
          environment: environment.slug,
          project: project.name,
        })),
        success: true,
      };
    }),
  );
}
