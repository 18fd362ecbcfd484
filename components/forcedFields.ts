import type * as pulumi from "@pulumi/pulumi";

/** What this program says of an object's metadata. */
interface Metadata {
  name: pulumi.Input<string>;
  namespace?: pulumi.Input<string>;
  annotations?: Record<string, pulumi.Input<string>> | undefined;
}

/**
 * The metadata of an object whose fields are as this program says, whoever wrote them before: kubectl, a dashboard, or
 * the operator, which writes intervals back in its own form and so owns them. Without this, such a field is a conflict
 * and the run fails. Fields that the program says nothing of stay as they are.
 *
 * Every version of Pulumi's Kubernetes provider understands this annotation; its option `enablePatchForce` came with 4.29.
 */
export function forcedFields({ annotations, ...metadata }: Metadata): Metadata {
  return { ...metadata, annotations: { "pulumi.com/patchForce": "true", ...annotations } };
}
