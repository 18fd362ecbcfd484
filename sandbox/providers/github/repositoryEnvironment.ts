import {
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  inputsFromOutputs,
  markSecrets,
  type PropertyMap,
  type PropertyValue,
  type ReadRequest,
  type ReadResult,
  type ResourceSpec,
  revealAll,
  type UpdateRequest,
} from "../base/index.js";
import { GitHubError, isNotFound } from "./client.js";
import type { Connection } from "./configuration.js";
import { diffInRepository, getRepositoryJson } from "./repository.js";
import { buildId, escapeIdPart, parseId, pathSegment, type Resource, text, unescapeIdPart } from "./resource.js";

interface EnvironmentJson {
  can_admins_bypass?: boolean | null;
  protection_rules?: {
    type: string;
    wait_timer?: number;
    prevent_self_review?: boolean;
    reviewers?: { type: string; reviewer: { id: number } }[];
  }[];
  deployment_branch_policy?: { protected_branches: boolean; custom_branch_policies: boolean } | null;
}

const MAX_REVIEWERS = 6;

const spec: ResourceSpec = {
  properties: {
    repository: { type: "string", required: true },
    repositoryId: { type: "number", input: false },
    environment: { type: "string", required: true, forceNew: true },
    canAdminsBypass: { type: "boolean", default: true },
    preventSelfReview: { type: "boolean", default: false },
    waitTimer: {
      type: "number",
      validate: (value, name) =>
        Number(value) < 0 || Number(value) > 43_200
          ? `expected ${name} to be in the range (0 - 43200), got ${Number(value)}`
          : undefined,
    },
    reviewers: {
      type: {
        list: {
          object: {
            teams: { type: { list: "number" } },
            users: { type: { list: "number" } },
          },
        },
      },
    },
    deploymentBranchPolicy: {
      type: {
        object: {
          protectedBranches: { type: "boolean", required: true },
          customBranchPolicies: { type: "boolean", required: true },
        },
      },
    },
  },
};

interface Reviewers {
  teams?: number[];
  users?: number[];
}

function reviewersOf(properties: PropertyMap): Reviewers {
  const [reviewers] = revealAll((properties["reviewers"] ?? []) as PropertyValue) as (Reviewers | undefined)[];
  return reviewers ?? {};
}

/** What is sent on create and update alike: all settings, those not given at their defaults. */
function settings(properties: PropertyMap) {
  const plain = revealAll(properties);
  const { teams = [], users = [] } = reviewersOf(properties);
  const reviewers = [...teams.map((id) => ({ type: "Team", id })), ...users.map((id) => ({ type: "User", id }))];
  const policy = plain["deploymentBranchPolicy"] as PropertyMap | undefined;
  return {
    wait_timer: Number(plain["waitTimer"] ?? 0),
    reviewers: reviewers.length > 0 ? reviewers : null,
    can_admins_bypass: plain["canAdminsBypass"] !== false,
    deployment_branch_policy: policy
      ? {
          protected_branches: policy["protectedBranches"] === true,
          custom_branch_policies: policy["customBranchPolicies"] === true,
        }
      : null,
    prevent_self_review: plain["preventSelfReview"] === true,
  };
}

/** A deployment environment of a repository. */
export class RepositoryEnvironmentResource implements Resource {
  readonly spec = spec;

  async diff(connection: Connection, request: DiffRequest): Promise<DiffResult> {
    const { teams = [], users = [] } = reviewersOf(request.news);
    if (teams.length + users.length > MAX_REVIEWERS) {
      throw new Error("a maximum of 6 reviewers (users and teams combined) can be set for an environment");
    }
    return diffInRepository(connection, spec, request);
  }

  async create(connection: Connection, { inputs, signal }: CreateRequest): Promise<CreateResult> {
    await this.#put(connection, inputs, signal);
    const id = environmentId(inputs);
    const repository = await getRepositoryJson(connection, text(inputs, "repository"), signal);
    return { id, outputs: markSecrets(spec, { ...inputs, id, repositoryId: repository.id }, inputs) };
  }

