import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { controlPlaneProcesses, startControlPlane, stopControlPlane } from "../cluster/controlPlane.js";
import { writePrivate } from "../cluster/files.js";
import { mergedKubeconfig } from "../cluster/kubeconfig.js";
import { stopOperatorFollower } from "../cluster/operator.js";
import { assertLoopback } from "../process/loopback.js";
import { ProcessRegistry } from "../process/registry.js";
import type { Toolchain } from "../toolchain/build.js";
import { clusterLayout, clusterPlaces, FIRST_CLUSTER, type Layout } from "./layout.js";
import type { StackPlan } from "./places.js";

/** A cluster that is up. */
export interface Cluster {
  /** An admin's. */
  readonly kubeconfig: string;
  readonly server: string;
  /** Names of the processes that must run for it to be up. */
  readonly processes: readonly string[];
}

/** Clusters by place. */
export type Clusters = Readonly<Record<string, Cluster>>;

/** A cluster that was there before the sandbox. */
export interface AdoptedCluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly context: string;
}

/**
 * Reads where the current context of a kubeconfig leads.
 *
 * @throws when there is no current context, or when its API server is not on this machine
 */
export function adoptCluster(file: string): AdoptedCluster {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`SANDBOX_KUBECONFIG: ${file} has no current context; set one with kubectl config use-context`);
  assertLoopback(cluster.server, `SANDBOX_KUBECONFIG: the API server of ${file}`);
  return { kubeconfig: file, server: cluster.server, context: config.getCurrentContext() };
}

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  readonly toolchain: Toolchain;
  /** The cluster to use in the place of one of the sandbox's own. */
  readonly adopted: AdoptedCluster | undefined;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Starts the control plane at a place, unless a cluster that was there before is used.
 *
 * @param contexts the names under which its kubeconfig knows it
 * @returns the place and the cluster
 */
export async function startCluster(
  layout: Layout,
  place: string,
  contexts: [string, ...string[]],
  options: ClusterOptions,
): Promise<[string, Cluster]> {
  const { adopted, toolchain, log, signal } = options;
  if (adopted !== undefined) return [place, { ...adopted, processes: [] }];
  const registry = registryAt(layout, place);
  await stopCluster(registry); // A start that was killed may have left processes.
  const { kubeconfig, server } = await startControlPlane({
    dir: clusterLayout(layout, place).cluster,
    toolchain,
    registry,
    contexts,
    log: (line) => log(`  ${line}${place === FIRST_CLUSTER ? "" : ` (${contexts[0]})`}`),
    signal,
  });
  return [place, { kubeconfig, server, processes: controlPlaneProcesses }];
}

/** Writes a kubeconfig for each stack, with the contexts of all of them. */
export function writeKubeconfigs(layout: Layout, plans: readonly StackPlan[], clusters: Clusters): void {
  mkdirSync(layout.kubeconfigs, { recursive: true, mode: 0o700 });
  const parts = plans.flatMap(({ place, context }) => {
    const cluster = clusters[place];
    return cluster === undefined ? [] : [{ context, text: readFileSync(cluster.kubeconfig, "utf8") }];
  });
  for (const { stack, context } of plans)
    writePrivate(join(layout.kubeconfigs, stack), mergedKubeconfig(context, parts));
}

/** Ends the processes of a cluster. The operator goes first, since it has leases to give back. */
export async function stopCluster(registry: ProcessRegistry): Promise<void> {
  await stopOperatorFollower(registry);
  await stopControlPlane(registry);
}

/** The registries of all clusters that were ever started. */
export function registries(layout: Layout): ProcessRegistry[] {
  return clusterPlaces(layout).map((place) => registryAt(layout, place));
}

/** The registry of a cluster's processes. */
export function registryAt(layout: Layout, place: string): ProcessRegistry {
  return new ProcessRegistry(clusterLayout(layout, place).processes);
}
