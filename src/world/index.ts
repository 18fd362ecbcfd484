import type * as pulumi from "@pulumi/pulumi";
import { type ClusterFindings, readCluster } from "./clusterObjects";
import { DopplerClient, type DopplerFindings, readDoppler } from "./doppler";
import { Cluster } from "./kubectl";
import type { StackConfig } from "../settings";
import { readState, StackState } from "./state";

export type { ClusterFindings, StackObject } from "./clusterObjects";
export { type DopplerClient, DopplerError } from "./doppler";
export { typedValues } from "./dopplerValues";
export { type GithubSecretScope, type ListedSecret, listSecrets, repositoryId, secretType } from "./githubSecrets";
export type { Outputs, StackState } from "./state";

/** What is there before a run, as far as it concerns a stack. Nothing here is compared with the settings yet. */
export interface World {
  /** Doppler's API, for what the provider can't tell. */
  doppler: DopplerClient;
  /** This stack's resources, as its last run left them. */
  state: StackState;
  /** What Doppler has of the stack's project. */
  inDoppler: DopplerFindings;
  /** What the cluster has of that which the stack would make. */
  inCluster: ClusterFindings;
  /** The state of the stack that installs the operator, where that is another stack and its state can be read. */
  operatorState?: StackState;
  /** Those of the stacks that share this one's cluster which have something in it at present. */
  clusterUsers: string[];
}

/**
 * Reads what is there: in Doppler, in the cluster, in this stack's state and in those of the stacks it shares with.
 *
 * @throws if this stack's own state or Doppler can't be read; a cluster that can't be asked is no error
 */
export async function readWorld(stack: StackConfig): Promise<World> {
  const doppler = new DopplerClient(stack.doppler.host, await plain(stack.doppler.token));
  const { kubeconfig, context } = stack.kubernetes;
  const cluster = new Cluster(kubeconfig && (await plain(kubeconfig)), context);
  const state = await readState(stack.name);
  if (state === undefined) throw new Error(`the state of stack "${stack.name}" can't be read`);
  const { operator } = stack;
  const clusterUsers: string[] = [];
  if (operator.owned && operator.shared) {
    for (const name of stack.clusterUsers) {
      if ((await readState(name))?.usesCluster()) clusterUsers.push(name);
    }
  }
  return {
    doppler,
    state,
    inDoppler: await readDoppler(stack, doppler),
    inCluster: await readCluster(stack, cluster, state),
    operatorState: operator.owned ? undefined : await readState(operator.ownedBy),
    clusterUsers,
  };
}

/** The value of an output that is known, such as a credential from the settings. */
function plain(output: pulumi.Output<string>): Promise<string> {
  return new Promise((resolve) => output.apply(resolve));
}
