import type * as pulumi from "@pulumi/pulumi";

/**
 * For objects that the operator has to let go of. It puts a finalizer on each ExternalSecret (and on a store while a
 * PushSecret needs it), and Kubernetes deletes the object when the operator has removed the finalizer, which takes
 * seconds. While no operator runs, nobody removes the finalizer: after this time the provider names the finalizer, the
 * deletion ends with an error, and the next run tries again.
 */
export const LET_GO: Pick<pulumi.CustomResourceOptions, "customTimeouts"> = { customTimeouts: { delete: "5m" } };
