import * as pulumi from "@pulumi/pulumi";

/** The outputs of a resource in a state. They may hold secrets in clear: read names and marks from them, nothing else. */
export type Outputs = Readonly<Record<string, unknown>>;

/** A resource as a stack's last run left it. */
export interface KnownResource {
  urn: string;
  type: string;
  outputs: Outputs;
}

/** A Kubernetes object as a stack's last run left it. */
export interface KnownObject {
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
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
    return this.objects(type).find(
      (object) => object.name === name && (namespace === undefined || object.namespace === namespace),
    )?.outputs;
  }

  /** The Kubernetes objects of a type that have a name. */
  objects(type: string): KnownObject[] {
    return this.all(type).flatMap((outputs) => {
      const metadata = outputs["metadata"] as Partial<Record<"name" | "namespace" | "uid", unknown>> | undefined;
      const [name, namespace, uid] = [text(metadata?.name), text(metadata?.namespace), text(metadata?.uid)];
      return name === undefined ? [] : [{ name, namespace, uid, outputs }];
    });
  }

  /** The outputs of all resources of a type. */
  all(type: string): Outputs[] {
    return this.resources.filter((resource) => resource.type === type).map(({ outputs }) => outputs);
  }

  /** The resource of a type that the stack calls by a name of its own. */
  called(type: string, name: string): Outputs | undefined {
    return this.resources.find((resource) => resource.type === type && nameIn(resource.urn) === name)?.outputs;
  }

  /** The name by which the stack calls the first resource of a type whose outputs have all these values. */
  nameOf(type: string, values: Record<string, unknown>): string | undefined {
    const outputs = this.find(type, values);
    const found = this.resources.find((resource) => resource.type === type && resource.outputs === outputs);
    return found && nameIn(found.urn);
  }

  /** Whether the stack has a branch config of an environment, or reads the environment's root config. */
  usesEnvironment(project: string, slug: string): boolean {
    const stores = this.all("kubernetes:external-secrets.io/v1:ClusterSecretStore");
    return (
      this.find("doppler:index/branchConfig:BranchConfig", { project, environment: slug }) !== undefined ||
      this.find("doppler:index/serviceToken:ServiceToken", { project, config: slug }) !== undefined ||
      stores.some((store) => {
        // A store that proves itself by OIDC has no token, and names the config itself.
        const spec = store["spec"] as { provider?: { doppler?: { project?: unknown; config?: unknown } } } | undefined;
        const { doppler } = spec?.provider ?? {};
        return doppler?.project === project && doppler.config === slug;
      })
    );
  }

  /** Whether the stack has an object or a Helm release in a cluster. */
  usesCluster(): boolean {
    return this.resources.some(({ type }) => type.startsWith("kubernetes:"));
  }
}

/** `urn:pulumi:<stack>::<project>::<types>::<name>` */
function nameIn(urn: string): string | undefined {
  return urn.split("::")[3];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A state that is there and can't be read: another passphrase, a backend that does not answer. */
export class StateError extends pulumi.RunError {
  constructor(
    stack: string,
    /** The engine's reason, one line. */
    readonly reason: string,
  ) {
    super(`the state of stack "${stack}" can't be read: ${reason}`);
  }
}

/**
 * Reads the state of a stack of this project, also of the one that is being run.
 *
 * @returns `undefined` if there is no such stack
 * @throws StateError if there is one, or if that can't be known
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
  } catch (error) {
    const { details, message } = error as { details?: string; message?: string };
    const reason = (details || message || String(error)).trim().split("\n")[0] ?? "";
    // The engine's words for a stack that its backend does not have.
    if (/\bunknown stack\b/.test(reason)) return undefined;
    throw new StateError(stack, reason);
  }
  return new StackState(Object.entries(outputs).map(([urn, r]) => ({ urn, type: r.type, outputs: r.outputs ?? {} })));
}
