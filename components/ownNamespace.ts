import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** What is to become of a namespace. */
export interface NamespaceFate {
  /** Namespaces that exist; one of this name is taken over. */
  adopt?: readonly string[] | undefined;
  /** Whether the namespace goes when the program lets go of it, with every workload in it. Default: it stays. */
  deleted?: boolean | undefined;
}

/**
 * A namespace that this program makes or takes over. Only its name is the program's: labels such as those of pod
 * security, and annotations, are whose they were. So no other tool can have written a field of the program's, and nothing
 * has to be forced. The namespace stays in the cluster when the program lets go of it, since others run their workloads
 * in it.
 */
export function ownNamespace(
  resourceName: string,
  namespace: string,
  { adopt, deleted = false }: NamespaceFate,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Namespace {
  return new kubernetes.core.v1.Namespace(
    resourceName,
    { metadata: { name: namespace } },
    {
      ...opts,
      import: adopt?.find((id) => id === namespace),
      retainOnDelete: !deleted,
      ignoreChanges: ["metadata.labels", "metadata.annotations", "spec"],
    },
  );
}
