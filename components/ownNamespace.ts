import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/**
 * A namespace that this program makes, or takes over if it is among `adopt`'s. Only its name is the program's: labels
 * such as those of pod security, and annotations, are whose they were. So no other tool can have written a field of the
 * program's, and nothing has to be forced.
 */
export function ownNamespace(
  resourceName: string,
  namespace: string,
  adopt: { namespaces: readonly string[] } | undefined,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Namespace {
  return new kubernetes.core.v1.Namespace(
    resourceName,
    { metadata: { name: namespace } },
    {
      ...opts,
      import: adopt?.namespaces.find((id) => id === namespace),
      ignoreChanges: ["metadata.labels", "metadata.annotations", "spec"],
    },
  );
}
