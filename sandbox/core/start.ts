import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { installArgocdObjects } from "../cluster/argocd.js";
import { keepPrivate, writePrivate } from "../cluster/files.js";
import { followerName, startOperatorFollower } from "../cluster/operator.js";
import { hostProcessAnnotation } from "../cluster/operatorPod.js";
import { allOrNone } from "../process/allOrNone.js";
import { withLock } from "../process/lock.js";
import { ProcessRegistry } from "../process/registry.js";
import { ensureOperator, ensureToolchain, type Operator, type Toolchain } from "../toolchain/build.js";
import type { EarlierOperator } from "../toolchain/tools.js";
import {
  type AdoptedCluster,
  adoptCluster,
  type Cluster,
  registries,
  registryAt,
  startCluster,
  stopCluster,
  writeKubeconfigs,
} from "./clusters.js";
import { describeEngine } from "./describeEngine.js";
import { assembleEngine, releasedPlugins } from "./engine.js";
import { clusterLayout, FIRST_CLUSTER, type Layout } from "./layout.js";
import { type Clusters as ClusterChoice, placeStacks, planStacks, type StackPlan } from "./places.js";
import type { Platform, Project } from "./project.js";
import { stackNames, syncProject } from "./pulumiProject.js";
import {
  type EarlierSandbox,
  forStack,
  isUp,
  readState,
  type Sandbox,
  sandboxProcesses,
  type StackPlace,
} from "./sandbox.js";
import { startServices } from "./services.js";

/** Options of {@link startSandbox}. */
export interface StartOptions {
  /** The Pulumi project to run, and the world that its stacks expect. */
  readonly project: Project;
  /** The project's stacks to run; a person's shell is for the first. Default: the first stack of the project. */
  readonly stacks?: readonly string[];
  /** Whether they share a cluster. Default: as they were started before; a new stack gets its own. */
  readonly clusters?: ClusterChoice | undefined;
  /** Told one line at a time what is going on. */
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** The Doppler stand-in's plan, whose rate limits it keeps. */
  readonly plan?: string;
  /** Earlier versions of the operator to have at hand, besides the usual one. */
  readonly earlierOperators?: readonly EarlierOperator[];
  /** A kubeconfig of a throw-away cluster to use instead of one of our own. Default: `SANDBOX_KUBECONFIG`. */
  readonly kubeconfig?: string | undefined;
}

/**
 * Brings the sandbox up, or finds it up, or adds what it lacks for these stacks. What an earlier one left (the
 * clusters' objects, the stand-ins' stores, the stacks' state) is there again. A failure, or an abort, ends everything
 * that was started.
 */
export async function startSandbox(layout: Layout, options: StartOptions): Promise<Sandbox> {
  mkdirSync(layout.dir, { recursive: true, mode: 0o700 });
  return withLock(layout.lockFile, () => start(layout, options), { signal: options.signal });
}

/**
 * Ends every process of the sandbox.
 *
 * @returns how many processes were ended
 */
export async function stopSandbox(layout: Layout): Promise<number> {
  if (!existsSync(layout.processes)) return 0;
  return withLock(layout.lockFile, () => stopAll(layout));
}

async function stopAll(layout: Layout): Promise<number> {
  const count = sandboxProcesses(layout).length;
  await allOrNone(registries(layout).map(stopCluster));
  await new ProcessRegistry(layout.processes).stop();
  return count;
}

async function start(layout: Layout, options: StartOptions): Promise<Sandbox> {
  const { log, signal } = options;
  const existing = options.kubeconfig ?? process.env["SANDBOX_KUBECONFIG"];
  const adopted = existing === undefined ? undefined : adoptCluster(existing);
  const { project } = options;
  const previous = readState(layout);
  const asked = checkStacks(project, options.stacks ?? Object.keys(project.stacks).slice(0, 1));
  const before = previous?.places ?? {};
  const places = adopted === undefined ? placeStacks(asked, before, options.clusters) : before;

  const hasKubernetesPlugin = releasedPlugins(layout, project.folder).some(({ name }) => name === "kubernetes");
  const toolchain = await ensureToolchain({ progress: log, skipOnPath: [layout.bin], hasKubernetesPlugin, signal });
  const wantedOperators: Operator[] = [];
  for (const version of options.earlierOperators ?? []) {
    wantedOperators.push(await ensureOperator(version, { progress: log, signal }));
  }
  const engine = assembleEngine(layout, project.folder, toolchain);
  for (const line of await describeEngine(toolchain, engine)) log(line);

  // Where a cluster of somebody else's is used, now or at the last start, everything is started anew.
  const own = adopted === undefined && previous?.adopted === false;
  const up = own && isUp(layout, previous) && has(previous, wantedOperators) ? previous : undefined;
  const earlier = up?.earlier ?? wantedOperators;
  const stacks = [...new Set([...asked, ...Object.keys(up?.stacks ?? {})])];
  const plans = adopted
    ? stacks.map((stack) => ({ stack, place: FIRST_CLUSTER, context: adopted.context }))
    : planStacks(stacks, places, project.stacks);
  const starting = plans.filter(({ place }) => up?.clusters[place] === undefined);

  if (starting.length === 0) log("the sandbox is up already");
  if (up === undefined) await stopAll(layout);
  let running: Running;
  try {
    running = await startProcesses(layout, {
      ...{ log, signal, adopted, previous, up, starting, toolchain, earlier },
      plan: options.plan,
      repositories: project.repositories,
    });
  } catch (error) {
    // What was up before stays up.
    if (up === undefined) await stopAll(layout);
    else await allOrNone(starting.map(({ place }) => stopCluster(registryAt(layout, place))));
    throw error;
  }

  const { clusters } = running;
  const stackPlaces = plans.map(({ stack, place, context }): [string, StackPlace] => {
    const kubeconfig = adopted?.kubeconfig ?? join(layout.kubeconfigs, stack);
    return [stack, { context, kubeconfig, server: clusters[place]?.server ?? "" }];
  });
  if (adopted === undefined) writeKubeconfigs(layout, plans, clusters);
  for (const { stack, place } of plans) {
    const namespace = project.stacks[stack]?.argocdNamespace;
    if (namespace === undefined) continue;
    const cluster = new KubeConfig();
    cluster.loadFromFile(adopted?.kubeconfig ?? clusters[place]?.kubeconfig ?? "");
    await installArgocdObjects(cluster, namespace);
  }
  const everyone = {
    ...running,
    toolchain,
    earlier,
    engine,
    project: { folder: project.folder, stacks: project.stacks },
    overrides: project.overrides(platform(toolchain, adopted)),
    adopted: adopted !== undefined,
    stacks: Object.fromEntries(stackPlaces),
    places,
  };
  const sandbox = forStack(everyone, asked[0]);
  preparePulumi(layout);
  writePrivate(layout.stateFile, JSON.stringify(sandbox, undefined, 2));
  syncProject(layout, sandbox);
  return sandbox;
}

