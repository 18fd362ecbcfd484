import {
  type DetailedDiff,
  diffProperties,
  diffResult,
  type DiffResult,
  formatPath,
  type PropertyDiff,
  type PropertyPath,
} from "./diff.js";
import type { CheckFailure } from "./errors.js";
import type { CheckRequest, CheckResult, DiffRequest } from "./provider.js";
import {
  containsSecrets,
  isObject,
  type PropertyMap,
  type PropertyValue,
  reveal,
  secret,
  Unknown,
  UNKNOWN,
} from "./values.js";

/*
 * Most released Pulumi providers are bridges to Terraform providers, and share one way of checking and comparing
 * inputs against a table of properties. This is that way: the tables are a provider's, the words are the bridge's.
 */

/** The type of a property. */
export type PropertyType =
  | "string"
  | "boolean"
  | "number"
  | { list: PropertyType }
  | { map: PropertyType }
  | { object: Record<string, PropertySpec> };

/** One property of a resource. */
export interface PropertySpec {
  type: PropertyType;
  /** False for a pure output. Default true. */
  input?: boolean;
  required?: boolean;
  /** A change means a new resource. */
  forceNew?: boolean;
  /** What an absent input is set to. */
  default?: PropertyValue;
  /** Secret in inputs and outputs alike. */
  secret?: boolean;
  /** The provider fills it in when the program does not; an absent input is then no difference. */
  computed?: boolean;
  /** The only values allowed. They show up in error texts. */
  oneOf?: readonly string[];
  /** Says what is wrong with a known value, or nothing. The text must not hold a secret. */
  validate?: (value: PropertyValue, externalName: string) => string | undefined;
  /** The name in error texts. Default: the property's name in snake case, without plural changes. */
  externalName?: string;
}

/** All properties of a resource, a function's arguments or a provider's configuration. */
export interface ResourceSpec {
  properties: Record<string, PropertySpec>;
  /** Groups of inputs of which exactly one must be given. */
  exactlyOneOf?: readonly (readonly string[])[];
  /** Inputs that may not be given along with others. */
  conflictsWith?: Readonly<Record<string, readonly string[]>>;
  /** Inputs that need others to be given too. */
  requiredWith?: Readonly<Record<string, readonly string[]>>;
  /** An input that gets a generated name when absent: the resource's name, a dash and seven hex digits. */
  autoname?: string;
  /** Whether the old resource must go before its replacement can come. */
  deleteBeforeReplace?: boolean;
}

/** The key under which the bridge records which inputs were filled in rather than given. */
export const DEFAULTS_KEY = "__defaults";

/** The name of a property in error texts. */
export function externalName(name: string, spec?: PropertySpec): string {
  return spec?.externalName ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Checks inputs against the table and fills in defaults and generated names. Failures carry no property of their own
 * and name the place in their text, as the bridge's do.
 */
export function checkInputs(spec: ResourceSpec, request: CheckRequest): CheckResult {
  const given = withoutNulls(request.news);
  const failures = validateInputs(spec, given, request.name);

  const inputs: PropertyMap = {};
  const defaults: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (name !== DEFAULTS_KEY) {
      inputs[name] = spec.properties[name]?.secret ? secret(value) : value;
    }
  }
  if (spec.autoname !== undefined && inputs[spec.autoname] === undefined) {
    inputs[spec.autoname] = generatedName(spec.autoname, request);
    defaults.push(spec.autoname);
  }
  for (const [name, property] of Object.entries(spec.properties)) {
    if (property.default !== undefined && inputs[name] === undefined) {
      inputs[name] = property.default;
      defaults.push(name);
    }
  }
  inputs[DEFAULTS_KEY] = defaults.sort();
  return { inputs, failures };
}

