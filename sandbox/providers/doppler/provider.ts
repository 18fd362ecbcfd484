import { createHash } from "node:crypto";
import {
  checkInputs,
  type CheckRequest,
  type CheckResult,
  type ConfigureRequest,
  containsUnknowns,
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  diffConfiguration,
  diffInputs,
  type DiffRequest,
  type DiffResult,
  InitializationError,
  inputsFromOutputs,
  type InvokeRequest,
  type InvokeResult,
  markSecrets,
  previewOutputs,
  type PropertyMap,
  type PropertyValue,
  type Provider,
  type ReadRequest,
  type ReadResult,
  revealAll,
  type UpdateRequest,
  validateInputs,
  withoutNulls,
} from "../base/index.js";
import { DopplerClient, DopplerError } from "./client.js";
import { CONFIGURATION, type Context, GET_SECRETS, PartialFailure, type Resource, RESOURCES } from "./resources.js";

/** The released provider that this one stands in for. */
export const VERSION = "0.9.0";

const DEFAULT_HOST = "https://api.doppler.com";

/** Stands in for the released Doppler provider; the API behind it may be Doppler's or a stand-in's. */
export class DopplerProvider implements Provider {
  #client: DopplerClient | undefined;
  #identity = "";

  constructor(private readonly environment: NodeJS.ProcessEnv = process.env) {}

