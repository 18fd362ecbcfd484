import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { ConfigPlace } from "../access.js";
import type { Api } from "../api.js";
import { badRequest } from "../errors.js";
import { checkBranchConfigName } from "../names.js";
import { findConfig } from "../secrets.js";
import type { Config, Project } from "../state.js";

export function newConfig(name: string, root: boolean, time: string): Config {
  return {
    name,
    slug: randomUUID(),
    root,
    locked: root,
    createdAt: time,
    initialFetchAt: null,
    lastFetchAt: null,
    secrets: {},
    serviceTokens: [],
  };
}

const configBody = ({ project, environment, config }: ConfigPlace) => ({
  name: config.name,
  slug: config.slug,
  root: config.root,
  locked: config.locked,
  inheritable: false,
  inheriting: false,
  inherits: [],
  inheritedBy: [],
  initial_fetch_at: config.initialFetchAt,
  last_fetch_at: config.lastFetchAt,
  created_at: config.createdAt,
  environment: environment.slug,
  project: project.name,
});

/** Configs: the root config comes and goes with its environment, branch configs are made here. */
export function configRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/configs", (request) =>
    api.read(request, ({ access, input }) => {
      const project = access.project(input.optional("project"), "read");
      const only = input.optional("environment") ?? "";
      const environments =
        only === "" ? access.environments(project) : [access.environment(project.name, only, "read").environment];
      const places = environments.flatMap((environment) =>
        environment.configs.map((config) => ({ project, environment, config })),
      );
      const { page, items } = input.page(places);
      return { page, configs: items.map(configBody), success: true };
    }),
  );

  app.post("/v3/configs", (request) =>
    api.write(request, ({ access, input }) => {
      const { project, environment } = access.environment(
        input.optional("project"),
        input.optional("environment"),
        "write",
      );
      const name = input.required("name");
      checkBranchConfigName(name, environment.slug);
      requireUnique(project, name);
      const cap = api.limits.configsPerEnvironment;
      if (environment.configs.length >= cap) {
        throw badRequest(`The ${api.limits.title} plan is limited to ${cap} configs per environment`);
      }
      const config = newConfig(name, false, api.time());
      environment.configs.push(config);
      return { config: configBody({ project, environment, config }), success: true };
    }),
  );

  app.get("/v3/configs/config", (request) =>
    api.read(request, ({ access, input }) => ({
      config: configBody(access.config(input.optional("project"), input.optional("config"), "read")),
      success: true,
    })),
  );

  app.post("/v3/configs/config", (request) =>
    api.write(request, ({ access, input }) => {
      const place = access.branchConfig(input.optional("project"), input.optional("config"));
      const name = input.required("name");
      requireUnlocked(place.config, "renamed");
      checkBranchConfigName(name, place.environment.slug);
      if (name !== place.config.name) requireUnique(place.project, name);
      place.config.name = name;
      return { config: configBody(place), success: true };
    }),
  );

  app.delete("/v3/configs/config", (request) =>
    api.write(request, ({ access, input }) => {
      const place = access.branchConfig(input.optional("project"), input.optional("config"));
      requireUnlocked(place.config, "deleted");
      place.environment.configs = place.environment.configs.filter((candidate) => candidate !== place.config);
      return { success: true };
    }),
  );

  for (const [action, locked] of [
    ["lock", true],
    ["unlock", false],
  ] as const) {
    app.post(`/v3/configs/config/${action}`, (request) =>
      api.write(request, ({ access, input }) => {
        const place = access.branchConfig(input.optional("project"), input.optional("config"));
        if (place.config.root) throw badRequest(`Config '${place.config.name}' is a root config and is always locked`);
        place.config.locked = locked;
        return { config: configBody(place), success: true };
      }),
    );
  }
}

function requireUnique(project: Project, name: string): void {
  if (findConfig(project, name) !== undefined) throw badRequest(`Config name '${name}' already exists in this project`);
}

function requireUnlocked(config: Config, change: string): void {
  if (config.root) throw badRequest(`Config '${config.name}' is a root config and can not be ${change}`);
  if (config.locked) throw badRequest(`Config '${config.name}' is locked and can not be ${change}`);
}
