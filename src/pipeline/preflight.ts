import * as pulumi from "@pulumi/pulumi";
import { type ClusterIdentity, clusterIdentity } from "./clusterIdentity";
import { clusterPreflight, type ClusterAdoption, missingNamespaces } from "./clusterPreflight";
import { type DopplerAdoption, dopplerPreflight } from "./dopplerPreflight";
import { githubPreflight } from "./githubPreflight";
import { renameProblems } from "./renames";
import type { StackConfig } from "../settings";
import { StateError, type World } from "../world";

// Checks before anything is made: whether what this stack builds on exists, and whether what it would make does not.

/** Which cluster it is, and ids of things that exist and are taken over rather than made. */
export interface Adoption {
  /** Doppler's ids, by source. */
  doppler: DopplerAdoption;
  /** Ids of objects in the cluster. */
  cluster: ClusterAdoption;
  clusterIdentity: ClusterIdentity;
}

/** What stands in the way of this stack. Nothing was created or changed. */
export class PreflightError extends pulumi.RunError {
  constructor(stack: string, problems: string[]) {
    super(
      [`Stack "${stack}" can't be run. Nothing was created or changed.`, ...problems.map((p) => `  ${p}`)].join("\n"),
    );
  }
}

/**
 * Compares what the stack is to make with what is there and with what the stack's state knows. Warns of what could not be
 * compared.
 *
 * @returns what to take over: namespaces that stay in the end anyway, and the rest if the stack's settings say `adopt`
 * @throws PreflightError naming everything that is missing or in the way
 */
export async function preflight(stack: StackConfig, world: World): Promise<Adoption> {
  const renames = renameProblems(stack, world);
  if (renames.length > 0) throw new PreflightError(stack.name, renames);
  const { identity, problems: otherCluster } = clusterIdentity(stack, world);
  if (otherCluster.length > 0) throw new PreflightError(stack.name, otherCluster);

  const doppler = dopplerPreflight(stack, world);
  const cluster = clusterPreflight(stack, world.inCluster);
  const problems = [
    ...doppler.problems,
    ...operatorProblems(stack, world),
    ...cluster.problems,
    ...missingNamespaces(stack, world),
    ...githubPreflight(stack, world),
  ];
  if (problems.length > 0) throw new PreflightError(stack.name, problems);
  const unchecked = uncheckedNotice(world);
  if (unchecked !== undefined) await pulumi.log.warn(unchecked);
  return { doppler: doppler.adoption, cluster: cluster.adoption, clusterIdentity: identity };
}

/** What was not compared because the cluster could not be asked. */
function uncheckedNotice({ inCluster, namespaces }: World): string | undefined {
  // A preview does nothing to a wrong cluster.
  const inUp = pulumi.runtime.isDryRun() ? undefined : namespaces.unanswered;
  const unchecked = [
    ...(inCluster.unanswered === undefined ? [] : ["whether something is in the way of what the stack makes there"]),
    ...(inUp === undefined ? [] : ["whether it is the cluster of the run before, and has the namespaces of the apps"]),
  ];
  if (unchecked.length === 0) return undefined;
  return `The cluster could not be asked with kubectl: ${inCluster.unanswered ?? inUp}\nNot checked: ${unchecked.join("; ")}.`;
}

function operatorProblems({ operator }: StackConfig, { operatorState }: World): string[] {
  if (operator.owned) return [];
  if (operatorState instanceof StateError) return [`operator.ownedBy: ${operatorState.message}`];
  if (operatorState?.find("kubernetes:helm.sh/v3:Release", {}) !== undefined) return [];
  return [
    "The External Secrets Operator of this cluster is not installed.",
    `  Stack "${operator.ownedBy}" installs it: run pulumi up --stack ${operator.ownedBy} first.`,
  ];
}
