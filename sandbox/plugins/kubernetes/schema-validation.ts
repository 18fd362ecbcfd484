import {
  type CheckFailure,
  formatPath,
  isObject,
  type PropertyMap,
  type PropertyValue,
} from "../../providers/base/index.js";
import { type GroupVersionKind, isBuiltInGroup, type KubeObject } from "./objects.js";

/** The schema of a kind in an OpenAPI document (version 3) of the API server, or undefined if it has none. */
export function findSchema(document: PropertyMap, kind: GroupVersionKind): PropertyMap | undefined {
  return Object.values(schemasOf(document))
    .filter(isObject)
    .find((schema) => {
      const kinds = schema["x-kubernetes-group-version-kind"];
      return (
        Array.isArray(kinds) &&
        kinds
          .filter(isObject)
          .some(
            (entry) =>
              entry["group"] === kind.group && entry["version"] === kind.version && entry["kind"] === kind.kind,
          )
      );
    });
}

/**
 * Checks an object without unknowns against the server's own schema: unknown fields, missing required ones, wrong
 * types, values out of an enumeration. What takes more than the schema to decide is left to the server.
 */
export function validateObject(document: PropertyMap, kind: GroupVersionKind, object: KubeObject): CheckFailure[] {
  const root = findSchema(document, kind);
  if (root === undefined) {
    return [];
  }
  const failures: CheckFailure[] = [];
  const schemas = schemasOf(document);
  // Built-in types carry zero values as defaults of required fields, which says nothing about leaving them out.
  const trustsDefaults = !isBuiltInGroup(kind.group);

  const resolve = (schema: PropertyMap): PropertyMap => {
    const all = Array.isArray(schema["allOf"]) ? schema["allOf"].filter(isObject) : [];
    const reference = schema["$ref"] ?? (all.length === 1 ? all[0]?.["$ref"] : undefined);
    const target = typeof reference === "string" ? schemas[reference.replace("#/components/schemas/", "")] : undefined;
    return isObject(target) ? resolve(target) : schema;
  };
  const fail = (path: (string | number)[], reason: string): void => {
    failures.push({ property: formatPath(path), reason });
  };

  const validate = (value: PropertyValue, unresolved: PropertyMap, path: (string | number)[]): void => {
    const schema = resolve(unresolved);
    if (value === null) {
      return;
    }
    const type = schema["type"];
    if (schema["x-kubernetes-int-or-string"] === true || schema["format"] === "int-or-string") {
      if (typeof value !== "string" && !Number.isInteger(value)) {
        fail(path, `expected an integer or a string, got ${describe(value)}`);
      }
      return;
    }
    if (typeof type === "string" && !isOfType(value, type)) {
      fail(path, `expected ${type}, got ${describe(value)}`);
      return;
    }
    if (Array.isArray(schema["enum"]) && !schema["enum"].includes(value)) {
      fail(path, `expected one of ${schema["enum"].map((item) => JSON.stringify(item)).join(", ")}`);
    }
    if (Array.isArray(value)) {
      const items = schema["items"];
      if (isObject(items)) {
        value.forEach((item, index) => validate(item, items, [...path, index]));
      }
    } else if (isObject(value)) {
      validateFields(value, schema, path);
    }
  };

  const validateFields = (value: PropertyMap, schema: PropertyMap, path: (string | number)[]): void => {
    const properties = isObject(schema["properties"]) ? schema["properties"] : {};
    const additional = schema["additionalProperties"];
    const open =
      schema["x-kubernetes-preserve-unknown-fields"] === true ||
      additional === true ||
      (Object.keys(properties).length === 0 && additional === undefined);
    for (const [name, item] of Object.entries(value)) {
      const property = properties[name];
      if (isObject(property)) {
        validate(item, property, [...path, name]);
      } else if (isObject(additional)) {
        validate(item, additional, [...path, name]);
      } else if (!open) {
        fail([...path, name], "unknown field");
      }
    }
    for (const name of Array.isArray(schema["required"]) ? schema["required"] : []) {
      const missing = typeof name === "string" && (value[name] ?? null) === null;
      const property = typeof name === "string" ? properties[name] : undefined;
      const hasDefault = trustsDefaults && isObject(property) && resolve(property)["default"] !== undefined;
      if (missing && !hasDefault) {
        fail([...path, name], "missing required field");
      }
    }
  };

  validate(object, root, []);
  return failures;
}

function schemasOf(document: PropertyMap): PropertyMap {
  const components = document["components"];
  const schemas = isObject(components) ? components["schemas"] : undefined;
  return isObject(schemas) ? schemas : {};
}

function isOfType(value: PropertyValue, type: string): boolean {
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return typeof value === type;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return true;
  }
}

function describe(value: PropertyValue): string {
  return Array.isArray(value) ? "array" : typeof value;
}
