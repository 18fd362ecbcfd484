import type { AdoptedMirror } from "../../components/dopplerMirror";
import type { StackConfig } from "../settings";
import { type ClusterFindings, objectsOf, type StackObject, type World } from "../world";

/** Ids of objects in the cluster that exist and are taken over rather than made. */
export interface ClusterAdoption {
  namespaces: string[];
  release?: string;
  /** Token Secrets, and the ServiceAccounts in their places. */
  identities: string[];
  stores: string[];
  /** By the name of a mirror's objects. */
  mirrors: Record<string, AdoptedMirror>;
  externalSecrets: string[];
}

/** A mirror's objects as its component calls them, by their kind. */
const MIRROR_PARTS: Readonly<Record<string, keyof AdoptedMirror>> = {
  ExternalSecret: "externalSecret",
  ServiceAccount: "serviceAccount",
  Role: "role",
  RoleBinding: "roleBinding",
  ClusterSecretStore: "store",
};

/** What of the cluster is taken over, and everything that is in the way. */
export function clusterPreflight(
  stack: StackConfig,
  { objects, operatorTooOld, releaseStatus, releaseCutOff, unanswered }: ClusterFindings,
): { adoption: ClusterAdoption; problems: string[] } {
  const { operator, adopt, kubernetes } = stack;
  // A namespace that is not deleted in the end can be taken over unasked: nothing of it can be lost.
  const taken = objects.filter(({ role }) => adopt || (role === "namespace" && !kubernetes.deleteNamespaces));
  const adoption = adoptionOf(taken);
  if (unanswered !== undefined) {
    // Without `adopt`, a cluster that is still to come has nothing in the way; the caller warns that nobody looked.
    const problem = `The cluster can't be asked what is there to be taken over: ${unanswered}`;
    return { adoption, problems: adopt ? [problem] : [] };
  }
  if (operatorTooOld) {
    const problems = [
      "The External Secrets Operator in the cluster is older than 0.16: it does not serve external-secrets.io/v1 yet.",
      "  Upgrade it by hand to 0.16, which serves v1beta1 and v1, before this program takes it over.",
    ];
    return { adoption, problems };
  }

  const problems: string[] = [];
  const inTheWay = objects.filter((object) => !taken.includes(object)).map(called);
  const release = `Helm release "${operator.releaseName}" in namespace "${operator.namespace}"`;
  if (releaseStatus?.startsWith("pending-")) {
    const mend = releaseStatus === "pending-install" ? "uninstall" : "rollback";
    problems.push(
      `${release} is in status ${releaseStatus}: an operation on it was cut off.`,
      `  helm ${mend} ${operator.releaseName} --namespace ${operator.namespace}, then run this again. Its CRDs stay.`,
    );
  } else if (releaseCutOff !== undefined) {
    problems.push(
      `${release} was in status ${releaseCutOff} when Pulumi last looked, and is not any more: the state does not say how it is now.`,
      `  pulumi refresh --stack ${stack.name}, then run this again.`,
    );
  } else if (releaseStatus !== undefined) {
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

/** The namespaces that something is to be made in and that nobody makes: found here, before Doppler is changed. */
export function missingNamespaces(
  stack: StackConfig,
  { namespaces: { uids, unanswered }, state }: Pick<World, "namespaces" | "state">,
): string[] {
  if (unanswered !== undefined) return [];
  const { operator, kubernetes } = stack;
  const made = [...kubernetes.createNamespaces, ...(operator.owned ? [operator.namespace] : [])];
  const needed = objectsOf(stack)
    .filter(({ type, name, namespace }) => namespace !== undefined && !state.object(type, name, namespace))
    .flatMap(({ namespace }) => namespace ?? []);
  const missing = [...new Set(needed)].filter((name) => !uids.has(name) && !made.includes(name)).sort();
  return missing.flatMap((name) => [
    `Namespace "${name}" does not exist in the cluster, and no setting has this stack make it.`,
    `  List it in kubernetes.createNamespaces, or let whoever owns it make it first.`,
  ]);
}

function adoptionOf(objects: readonly StackObject[]): ClusterAdoption {
  const idOf = ({ name, namespace }: StackObject) => (namespace === undefined ? name : `${namespace}/${name}`);
  const ids = (role: StackObject["role"]) => objects.filter((object) => object.role === role).map(idOf);
  const mirrors: ClusterAdoption["mirrors"] = {};
  for (const object of objects.filter(({ role }) => role === "mirror")) {
    const part = MIRROR_PARTS[object.title];
    if (part !== undefined) (mirrors[object.name] ??= {})[part] = idOf(object);
  }
  return {
    namespaces: ids("namespace"),
    identities: ids("identity"),
    stores: ids("store"),
    mirrors,
    externalSecrets: ids("externalSecret"),
  };
}

function called({ title, name, namespace }: StackObject): string {
  return `${title} "${name}"${namespace === undefined ? "" : ` in namespace "${namespace}"`}`;
}
