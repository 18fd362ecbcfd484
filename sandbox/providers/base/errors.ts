import * as grpc from "@grpc/grpc-js";
import providerProto from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import anyProto from "google-protobuf/google/protobuf/any_pb.js";
import { toStruct } from "./struct.js";
import type { PropertyMap } from "./values.js";

/** An input that a provider refuses. */
export interface CheckFailure {
  /** The path of the input, as in `spec.rules[0].host`; empty when no single input is to blame. */
  property: string;
  /** What is wrong with it; never holds a secret value. */
  reason: string;
}

/**
 * Says that a resource exists but did not come up. The engine keeps it in the state, with these properties and
 * inputs, and the operation fails with the reasons.
 */
export class InitializationError extends Error {
  constructor(
    readonly id: string,
    readonly properties: PropertyMap,
    readonly reasons: string[],
    /** What the engine is to keep as the resource's inputs. Without it, a failed create would be stored with none. */
    readonly inputs: PropertyMap,
  ) {
    super(reasons.join("\n"));
    this.name = "InitializationError";
  }
}

/** An error with a gRPC status of its own; any other error is sent as UNKNOWN. */
export class StatusError extends Error {
  constructor(
    readonly code: grpc.status,
    message: string,
  ) {
    super(message);
    this.name = "StatusError";
  }
}

/** Turns whatever a provider threw into the answer of a gRPC call. */
export function toServiceError(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InitializationError) {
    const detail = new providerProto.ErrorResourceInitFailed();
    detail.setId(error.id);
    detail.setProperties(toStruct(error.properties));
    detail.setInputs(toStruct(error.inputs));
    detail.setReasonsList(error.reasons);
    return {
      code: grpc.status.UNKNOWN,
      details: message,
      metadata: statusDetails(message, detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed"),
    };
  }
  return { code: error instanceof StatusError ? error.code : grpc.status.UNKNOWN, details: message };
}

/** The header in which gRPC carries structured error details. */
function statusDetails(message: string, detail: Uint8Array, typeName: string): grpc.Metadata {
  const packed = new anyProto.Any();
  packed.pack(detail, typeName);
  const status = new statusProto.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return metadata;
}
