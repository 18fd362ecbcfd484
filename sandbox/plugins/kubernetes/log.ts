import * as grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineProto from "@pulumi/pulumi/proto/engine_pb.js";

/** Where the provider speaks to the user outside of results and errors. No text may hold a secret value. */
export interface Log {
  /** Something the user should act on. */
  warn(urn: string, message: string): void;
  /** What is being waited for; shown beside the resource for as long as it lasts. */
  status(urn: string, message: string): void;
}

/** Says nothing. */
export const SILENT: Log = { warn: () => undefined, status: () => undefined };

/** Speaks through the engine at an address. A message that cannot be delivered is lost. */
export function engineLog(address: string): Log {
  const client = new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
  const send = (urn: string, message: string, severity: 1 | 2, ephemeral: boolean): void => {
    const request = new engineProto.LogRequest();
    request.setUrn(urn);
    request.setMessage(message);
    request.setSeverity(severity);
    request.setEphemeral(ephemeral);
    client.log(request, () => undefined);
  };
  return {
    warn: (urn, message) => send(urn, message, engineProto.LogSeverity.WARNING, false),
    status: (urn, message) => send(urn, message, engineProto.LogSeverity.INFO, true),
  };
}
