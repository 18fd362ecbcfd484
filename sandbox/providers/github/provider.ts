import {
  checkInputs,
  type CheckRequest,
  type CheckResult,
  type ConfigureRequest,
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  diffConfiguration,
  type DiffRequest,
  type DiffResult,
  InitializationError,
  type InvokeRequest,
  type InvokeResult,
  previewOutputs,
  type PropertyMap,
  type Provider,
  type ReadRequest,
  type ReadResult,
  type ResourceRequest,
  type ResourceSpec,
  secret,
  type UpdateRequest,
  validateInputs,
  containsUnknowns,
} from "../base/index.js";
import { configurationSpec, connect, type Connection, decodeConfiguration, type Environment } from "./configuration.js";
import {
  getActionsEnvironmentSecrets,
  getActionsEnvironmentSecretsSpec,
  getActionsOrganizationSecrets,
  getActionsPublicKey,
  getActionsPublicKeySpec,
  getActionsSecrets,
  getDependabotOrganizationSecrets,
  getDependabotSecrets,
  getOrganizationSecretsSpec,
  getRepository,
  getRepositorySpec,
  getSecretsSpec,
} from "./repository.js";
import { RepositoryEnvironmentResource } from "./repositoryEnvironment.js";
import type { Resource } from "./resource.js";
import { SecretResource } from "./secret.js";
import { SecretRepositoriesResource } from "./secretRepositories.js";

/** The resource types covered, by token. */
export const resources: Readonly<Record<string, Resource>> = {
  "github:index/actionsSecret:ActionsSecret": new SecretResource({ app: "actions", scope: "repository" }),
  "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": new SecretResource({
    app: "actions",
    scope: "environment",
  }),
  "github:index/actionsOrganizationSecret:ActionsOrganizationSecret": new SecretResource({
    app: "actions",
    scope: "organization",
  }),
  "github:index/dependabotSecret:DependabotSecret": new SecretResource({ app: "dependabot", scope: "repository" }),
  "github:index/dependabotOrganizationSecret:DependabotOrganizationSecret": new SecretResource({
    app: "dependabot",
    scope: "organization",
  }),
  "github:index/actionsOrganizationSecretRepositories:ActionsOrganizationSecretRepositories":
    new SecretRepositoriesResource("actions"),
  "github:index/dependabotOrganizationSecretRepositories:DependabotOrganizationSecretRepositories":
    new SecretRepositoriesResource("dependabot"),
  "github:index/repositoryEnvironment:RepositoryEnvironment": new RepositoryEnvironmentResource(),
};

interface CoveredFunction {
  spec: ResourceSpec;
  run(connection: Connection, request: InvokeRequest): Promise<PropertyMap>;
}

/** The functions covered, by token. */
export const functions: Readonly<Record<string, CoveredFunction>> = {
  "github:index/getActionsPublicKey:getActionsPublicKey": { spec: getActionsPublicKeySpec, run: getActionsPublicKey },
  "github:index/getActionsSecrets:getActionsSecrets": { spec: getSecretsSpec, run: getActionsSecrets },
  "github:index/getActionsEnvironmentSecrets:getActionsEnvironmentSecrets": {
    spec: getActionsEnvironmentSecretsSpec,
    run: getActionsEnvironmentSecrets,
  },
  "github:index/getActionsOrganizationSecrets:getActionsOrganizationSecrets": {
    spec: getOrganizationSecretsSpec,
    run: getActionsOrganizationSecrets,
  },
  "github:index/getDependabotSecrets:getDependabotSecrets": { spec: getSecretsSpec, run: getDependabotSecrets },
  "github:index/getDependabotOrganizationSecrets:getDependabotOrganizationSecrets": {
    spec: getOrganizationSecretsSpec,
    run: getDependabotOrganizationSecrets,
  },
  "github:index/getRepository:getRepository": { spec: getRepositorySpec, run: getRepository },
};

/** An error in the shape the released provider gives those of its inner one. */
function wrapped(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`1 error occurred:\n\t* ${message}\n\n`, { cause: error });
}

