import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** The arguments of {@link DopplerSecretStore}. */
export interface DopplerSecretStoreArgs {
  /** The ClusterSecretStore's name. */
  storeName: pulumi.Input<string>;

  /** The name of the Secret that holds the token. */
  tokenSecretName: pulumi.Input<string>;

  /** The namespace of that Secret. */
  namespace: pulumi.Input<string>;

  /** A Doppler service token that may read one config, `dp.st.…`. Made a secret here if it isn't one. */
  serviceToken: pulumi.Input<string>;

  /** The namespaces whose ExternalSecrets may use the store. Without a list every namespace could read every value. */
  admittedNamespaces: pulumi.Input<string>[];
}

/** The way from the cluster to one Doppler config: the Secret with the service token, and the ClusterSecretStore. */
export class DopplerSecretStore extends pulumi.ComponentResource {
  /** The ClusterSecretStore's name. */
  readonly storeName: pulumi.Output<string>;

  constructor(name: string, args: DopplerSecretStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:DopplerSecretStore", name, {}, opts);
    if (args.admittedNamespaces.length === 0) {
      throw new pulumi.InputPropertyError({
        propertyPath: "admittedNamespaces",
        reason: "expected at least one namespace: a store without conditions is open to all",
      });
    }

    const token = new kubernetes.core.v1.Secret(
      `${name}-token`,
      {
        metadata: { name: args.tokenSecretName, namespace: args.namespace },
        type: "Opaque",
        stringData: { dopplerToken: pulumi.secret(args.serviceToken) },
      },
      { parent: this },
    );

    const store = new kubernetes.apiextensions.CustomResource(
      `${name}-store`,
      {
        apiVersion: "external-secrets.io/v1",
        kind: "ClusterSecretStore",
        metadata: { name: args.storeName },
        spec: {
          conditions: [{ namespaces: args.admittedNamespaces }],
          provider: {
            doppler: {
              auth: {
                secretRef: {
                  dopplerToken: {
                    name: token.metadata.name,
                    key: "dopplerToken",
                    namespace: token.metadata.namespace,
                  },
                },
              },
            },
          },
        },
      },
      { parent: this },
    );

    this.storeName = store.metadata.name;
    this.registerOutputs({ storeName: this.storeName });
  }
}
