import { z } from "zod";
import { isMap } from "./values";

// Reads with a schema whatever of a value the schema accepts, so that a fault in one setting does not hide what two
// other settings do to each other.

/** What is left of a `T` when everything that a schema refuses is taken out. Lists keep their length. */
export type Lenient<T> = T extends readonly (infer Item)[]
  ? (Lenient<Item> | undefined)[]
  : T extends object
    ? string extends keyof T
      ? { [K in keyof T]: Lenient<T[K]> }
      : { [K in keyof T]?: Lenient<T[K]> | undefined }
    : T;

/**
 * The parts of a value that a schema accepts. A setting that is absent has its default; one that is refused is
 * `undefined`; of a map or a list the accepted entries stay.
 */
export function lenient<S extends z.ZodType>(schema: S, value: unknown): Lenient<z.output<S>> | undefined {
  return acceptedPart(schema, value) as Lenient<z.output<S>> | undefined;
}

function acceptedPart(schema: z.core.$ZodType, value: unknown): unknown {
  const whole = z.safeParse(schema, value);
  if (whole.success) return whole.data;
  const inner = withoutWrapper(schema);
  if (inner !== schema) return value === undefined ? undefined : acceptedPart(inner, value);
  if (schema instanceof z.ZodObject && isMap(value)) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
    const parts = Object.entries(shape).map(([key, below]) => [key, acceptedPart(below, value[key])] as const);
    return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  }
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((item) => acceptedPart(schema.element, item));
  }
  if (schema instanceof z.ZodRecord && isMap(value)) {
    const parts = Object.entries(value)
      .filter(([key]) => z.safeParse(schema.keyType, key).success)
      .map(([key, item]) => [key, acceptedPart(schema.valueType, item)] as const);
    return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  }
  if (schema instanceof z.ZodUnion) {
    return schema.options.map((form) => acceptedPart(form, value)).find((part) => part !== undefined);
  }
  return undefined;
}

/** The schemas that judge the setting at a path; several where a setting has several forms, none for unknown settings. */
export function schemasAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  const inner = withoutWrapper(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((form) => schemasAt(form, path));
  const [step, ...rest] = path;
  if (step === undefined) return [inner];
  if (inner instanceof z.ZodObject) {
    const below = (inner.shape as Record<PropertyKey, z.core.$ZodType | undefined>)[step];
    return below === undefined ? [] : schemasAt(below, rest);
  }
  if (inner instanceof z.ZodArray && typeof step === "number") return schemasAt(inner.element, rest);
  if (inner instanceof z.ZodRecord && typeof step === "string") return schemasAt(inner.valueType, rest);
  return [];
}

/** A schema without what makes it optional. */
function withoutWrapper(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? withoutWrapper(schema.unwrap())
    : schema;
}
