import { setMaxListeners } from "node:events";
import * as grpc from "@grpc/grpc-js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerProto from "@pulumi/pulumi/proto/provider_pb.js";
import type * as pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import type { DiffKind, DiffResult } from "./diff.js";
import { exitWhenEngineGoes } from "./engine.js";
import { type CheckFailure, StatusError, toServiceError } from "./errors.js";
import { fromStruct, toStruct } from "./struct.js";
import type { PropertyMap } from "./values.js";

/** What every request about a resource carries. */
export interface ResourceRequest {
  urn: string;
  /** The resource's type token, as in `doppler:index/project:Project`. */
  type: string;
  /** The resource's name in the program. */
  name: string;
  /** Fires when the engine gives up on this call or cancels everything. */
  signal: AbortSignal;
}

export interface CheckRequest extends ResourceRequest {
  /** The inputs of the last successful operation; empty on creation. */
  olds: PropertyMap;
  news: PropertyMap;
  /** Bytes to derive names from, the same for every step of one operation on the resource. May be empty. */
  randomSeed: Uint8Array;
}

export interface CheckResult {
  /** The inputs with defaults filled in. */
  inputs: PropertyMap;
  failures?: CheckFailure[];
}

export interface ConfigureRequest {
  urn: string | undefined;
  /** The provider's own inputs; values that are not strings may come as JSON text. */
  args: PropertyMap;
  /** The same by full name, as in `doppler:config:host`, secrets revealed. */
  variables: Record<string, string>;
  signal: AbortSignal;
}

export interface InvokeRequest {
  /** The function's token, as in `doppler:index/getSecrets:getSecrets`. */
  token: string;
  args: PropertyMap;
  preview: boolean;
  signal: AbortSignal;
}

export interface InvokeResult {
  result: PropertyMap;
  failures?: CheckFailure[];
}

export interface DiffRequest extends ResourceRequest {
  id: string;
  oldInputs: PropertyMap;
  /** The old outputs. */
  olds: PropertyMap;
  /** The new, checked inputs. */
  news: PropertyMap;
  ignoreChanges: string[];
}

export interface CreateRequest extends ResourceRequest {
  inputs: PropertyMap;
  preview: boolean;
  /** Seconds, from the resource option `customTimeouts`; 0 if not set. */
  timeout: number;
}

export interface CreateResult {
  /** Empty in a preview. */
  id: string;
  outputs: PropertyMap;
}

export interface ReadRequest extends ResourceRequest {
  id: string;
  /** The inputs in the state; empty on import. */
  inputs: PropertyMap;
  /** The outputs in the state; empty on import. */
  state: PropertyMap;
  timeout: number;
}

export interface ReadResult {
  id: string;
  inputs: PropertyMap;
  outputs: PropertyMap;
}

export interface UpdateRequest extends ResourceRequest {
  id: string;
  oldInputs: PropertyMap;
  /** The old outputs. */
  olds: PropertyMap;
  /** The new, checked inputs. */
  news: PropertyMap;
  ignoreChanges: string[];
  preview: boolean;
  timeout: number;
}

export interface DeleteRequest extends ResourceRequest {
  id: string;
  oldInputs: PropertyMap;
  /** The outputs in the state. */
  state: PropertyMap;
  timeout: number;
}

/**
 * A resource provider in plain JavaScript terms. A method throws to fail: an `InitializationError` when the resource
 * exists all the same, any other `Error` with the text the user is to see. No text may hold a secret value.
 */
export interface Provider {
  /** Checks the provider's own inputs. Default: all are accepted. The engine sends them without secret marks. */
  checkConfig?(request: CheckRequest): Promise<CheckResult>;
  /** Compares the provider's own inputs. Default: any change is an update of the provider, no replacement. */
  diffConfig?(request: DiffRequest): Promise<DiffResult>;
  /** Receives the provider's own inputs, before any call below. Not called in a preview if one of them is unknown. */
  configure(request: ConfigureRequest): Promise<void>;
  invoke?(request: InvokeRequest): Promise<InvokeResult>;
  check(request: CheckRequest): Promise<CheckResult>;
  diff(request: DiffRequest): Promise<DiffResult>;
  /** In a preview, changes nothing and answers with UNKNOWN for outputs that are not known yet. */
  create(request: CreateRequest): Promise<CreateResult>;
  /** Answers undefined when the resource is gone. */
  read(request: ReadRequest): Promise<ReadResult | undefined>;
  /** Answers with the new outputs. In a preview, changes nothing. */
  update(request: UpdateRequest): Promise<PropertyMap>;
  delete(request: DeleteRequest): Promise<void>;
  /** Called once when the engine wants everything under way to stop; every request's `signal` fires too. */
  cancel?(): void;
}

export interface PluginOptions {
  /** The package name, as in `doppler`. */
  name: string;
  /** The released plugin's version this one stands in for, without a leading `v`. */
  version: string;
  provider: Provider;
}

