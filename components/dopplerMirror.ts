import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { canonicalDuration } from "../lib/duration";
import { mirrorInterval, mirrorName } from "../lib/mirror";
import { LET_GO } from "./deletion";
import { externalSecretSpec, mirroredData } from "./externalSecretSpec";
import { forcedFields } from "./forcedFields";
import { requirePlain } from "./plain";
import { onlyFrom } from "./storeConditions";

/** Ids of what is in the cluster already and is taken over. */
export interface AdoptedMirror {
  /** The ExternalSecret: `<namespace>/<name>`. */
  externalSecret?: string;
  /** The ServiceAccount: `<namespace>/<name>`. */
  serviceAccount?: string;
  /** The Role: `<namespace>/<name>`. */
  role?: string;
  /** The RoleBinding: `<namespace>/<name>`. */
  roleBinding?: string;
  /** The ClusterSecretStore: its name. */
  store?: string;
}

/** The arguments of {@link DopplerMirror}. */
export interface DopplerMirrorArgs {
  /**
   * The ClusterSecretStore that reads from Doppler. It must admit `namespace`. Each object of the mirror is called
   * `<storeName>-mirror`.
   */
  storeName: pulumi.Input<string>;

  /** The operator's namespace, where the mirror's Secret is. Whoever may read Secrets there can read all of its values. */
  namespace: pulumi.Input<string>;

  /** The Doppler names to read. Default: all names of the config. */
  names?: pulumi.Input<pulumi.Input<string>[]>;

  /** How often ESO asks Doppler, in hours, minutes and seconds. Default: `40s`. */
  refreshInterval?: pulumi.Input<string>;

  /**
   * The namespaces whose ExternalSecrets may read from the mirror: each of them may read every value in it. Without a
   * list every namespace could.
   */
  admittedNamespaces: pulumi.Input<pulumi.Input<string>[]>;

  /** Ids of what is there already and is taken over. */
  adopt?: AdoptedMirror;
}

/** A pod's name for its cluster's API server. It ends with what clusters behind a proxy usually exempt from the proxy. */
const API_SERVER = "https://kubernetes.default.svc";

/** The ConfigMap that Kubernetes puts into each namespace, with the certificates to know the API server by. */
const API_SERVER_CA = { type: "ConfigMap", name: "kube-root-ca.crt", key: "ca.crt" };

/**
 * The values of one Doppler config in the cluster, read with one request however many apps need them: a Secret in the
 * operator's namespace, and a ClusterSecretStore from which the apps' ExternalSecrets take their values. The store signs in
 * with a ServiceAccount that may read this one Secret and nothing else.
 */
export class DopplerMirror extends pulumi.ComponentResource {
  /** The ClusterSecretStore from which apps read. */
  readonly storeName: pulumi.Output<string>;

  /** The Secret with the values, which apps name in `mirrorSecret`. */
  readonly secretName: pulumi.Output<string>;

  constructor(name: string, args: DopplerMirrorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:DopplerMirror", name, {}, opts);
    requirePlain(args, "adopt");
    const { namespace, adopt = {} } = args;
    const own = pulumi.output(args.storeName).apply(mirrorName);
    const metadata = forcedFields({ name: own, namespace });

    const externalSecret = new kubernetes.apiextensions.CustomResource(
      `${name}-external-secret`,
      {
        apiVersion: "external-secrets.io/v1",
        kind: "ExternalSecret",
        metadata,
        spec: externalSecretSpec(
          { dataFrom: pulumi.output(args.names).apply((names) => mirroredData(names).dataFrom) },
          {
            secretName: own,
            storeName: args.storeName,
            refreshInterval: pulumi.output(args.refreshInterval ?? mirrorInterval(["1m"])).apply(canonicalDuration),
          },
        ),
      },
      { ...LET_GO, parent: this, import: adopt.externalSecret },
    );

    const account = new kubernetes.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this, import: adopt.serviceAccount },
    );
    const role = new kubernetes.rbac.v1.Role(
      `${name}-role`,
      { metadata, rules: [{ apiGroups: [""], resources: ["secrets"], resourceNames: [own], verbs: ["get"] }] },
      { parent: this, import: adopt.role },
    );
    const binding = new kubernetes.rbac.v1.RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace: account.metadata.namespace }],
      },
      { parent: this, import: adopt.roleBinding },
    );

    const store = new kubernetes.apiextensions.CustomResource(
      `${name}-store`,
      {
        apiVersion: "external-secrets.io/v1",
        kind: "ClusterSecretStore",
        metadata: forcedFields({ name: own }),
        spec: {
          conditions: onlyFrom(args.admittedNamespaces),
          provider: {
            kubernetes: {
              remoteNamespace: namespace,
              server: { url: API_SERVER, caProvider: { ...API_SERVER_CA, namespace } },
              auth: { serviceAccount: { name: account.metadata.name, namespace: account.metadata.namespace } },
            },
          },
        },
      },
      // The operator asks at once whether the account may read.
      { ...LET_GO, parent: this, dependsOn: binding, import: adopt.store },
    );

    this.storeName = store.metadata.name;
    this.secretName = externalSecret.metadata.name;
    this.registerOutputs({ storeName: this.storeName, secretName: this.secretName });
  }
}