/**
 * The same names, each once.
 *
 * @throws when no stack is named, or one has no stack file or no description
 */
function checkStacks({ folder, stacks }: Project, names: readonly string[]): [string, ...string[]] {
  const files = stackNames(folder);
  const [first, ...others] = new Set(names);
  if (first === undefined) throw new Error(`no stack is named; stacks: ${files.join(", ")}`);
  for (const stack of [first, ...others]) {
    if (!files.includes(stack))
      throw new Error(`there is no Pulumi.${stack}.yaml in ${folder}; stacks: ${files.join(", ")}`);
    if (stacks[stack] === undefined) {
      const known = Object.keys(stacks).join(", ");
      throw new Error(`the sandbox is not told what the stack ${stack} expects to find; it knows ${known}`);
    }
  }
  return [first, ...others];
}

/** Whether the sandbox's followers were told of these operators. */
function has(sandbox: EarlierSandbox, earlier: readonly Operator[]): boolean {
  const programs = new Set((sandbox.earlier ?? []).map(({ program }) => program));
  return earlier.every(({ program }) => programs.has(program));
}

/** The services and clusters that run. */
type Running = Pick<Sandbox, "dopplerUrl" | "githubUrl" | "clusters">;

interface Starting {
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
  readonly plan: string | undefined;
  readonly repositories: readonly string[];
  readonly adopted: AdoptedCluster | undefined;
  readonly previous: EarlierSandbox | undefined;
  /** What is up already. */
  readonly up: Sandbox | undefined;
  /** The stacks whose clusters are not up yet. */
  readonly starting: readonly StackPlan[];
  readonly toolchain: Toolchain;
  readonly earlier: readonly Operator[];
}

async function startProcesses(layout: Layout, options: Starting): Promise<Running> {
  const { log, up, starting } = options;
  const places = new Map<string, [string, ...string[]]>();
  for (const { place, context } of starting) places.set(place, [...(places.get(place) ?? []), context] as [string]);

  if (up === undefined) log("starting the stand-ins for Doppler's and GitHub's services, and the control plane …");
  else if (places.size > 0) log(`starting a control plane for ${starting.map(({ stack }) => stack).join(" and ")} …`);
  const [services, ...started] = await allOrNone([
    up === undefined ? startServices(layout, options) : Promise.resolve(up),
    ...[...places].map(([place, contexts]) => startCluster(layout, place, contexts, options)),
  ] as const);
  const clusters = started.map(async ([place, cluster]): Promise<[string, Cluster]> => {
    await startOperatorFollower({
      kubeconfig: cluster.kubeconfig,
      operators: [options.toolchain.operator, ...options.earlier],
      dopplerBaseUrl: services.dopplerUrl,
      dir: clusterLayout(layout, place).operator,
      registry: registryAt(layout, place),
      signal: options.signal,
    });
    return [place, { ...cluster, processes: [...cluster.processes, followerName] }];
  });
  const settled = await allOrNone(clusters);
  if (settled.length > 0)
    log("the operator will run as soon as its release is installed, under the ServiceAccount of its chart");
  return {
    dopplerUrl: services.dopplerUrl,
    githubUrl: services.githubUrl,
    clusters: { ...up?.clusters, ...Object.fromEntries(settled) },
  };
}

/** What the project's overrides can refer to. */
function platform({ operator: { chart } }: Toolchain, adopted: AdoptedCluster | undefined): Platform {
  if (adopted === undefined) return { chart };
  // In such a cluster pods would really start. There are to be none; the operator is a host process here as well.
  const chartValues = { replicaCount: 0, deploymentAnnotations: { [hostProcessAnnotation]: "true" } };
  return { chart, adopted: { context: adopted.context, chartValues } };
}

function preparePulumi(layout: Layout): void {
  mkdirSync(layout.backend, { recursive: true, mode: 0o700 });
  keepPrivate(layout.passphraseFile, () => randomBytes(24).toString("base64url"));
}