  checkConfig(request: CheckRequest): Promise<CheckResult> {
    const given = { ...request.news };
    // Values that are no strings may come as text.
    if (typeof given["verifyTls"] === "string" && !containsUnknowns(given["verifyTls"])) {
      given["verifyTls"] = parseBoolean(given["verifyTls"]);
    }
    // What the environment supplies counts as given, but is not kept in the state.
    const effective = { ...this.#fromEnvironment(), ...given };
    const properties = Object.fromEntries(Object.entries(effective).filter(([name]) => name !== "version"));
    const failures = validateInputs(CONFIGURATION, properties, request.name).map((failure) => {
      const isMissingToken = effective["dopplerToken"] === undefined && failure.reason.includes('"doppler_token"');
      return isMissingToken
        ? {
            property: "",
            reason:
              "Provider is missing a required configuration key, try `pulumi config set doppler:dopplerToken`: " +
              "A Doppler token, either a personal or service token",
          }
        : { property: "", reason: `could not validate provider configuration: ${failure.reason}` };
    });
    return Promise.resolve({ inputs: request.news, failures });
  }

  diffConfig(request: DiffRequest): Promise<DiffResult> {
    return Promise.resolve(diffConfiguration(CONFIGURATION, request));
  }

  configure(request: ConfigureRequest): Promise<void> {
    const args = { ...this.#fromEnvironment(), ...withoutNulls(revealAll(request.args)) };
    const token = args["dopplerToken"];
    const host = args["host"] ?? DEFAULT_HOST;
    if (typeof token !== "string" || token === "") {
      throw new Error("doppler: the provider has no token; set its dopplerToken");
    }
    if (typeof host !== "string" || !URL.canParse(host)) {
      throw new Error("doppler: the provider's host is no URL; give it as in https://api.doppler.com");
    }
    const verifyTls = parseBoolean(args["verifyTls"] ?? true) !== false;
    this.#client = new DopplerClient({ host, token, verifyTls });
    this.#identity = createHash("sha256").update(`${host}\n${token}\n${verifyTls}`).digest("hex");
    return Promise.resolve();
  }

  async invoke(request: InvokeRequest): Promise<InvokeResult> {
    if (request.token !== "doppler:index/getSecrets:getSecrets") {
      throw new Error(`unrecognized data function (Invoke): ${request.token}`);
    }
    const args = withoutNulls(revealAll(request.args));
    const failures = validateInputs(GET_SECRETS, args, "getSecrets");
    if (failures.length > 0) {
      return { result: {}, failures };
    }
    const query = Object.fromEntries(
      ["config", "project"].map((name) => [
        name,
        typeof args[name] === "string" && args[name] ? args[name] : undefined,
      ]),
    );
    const { client, signal } = this.#context(request.signal);
    let answer;
    try {
      answer = await client.call("GET", "/v3/configs/config/secrets/download", { query, signal });
    } catch (error) {
      throw new Error(`invoking ${request.token}: ${listed(error)}`, { cause: error });
    }
    const map: PropertyMap = {};
    for (const [name, value] of Object.entries(answer)) {
      if (typeof value !== "string") {
        const problem = new DopplerError(`Unable to parse secrets\nthe value of "${name}" is no string`);
        throw new Error(`invoking ${request.token}: ${listed(problem)}`);
      }
      map[name] = value;
    }
    // Not marked as secret: the released provider does not either, so a program has to do it itself.
    return { result: { ...args, map, id: this.#identity } };
  }

  check(request: CheckRequest): Promise<CheckResult> {
    return Promise.resolve(checkInputs(this.#resource(request.type, "Check").spec, request));
  }

  diff(request: DiffRequest): Promise<DiffResult> {
    return Promise.resolve(diffInputs(this.#resource(request.type, "Diff").spec, request));
  }

  async create(request: CreateRequest): Promise<CreateResult> {
    const resource = this.#resource(request.type, "Create");
    if (request.preview) {
      return { id: "", outputs: previewOutputs(resource.spec, request.inputs) };
    }
    const inputs = plain(request.inputs);
    const outputs = (id: string, computed: PropertyMap): PropertyMap =>
      markSecrets(resource.spec, { ...inputs, ...computed, id }, request.inputs);
    try {
      const outcome = await resource.create(this.#context(request.signal), inputs);
      return { id: outcome.id, outputs: outputs(outcome.id, outcome.outputs) };
    } catch (error) {
      if (error instanceof PartialFailure) {
        const reason = `creating ${request.urn}: ${listed(error)}`;
        throw new InitializationError(error.id, outputs(error.id, {}), [reason], request.inputs);
      }
      throw new Error(listed(error), { cause: error });
    }
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const resource = this.#resource(request.type, "Read");
    const state = plain(request.state);
    let outcome;
    try {
      outcome = await resource.read(this.#context(request.signal), request.id, state);
    } catch (error) {
      if (error instanceof DopplerError && error.isNotFound) {
        return undefined;
      }
      throw new Error(`refreshing ${request.urn}: ${listed(error)}`, { cause: error });
    }
    if (!outcome) {
      return undefined;
    }
    const marks = { ...request.state, ...request.inputs };
    const outputs = markSecrets(resource.spec, { ...state, ...outcome.outputs, id: outcome.id }, marks);
    return { id: outcome.id, outputs, inputs: inputsFromOutputs(resource.spec, outputs, request.inputs) };
  }

  async update(request: UpdateRequest): Promise<PropertyMap> {
    const resource = this.#resource(request.type, "Update");
    const olds = plain(request.olds);
    const news = plain(request.news);
    const planned = previewOutputs(
      resource.spec,
      request.news,
      request.olds,
      request.preview ? resource.recomputed?.(olds, news) : [],
    );
    if (request.preview) {
      return planned;
    }
    if (!resource.update) {
      throw new Error(`${request.type} cannot be updated in place`);
    }
    try {
      const outcome = await resource.update(this.#context(request.signal), request.id, olds, news);
      return markSecrets(resource.spec, { ...planned, ...outcome.outputs, id: outcome.id }, request.news);
    } catch (error) {
      // As in the released provider, the state then holds what was wanted, and the next update tries again.
      const reason = `updating ${request.urn}: ${listed(error)}`;
      throw new InitializationError(request.id, planned, [reason], request.news);
    }
  }

  async delete(request: DeleteRequest): Promise<void> {
    const resource = this.#resource(request.type, "Delete");
    try {
      await resource.delete(this.#context(request.signal), request.id, plain(request.state));
    } catch (error) {
      throw new Error(`deleting ${request.urn}: ${listed(error)}`, { cause: error });
    }
  }

  #fromEnvironment(): PropertyMap {
    const { DOPPLER_TOKEN, DOPPLER_API_HOST, DOPPLER_VERIFY_TLS } = this.environment;
    return {
      ...(DOPPLER_TOKEN ? { dopplerToken: DOPPLER_TOKEN } : {}),
      ...(DOPPLER_API_HOST ? { host: DOPPLER_API_HOST } : {}),
      ...(DOPPLER_VERIFY_TLS ? { verifyTls: parseBoolean(DOPPLER_VERIFY_TLS) } : {}),
    };
  }

  #context(signal: AbortSignal): Context {
    if (!this.#client) {
      throw new Error("doppler: the provider was called before it was configured");
    }
    return { client: this.#client, signal };
  }

  #resource(type: string, method: string): Resource {
    const resource = RESOURCES[type];
    if (!resource) {
      throw new Error(`unrecognized resource type (${method}): ${type}`);
    }
    return resource;
  }
}

function plain(properties: PropertyMap): PropertyMap {
  return withoutNulls(revealAll(properties));
}

/** The form in which the bridge shows the errors of one operation. */
function listed(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `1 error occurred:\n\t* ${message}\n\n`;
}

function parseBoolean(value: PropertyValue): PropertyValue {
  return value === "true" ? true : value === "false" ? false : value;
}
