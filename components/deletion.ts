import type * as pulumi from "@pulumi/pulumi";

/**
 * For objects that the operator has to let go of: it puts a finalizer on each ExternalSecret, and Kubernetes deletes the
 * object when the operator has removed the finalizer; a store gets one while a PushSecret needs it. That takes seconds. While no operator runs, it never happens; the
 * deletion then ends with an error that names the finalizer, and the next run tries again.
 */
export const LET_GO: Pick<pulumi.CustomResourceOptions, "customTimeouts"> = { customTimeouts: { delete: "5m" } };
