import type { FastifyInstance } from "fastify";
import type { Api } from "../api.js";
import { badRequest } from "../errors.js";
import { checkEnvironmentName, checkEnvironmentSlug, checkBranchConfigName } from "../names.js";
import { findConfig, rootConfig } from "../secrets.js";
import type { Environment, Project } from "../state.js";
import { newConfig } from "./configs.js";

/** An environment with its root config, which bears its name. */
export function newEnvironment(slug: string, name: string, personalConfigs: boolean, time: string): Environment {
  return { slug, name, personalConfigs, createdAt: time, configs: [newConfig(slug, true, time)] };
}

const environmentBody = (project: Project, environment: Environment) => ({
  id: environment.slug,
  slug: environment.slug,
  name: environment.name,
  personal_configs: environment.personalConfigs,
  initial_fetch_at: rootConfig(environment).initialFetchAt,
  created_at: environment.createdAt,
  project: project.name,
});

/** Environments. Deleting one takes its configs, their secrets and their service tokens with it. */
export function environmentRoutes(app: FastifyInstance, api: Api): void {
  app.get("/v3/environments", (request) =>
    api.read(request, ({ access, input }) => {
      const project = access.project(input.optional("project"), "read");
      const { page, items } = input.page(access.environments(project));
      return { page, environments: items.map((item) => environmentBody(project, item)), success: true };
    }),
  );

  app.post("/v3/environments", (request) =>
    api.write(request, ({ access, input }) => {
      const project = access.project(input.optional("project"), "manage");
      const slug = input.required("slug");
      const name = input.required("name");
      checkEnvironmentSlug(slug);
      checkEnvironmentName(name);
      requireUnique(project, undefined, slug, name);
      const cap = api.limits.environmentsPerProject;
      if (project.environments.length >= cap) {
        throw badRequest(`The ${api.limits.title} plan is limited to ${cap} environments per project`);
      }
      const environment = newEnvironment(slug, name, input.boolean("personal_configs", false), api.time());
      project.environments.push(environment);
      return { environment: environmentBody(project, environment), success: true };
    }),
  );

  app.get("/v3/environments/environment", (request) =>
    api.read(request, ({ access, input }) => {
      const place = access.environment(input.optional("project"), input.optional("environment"), "read");
      return { environment: environmentBody(place.project, place.environment), success: true };
    }),
  );

  app.put("/v3/environments/environment", (request) =>
    api.write(request, ({ access, input }) => {
      const { project, environment } = access.environment(
        input.optional("project"),
        input.optional("environment"),
        "manage",
      );
      const slug = input.optional("slug") ?? environment.slug;
      const name = input.optional("name") ?? environment.name;
      checkEnvironmentSlug(slug);
      checkEnvironmentName(name);
      requireUnique(project, environment, slug, name);
      renameConfigs(environment, slug);
      environment.slug = slug;
      environment.name = name;
      environment.personalConfigs = input.boolean("personal_configs", environment.personalConfigs);
      return { environment: environmentBody(project, environment), success: true };
    }),
  );

  app.delete("/v3/environments/environment", (request) =>
    api.write(request, ({ access, input }) => {
      const { project, environment } = access.environment(
        input.optional("project"),
        input.optional("environment"),
        "manage",
      );
      project.environments = project.environments.filter((candidate) => candidate !== environment);
      return { success: true };
    }),
  );
}

/** An environment's slug is also the name of its root config, so it must not be that of any other config either. */
function requireUnique(project: Project, self: Environment | undefined, slug: string, name: string): void {
  const others = project.environments.filter((environment) => environment !== self);
  if (others.some((other) => other.slug === slug)) {
    throw badRequest(`Environment slug '${slug}' already exists in this project`);
  }
  if (others.some((other) => other.name === name)) {
    throw badRequest(`Environment name '${name}' already exists in this project`);
  }
  const config = findConfig(project, slug);
  if (config !== undefined && config.environment !== self) {
    throw badRequest(`Config name '${slug}' already exists in this project`);
  }
}

/** Configs keep the environment's prefix. */
function renameConfigs(environment: Environment, slug: string): void {
  for (const config of environment.configs) {
    if (config.root) {
      config.name = slug;
    } else {
      config.name = slug + config.name.slice(environment.slug.length);
      checkBranchConfigName(config.name, slug);
    }
  }
}
