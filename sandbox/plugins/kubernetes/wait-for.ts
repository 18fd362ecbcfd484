import { JSONPath } from "jsonpath-plus";
import { isObject, type PropertyValue } from "../../providers/base/index.js";
import { at, type KubeObject, text } from "./objects.js";

/** What an expression says about an object: whether it holds, and a word on what is there instead. */
export interface Verdict {
  holds: boolean;
  message: string;
}

/** One parsed expression of the annotation `pulumi.com/waitFor`. */
export type Expression = (object: KubeObject) => Verdict;

/**
 * Parses the value of the annotation `pulumi.com/waitFor`: one expression, or a JSON list of expressions that all have
 * to hold. An expression is `condition=Type`, `condition=Type=Status` or `jsonpath={.path}`, `jsonpath={.path}=value`.
 * Throws for anything else.
 */
export function parseWaitFor(annotation: string): Expression {
  const sources = expressionList(annotation);
  if (sources.length === 0) {
    throw new Error("at least one condition must be specified");
  }
  const expressions = sources.map(parseExpression);
  return (object) => {
    const verdicts = expressions.map((expression) => expression(object));
    return (
      verdicts.find((verdict) => !verdict.holds) ?? {
        holds: true,
        message: verdicts.map((verdict) => verdict.message).join("; "),
      }
    );
  };
}

function expressionList(annotation: string): string[] {
  try {
    const value: unknown = JSON.parse(annotation);
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
      return value;
    }
  } catch {
    // Not a list: one expression.
  }
  return [annotation];
}

function parseExpression(source: string): Expression {
  if (source.startsWith("jsonpath=")) {
    return parseJsonPath(source.slice("jsonpath=".length));
  }
  if (source.startsWith("condition=")) {
    return parseCondition(source.slice("condition=".length));
  }
  throw new Error(`expected a "jsonpath=" or "condition=" prefix, got ${JSON.stringify(source)}`);
}

function parseCondition(source: string): Expression {
  const separator = source.indexOf("=");
  const type = separator < 0 ? source : source.slice(0, separator);
  const wanted = separator < 0 ? "True" : source.slice(separator + 1);
  return (object) => {
    const conditions = at(object, "status", "conditions");
    if (!Array.isArray(conditions)) {
      return { holds: false, message: "Has no .status.conditions" };
    }
    const condition = conditions
      .filter(isObject)
      .find((entry) => text(entry["type"]).toLowerCase() === type.toLowerCase());
    if (condition === undefined) {
      return { holds: false, message: `Has no condition ${type}` };
    }
    const generation = at(object, "metadata", "generation");
    const observed = condition["observedGeneration"] ?? at(object, "status", "observedGeneration");
    if (typeof generation === "number" && typeof observed === "number" && observed < generation) {
      return { holds: false, message: `Generation ${observed} is less than expected ${generation}` };
    }
    const status = text(condition["status"]);
    return status.toLowerCase() === wanted.toLowerCase()
      ? { holds: true, message: `Has condition ${type}=${status}` }
      : { holds: false, message: `Resource has condition ${type}=${status} (want ${wanted})` };
  };
}

function parseJsonPath(source: string): Expression {
  // A single "=" parts path and value; "==" belongs to a filter in the path.
  const parts = source.split(/(?<!=)=(?!=)/);
  const [path = "", value] = parts;
  if (parts.length > 2) {
    throw new Error(`format should be {.path}=value or {.path}, got ${JSON.stringify(source)}`);
  }
  if (value === "") {
    throw new Error(`${path}= requires a value`);
  }
  if (path.startsWith("'") && path.endsWith("'")) {
    throw new Error(`${path} should omit shell quotes`);
  }
  const inner = /\{\s*(.*?)\s*\}/.exec(path)?.[1];
  if (inner === undefined) {
    throw new Error(`${path} should be wrapped in brackets { ... }`);
  }
  const query = inner.startsWith("$") ? inner : `$${inner}`;
  select(query, {});
  return (object) => {
    const generation = at(object, "metadata", "generation");
    const observed = at(object, "status", "observedGeneration");
    if (typeof generation === "number" && typeof observed === "number" && observed < generation) {
      return { holds: false, message: `Waiting for ${source}` };
    }
    const found = select(query, object)[0];
    if (found === undefined) {
      return { holds: false, message: `${path} selected nothing` };
    }
    if (value === undefined) {
      return { holds: true, message: `Found ${source}` };
    }
    if (typeof found === "object" && found !== null) {
      return { holds: false, message: `${path} has a non-primitive value` };
    }
    return String(found) === value
      ? { holds: true, message: `Found ${source}` }
      : { holds: false, message: `Waiting for ${source} (found ${JSON.stringify(String(found))})` };
  };
}

function select(query: string, object: KubeObject): PropertyValue[] {
  try {
    return JSONPath<PropertyValue[]>({ path: query, json: object, eval: "safe", wrap: true });
  } catch (error) {
    throw new Error(
      `cannot evaluate the JSONPath ${query}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}
