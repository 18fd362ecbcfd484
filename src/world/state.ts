import * as pulumi from "@pulumi/pulumi";

/** A resource as a stack's state last had it. Outputs may hold secrets in clear: read names from them, nothing else. */
export interface KnownResource {
  urn: string;
  type: string;
  outputs: Record<string, unknown>;
}

/**
 * The resources in a stack's state, as its last run left it.
 *
 * @param stack a stack of this project, also the one that is being run
 * @returns `undefined` if there is no such stack, or none that this run can read
 */
export async function stateOf(stack: string): Promise<KnownResource[] | undefined> {
  const stackName = `${pulumi.getOrganization()}/${pulumi.getProject()}/${stack}`;
  let outputs: Record<string, { type: string; outputs?: Record<string, unknown> }>;
  try {
    // What StackReference is made of, but for resources.
    const answer = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName })) as {
      outputs?: typeof outputs;
    };
    outputs = answer.outputs ?? {};
  } catch {
    return undefined;
  }
  return Object.entries(outputs).map(([urn, r]) => ({ urn, type: r.type, outputs: r.outputs ?? {} }));
}
