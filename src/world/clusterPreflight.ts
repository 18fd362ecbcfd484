import { Cluster, ClusterError, type ClusterObject } from "./kubectl";
import type { StackConfig } from "../settings";
import type { KnownResource } from "./state";

/** Ids of objects in the cluster that exist and are to be taken over rather than created. */
export interface ClusterAdoption {
  namespaces: string[];
  release?: string;
  /** The token Secret, or the ServiceAccount in its place. */
  identity?: string;
  store?: string;
  externalSecrets: string[];
}

/** An object that the stack would make, and how its state would know it. */
interface Target extends ClusterObject {
  /** In a message, and in Pulumi's type. */
  title: string;
  type: string;
  found: (adoption: ClusterAdoption, id: string) => void;
}

const CRD = { store: "clustersecretstores.external-secrets.io", app: "externalsecrets.external-secrets.io" };

function targetsOf({ operator, kubernetes, store, apps, otherSecrets }: StackConfig): Target[] {
  const namespaces = [...(operator.owned ? [operator.namespace] : []), ...kubernetes.createNamespaces];
  return [
    ...namespaces.map((name) => ({
      ...{ title: "Namespace", type: "kubernetes:core/v1:Namespace", kind: "namespace", name },
      found: (adoption: ClusterAdoption, id: string) => void adoption.namespaces.push(id),
    })),
    {
      namespace: operator.namespace,
      ...(store.oidc === undefined
        ? { title: "Secret", kind: "secret", name: store.tokenSecretName }
        : { title: "ServiceAccount", kind: "serviceaccount", name: store.oidc.serviceAccount }),
      type: `kubernetes:core/v1:${store.oidc === undefined ? "Secret" : "ServiceAccount"}`,
      found: (adoption, id) => void (adoption.identity = id),
    },
    {
      title: "ClusterSecretStore",
      type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
      ...{ kind: "clustersecretstore.external-secrets.io", name: store.name },
      found: (adoption, id) => void (adoption.store = id),
    },
    ...[...apps, ...otherSecrets].flatMap((app) =>
      [
        { ...app, name: app.externalSecretName },
        ...app.alsoAs.map((other) => ({ ...other, name: other.secretName })),
      ].map(({ name, namespace }) => ({
        ...{ title: "ExternalSecret", type: "kubernetes:external-secrets.io/v1:ExternalSecret" },
        ...{ kind: "externalsecret.external-secrets.io", name, namespace },
        found: (adoption: ClusterAdoption, id: string) => void adoption.externalSecrets.push(id),
      })),
    ),
  ];
}

/**
 * Compares what the stack is to make in its cluster with what is there and with what its state knows. Asks the cluster
 * only about what the state does not know.
 *
 * @returns what to take over, if the stack's settings say `adopt`, and everything that is in the way
 */
export async function clusterPreflight(
  stack: StackConfig,
  cluster: Cluster,
  state: readonly KnownResource[],
): Promise<{ adoption: ClusterAdoption; problems: string[] }> {
  const adoption: ClusterAdoption = { namespaces: [], externalSecrets: [] };
  const { operator } = stack;
  const unknown = targetsOf(stack).filter(({ type, name, namespace }) => !knows(state, type, name, namespace));
  const releaseUnknown =
    operator.owned &&
    !state.some(
      ({ type, outputs }) => type === "kubernetes:helm.sh/v3:Release" && outputs["name"] === operator.releaseName,
    );
  if (unknown.length === 0 && !releaseUnknown) return { adoption, problems: [] };
  try {
    return await compare(stack, cluster, unknown, releaseUnknown, adoption);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    // A cluster that is still to come has nothing to take over; what is wrong with another, the provider says.
    if (!stack.adopt) return { adoption, problems: [] };
    return { adoption, problems: [`The cluster can't be asked what is there to be taken over: ${error.message}`] };
  }
}

async function compare(
  stack: StackConfig,
  cluster: Cluster,
  unknown: readonly Target[],
  releaseUnknown: boolean,
  adoption: ClusterAdoption,
): Promise<{ adoption: ClusterAdoption; problems: string[] }> {
  const { operator, adopt } = stack;
  const problems: string[] = [];
  const inTheWay: string[] = [];
  const served = new Map([
    ["clustersecretstore.external-secrets.io", await cluster.servedVersions(CRD.store)],
    ["externalsecret.external-secrets.io", await cluster.servedVersions(CRD.app)],
  ]);
  if ([...served.values()].some((versions) => versions !== undefined && !versions.includes("v1"))) {
    problems.push(
      "The External Secrets Operator in the cluster is older than 0.16: it does not serve external-secrets.io/v1 yet.",
      "  Upgrade it by hand to 0.16, which serves v1beta1 and v1, before this program takes it over.",
    );
    return { adoption, problems };
  }

  // kubectl refuses to look for a kind that is not served; there can be no object of it.
  const askable = unknown.filter(({ kind }) => !served.has(kind) || served.get(kind) !== undefined);
  for (const { found, title, name, namespace } of await cluster.present(askable)) {
    if (adopt) found(adoption, namespace === undefined ? name : `${namespace}/${name}`);
    else inTheWay.push(`${title} "${name}"${namespace === undefined ? "" : ` in namespace "${namespace}"`}`);
  }

  const status = releaseUnknown ? await cluster.releaseStatus(operator.namespace, operator.releaseName) : undefined;
  const release = `Helm release "${operator.releaseName}" in namespace "${operator.namespace}"`;
  if (status?.startsWith("pending-")) {
    const mend = status === "pending-install" ? "uninstall" : "rollback";
    problems.push(
      `${release} is in status ${status}: an operation on it was cut off.`,
      `  helm ${mend} ${operator.releaseName} --namespace ${operator.namespace}, then run this again. Its CRDs stay.`,
    );
  } else if (status !== undefined) {
    if (adopt) adoption.release = `${operator.namespace}/${operator.releaseName}`;
    else inTheWay.push(release);
  }

  if (inTheWay.length > 0) {
    problems.push(
      ...inTheWay.map((what) => `${what} exists in the cluster, and this stack did not make it.`),
      `  If another stack owns it, give this one names of its own.`,
      `  If it was made by hand, or by a run that was cut off: pulumi config set adopt true --stack ${stack.name}, then pulumi up takes it over.`,
    );
  }
  return { adoption, problems };
}

function knows(state: readonly KnownResource[], type: string, name: string, namespace: string | undefined): boolean {
  return state.some((resource) => {
    if (resource.type !== type) return false;
    const metadata = resource.outputs["metadata"] as { name?: unknown; namespace?: unknown } | undefined;
    return metadata?.name === name && (namespace === undefined || metadata.namespace === namespace);
  });
}
