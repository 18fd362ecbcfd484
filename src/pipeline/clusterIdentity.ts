import { recordedClusterId } from "../../components/sharedGuard";
import type { StackConfig } from "../settings";
import type { Outputs, StackState, World } from "../world";

// A cluster is known by the UID of its kube-system namespace. The Kubernetes provider replaces every object when its
// `clusterIdentifier` changes, so a stack that exists keeps the one in its state, be it the UID or the name of a context.

/** Which cluster a stack belongs to. */
export interface ClusterIdentity {
  /** The provider's `clusterIdentifier`. */
  identifier?: string | undefined;
  /** The cluster's id, to be recorded; absent as long as the cluster could not be asked. */
  id?: string | undefined;
}

/**
 * Compares the cluster that this run reaches with the one that the stack was brought up in.
 *
 * @returns the cluster's identity, and what is wrong, in lines of a message
 */
export function clusterIdentity(
  { name, kubernetes: { context, clusterId: wanted } }: Pick<StackConfig, "name" | "kubernetes">,
  { state, namespaces }: Pick<World, "state" | "namespaces">,
): { identity: ClusterIdentity; problems: string[] } {
  const now = namespaces.clusterId;
  const provider = state.find("pulumi:providers:kubernetes", {});
  if (wanted !== undefined && now !== undefined && wanted !== now) {
    const problems = [
      `kubernetes.clusterId names the cluster ${wanted}; this run reaches the cluster ${now}.`,
      "  Check kubernetes.context and the kubeconfig. To move the stack, set kubernetes.clusterId to the new cluster's id.",
    ];
    return { identity: {}, problems };
  }
  if (provider === undefined)
    return { identity: { identifier: now ?? wanted ?? context, id: now ?? wanted }, problems: [] };

  const identifier = text(provider, "clusterIdentifier");
  const before = recordedClusterId((type) => state.all(type)) ?? (isUid(identifier) ? identifier : undefined);
  const isOther = now !== undefined && (before === undefined ? foreign(state, namespaces.uids) : before !== now);
  if (!isOther) return { identity: { identifier, id: now ?? before ?? wanted }, problems: [] };

  if (wanted === undefined) {
    const problems = [
      `The cluster that this run reaches (${now}) is not the one that stack "${name}" was brought up in${before === undefined ? "" : ` (${before})`}.`,
      "  Check kubernetes.context and the kubeconfig. If the stack is to move to this cluster:",
      `  pulumi config set --path kubernetes.clusterId ${now} --stack ${name}`,
    ];
    return { identity: {}, problems };
  }
  // The provider of the old objects reaches their cluster by the context in the state. By a context of the same name it
  // would now delete from the new cluster what was just made there.
  if (state.usesCluster() && text(provider, "context") === context) {
    const problems = [
      `The state of stack "${name}" still describes the cluster that it was in before${before === undefined ? "" : ` (${before})`}.`,
      `  Run pulumi refresh --stack ${name}, which forgets what this cluster does not have, and then pulumi up.`,
    ];
    return { identity: {}, problems };
  }
  return { identity: { identifier: now, id: now }, problems: [] };
}

/** Whether the cluster has none of the namespaces that the state knows, each by its UID; false where the state knows none. */
function foreign(state: StackState, uids: ReadonlyMap<string, string>): boolean {
  const known = state.objects("kubernetes:core/v1:Namespace").filter(({ uid }) => uid !== undefined);
  return known.length > 0 && known.every(({ name, uid }) => uids.get(name) !== uid);
}

function text(outputs: Outputs, key: string): string | undefined {
  const value = outputs[key];
  return typeof value === "string" ? value : undefined;
}

function isUid(identifier: string | undefined): boolean {
  return identifier !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(identifier);
}