  async read(connection: Connection, request: ReadRequest): Promise<ReadResult | undefined> {
    const isImport = Object.keys(request.state).length === 0;
    const outputs = isImport ? await this.#import(connection, request) : { ...request.state };
    let found: EnvironmentJson;
    try {
      found = await connection.client.get<EnvironmentJson>(path(connection, outputs), request.signal);
    } catch (error) {
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
    outputs["canAdminsBypass"] = found.can_admins_bypass ?? false;
    delete outputs["waitTimer"];
    delete outputs["deploymentBranchPolicy"];
    for (const rule of found.protection_rules ?? []) {
      if (rule.type === "wait_timer") {
        outputs["waitTimer"] = rule.wait_timer ?? 0;
      } else if (rule.type === "required_reviewers") {
        const ids = (type: string): number[] =>
          (rule.reviewers ?? []).filter((item) => item.type === type).map((item) => item.reviewer.id);
        outputs["reviewers"] = [{ teams: ids("Team"), users: ids("User") }];
        outputs["preventSelfReview"] = rule.prevent_self_review ?? false;
      }
    }
    const policy = found.deployment_branch_policy;
    if (policy) {
      outputs["deploymentBranchPolicy"] = {
        protectedBranches: policy.protected_branches,
        customBranchPolicies: policy.custom_branch_policies,
      };
    }
    const id = isImport ? request.id : environmentId(outputs);
    const marked = markSecrets(spec, { ...outputs, id }, request.inputs);
    return { id, outputs: marked, inputs: inputsFromOutputs(spec, marked, request.inputs) };
  }

  async update(connection: Connection, { olds, news, signal }: UpdateRequest): Promise<PropertyMap> {
    await this.#put(connection, news, signal);
    const repositoryId = olds["repositoryId"];
    return markSecrets(
      spec,
      { ...news, id: environmentId(news), ...(repositoryId === undefined ? {} : { repositoryId }) },
      news,
    );
  }

  /** Unlike a secret, an environment that is gone already is deleted without complaint. */
  async delete(connection: Connection, { state, signal }: DeleteRequest): Promise<void> {
    try {
      await connection.client.delete(path(connection, state), signal);
    } catch (error) {
      if (!(error instanceof GitHubError && (error.status === 404 || error.status === 304))) {
        throw error;
      }
    }
  }

  async #put(connection: Connection, properties: PropertyMap, signal: AbortSignal): Promise<void> {
    const body = settings(properties);
    try {
      await connection.client.put(path(connection, properties), body, signal);
    } catch (error) {
      // Plans without protection rules refuse the fields as such; without rules to set, the rest will do.
      const isRefused = error instanceof GitHubError && error.status === 422;
      if (!isRefused || body.reviewers !== null || body.wait_timer !== 0) {
        throw error;
      }
      const { deployment_branch_policy } = body;
      await connection.client.put(path(connection, properties), { deployment_branch_policy }, signal);
    }
  }

  async #import(connection: Connection, { id, signal }: ReadRequest): Promise<PropertyMap> {
    let parts: string[];
    try {
      parts = parseId(id, 2);
    } catch {
      throw new Error(`invalid id (${id}), expected format <repository>:<environment>`);
    }
    const [repository = "", environment = ""] = parts;
    try {
      const { id: repositoryId } = await getRepositoryJson(connection, repository, signal);
      return { repository, repositoryId, environment: unescapeIdPart(environment) };
    } catch (error) {
      throw new Error(`failed to retrieve repository ${repository}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function environmentId(properties: PropertyMap): string {
  return buildId(text(properties, "repository"), escapeIdPart(text(properties, "environment")));
}

function path(connection: Connection, properties: PropertyMap): string {
  const environment = pathSegment(text(properties, "environment"));
  return `repos/${connection.owner}/${text(properties, "repository")}/environments/${environment}`;
}
