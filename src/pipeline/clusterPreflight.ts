import type { StackConfig } from "../settings";
import type { ClusterFindings, StackObject } from "../world";

/** Ids of objects in the cluster that exist and are taken over rather than made. */
export interface ClusterAdoption {
  namespaces: string[];
  release?: string;
  /** The token Secret, or the ServiceAccount in its place. */
  identity?: string;
  store?: string;
  externalSecrets: string[];
}

/** What of the cluster is taken over, if the stack's settings say `adopt`, and everything that is in the way. */
export function clusterPreflight(
  stack: StackConfig,
  { objects, operatorTooOld, releaseStatus, unanswered }: ClusterFindings,
): { adoption: ClusterAdoption; problems: string[] } {
  const { operator, adopt } = stack;
  const adoption = adopt ? adoptionOf(objects) : adoptionOf([]);
  if (unanswered !== undefined) {
    // A cluster that is still to come has nothing to take over; what is wrong with another, the provider says.
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
  const inTheWay = adopt ? [] : objects.map(called);
  const release = `Helm release "${operator.releaseName}" in namespace "${operator.namespace}"`;
  if (releaseStatus?.startsWith("pending-")) {
    const mend = releaseStatus === "pending-install" ? "uninstall" : "rollback";
    problems.push(
      `${release} is in status ${releaseStatus}: an operation on it was cut off.`,
      `  helm ${mend} ${operator.releaseName} --namespace ${operator.namespace}, then run this again. Its CRDs stay.`,
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

function adoptionOf(objects: readonly StackObject[]): ClusterAdoption {
  const ids = (role: StackObject["role"]) =>
    objects
      .filter((object) => object.role === role)
      .map(({ name, namespace }) => (namespace === undefined ? name : `${namespace}/${name}`));
  return {
    namespaces: ids("namespace"),
    identity: ids("identity")[0],
    store: ids("store")[0],
    externalSecrets: ids("externalSecret"),
  };
}

function called({ title, name, namespace }: StackObject): string {
  return `${title} "${name}"${namespace === undefined ? "" : ` in namespace "${namespace}"`}`;
}
