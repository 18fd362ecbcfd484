import * as pulumi from "@pulumi/pulumi";

/** The outputs of a resource in a state. They may hold secrets in clear: read names and marks from them, nothing else. */
export type Outputs = Readonly<Record<string, unknown>>;

/** A resource as a stack's last run left it. */
export interface KnownResource {
  urn: string;
  type: string;
  outputs: Outputs;
}

/** The resources of one stack as its last run left them. Every look-up in a state is a method here. */
export class StackState {
  constructor(readonly resources: readonly KnownResource[]) {}

  /** The first resource of a type whose outputs have all these values; `undefined` stands for an absent output. */
  find(type: string, values: Record<string, unknown>): Outputs | undefined {
    return this.resources.find(
      (resource) =>
        resource.type === type && Object.entries(values).every(([key, value]) => resource.outputs[key] === value),
    )?.outputs;
  }

  /** The Kubernetes object of a type and a name; kinds that are in no namespace are looked up without one. */
  object(type: string, name: string, namespace?: string): Outputs | undefined {
    return this.resources.find((resource) => {
      if (resource.type !== type) return false;
      const metadata = resource.outputs["metadata"] as { name?: unknown; namespace?: unknown } | undefined;
      return metadata?.name === name && (namespace === undefined || metadata.namespace === namespace);
    })?.outputs;
  }

  /** Whether the stack has an object or a Helm release in a cluster. */
  usesCluster(): boolean {
    return this.resources.some(({ type }) => type.startsWith("kubernetes:"));
  }
}

/**
 * Reads the state of a stack of this project, also of the one that is being run.
 *
 * @returns `undefined` if there is no such stack, or none that this run can read
 */
export async function readState(stack: string): Promise<StackState | undefined> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`;
  let outputs: Record<string, { type: string; outputs?: Record<string, unknown> }>;
  try {
    // The function that StackReference uses for outputs has this sibling for resources.
    const answer = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName })) as {
      outputs?: typeof outputs;
    };
    outputs = answer.outputs ?? {};
  } catch {
    return undefined;
  }
  return new StackState(Object.entries(outputs).map(([urn, r]) => ({ urn, type: r.type, outputs: r.outputs ?? {} })));
}
