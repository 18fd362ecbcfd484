import * as grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerProto from "@pulumi/pulumi/proto/provider_pb.js";
import type * as pb from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import type { CheckFailure } from "../errors.js";
import { listen, type PluginOptions } from "../provider.js";
import { fromStruct, toStruct } from "../struct.js";
import type { PropertyMap } from "../values.js";

/** The error of a call, with the resource it left behind, if the provider said that there is one. */
export class CallError extends Error {
  constructor(
    readonly code: grpc.status,
    message: string,
    readonly partial: { id: string; properties: PropertyMap; inputs: PropertyMap; reasons: string[] } | undefined,
  ) {
    super(message);
  }
}

export interface ClientDiff {
  changes: "unknown" | "none" | "some";
  replaces: string[];
  /** Kinds by path, in the words of the protocol, as in `UPDATE_REPLACE`. */
  detailed: Record<string, string>;
  deleteBeforeReplace: boolean;
}

const KINDS = ["ADD", "ADD_REPLACE", "DELETE", "DELETE_REPLACE", "UPDATE", "UPDATE_REPLACE"];

/** Speaks to a provider over gRPC as the engine does. For tests. */
export class ProviderClient {
  readonly #client: InstanceType<typeof providerGrpc.ResourceProviderClient>;

  constructor(
    port: number,
    private readonly stop: () => void = () => undefined,
  ) {
    this.#client = new providerGrpc.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  /** Serves a provider in this process and connects to it. */
  static async start(options: PluginOptions): Promise<ProviderClient> {
    const server = await listen(options);
    return new ProviderClient(server.port, () => server.stop());
  }

  close(): void {
    this.#client.close();
    this.stop();
  }

  /** The URN that the calls below use for a resource. */
  static urn(type: string, name: string): string {
    return `urn:pulumi:test::project::${type}::${name}`;
  }

  async checkConfig(news: PropertyMap, name = "provider", olds: PropertyMap = {}) {
    const request = checkRequest(ProviderClient.urn("pulumi:providers:test", name), news, olds);
    return checkAnswer(await this.#call<pb.CheckResponse>((done) => this.#client.checkConfig(request, done)));
  }

  async diffConfig(olds: PropertyMap, news: PropertyMap, name = "provider"): Promise<ClientDiff> {
    const request = new providerProto.DiffRequest();
    request.setUrn(ProviderClient.urn("pulumi:providers:test", name));
    request.setOldInputs(toStruct(olds));
    request.setOlds(toStruct(olds));
    request.setNews(toStruct(news));
    return diffAnswer(await this.#call<pb.DiffResponse>((done) => this.#client.diffConfig(request, done)));
  }

  async configure(args: PropertyMap): Promise<pb.ConfigureResponse.AsObject> {
    const request = new providerProto.ConfigureRequest();
    request.setArgs(toStruct(args));
    request.setAcceptsecrets(true);
    request.setAcceptresources(true);
    request.setSendsOldInputs(true);
    request.setSendsOldInputsToDelete(true);
    return (await this.#call<pb.ConfigureResponse>((done) => this.#client.configure(request, done))).toObject();
  }

  async invoke(token: string, args: PropertyMap, preview = false) {
    const request = new providerProto.InvokeRequest();
    request.setTok(token);
    request.setArgs(toStruct(args));
    request.setPreview(preview);
    const response = await this.#call<pb.InvokeResponse>((done) => this.#client.invoke(request, done));
    return { result: fromStruct(response.getReturn()), failures: decodeFailures(response.getFailuresList()) };
  }

  async check(type: string, name: string, news: PropertyMap, olds: PropertyMap = {}) {
    const request = checkRequest(ProviderClient.urn(type, name), news, olds);
    return checkAnswer(await this.#call<pb.CheckResponse>((done) => this.#client.check(request, done)));
  }

  async diff(
    type: string,
    name: string,
    id: string,
    old: { inputs: PropertyMap; outputs: PropertyMap },
    news: PropertyMap,
    ignoreChanges: string[] = [],
  ): Promise<ClientDiff> {
    const request = new providerProto.DiffRequest();
    request.setUrn(ProviderClient.urn(type, name));
    request.setId(id);
    request.setOldInputs(toStruct(old.inputs));
    request.setOlds(toStruct(old.outputs));
    request.setNews(toStruct(news));
    request.setIgnorechangesList(ignoreChanges);
    return diffAnswer(await this.#call<pb.DiffResponse>((done) => this.#client.diff(request, done)));
  }

  async create(type: string, name: string, inputs: PropertyMap, options: { preview?: boolean; timeout?: number } = {}) {
    const request = new providerProto.CreateRequest();
    request.setUrn(ProviderClient.urn(type, name));
    request.setProperties(toStruct(inputs));
    request.setPreview(options.preview ?? false);
    request.setTimeout(options.timeout ?? 0);
    const response = await this.#call<pb.CreateResponse>((done) => this.#client.create(request, done));
    return { id: response.getId(), outputs: fromStruct(response.getProperties()) };
  }

  /** Answers with undefined when the provider says that the resource is gone. */
  async read(type: string, name: string, id: string, state: PropertyMap = {}, inputs: PropertyMap = {}) {
    const request = new providerProto.ReadRequest();
    request.setUrn(ProviderClient.urn(type, name));
    request.setId(id);
    request.setProperties(toStruct(state));
    request.setInputs(toStruct(inputs));
    const response = await this.#call<pb.ReadResponse>((done) => this.#client.read(request, done));
    return response.getId() === ""
      ? undefined
      : {
          id: response.getId(),
          outputs: fromStruct(response.getProperties()),
          inputs: fromStruct(response.getInputs()),
        };
  }

  async update(
    type: string,
    name: string,
    id: string,
    old: { inputs: PropertyMap; outputs: PropertyMap },
    news: PropertyMap,
    options: { preview?: boolean; timeout?: number } = {},
  ): Promise<PropertyMap> {
    const request = new providerProto.UpdateRequest();
    request.setUrn(ProviderClient.urn(type, name));
    request.setId(id);
    request.setOldInputs(toStruct(old.inputs));
    request.setOlds(toStruct(old.outputs));
    request.setNews(toStruct(news));
    request.setPreview(options.preview ?? false);
    request.setTimeout(options.timeout ?? 0);
    const response = await this.#call<pb.UpdateResponse>((done) => this.#client.update(request, done));
    return fromStruct(response.getProperties());
  }

  async delete(type: string, name: string, id: string, state: PropertyMap, inputs: PropertyMap = {}): Promise<void> {
    const request = new providerProto.DeleteRequest();
    request.setUrn(ProviderClient.urn(type, name));
    request.setId(id);
    request.setProperties(toStruct(state));
    request.setOldInputs(toStruct(inputs));
    await this.#call((done) => this.#client.delete(request, done));
  }

  async cancel(): Promise<void> {
    await this.#call((done) => this.#client.cancel(new emptyProto.Empty(), done));
  }

  async getPluginVersion(): Promise<string> {
    const info = await this.#call<{ getVersion(): string }>((done) =>
      this.#client.getPluginInfo(new emptyProto.Empty(), done),
    );
    return info.getVersion();
  }

  async handshake(): Promise<pb.ProviderHandshakeResponse.AsObject> {
    const request = new providerProto.ProviderHandshakeRequest();
    const response = await this.#call<pb.ProviderHandshakeResponse>((done) => this.#client.handshake(request, done));
    return response.toObject();
  }

  #call<Response>(send: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown) {
    return new Promise<Response>((resolve, reject) => {
      send((error, response) => (error ? reject(callError(error)) : resolve(response)));
    });
  }
}

function checkRequest(urn: string, news: PropertyMap, olds: PropertyMap): pb.CheckRequest {
  const request = new providerProto.CheckRequest();
  request.setUrn(urn);
  request.setNews(toStruct(news));
  request.setOlds(toStruct(olds));
  request.setRandomseed(Buffer.from("0123456789abcdef0123456789abcdef", "hex"));
  return request;
}

function checkAnswer(response: pb.CheckResponse) {
  return { inputs: fromStruct(response.getInputs()), failures: decodeFailures(response.getFailuresList()) };
}

function diffAnswer(response: pb.DiffResponse): ClientDiff {
  return {
    changes: (["unknown", "none", "some"] as const)[response.getChanges()],
    replaces: response.getReplacesList(),
    detailed: Object.fromEntries(
      response
        .getDetaileddiffMap()
        .toArray()
        .map(([path]) => [path, KINDS[response.getDetaileddiffMap().get(path)?.getKind() ?? -1] ?? "?"]),
    ),
    deleteBeforeReplace: response.getDeletebeforereplace(),
  };
}

function decodeFailures(failures: pb.CheckFailure[]): CheckFailure[] {
  return failures.map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }));
}

function callError(error: grpc.ServiceError): CallError {
  const [details] = error.metadata.get("grpc-status-details-bin");
  let partial: CallError["partial"];
  if (details instanceof Buffer) {
    const status = statusProto.Status.deserializeBinary(details);
    for (const packed of status.getDetailsList()) {
      const detail = packed.unpack(
        (bytes) => providerProto.ErrorResourceInitFailed.deserializeBinary(bytes),
        "pulumirpc.ErrorResourceInitFailed",
      );
      if (detail) {
        partial = {
          id: detail.getId(),
          properties: fromStruct(detail.getProperties()),
          inputs: fromStruct(detail.getInputs()),
          reasons: detail.getReasonsList(),
        };
      }
    }
  }
  return new CallError(error.code, error.details, partial);
}
