/** A value that must not be shown. The engine encrypts it in the state and masks it in output. */
export class Secret {
  constructor(readonly value: PropertyValue) {}

  /** Keeps the value out of any text it is put into by mistake. */
  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** The type of {@link UNKNOWN}. */
export class Unknown {
  // Without a member of its own, every type would count as an Unknown.
  private readonly kind = "unknown";

  toString(): string {
    return "[unknown]";
  }
}

/** Stands for a value that is only known after the update; occurs in previews alone. */
export const UNKNOWN = new Unknown();

/** A resource handed over as a whole. */
export class ResourceReference {
  constructor(
    readonly urn: string,
    readonly id?: string | Unknown,
    readonly packageVersion?: string,
  ) {}
}

/** A file or folder handed over by the program, in the engine's own wire form. */
export class Asset {
  constructor(readonly wire: Readonly<Record<string, unknown>>) {}
}

export type PropertyValue =
  null | boolean | number | string | PropertyValue[] | PropertyMap | Secret | Unknown | ResourceReference | Asset;

/** The properties of a resource, a function or a provider, by name. */
export interface PropertyMap {
  [name: string]: PropertyValue;
}

/** Tells whether a value is a plain object, as opposed to one of the marker classes or a list. */
export function isObject(value: PropertyValue | undefined): value is PropertyMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Secret) &&
    !(value instanceof Unknown) &&
    !(value instanceof ResourceReference) &&
    !(value instanceof Asset)
  );
}

/** Wraps a value as a secret, once. */
export function secret(value: PropertyValue): Secret {
  return value instanceof Secret ? value : new Secret(value);
}

/** Takes the outermost secret wrapper off, if there is one. */
export function reveal(value: PropertyValue): PropertyValue {
  return value instanceof Secret ? reveal(value.value) : value;
}

/** Takes all secret wrappers off, at any depth. The result is for requests, never for logs or errors. */
export function revealAll(value: PropertyMap): PropertyMap;
export function revealAll(value: PropertyValue): PropertyValue;
export function revealAll(value: PropertyValue): PropertyValue {
  if (value instanceof Secret) {
    return revealAll(value.value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => revealAll(item));
  }
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revealAll(item)]));
  }
  return value;
}

/** Tells whether a value is unknown or holds an unknown at any depth. */
export function containsUnknowns(value: PropertyValue | undefined): boolean {
  return some(value, (item) => item instanceof Unknown);
}

/** Tells whether a value is secret or holds a secret at any depth. */
export function containsSecrets(value: PropertyValue | undefined): boolean {
  return some(value, (item) => item instanceof Secret);
}

function some(value: PropertyValue | undefined, holds: (value: PropertyValue) => boolean): boolean {
  if (value === undefined) {
    return false;
  }
  if (holds(value)) {
    return true;
  }
  if (value instanceof Secret) {
    return some(value.value, holds);
  }
  if (Array.isArray(value)) {
    return value.some((item) => some(item, holds));
  }
  return isObject(value) && Object.values(value).some((item) => some(item, holds));
}
