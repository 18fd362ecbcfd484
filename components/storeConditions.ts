import * as pulumi from "@pulumi/pulumi";

/** The conditions of a ClusterSecretStore that only some namespaces may use. */
export function onlyFrom(admitted: pulumi.Input<pulumi.Input<string>[]>): { namespaces: pulumi.Input<unknown> }[] {
  return [{ namespaces: Array.isArray(admitted) ? some(admitted) : pulumi.output(admitted).apply(some) }];
}

/** The list as it is, if there is anything in it. */
function some<T>(namespaces: T[]): T[] {
  if (namespaces.length === 0) {
    throw new pulumi.InputPropertyError({
      propertyPath: "admittedNamespaces",
      reason: "expected at least one namespace: a store without conditions is open to all",
    });
  }
  return namespaces;
}
