import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { isChartFile } from "../lib/chart";
import { ownNamespace } from "./ownNamespace";
import { requirePlain } from "./plain";

/** The newest chart known to serve `external-secrets.io/v1` with the values below. Chart and operator share versions. */
const DEFAULT_VERSION = "2.9.0";
const DEFAULT_REPOSITORY = "https://charts.external-secrets.io";
const DEFAULT_CHART = "external-secrets";
const DEFAULT_RELEASE = "external-secrets";

/** Values of a Helm chart. */
export type HelmValues = Record<string, unknown>;

/** What we ask of the chart; right for every version from 0.17 to {@link DEFAULT_VERSION}. */
export const DEFAULT_VALUES: HelmValues = {
  installCRDs: true,
  // Deleting the CRDs would delete every ExternalSecret in the cluster, and with them the apps' Secrets.
  crds: { annotations: { "helm.sh/resource-policy": "keep" } },
  // The admission webhook refuses connections for a while after its Deployment is ready, and fails all stores and
  // ExternalSecrets meanwhile. The CRDs' own schemas check what this program makes. Where a stack turns the webhook on,
  // it must not block changes while it is unreachable.
  webhook: { create: false, failurePolicy: "Ignore" },
  // The certificate controller serves only the webhook.
  certController: { create: false },
};

/** Ids of what is in the cluster already and is taken over. */
export interface AdoptedOperator {
  /** Namespaces that exist; only the operator's own matters. */
  namespaces: string[];
  /** The Helm release, which is upgraded: `<namespace>/<name>`. */
  release?: string;
}

/** The arguments of {@link ExternalSecretsOperator}. */
export interface ExternalSecretsOperatorArgs {
  /** The namespace to make and install into. */
  namespace: string;

  /** The Helm release's name. Default: `external-secrets`. The chart names its ServiceAccount and Deployment after it. */
  releaseName?: string;

  /** Whether the namespace is deleted with the operator, and everything else that runs in it. Default: it stays. */
  deleteNamespace?: boolean;

  /** Ids of what is there already and is taken over: the namespace, and the release, which is upgraded. */
  adopt?: AdoptedOperator;

  /** The chart: a name in `repository`, a folder, an archive, or an `oci://` reference. Default: `external-secrets`. */
  chart?: string;

  /** The chart repository's URL, without a user or a password. Default: the project's own. Only for a chart given by name. */
  repository?: string;

  /** The user with which charts are downloaded from `repository`. Default: none. */
  repositoryUsername?: pulumi.Input<string>;

  /** The password of `repositoryUsername`. It is a secret in the state, whether or not it comes as one. Default: none. */
  repositoryPassword?: pulumi.Input<string>;

  /** The chart's version. Default: 2.9.0. A folder or an archive has its own. */
  version?: string;

  /** Values merged over the component's own, maps key by key, everything else replaced. */
  values?: pulumi.Inputs;
}

/** What only a program in the same process can give. */
export interface ExternalSecretsOperatorHelp {
  /** Called before the operator or its namespace is deleted; an error keeps it. */
  beforeDelete?: pulumi.ResourceHook[];
}

/** The External Secrets Operator, installed with its Helm chart into a namespace of its own. */
export class ExternalSecretsOperator extends pulumi.ComponentResource {
  /** The operator's namespace, where the token Secret goes too. */
  readonly namespace: pulumi.Output<string>;

  constructor(
    name: string,
    args: ExternalSecretsOperatorArgs,
    opts?: pulumi.ComponentResourceOptions,
    { beforeDelete = [] }: ExternalSecretsOperatorHelp = {},
  ) {
    super("secrets-pipeline:index:ExternalSecretsOperator", name, {}, opts);
    requirePlain(args, "namespace", "releaseName", "adopt", "deleteNamespace", "chart", "repository", "version");
    if (pulumi.Output.isInstance(args.values)) requirePlain(args, "values");

    const hooks = { beforeDelete };
    const namespace = ownNamespace(
      `${name}-namespace`,
      args.namespace,
      { adopt: args.adopt?.namespaces, deleted: args.deleteNamespace },
      { parent: this, hooks },
    );

    new kubernetes.helm.v3.Release(
      `${name}-release`,
      {
        ...chartLocation(args),
        name: args.releaseName ?? DEFAULT_RELEASE,
        namespace: namespace.metadata.name,
        values: mergeValues(DEFAULT_VALUES, args.values ?? {}),
        // A failed install is undone, a failed upgrade rolled back: the next run starts from a clean release.
        atomic: true,
        timeout: 300,
      },
      { parent: this, import: args.adopt?.release, hooks },
    );

    this.namespace = namespace.metadata.name;
    this.registerOutputs({ namespace: this.namespace });
  }
}

/** Which chart the release installs. */
export function chartLocation(
  args: Pick<
    ExternalSecretsOperatorArgs,
    "chart" | "repository" | "repositoryUsername" | "repositoryPassword" | "version"
  >,
): Pick<kubernetes.helm.v3.ReleaseArgs, "chart" | "version" | "repositoryOpts"> {
  const chart = args.chart ?? DEFAULT_CHART;
  if (isChartFile(chart)) return { chart };
  const version = args.version ?? DEFAULT_VERSION;
  if (chart.startsWith("oci://")) return { chart, version };
  const { repository: repo = DEFAULT_REPOSITORY, repositoryUsername: username, repositoryPassword } = args;
  const access = username !== undefined && repositoryPassword !== undefined;
  return {
    chart,
    version,
    repositoryOpts: { repo, ...(access && { username, password: pulumi.secret(repositoryPassword) }) },
  };
}

/** `over` laid upon `base`: maps key by key, everything else replaced. Neither is changed. */
export function mergeValues(base: HelmValues, over: HelmValues): HelmValues {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isMap(below) && isMap(value) ? mergeValues(below, value) : value;
  }
  return merged;
}

function isMap(value: unknown): value is HelmValues {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !pulumi.Output.isInstance(value);
}
