// Resources as Pulumi tells of them: in a stack's state, and before and after a step of a preview.

/** A resource's inputs or outputs. A secret among them is no text: see {@link text}. */
export type Properties = Readonly<Record<string, unknown>>;

/** A resource. */
export interface StackResource {
  urn: string;
  parent?: string | undefined;
  inputs: Properties;
  outputs: Properties;
  /** The URNs of the resources that this one was made from. A preview does not tell them. */
  dependencies?: readonly string[] | undefined;
}

/** The value as a map; an empty one where it is none. */
export function map(value: unknown): Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Properties) : {};
}

/** The value as a list; an empty one where it is none. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The value if it is a text. An encrypted secret is an object in a state, so it is none. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A URN's parts that people know a resource by. */
export function urnParts(urn: string): { stack: string; type: string; name: string } {
  const [head = "", , qualified = "", ...name] = urn.split("::");
  return {
    stack: head.replace(/^urn:pulumi:/, ""),
    type: qualified.split("$").at(-1) ?? "",
    name: name.join("::"),
  };
}

/** What a resource was asked to be; in a preview of a resource that is read, only the outputs are there. */
export function described({ inputs, outputs }: Pick<StackResource, "inputs" | "outputs">): Properties {
  return Object.keys(inputs).length > 0 ? inputs : outputs;
}

/** A Kubernetes object's name and namespace. */
export function objectName(resource: StackResource): { namespace: string; name: string } {
  const metadata = map(described(resource)["metadata"]);
  return { namespace: text(metadata["namespace"]) ?? "default", name: text(metadata["name"]) ?? "?" };
}

/** The kind of an object of the operator's, such as `ExternalSecret`. */
export function operatorKind(urn: string): string | undefined {
  return /^kubernetes:external-secrets\.io\/\w+:(\w+?)(Patch)?$/.exec(urnParts(urn).type)?.[1];
}