/** Checks inputs against the table. `owner` is the resource's name in the program, for the texts. */
export function validateInputs(spec: ResourceSpec, given: PropertyMap, owner: string): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const fail = (path: PropertyPath, text: string): void => {
    failures.push({ property: "", reason: `${text}. Examine values at '${owner}.${formatPath(path)}'.` });
  };

  const walkObject = (path: PropertyPath, properties: Record<string, PropertySpec>, object: PropertyMap): void => {
    for (const [name, property] of Object.entries(properties)) {
      const optional = !property.required || (path.length === 0 && name === spec.autoname);
      if (!optional && isAbsent(object[name])) {
        const argument = externalName(name, property);
        fail(
          [...path, name],
          `Missing required argument. The argument "${argument}" is required, but no definition was found.`,
        );
      }
    }
    for (const [name, value] of Object.entries(object)) {
      const property = properties[name];
      if (name === DEFAULTS_KEY || isAbsent(value)) {
        continue;
      }
      if (property === undefined) {
        fail([...path, name], "Invalid or unknown key");
      } else if (property.input === false) {
        const argument = externalName(name, property);
        fail([...path, name], `Value for unconfigurable attribute. Can't configure a value for "${argument}"`);
      } else {
        walkValue([...path, name], property, property.type, value);
      }
    }
  };
  const walkValue = (path: PropertyPath, property: PropertySpec, type: PropertyType, wrapped: PropertyValue): void => {
    const value = reveal(wrapped);
    if (value instanceof Unknown) {
      return;
    }
    const name = externalName(String(path.findLast((step) => typeof step === "string")), property);
    if (typeof type === "string") {
      if (typeof value !== type) {
        fail(path, `"${name}": expected type '${type}', got ${kindOf(value)}`);
        return;
      }
      if (property.oneOf && typeof value === "string" && !property.oneOf.includes(value)) {
        const allowed = property.oneOf.map((item) => JSON.stringify(item)).join(" ");
        fail(path, `expected ${name} to be one of [${allowed}], got ${property.secret ? "another value" : value}`);
      }
      const problem = property.validate?.(value, name);
      if (problem !== undefined) {
        fail(path, problem);
      }
    } else if ("list" in type) {
      if (!Array.isArray(value)) {
        fail(path, `"${name}": expected a list, got ${kindOf(value)}`);
        return;
      }
      value.forEach((item, index) => walkValue([...path, index], property, type.list, item));
    } else if (!isObject(value)) {
      fail(path, `"${name}": expected an object, got ${kindOf(value)}`);
    } else if ("map" in type) {
      for (const [key, item] of Object.entries(value)) {
        walkValue([...path, key], property, type.map, item);
      }
    } else {
      walkObject(path, type.object, value);
    }
  };
  walkObject([], spec.properties, given);

  const names = (group: readonly string[]): string =>
    group
      .map((name) => externalName(name, spec.properties[name]))
      .sort()
      .join(",");
  const isGiven = (name: string): boolean => !isAbsent(given[name]);
  for (const group of spec.exactlyOneOf ?? []) {
    const present = group.filter(isGiven);
    if (present.length === 1) {
      continue;
    }
    for (const name of group) {
      const argument = externalName(name, spec.properties[name]);
      fail(
        [name],
        present.length === 0
          ? `Invalid combination of arguments. "${argument}": one of \`${names(group)}\` must be specified`
          : `Invalid combination of arguments. "${argument}": only one of \`${names(group)}\` can be specified, ` +
              `but \`${names(present)}\` were specified.`,
      );
    }
  }
  for (const [name, others] of Object.entries(spec.conflictsWith ?? {})) {
    const other = others.find(isGiven);
    if (isGiven(name) && other !== undefined) {
      fail(
        [name],
        `Conflicting configuration arguments. "${externalName(name, spec.properties[name])}": conflicts with ` +
          externalName(other, spec.properties[other]),
      );
    }
  }
  for (const [name, others] of Object.entries(spec.requiredWith ?? {})) {
    if (isGiven(name) && !others.every(isGiven)) {
      fail(
        [name],
        `Missing required argument. "${externalName(name, spec.properties[name])}": all of ` +
          `\`${names([name, ...others])}\` must be specified`,
      );
    }
  }
  return failures;
}

/**
 * Compares the state with new, checked inputs. It is the old *outputs* that count, so that what a refresh has found
 * to be different is put right by the next update.
 */
export function diffInputs(spec: ResourceSpec, request: DiffRequest): DiffResult {
  const inputNames = Object.keys(spec.properties).filter((name) => spec.properties[name]?.input !== false);
  const olds = pick(withoutNulls(request.olds), inputNames);
  const news = pick(withoutNulls(request.news), inputNames);
  for (const name of inputNames) {
    const property = spec.properties[name];
    if (property?.computed && news[name] === undefined) {
      delete olds[name];
    }
    // A state without the property and a default of "nothing" mean the same.
    if (olds[name] === undefined && isEmpty(news[name])) {
      delete news[name];
    }
    if (news[name] === undefined && isEmpty(olds[name])) {
      delete olds[name];
    }
  }
  const forcesReplace = (path: PropertyPath): boolean => spec.properties[String(path[0])]?.forceNew === true;
  const diff = diffProperties(olds, news, { forcesReplace, ignoreChanges: request.ignoreChanges });
  const stables = inputNames.filter(
    (name) => spec.properties[name]?.forceNew && !Object.keys(diff).some((path) => path === name),
  );
  return diffResult(diff, {
    stables,
    ...(spec.deleteBeforeReplace === undefined ? {} : { deleteBeforeReplace: spec.deleteBeforeReplace }),
  });
}

