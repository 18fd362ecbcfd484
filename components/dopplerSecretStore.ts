import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { tokenAnnotation } from "../lib/storeToken";
import { LET_GO } from "./deletion";
import { forcedFields } from "./forcedFields";
import { requirePlain } from "./plain";
import { onlyFrom } from "./storeConditions";

/** No static token: the operator proves itself with a token of a ServiceAccount. From External Secrets Operator 1.2 on. */
export interface Oidc {
  /** The id of the service account identity in Doppler. */
  identity: pulumi.Input<string>;
  /** The ServiceAccount, made here in the operator's namespace. */
  serviceAccount: pulumi.Input<string>;
  /** The project to read: such an identity may be good for several. */
  project: pulumi.Input<string>;
  /** The config of it to read. */
  config: pulumi.Input<string>;
}

/** Ids of what is in the cluster already and is taken over. */
export interface AdoptedStore {
  /** The token Secret, or the ServiceAccount: `<namespace>/<name>`. */
  identity?: string;
  /** The ClusterSecretStore: its name. */
  store?: string;
}

/** The arguments of {@link DopplerSecretStore}. */
export interface DopplerSecretStoreArgs {
  /** The ClusterSecretStore's name. */
  storeName: pulumi.Input<string>;

  /** The name of the Secret that holds the token. */
  tokenSecretName: pulumi.Input<string>;

  /** The namespace of that Secret. */
  namespace: pulumi.Input<string>;

  /** A Doppler service token that may read one config, `dp.st.…`. Made a secret here if it isn't one. Or `oidc`. */
  serviceToken?: pulumi.Input<string>;

  /** The token's name in Doppler; shown on the store. */
  serviceTokenName?: pulumi.Input<string>;

  /** Another way for the cluster to prove itself, with no token that could leak. */
  oidc?: Oidc;

  /** The namespaces whose ExternalSecrets may use the store. Without a list every namespace could read every value. */
  admittedNamespaces: pulumi.Input<pulumi.Input<string>[]>;

  /** Ids of what is there already and is taken over: the token Secret (or the ServiceAccount), and the store. */
  adopt?: AdoptedStore;
}

/** What only a program in the same process can give. */
export interface DopplerSecretStoreHelp {
  /** Called when the store has moved to another service token; what it waits for comes before the old one's revocation. */
  onMoved?: () => Promise<void>;
}

/** The way from the cluster to one Doppler config: the Secret with the service token, and the ClusterSecretStore. */
export class DopplerSecretStore extends pulumi.ComponentResource {
  /** The ClusterSecretStore's name. */
  readonly storeName: pulumi.Output<string>;

  constructor(
    name: string,
    args: DopplerSecretStoreArgs,
    opts?: pulumi.ComponentResourceOptions,
    { onMoved }: DopplerSecretStoreHelp = {},
  ) {
    super("secrets-pipeline:index:DopplerSecretStore", name, {}, opts);
    requirePlain(args, "adopt");
    const conditions = onlyFrom(args.admittedNamespaces);

    const { provider, annotations } =
      args.oidc === undefined ? this.#staticToken(name, args) : this.#withOidc(name, args, args.oidc);

    const store = new kubernetes.apiextensions.CustomResource(
      `${name}-store`,
      {
        apiVersion: "external-secrets.io/v1",
        kind: "ClusterSecretStore",
        metadata: forcedFields({ name: args.storeName, annotations }),
        spec: { conditions, provider: { doppler: provider } },
      },
      { ...LET_GO, parent: this, import: args.adopt?.store, hooks: onMoved && { afterUpdate: [onMoved] } },
    );

    this.storeName = store.metadata.name;
    this.registerOutputs({ storeName: this.storeName });
  }
  #staticToken(name: string, args: DopplerSecretStoreArgs) {
    if (args.serviceToken === undefined) {
      throw new pulumi.InputPropertyError({
        propertyPath: "serviceToken",
        reason: "expected a service token, or oidc",
      });
    }
    const token = new kubernetes.core.v1.Secret(
      `${name}-token`,
      {
        metadata: forcedFields({ name: args.tokenSecretName, namespace: args.namespace }),
        type: "Opaque",
        stringData: { dopplerToken: pulumi.secret(args.serviceToken) },
      },
      { parent: this, import: args.adopt?.identity },
    );
    const { name: secret, namespace } = token.metadata;
    return {
      annotations: tokenAnnotation(args.serviceTokenName),
      provider: { auth: { secretRef: { dopplerToken: { name: secret, key: "dopplerToken", namespace } } } },
    };
  }

  #withOidc(name: string, args: DopplerSecretStoreArgs, auth: Oidc) {
    const account = new kubernetes.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: forcedFields({ name: auth.serviceAccount, namespace: args.namespace }) },
      { parent: this, import: args.adopt?.identity },
    );
    const { name: serviceAccount, namespace } = account.metadata;
    return {
      annotations: undefined,
      provider: {
        auth: { oidcConfig: { identity: auth.identity, serviceAccountRef: { name: serviceAccount, namespace } } },
        project: auth.project,
        config: auth.config,
      },
    };
  }
}