const DIFF_KINDS: Record<DiffKind, pb.PropertyDiff.Kind> = {
  add: 0,
  "add-replace": 1,
  delete: 2,
  "delete-replace": 3,
  update: 4,
  "update-replace": 5,
};

type Handler<Request, Response> = grpc.handleUnaryCall<Request, Response>;

/** Builds the gRPC service of a provider. Exported for tests; a plugin's main calls {@link serve}. */
export function createService(options: PluginOptions): IResourceProviderServer {
  const { provider } = options;
  const everything = new AbortController();
  // One listener a call under way: many are no leak.
  setMaxListeners(0, everything.signal);

  /** Runs an async method as a gRPC handler, with a signal that follows the call and the engine's Cancel. */
  function handle<Request, Response>(
    run: (request: Request, signal: AbortSignal) => Promise<Response>,
  ): Handler<Request, Response> {
    return (call, callback) => {
      const abort = new AbortController();
      const stop = (): void => abort.abort(new StatusError(grpc.status.CANCELLED, "the operation was cancelled"));
      call.on("cancelled", stop);
      everything.signal.addEventListener("abort", stop, { once: true });
      if (everything.signal.aborted) {
        stop();
      }
      Promise.resolve()
        .then(() => run(call.request, abort.signal))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback(toServiceError(error)),
        )
        .finally(() => everything.signal.removeEventListener("abort", stop));
    };
  }
  function unimplemented<Request, Response>(method: string): Handler<Request, Response> {
    return handle(() => {
      throw new StatusError(grpc.status.UNIMPLEMENTED, `${options.name} does not implement ${method}`);
    });
  }

  return {
    handshake: handle(() => {
      const response = new providerProto.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      response.setAcceptResources(true);
      response.setAcceptOutputs(true);
      return Promise.resolve(response);
    }),
    parameterize: unimplemented("Parameterize"),
    getSchema: unimplemented("GetSchema"),
    checkConfig: handle(async (request: pb.CheckRequest, signal) => {
      const decoded = checkRequest(request, signal);
      return checkResponse(provider.checkConfig ? await provider.checkConfig(decoded) : { inputs: decoded.news });
    }),
    diffConfig: provider.diffConfig
      ? handle(async (request: pb.DiffRequest, signal) =>
          diffResponse(await provider.diffConfig!(diffRequest(request, signal))),
        )
      : unimplemented("DiffConfig"),
    configure: handle(async (request: pb.ConfigureRequest, signal) => {
      await provider.configure({
        urn: request.getUrn(),
        args: fromStruct(request.getArgs()),
        variables: Object.fromEntries(request.getVariablesMap().toArray()),
        signal,
      });
      const response = new providerProto.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setAcceptresources(true);
      response.setAcceptoutputs(true);
      response.setSupportspreview(true);
      return response;
    }),
    invoke: handle(async (request: pb.InvokeRequest, signal) => {
      if (!provider.invoke) {
        throw new Error(`${options.name} has no function ${request.getTok()}`);
      }
      const { result, failures } = await provider.invoke({
        token: request.getTok(),
        args: fromStruct(request.getArgs()),
        preview: request.getPreview(),
        signal,
      });
      const response = new providerProto.InvokeResponse();
      response.setReturn(toStruct(result));
      response.setFailuresList(encodeFailures(failures));
      return response;
    }),
    call: unimplemented("Call"),
    check: handle(async (request: pb.CheckRequest, signal) =>
      checkResponse(await provider.check(checkRequest(request, signal))),
    ),
    diff: handle(async (request: pb.DiffRequest, signal) =>
      diffResponse(await provider.diff(diffRequest(request, signal))),
    ),
    create: handle(async (request: pb.CreateRequest, signal) => {
      const { id, outputs } = await provider.create({
        ...resourceRequest(request, signal),
        inputs: fromStruct(request.getProperties()),
        preview: request.getPreview(),
        timeout: request.getTimeout(),
      });
      const response = new providerProto.CreateResponse();
      response.setId(id);
      response.setProperties(toStruct(outputs));
      return response;
    }),
    read: handle(async (request: pb.ReadRequest, signal) => {
      const result = await provider.read({
        ...resourceRequest(request, signal),
        id: request.getId(),
        inputs: fromStruct(request.getInputs()),
        state: fromStruct(request.getProperties()),
        timeout: request.getTimeout(),
      });
      // An answer without an id says that the resource is gone.
      const response = new providerProto.ReadResponse();
      if (result) {
        response.setId(result.id);
        response.setInputs(toStruct(result.inputs));
        response.setProperties(toStruct(result.outputs));
      }
      return response;
    }),
    list: (call: grpc.ServerWritableStream<pb.ListRequest, pb.ListResponse>) => {
      call.emit("error", { code: grpc.status.UNIMPLEMENTED, details: `${options.name} does not implement List` });
    },
    update: handle(async (request: pb.UpdateRequest, signal) => {
      const outputs = await provider.update({
        ...resourceRequest(request, signal),
        id: request.getId(),
        oldInputs: fromStruct(request.getOldInputs()),
        olds: fromStruct(request.getOlds()),
        news: fromStruct(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
        preview: request.getPreview(),
        timeout: request.getTimeout(),
      });
      const response = new providerProto.UpdateResponse();
      response.setProperties(toStruct(outputs));
      return response;
    }),
    delete: handle(async (request: pb.DeleteRequest, signal) => {
      await provider.delete({
        ...resourceRequest(request, signal),
        id: request.getId(),
        oldInputs: fromStruct(request.getOldInputs()),
        state: fromStruct(request.getProperties()),
        timeout: request.getTimeout(),
      });
      return new emptyProto.Empty();
    }),
    construct: unimplemented("Construct"),
    cancel: handle(() => {
      everything.abort();
      provider.cancel?.();
      return Promise.resolve(new emptyProto.Empty());
    }),
    getPluginInfo: handle(() => {
      const response = new pluginProto.PluginInfo();
      response.setVersion(options.version);
      return Promise.resolve(response);
    }),
    attach: handle(() => Promise.resolve(new emptyProto.Empty())),
    getMapping: handle(() => Promise.resolve(new providerProto.GetMappingResponse())),
    getMappings: handle(() => Promise.resolve(new providerProto.GetMappingsResponse())),
  };
}

