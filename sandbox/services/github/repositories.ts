import type { FastifyInstance } from "fastify";
import { Body } from "./body.js";
import { invalidRequest, validationFailed } from "./errors.js";
import { page, parameter, requestedEnvironment, requestedRepository, REPOSITORY_PREFIXES } from "./lookup.js";
import { accountJson, repositoryJson } from "./answers.js";
import type { Context } from "./context.js";
import { type Environment, findEnvironment, findRepository, type Repository, type Reviewer } from "./state.js";

/** Repositories and their environments. */
export function registerRepositoryRoutes(api: FastifyInstance, context: Context): void {
  const { store } = context;

  for (const prefix of REPOSITORY_PREFIXES) {
    api.get(prefix, (request) => repositoryJson(context, requestedRepository(context, request)));

    api.patch(prefix, (request) => {
      const repository = requestedRepository(context, request);
      const body = new Body(request.body);
      const name = body.optionalString("name") ?? repository.name;
      if (name !== repository.name) {
        if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
          throw validationFailed("Repository", "name", "name is invalid");
        }
        const taken = findRepository(store.state, store.ownerOf(repository).login, name);
        if (taken && taken !== repository) {
          throw validationFailed("Repository", "name", "name already exists on this account");
        }
        store.renameRepository(repository, name);
      }
      repository.private = body.optionalBoolean("private", repository.private);
      repository.description = body.optionalString("description") ?? repository.description;
      repository.updatedAt = store.timestamp();
      store.save();
      return repositoryJson(context, repository);
    });

    api.delete(prefix, (request, reply) => {
      store.removeRepository(requestedRepository(context, request));
      return reply.code(204).send();
    });

    api.get(`${prefix}/environments`, (request, reply) => {
      const repository = requestedRepository(context, request);
      const all = store.state.environments.filter((environment) => environment.repositoryId === repository.id);
      const { items, link } = page(context, request, all);
      return reply.headers(link === undefined ? {} : { link }).send({
        total_count: all.length,
        environments: items.map((environment) => environmentJson(context, repository, environment)),
      });
    });

    api.get(`${prefix}/environments/:environment`, (request) =>
      environmentJson(context, requestedRepository(context, request), requestedEnvironment(context, request)),
    );

    // 200 for a new environment too.
    api.put(`${prefix}/environments/:environment`, (request) => {
      const repository = requestedRepository(context, request);
      const name = parameter(request, "environment");
      if (name === "" || name.length > 255) {
        throw validationFailed("Environment", "name", "name must be 1 to 255 characters long");
      }
      const settings = environmentSettings(context, new Body(request.body));
      const at = store.timestamp();
      let environment = findEnvironment(store.state, repository.id, name);
      if (environment) {
        Object.assign(environment, settings, { updatedAt: at });
      } else {
        environment = {
          id: store.nextId(),
          repositoryId: repository.id,
          name,
          ...settings,
          createdAt: at,
          updatedAt: at,
        };
        store.state.environments.push(environment);
      }
      store.save();
      return environmentJson(context, repository, environment);
    });

    api.delete(`${prefix}/environments/:environment`, (request, reply) => {
      store.removeEnvironment(requestedEnvironment(context, request));
      return reply.code(204).send();
    });
  }
}

type EnvironmentSettings = Pick<
  Environment,
  "waitTimer" | "preventSelfReview" | "canAdminsBypass" | "reviewers" | "deploymentBranchPolicy"
>;

/** What a PUT leaves out is set back to its default. */
function environmentSettings(context: Context, body: Body): EnvironmentSettings {
  const waitTimer = body.raw("wait_timer") ?? 0;
  if (typeof waitTimer !== "number" || !Number.isInteger(waitTimer)) {
    throw invalidRequest("For 'properties/wait_timer', the value is not an integer.");
  }
  if (waitTimer < 0 || waitTimer > 43_200) {
    throw validationFailed("Environment", "wait_timer", "wait_timer must be between 0 and 43200 minutes");
  }
  return {
    waitTimer,
    preventSelfReview: body.optionalBoolean("prevent_self_review", false),
    canAdminsBypass: body.optionalBoolean("can_admins_bypass", true),
    reviewers: reviewers(context, body.raw("reviewers") ?? []),
    deploymentBranchPolicy: branchPolicy(body.raw("deployment_branch_policy") ?? null),
  };
}

function reviewers(context: Context, input: unknown): Reviewer[] {
  if (!Array.isArray(input)) {
    throw invalidRequest("For 'properties/reviewers', the value is not an array.");
  }
  if (input.length > 6) {
    throw validationFailed("Environment", "reviewers", "no more than 6 reviewers can be required");
  }
  return input.map((item: unknown) => {
    const { type, id } = (item ?? {}) as Partial<Record<string, unknown>>;
    if ((type !== "User" && type !== "Team") || typeof id !== "number") {
      throw invalidRequest("For 'properties/reviewers/items', the value is not a type (User or Team) and an id.");
    }
    // There are no teams, and the one user is the token's.
    if (type === "Team" || id !== context.store.user.id) {
      throw validationFailed("Environment", "reviewers", `${type} ${id} cannot review in this repository`);
    }
    return { type, id };
  });
}

function branchPolicy(input: unknown): Environment["deploymentBranchPolicy"] {
  if (input === null) {
    return null;
  }
  const policy = new Body(input);
  const protectedBranches = policy.raw("protected_branches");
  const customPolicies = policy.raw("custom_branch_policies");
  if (typeof protectedBranches !== "boolean" || typeof customPolicies !== "boolean") {
    throw invalidRequest(
      "For 'properties/deployment_branch_policy', protected_branches and custom_branch_policies are required booleans.",
    );
  }
  if (protectedBranches === customPolicies) {
    throw validationFailed(
      "Environment",
      "deployment_branch_policy",
      "protected_branches and custom_branch_policies cannot have the same value",
    );
  }
  return { protected_branches: protectedBranches, custom_branch_policies: customPolicies };
}

function environmentJson(context: Context, repository: Repository, environment: Environment): Record<string, unknown> {
  const fullName = `${context.store.ownerOf(repository).login}/${repository.name}`;
  const rules: Record<string, unknown>[] = [];
  const rule = (type: string, more: Record<string, unknown>): void => {
    const id = environment.id * 10 + rules.length;
    rules.push({ id, node_id: Buffer.from(`Gate:${id}`).toString("base64"), type, ...more });
  };
  if (environment.waitTimer > 0) {
    rule("wait_timer", { wait_timer: environment.waitTimer });
  }
  if (environment.reviewers.length > 0) {
    rule("required_reviewers", {
      prevent_self_review: environment.preventSelfReview,
      reviewers: environment.reviewers.map(({ type }) => ({
        type,
        reviewer: accountJson(context, context.store.user),
      })),
    });
  }
  if (environment.deploymentBranchPolicy) {
    rule("branch_policy", {});
  }
  return {
    id: environment.id,
    node_id: Buffer.from(`Environment:${environment.id}`).toString("base64"),
    name: environment.name,
    url: `${context.baseUrl()}/api/v3/repos/${fullName}/environments/${encodeURIComponent(environment.name)}`,
    html_url: `${context.baseUrl()}/${fullName}/deployments/activity_log?environments_filter=${encodeURIComponent(environment.name)}`,
    created_at: environment.createdAt,
    updated_at: environment.updatedAt,
    can_admins_bypass: environment.canAdminsBypass,
    protection_rules: rules,
    deployment_branch_policy: environment.deploymentBranchPolicy,
  };
}
