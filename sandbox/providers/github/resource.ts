import {
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  type PropertyMap,
  type ReadRequest,
  type ReadResult,
  type ResourceSpec,
  reveal,
  type UpdateRequest,
} from "../base/index.js";
import type { Connection } from "./configuration.js";

/** One resource type. Requests are never previews; the provider answers those from the table. */
export interface Resource {
  spec: ResourceSpec;
  diff(connection: Connection, request: DiffRequest): Promise<DiffResult>;
  create(connection: Connection, request: CreateRequest): Promise<CreateResult>;
  /** Reads what is in the state, or, if the state is empty, imports by id. Undefined: it is gone. */
  read(connection: Connection, request: ReadRequest): Promise<ReadResult | undefined>;
  /** The new outputs. */
  update(connection: Connection, request: UpdateRequest): Promise<PropertyMap>;
  delete(connection: Connection, request: DeleteRequest): Promise<void>;
}

/** A string property in clear, empty if absent. */
export function text(properties: PropertyMap, name: string): string {
  const value = reveal(properties[name] ?? "");
  return typeof value === "string" ? value : "";
}

const SEPARATOR = ":";
const ESCAPED_SEPARATOR = "??";

/** A part of an id in which a colon may occur. */
export const escapeIdPart = (part: string): string => part.replaceAll(SEPARATOR, ESCAPED_SEPARATOR);
export const unescapeIdPart = (part: string): string => part.replaceAll(ESCAPED_SEPARATOR, SEPARATOR);

export function buildId(...parts: string[]): string {
  const bad = parts.slice(0, -1).find((part) => part.includes(SEPARATOR));
  if (bad !== undefined) {
    throw new Error(`unescaped separator in non-final part ${JSON.stringify(bad)}`);
  }
  return parts.join(SEPARATOR);
}

/** Splits an id; the last part takes all further separators. */
export function parseId(id: string, count: number): string[] {
  const parts = id.split(SEPARATOR);
  if (parts.length < count) {
    throw new Error(
      `unexpected ID format (${JSON.stringify(id)}); expected ${count} parts separated by ${JSON.stringify(SEPARATOR)}`,
    );
  }
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(SEPARATOR)];
}

/** Escapes one segment of a URL path as Go does, which leaves more as it is than JavaScript. */
export function pathSegment(segment: string): string {
  return encodeURIComponent(segment)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(24|26|2B|3A|3D|40)/g, (escaped) => decodeURIComponent(escaped));
}

/** A time in the form the released provider keeps it in: `2026-11-23 19:26:31 +0000 UTC`. */
export function goTime(time: string | undefined): string {
  const date = new Date(time ?? "0001-01-01T00:00:00Z");
  return `${date
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "")} +0000 UTC`;
}