/** Stands in for the released github provider, for the types and functions above. */
export class GithubProvider implements Provider {
  readonly #environment: Environment;
  #connection: Connection | undefined;

  /** @param environment environment variables, of which those documented as configuration count */
  constructor(environment: Environment = process.env) {
    this.#environment = environment;
  }

  checkConfig(request: CheckRequest): Promise<CheckResult> {
    const known = Object.fromEntries(Object.entries(request.news).filter(([, value]) => !containsUnknowns(value)));
    const failures = validateInputs(configurationSpec, decodeConfiguration(known), request.name).map((failure) => ({
      ...failure,
      reason: `could not validate provider configuration: ${failure.reason}`,
    }));
    const inputs = { ...request.news };
    for (const name of ["token", "appAuth"]) {
      if (inputs[name] !== undefined) {
        inputs[name] = secret(inputs[name]);
      }
    }
    return Promise.resolve({ inputs, failures });
  }

  diffConfig(request: DiffRequest): Promise<DiffResult> {
    return Promise.resolve(diffConfiguration(configurationSpec, request));
  }

  async configure(request: ConfigureRequest): Promise<void> {
    try {
      this.#connection = await connect(request.args, this.#environment, request.signal);
    } catch (error) {
      throw wrapped(error);
    }
  }

  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    const called = functions[request.token];
    if (!called) {
      throw new Error(`github provider stand-in: the function ${request.token} is not covered`);
    }
    const failures = validateInputs(called.spec, request.args, request.token);
    if (failures.length > 0) {
      return { result: {}, failures };
    }
    try {
      return { result: await called.run(this.#connected(), request) };
    } catch (error) {
      throw new Error(`invoking ${request.token}: ${wrapped(error).message}`, { cause: error });
    }
  }

  check(request: CheckRequest): Promise<CheckResult> {
    return Promise.resolve(checkInputs(this.#resource(request).spec, request));
  }

  async diff(request: DiffRequest): Promise<DiffResult> {
    const resource = this.#resource(request);
    try {
      return await resource.diff(this.#connected(), request);
    } catch (error) {
      throw new Error(`diffing ${request.urn}: ${wrapped(error).message}`, { cause: error });
    }
  }

  async create(request: CreateRequest): Promise<CreateResult> {
    const resource = this.#resource(request);
    if (request.preview) {
      return { id: "", outputs: previewOutputs(resource.spec, request.inputs) };
    }
    try {
      return await resource.create(this.#connected(), request);
    } catch (error) {
      throw wrapped(error);
    }
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const resource = this.#resource(request);
    try {
      return await resource.read(this.#connected(), request);
    } catch (error) {
      const isImport = Object.keys(request.state).length === 0;
      throw isImport ? error : new Error(`refreshing ${request.urn}: ${wrapped(error).message}`, { cause: error });
    }
  }

  async update(request: UpdateRequest): Promise<PropertyMap> {
    const resource = this.#resource(request);
    if (request.preview) {
      return previewOutputs(resource.spec, request.news, request.olds);
    }
    try {
      return await resource.update(this.#connected(), request);
    } catch (error) {
      // The released provider then keeps the new inputs in the state and marks the resource as failed, so that the next
      // update tries again.
      throw new InitializationError(
        request.id,
        previewOutputs(resource.spec, request.news, request.olds),
        [`updating ${request.urn}: ${wrapped(error).message}`],
        request.news,
      );
    }
  }

  async delete(request: DeleteRequest): Promise<void> {
    const resource = this.#resource(request);
    try {
      await resource.delete(this.#connected(), request);
    } catch (error) {
      throw new Error(`deleting ${request.urn}: ${wrapped(error).message}`, { cause: error });
    }
  }

  #resource(request: ResourceRequest): Resource {
    const resource = resources[request.type];
    if (!resource) {
      throw new Error(`github provider stand-in: the resource type ${request.type} is not covered`);
    }
    return resource;
  }

  #connected(): Connection {
    if (!this.#connection) {
      throw new Error("github provider: it was used before it was configured");
    }
    return this.#connection;
  }
}
