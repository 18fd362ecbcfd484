import { type Cluster, ClusterError } from "./kubectl";
import type { StackConfig } from "../settings";
import type { StackState } from "./state";

/** The namespace whose UID tells one cluster from another, whatever kubeconfigs call them. */
const IDENTIFYING = "kube-system";

/** Which cluster it is, and which namespaces are there. */
export interface NamespaceFindings {
  /** The cluster's id; absent where it can't be had. */
  clusterId?: string | undefined;
  /** The UIDs of those namespaces that are there, of all that concern the stack. */
  uids: ReadonlyMap<string, string>;
  /** Why the cluster could not be asked; nothing is known of it then. */
  unanswered?: string | undefined;
}

/** Asks the cluster for the namespaces that Secrets of the stack go to, and for those that the stack's state knows. */
export async function readNamespaces(
  stack: StackConfig,
  cluster: Cluster,
  state: StackState,
): Promise<NamespaceFindings> {
  const known = state.objects("kubernetes:core/v1:Namespace").map(({ name }) => name);
  const names = new Set([IDENTIFYING, stack.operator.namespace, ...stack.namespaces, ...known]);
  try {
    const uids = await cluster.namespaceUids([...names].sort());
    return { clusterId: uids.get(IDENTIFYING), uids };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return { uids: new Map(), unanswered: error.message };
  }
}
