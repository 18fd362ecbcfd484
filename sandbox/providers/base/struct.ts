import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import type { JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import {
  Asset,
  isObject,
  type PropertyMap,
  type PropertyValue,
  ResourceReference,
  Secret,
  secret,
  Unknown,
  UNKNOWN,
} from "./values.js";

/*
 * The engine marks special values inside a protobuf Struct with objects that carry a signature under a reserved key,
 * and unknown values with reserved strings, one for each type of value.
 */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e";
const ASSET_SIGNATURE = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE_SIGNATURE = "0def7320c3a5731c473e5ecbe6d01bc7";

const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWN_STRINGS = new Set([
  UNKNOWN_STRING,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // list
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

/** Translates the engine's form of properties. Throws on a signature it does not know or a malformed special value. */
export function fromStruct(struct: Struct | undefined): PropertyMap {
  return struct === undefined ? {} : decodeObject(struct.toJavaScript());
}

/** Translates properties to the engine's form. */
export function toStruct(properties: PropertyMap): Struct {
  return structProto.Struct.fromJavaScript(encodeObject(properties));
}

function decodeObject(object: Record<string, JavaScriptValue>): PropertyMap {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, decode(value)]));
}

function decode(value: JavaScriptValue): PropertyValue {
  if (typeof value === "string") {
    return UNKNOWN_STRINGS.has(value) ? UNKNOWN : value;
  }
  if (Array.isArray(value)) {
    return value.map(decode);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const object = value as Record<string, JavaScriptValue>;
  switch (object[SIGNATURE_KEY]) {
    case undefined:
      return decodeObject(object);
    case SECRET_SIGNATURE:
      if (object["value"] === undefined) {
        throw new Error("malformed secret from the engine: it has no value");
      }
      return secret(decode(object["value"]));
    case OUTPUT_SIGNATURE: {
      const known = object["value"] === undefined ? UNKNOWN : decode(object["value"]);
      return object["secret"] === true ? secret(known) : known;
    }
    case RESOURCE_SIGNATURE:
      return decodeReference(object);
    case ASSET_SIGNATURE:
    case ARCHIVE_SIGNATURE:
      return new Asset(object);
    default:
      throw new Error(`unknown kind of value from the engine: signature ${JSON.stringify(object[SIGNATURE_KEY])}`);
  }
}

function decodeReference(object: Record<string, JavaScriptValue>): ResourceReference {
  const { urn, id, packageVersion } = object;
  if (typeof urn !== "string") {
    throw new Error("malformed resource reference from the engine: its urn is no string");
  }
  const version = typeof packageVersion === "string" ? packageVersion : undefined;
  if (id === undefined || id === null) {
    return new ResourceReference(urn, undefined, version);
  }
  const decoded = decode(id);
  if (decoded instanceof Unknown || decoded === "") {
    return new ResourceReference(urn, UNKNOWN, version);
  }
  if (typeof decoded !== "string") {
    throw new Error("malformed resource reference from the engine: its id is no string");
  }
  return new ResourceReference(urn, decoded, version);
}

function encodeObject(object: PropertyMap): Record<string, JavaScriptValue> {
  const encoded: Record<string, JavaScriptValue> = {};
  for (const [name, value] of Object.entries(object)) {
    // An optional property set to undefined is an absent one.
    if ((value as PropertyValue | undefined) !== undefined) {
      encoded[name] = encode(value);
    }
  }
  return encoded;
}

function encode(value: PropertyValue): JavaScriptValue {
  if (value instanceof Secret) {
    return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value: encode(value.value) };
  }
  if (value instanceof Unknown) {
    return UNKNOWN_STRING;
  }
  if (value instanceof ResourceReference) {
    return {
      [SIGNATURE_KEY]: RESOURCE_SIGNATURE,
      urn: value.urn,
      ...(value.id === undefined ? {} : { id: encode(value.id) }),
      ...(value.packageVersion === undefined ? {} : { packageVersion: value.packageVersion }),
    };
  }
  if (value instanceof Asset) {
    return value.wire as Record<string, JavaScriptValue>;
  }
  if (Array.isArray(value)) {
    return value.map(encode);
  }
  if (isObject(value)) {
    return encodeObject(value);
  }
  return value;
}
