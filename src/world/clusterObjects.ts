import { type Cluster, ClusterError, type ClusterObject } from "./kubectl";
import type { SourceConfig, StackConfig } from "../settings";
import type { Outputs, StackState } from "./state";

/** What an object is to the stack that would make it. */
export type Role = "namespace" | "identity" | "store" | "mirror" | "externalSecret";

/** An object that the stack makes. */
export interface StackObject extends ClusterObject {
  role: Role;
  /** The kind as people write it. */
  title: string;
  /** Pulumi's type of it. */
  type: string;
}

/** What the cluster has of that which the stack would make and its state does not know. */
export interface ClusterFindings {
  /** The objects. */
  objects: StackObject[];
  /** Whether the cluster serves the operator's kinds, and none of them as `external-secrets.io/v1`. */
  operatorTooOld: boolean;
  /** The status of the operator's Helm release, such as `deployed`, if there is one. */
  releaseStatus?: string;
  /** The release's status in the stack's state, where an operation on the release was under way when Pulumi last looked. */
  releaseCutOff?: string | undefined;
  /** Why the cluster could not be asked; nothing is known of it then. */
  unanswered?: string;
}

/** The definitions of the operator's kinds, by kubectl's name of the kind. */
const DEFINITIONS: Readonly<Record<string, string>> = {
  "clustersecretstore.external-secrets.io": "clustersecretstores.external-secrets.io",
  "externalsecret.external-secrets.io": "externalsecrets.external-secrets.io",
};

const STORE = {
  title: "ClusterSecretStore",
  type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
  kind: "clustersecretstore.external-secrets.io",
};
const EXTERNAL_SECRET = {
  title: "ExternalSecret",
  type: "kubernetes:external-secrets.io/v1:ExternalSecret",
  kind: "externalsecret.external-secrets.io",
};
const SERVICE_ACCOUNT = { title: "ServiceAccount", type: "kubernetes:core/v1:ServiceAccount", kind: "serviceaccount" };

/** What a mirror is made of, in the operator's namespace. Its Secret is the operator's to make. */
const MIRROR_PARTS = [
  EXTERNAL_SECRET,
  SERVICE_ACCOUNT,
  { title: "Role", type: "kubernetes:rbac.authorization.k8s.io/v1:Role", kind: "role.rbac.authorization.k8s.io" },
  {
    title: "RoleBinding",
    type: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
    kind: "rolebinding.rbac.authorization.k8s.io",
  },
];

/** What a source has in the cluster: a token Secret or a ServiceAccount, a store, and the store's mirror. */
function sourceObjects({ store, mirror }: SourceConfig, namespace: string): StackObject[] {
  const identity =
    store.oidc === undefined
      ? { title: "Secret", type: "kubernetes:core/v1:Secret", kind: "secret", name: store.tokenSecretName }
      : { ...SERVICE_ACCOUNT, name: store.oidc.serviceAccount };
  const ofMirror = (name: string): StackObject[] => [
    ...MIRROR_PARTS.map((part): StackObject => ({ role: "mirror", ...part, name, namespace })),
    { role: "mirror", ...STORE, name },
  ];
  return [
    { role: "identity", namespace, ...identity },
    { role: "store", ...STORE, name: store.name },
    ...(mirror === undefined ? [] : ofMirror(mirror.name)),
  ];
}

/** Every object that a stack makes in its cluster. The Helm release is none of them. */
export function objectsOf({ operator, kubernetes, sources, apps, otherSecrets }: StackConfig): StackObject[] {
  const namespaces = [...(operator.owned ? [operator.namespace] : []), ...kubernetes.createNamespaces];
  const externalSecrets = [...apps, ...otherSecrets].flatMap((app) => [
    { name: app.externalSecretName, namespace: app.namespace },
    ...app.alsoAs.map((other) => ({ name: other.secretName, namespace: other.namespace })),
  ]);
  return [
    ...namespaces.map((name): StackObject => ({
      role: "namespace",
      title: "Namespace",
      type: "kubernetes:core/v1:Namespace",
      kind: "namespace",
      name,
    })),
    ...sources.flatMap((source) => sourceObjects(source, operator.namespace)),
    ...externalSecrets.map((place): StackObject => ({ role: "externalSecret", ...EXTERNAL_SECRET, ...place })),
  ];
}

/** Asks the cluster for what the stack would make, but only for what the stack's state does not know. */
export async function readCluster(stack: StackConfig, cluster: Cluster, state: StackState): Promise<ClusterFindings> {
  const { operator } = stack;
  const unknown = objectsOf(stack).filter(({ type, name, namespace }) => !state.object(type, name, namespace));
  const release = state.find("kubernetes:helm.sh/v3:Release", { name: operator.releaseName });
  const releaseUnknown = operator.owned && release === undefined;
  const releaseCutOff = operator.owned ? operationUnderWay(release) : undefined;
  const askForRelease = releaseUnknown || releaseCutOff !== undefined;
  if (unknown.length === 0 && !askForRelease) return { objects: [], operatorTooOld: false };
  try {
    const served = new Map<string, string[] | undefined>();
    for (const [kind, definition] of Object.entries(DEFINITIONS)) {
      served.set(kind, await cluster.servedVersions(definition));
    }
    if ([...served.values()].some((versions) => versions !== undefined && !versions.includes("v1"))) {
      return { objects: [], operatorTooOld: true };
    }
    // kubectl refuses to look for a kind that is not served; there can be no object of it.
    const askable = unknown.filter(({ kind }) => !served.has(kind) || served.get(kind) !== undefined);
    return {
      objects: await cluster.present(askable),
      operatorTooOld: false,
      releaseCutOff,
      releaseStatus: askForRelease ? await cluster.releaseStatus(operator.namespace, operator.releaseName) : undefined,
    };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return { objects: [], operatorTooOld: false, unanswered: error.message };
  }
}

/** The status of a Helm release in a state, if it is one that only lasts as long as an operation. */
function operationUnderWay(release: Outputs | undefined): string | undefined {
  const { status } = (release?.["status"] ?? {}) as { status?: unknown };
  return typeof status === "string" && status.startsWith("pending-") ? status : undefined;
}