/**
 * Tells a provider's own configuration apart. Values change in place except where the table says otherwise; the
 * engine compares inputs here, for a provider has no outputs of its own.
 */
export function diffConfiguration(spec: ResourceSpec, request: DiffRequest): DiffResult {
  const detailed: DetailedDiff = {};
  const names = Object.keys(spec.properties);
  const forcesReplace = (path: PropertyPath): boolean => spec.properties[String(path[0])]?.forceNew === true;
  const diff = diffProperties(pick(request.oldInputs, names), pick(request.news, names), {
    forcesReplace,
    ignoreChanges: request.ignoreChanges,
  });
  for (const [path, value] of Object.entries(diff)) {
    detailed[path] = { ...value, inputDiff: true } satisfies PropertyDiff;
  }
  return diffResult(detailed);
}

/**
 * The outputs a preview can promise: the inputs, and unknowns for what the provider computes. On an update, computed
 * properties keep the value they had, except those named in `recomputed`.
 */
export function previewOutputs(
  spec: ResourceSpec,
  inputs: PropertyMap,
  olds?: PropertyMap,
  recomputed: readonly string[] = [],
): PropertyMap {
  const outputs: PropertyMap = olds ? { ...olds } : { id: UNKNOWN };
  for (const [name, property] of Object.entries(spec.properties)) {
    const value = inputs[name];
    if (value !== undefined && name !== DEFAULTS_KEY) {
      outputs[name] = value;
    } else if (property.input === false || property.computed) {
      if (!olds || recomputed.includes(name)) {
        outputs[name] = UNKNOWN;
      }
    } else {
      delete outputs[name];
    }
  }
  return markSecrets(spec, outputs, inputs);
}

/**
 * Marks outputs as secret: those the table says so of, and those whose input of the same name is secret. Drops
 * nulls and the record of defaults.
 */
export function markSecrets(spec: ResourceSpec, outputs: PropertyMap, inputs: PropertyMap): PropertyMap {
  const marked: PropertyMap = {};
  for (const [name, value] of Object.entries(withoutNulls(outputs))) {
    if (name !== DEFAULTS_KEY) {
      marked[name] = spec.properties[name]?.secret || containsSecrets(inputs[name]) ? secret(value) : value;
    }
  }
  return marked;
}

/**
 * The inputs that a read answers with. On refresh, the inputs there are, with the values found; on import, when
 * there are none, every input the outputs have a value for.
 */
export function inputsFromOutputs(spec: ResourceSpec, outputs: PropertyMap, oldInputs: PropertyMap): PropertyMap {
  const isImport = Object.keys(oldInputs).length === 0;
  const inputs: PropertyMap = {};
  for (const [name, property] of Object.entries(spec.properties)) {
    const value = outputs[name];
    if (property.input === false || value === undefined) {
      continue;
    }
    const isDefault = property.default === undefined ? isEmpty(value) : reveal(value) === property.default;
    if (isImport ? !isDefault : oldInputs[name] !== undefined || (!property.computed && !isEmpty(value))) {
      inputs[name] = property.secret || containsSecrets(oldInputs[name]) ? secret(value) : value;
    }
  }
  const defaults = oldInputs[DEFAULTS_KEY];
  inputs[DEFAULTS_KEY] = defaults ?? [];
  return inputs;
}

/** Copies the outermost properties that are not null. */
export function withoutNulls(properties: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => reveal(value) !== null));
}

function pick(properties: PropertyMap, names: readonly string[]): PropertyMap {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => names.includes(name)));
}

function isAbsent(value: PropertyValue | undefined): boolean {
  return value === undefined || reveal(value) === null;
}

function isEmpty(value: PropertyValue | undefined): boolean {
  if (value === undefined) {
    return true;
  }
  const plain = reveal(value);
  return (
    plain === null ||
    plain === "" ||
    plain === false ||
    plain === 0 ||
    (Array.isArray(plain) && plain.length === 0) ||
    (isObject(plain) && Object.keys(plain).length === 0)
  );
}

function kindOf(value: PropertyValue): string {
  return value === null
    ? "null"
    : Array.isArray(value)
      ? "a list"
      : isObject(value)
        ? "an object"
        : `a ${typeof value}`;
}

function generatedName(property: string, request: CheckRequest): PropertyValue {
  const previous = request.olds[property];
  const defaults = request.olds[DEFAULTS_KEY];
  if (previous !== undefined && Array.isArray(defaults) && defaults.includes(property)) {
    return previous;
  }
  const seed = Buffer.from(request.randomSeed).toString("hex");
  const digits = seed.length >= 7 ? seed : Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex");
  return `${request.name}-${digits.slice(0, 7)}`;
}