function resourceRequest(
  request: { getUrn(): string; getType(): string; getName(): string },
  signal: AbortSignal,
): ResourceRequest {
  // urn:pulumi:<stack>::<project>::<parent types>$<type>::<name>; the name may hold "::" itself.
  const urn = request.getUrn();
  const parts = urn.split("::");
  return {
    urn,
    type: request.getType() || (parts[2]?.split("$").at(-1) ?? ""),
    name: request.getName() || parts.slice(3).join("::"),
    signal,
  };
}

function checkRequest(request: pb.CheckRequest, signal: AbortSignal): CheckRequest {
  return {
    ...resourceRequest(request, signal),
    olds: fromStruct(request.getOlds()),
    news: fromStruct(request.getNews()),
    randomSeed: request.getRandomseed_asU8(),
  };
}

function checkResponse(result: CheckResult): pb.CheckResponse {
  const response = new providerProto.CheckResponse();
  response.setInputs(toStruct(result.inputs));
  response.setFailuresList(encodeFailures(result.failures));
  return response;
}

function encodeFailures(failures: CheckFailure[] = []): pb.CheckFailure[] {
  return failures.map(({ property, reason }) => {
    const failure = new providerProto.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    return failure;
  });
}

function diffRequest(request: pb.DiffRequest, signal: AbortSignal): DiffRequest {
  return {
    ...resourceRequest(request, signal),
    id: request.getId(),
    oldInputs: fromStruct(request.getOldInputs()),
    olds: fromStruct(request.getOlds()),
    news: fromStruct(request.getNews()),
    ignoreChanges: request.getIgnorechangesList(),
  };
}

function diffResponse(result: DiffResult): pb.DiffResponse {
  const response = new providerProto.DiffResponse();
  response.setChanges({ unknown: 0, none: 1, some: 2 }[result.changes]);
  response.setReplacesList(result.replaces);
  response.setStablesList(result.stables ?? []);
  response.setDeletebeforereplace(result.deleteBeforeReplace ?? false);
  // The short list names whole properties, the detailed one paths inside them.
  response.setDiffsList([
    ...new Set(Object.keys(result.detailedDiff).map((path) => /^[^.[]+/.exec(path)?.[0] ?? path)),
  ]);
  response.setHasdetaileddiff(true);
  const detailed = response.getDetaileddiffMap();
  for (const [path, { kind, inputDiff }] of Object.entries(result.detailedDiff)) {
    const diff = new providerProto.PropertyDiff();
    diff.setKind(DIFF_KINDS[kind]);
    diff.setInputdiff(inputDiff ?? false);
    detailed.set(path, diff);
  }
  return response;
}

/** A running plugin server. */
export interface RunningServer {
  port: number;
  /** Stops accepting calls and ends those under way. */
  stop(): void;
}

/** Serves a provider on a loopback port that the kernel chooses. */
export async function listen(options: PluginOptions): Promise<RunningServer> {
  // A resource can be larger than gRPC's default of 4 MiB.
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(providerGrpc.ResourceProviderService, createService(options));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

/**
 * The main of a plugin: serves the provider, prints the port alone on a line of standard output, and ends with the
 * engine, whose address is the first argument.
 */
export async function serve(options: PluginOptions): Promise<void> {
  const server = await listen(options);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      server.stop();
      process.exit(0);
    });
  }
  process.stdout.write(`${server.port}\n`);
  const engine = process.argv[2];
  if (engine !== undefined) {
    exitWhenEngineGoes(engine);
  }
}
