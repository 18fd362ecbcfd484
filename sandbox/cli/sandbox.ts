import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { installArgocdObjects } from "../cluster/argocd.js";
import { controlPlaneProcesses, startControlPlane, stopControlPlane } from "../cluster/controlPlane.js";
import { mergedKubeconfig } from "../cluster/kubeconfig.js";
import { followerName, startOperatorFollower, stopOperatorFollower } from "../cluster/operator.js";
import { hostProcessAnnotation } from "../cluster/operatorPod.js";
import { startProcess } from "../process/child.js";
import { withLock } from "../process/lock.js";
import { assertLoopback } from "../process/loopback.js";
import { announcedUrl, jsonLine } from "../process/readiness.js";
import { ProcessRegistry, type RegisteredProcess } from "../process/registry.js";
import { ensureOperator, ensureToolchain, type Operator, type Toolchain } from "../toolchain/build.js";
import { compareVersions } from "../toolchain/go.js";
import type { EarlierOperator } from "../toolchain/tools.js";
import { assembleEngine, type Engine, type PluginOrigin, releasedPlugins } from "./engine.js";
import { type Endpoints, type Export, exportsFor, toolEnvironment } from "./environment.js";
import { clusterLayout, clusterPlaces, FIRST_CLUSTER, type Layout } from "./layout.js";
import { pluginVersion } from "./pluginVersion.js";
import { type Clusters, type Places, placeStacks, planStacks, type StackPlan } from "./places.js";
import { type Overrides, stackNames, stackSettings, syncProject } from "./project.js";

/** What is up, and where; kept in the layout's state file. Holds no secret. Its endpoints are those of its `stack`. */
export interface Sandbox extends Endpoints {
  readonly toolchain: Toolchain;
  /** Earlier versions of the operator that can be run, too. */
  readonly earlier: readonly Operator[];
  readonly engine: Engine;
  readonly overrides: Overrides;
  /** The stack that a person's shell is for. */
  readonly stack: string;
  /** All stacks that can be used now, by name. */
  readonly stacks: Readonly<Record<string, StackPlace>>;
  /** The clusters that are up, by place. */
  readonly clusters: Readonly<Record<string, Cluster>>;
  /** The places of the clusters of all stacks that were ever started. */
  readonly places: Places;
}

/** Where a stack goes. */
export interface StackPlace {
  readonly context: string;
  /** A kubeconfig whose current context is this stack's. It has those of the other stacks, too. */
  readonly kubeconfig: string;
  readonly server: string;
}

interface Cluster {
  /** An admin's. */
  readonly kubeconfig: string;
  readonly server: string;
  /** Names of the processes that must run for it to be up. */
  readonly processes: readonly string[];
}

/** Options of {@link startSandbox}. */
export interface StartOptions {
  /** The checked-in stacks to run; a person's shell is for the first. Default: dev. */
  readonly stacks?: readonly string[];
  /** Whether they share a cluster. Default: as they were started before; a new stack gets its own. */
  readonly clusters?: Clusters | undefined;
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

const DOPPLER = "doppler stand-in";
const GITHUB = "github stand-in";

/** What the sandbox of this layout is, if it was ever started; it may not be up. */
export function readSandbox(layout: Layout): Sandbox | undefined {
  if (!existsSync(layout.stateFile)) return undefined;
  return JSON.parse(readFileSync(layout.stateFile, "utf8")) as Sandbox;
}

/** Whether all processes of the sandbox run. */
export function isUp(layout: Layout, sandbox: Sandbox): boolean {
  const runs = (place: string, names: readonly string[]) => {
    const running = new Set(
      registryAt(layout, place)
        .list()
        .map(({ name }) => name),
    );
    return names.every((name) => running.has(name));
  };
  return (
    runs(FIRST_CLUSTER, [DOPPLER, GITHUB]) &&
    // One of an earlier form has none, and is started anew.
    Object.keys(sandbox.clusters ?? {}).length > 0 &&
    Object.entries(sandbox.clusters).every(([place, { processes }]) => runs(place, processes))
  );
}

/** The processes of the sandbox that run. */
export function sandboxProcesses(layout: Layout): RegisteredProcess[] {
  return registries(layout).flatMap((registry) => registry.list());
}

/**
 * The sandbox as it is for a person who works on another of its stacks.
 *
 * @throws when it was not started for this stack
 */
export function forStack(sandbox: Omit<Sandbox, "stack" | "kubeconfig" | "server">, stack: string): Sandbox {
  const place = sandbox.stacks[stack];
  if (place === undefined) {
    const names = Object.keys(sandbox.stacks).join(", ");
    throw new Error(`the sandbox was started for ${names}; SANDBOX_STACK=${stack} make sandbox adds ${stack}`);
  }
  return { ...sandbox, stack, kubeconfig: place.kubeconfig, server: place.server };
}

/** The sandbox's exports: what a person's shell, or a tool started here, works with. */
export function sandboxExports(layout: Layout, sandbox: Sandbox): Record<string, Export> {
  const { doppler } = stackSettings(layout.program, sandbox.stack) as {
    doppler?: { project?: { name?: string }; environment?: { slug?: string }; config?: string };
  };
  const project = doppler?.project?.name;
  const config = doppler?.config ?? doppler?.environment?.slug;
  return exportsFor(layout, sandbox, { ...(project && { project }), ...(config && { config }) });
}

/** The whole environment of a tool that works on this sandbox. */
export function sandboxEnvironment(layout: Layout, sandbox: Sandbox): NodeJS.ProcessEnv {
  return toolEnvironment(layout, sandboxExports(layout, sandbox));
}

/**
 * Brings the sandbox up, or finds it up, or adds what it lacks for these stacks. What an earlier one left (the clusters'
 * objects, the stand-ins' stores, the stacks' state) is there again. A failure, or an abort, ends everything that was
 * started.
 */
export async function startSandbox(layout: Layout, options: StartOptions): Promise<Sandbox> {
  mkdirSync(layout.dir, { recursive: true, mode: 0o700 });
  return withLock(layout.lockFile, () => start(layout, options), { signal: options.signal });
}

/**
 * Ends every process of the sandbox.
 *
 * @returns the names of the processes that were ended
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

/** Ends what runs of a cluster. The operator first: it has leases to give back. */
async function stopCluster(registry: ProcessRegistry): Promise<void> {
  await stopOperatorFollower(registry);
  await stopControlPlane(registry);
}

function registries(layout: Layout): ProcessRegistry[] {
  return clusterPlaces(layout).map((place) => registryAt(layout, place));
}

/** The registry of a cluster's processes. */
function registryAt(layout: Layout, place: string): ProcessRegistry {
  return new ProcessRegistry(clusterLayout(layout, place).processes);
}

async function start(layout: Layout, options: StartOptions): Promise<Sandbox> {
  const { log, signal } = options;
  const existing = options.kubeconfig ?? process.env["SANDBOX_KUBECONFIG"];
  const adopted = existing === undefined ? undefined : adoptCluster(existing);
  const previous = readSandbox(layout);
  const asked = checkStacks(layout, options.stacks ?? ["dev"]);
  const before = previous?.places ?? {};
  const places = adopted === undefined ? placeStacks(asked, before, options.clusters) : before;

  const hasKubernetesPlugin = releasedPlugins(layout).some(({ name }) => name === "kubernetes");
  const toolchain = await ensureToolchain({ progress: log, skipOnPath: [layout.bin], hasKubernetesPlugin, signal });
  const wantedOperators: Operator[] = [];
  for (const version of options.earlierOperators ?? []) {
    wantedOperators.push(await ensureOperator(version, { progress: log, signal }));
  }
  const engine = assembleEngine(layout, toolchain);
  for (const line of await describeEngine(toolchain, engine)) log(line);

  // An adopted cluster, now or before, is nothing to add to.
  const own = adopted === undefined && previous?.overrides.context === undefined;
  const up = own && previous && isUp(layout, previous) && has(previous, wantedOperators) ? previous : undefined;
  const earlier = up?.earlier ?? wantedOperators;
  const stacks = [...new Set([...asked, ...Object.keys(up?.stacks ?? {})])];
  const plans = adopted
    ? stacks.map((stack) => ({ stack, place: FIRST_CLUSTER, context: adopted.context }))
    : planStacks(stacks, places, (stack) => stackSettings(layout.program, stack));
  const starting = plans.filter(({ place }) => up?.clusters[place] === undefined);

  if (starting.length === 0) log("the sandbox is up already");
  if (up === undefined) await stopAll(layout);
  let running: Running;
  try {
    const { plan } = options;
    running = await startProcesses(layout, { log, signal, plan, adopted, previous, up, starting, toolchain, earlier });
  } catch (error) {
    // What was up before stays so.
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
    const namespace = argocdNamespace(stackSettings(layout.program, stack));
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
    overrides: overridesFor(toolchain, adopted?.context),
    stacks: Object.fromEntries(stackPlaces),
    places,
  };
  const sandbox = forStack(everyone, asked[0]);
  preparePulumi(layout);
  writePrivate(layout.stateFile, JSON.stringify(sandbox, undefined, 2));
  syncProject(layout, sandbox.overrides);
  return sandbox;
}

/** The same names, each once, all of checked-in stacks. */
function checkStacks(layout: Layout, names: readonly string[]): [string, ...string[]] {
  const known = stackNames(layout.program);
  const [first, ...others] = new Set(names);
  if (first === undefined) throw new Error(`no stack is named; stacks: ${known.join(", ")}`);
  for (const stack of [first, ...others]) {
    if (!known.includes(stack))
      throw new Error(`there is no Pulumi.${stack}.yaml in ${layout.program}; stacks: ${known.join(", ")}`);
  }
  return [first, ...others];
}

/** Whether the sandbox's followers were told of these operators. */
function has(sandbox: Sandbox, earlier: readonly Operator[]): boolean {
  const programs = new Set((sandbox.earlier ?? []).map(({ program }) => program));
  return earlier.every(({ program }) => programs.has(program));
}

/** The services and clusters that run. */
type Running = Pick<Sandbox, "dopplerUrl" | "githubUrl" | "clusters">;

interface Starting {
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
  readonly plan: string | undefined;
  readonly adopted: AdoptedCluster | undefined;
  readonly previous: Sandbox | undefined;
  /** What is up already. */
  readonly up: Sandbox | undefined;
  /** The stacks whose clusters are not. */
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

async function startServices(layout: Layout, options: Starting): Promise<Pick<Running, "dopplerUrl" | "githubUrl">> {
  const { plan, previous, signal } = options;
  const registry = new ProcessRegistry(layout.processes);
  const settings = stackNames(layout.program).map((stack) => stackSettings(layout.program, stack));
  const [dopplerUrl, githubUrl] = await allOrNone([
    startStandIn(registry, {
      name: DOPPLER,
      layout,
      main: join(layout.dist, "services", "doppler", "main.js"),
      args: ["--data", layout.doppler, ...(plan === undefined ? [] : ["--plan", plan])],
      previous: previous?.dopplerUrl,
      signal,
    }),
    startStandIn(registry, {
      name: GITHUB,
      layout,
      main: join(layout.dist, "services", "github", "main.js"),
      args: ["--data", layout.github, ...repositories(settings).flatMap((name) => ["--repository", name])],
      previous: previous?.githubUrl,
      signal,
    }),
  ] as const);
  return { dopplerUrl, githubUrl };
}

async function startCluster(
  layout: Layout,
  place: string,
  contexts: [string, ...string[]],
  options: Starting,
): Promise<[string, Cluster]> {
  const { adopted, toolchain, log, signal } = options;
  if (adopted !== undefined) return [place, { ...adopted, processes: [] }];
  const registry = registryAt(layout, place);
  await stopCluster(registry); // A start that was killed may have left something.
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

/** A kubeconfig for each stack, with the contexts of all. */
function writeKubeconfigs(layout: Layout, plans: readonly StackPlan[], clusters: Running["clusters"]): void {
  mkdirSync(layout.kubeconfigs, { recursive: true, mode: 0o700 });
  const parts = plans.flatMap(({ place, context }) => {
    const cluster = clusters[place];
    return cluster === undefined ? [] : [{ context, text: readFileSync(cluster.kubeconfig, "utf8") }];
  });
  for (const { stack, context } of plans)
    writePrivate(join(layout.kubeconfigs, stack), mergedKubeconfig(context, parts));
}

/** In a cluster that was there before, pods would really start: there are to be none, and the host process all the same. */
function overridesFor(toolchain: Toolchain, context?: string): Overrides {
  const { chart } = toolchain.operator;
  return context === undefined
    ? { chart }
    : { chart, context, values: { replicaCount: 0, deploymentAnnotations: { [hostProcessAnnotation]: "true" } } };
}

interface StandIn {
  readonly name: string;
  readonly layout: Layout;
  readonly main: string;
  readonly args: readonly string[];
  /** Its URL at an earlier start: a stack's state remembers it. */
  readonly previous: string | undefined;
  readonly signal: AbortSignal | undefined;
}

async function startStandIn(registry: ProcessRegistry, standIn: StandIn): Promise<string> {
  const { name, layout, main, args, previous, signal } = standIn;
  const file = join(layout.logs, name.replaceAll(" ", "-"));
  const run = async (port: string) => {
    rmSync(`${file}.out`, { force: true });
    const { value } = await startProcess({
      name,
      command: process.execPath,
      args: [main, ...args, "--port", port],
      env: { PATH: process.env["PATH"] ?? "", HOME: layout.dir },
      logFile: `${file}.log`,
      stdoutFile: `${file}.out`,
      registry,
      ready: jsonLine(announcedUrl),
      signal,
    });
    assertLoopback(value, `the ${name}'s URL`, { explicitPort: true });
    return value;
  };
  const port = previous === undefined ? "" : new URL(previous).port;
  if (port === "") return run("0");
  try {
    return await run(port);
  } catch {
    signal?.throwIfAborted();
    return run("0"); // Somebody else has the port by now.
  }
}

/** Waits for all, also when one fails, so that nothing starts after the clean-up. */
async function allOrNone<T extends readonly unknown[]>(promises: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const settled = await Promise.allSettled(promises as readonly Promise<unknown>[]);
  for (const result of settled) if (result.status === "rejected") throw result.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** Where a stack says that Argo CD is. */
function argocdNamespace(settings: Record<string, unknown>): string | undefined {
  const argocd = settings["argocd"] as { namespace?: string } | undefined;
  return argocd && (argocd.namespace ?? "argocd");
}

/** The repositories that any stack names, as `owner/name`. */
function repositories(settings: readonly Record<string, unknown>[]): string[] {
  const names = settings.flatMap((s) => {
    const github = s["githubActions"] as { owner?: string; repositories?: string[] } | undefined;
    return (github?.repositories ?? []).map((name) => `${github?.owner ?? "sandbox-user"}/${name}`);
  });
  return [...new Set(names)];
}

interface AdoptedCluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly context: string;
}

function adoptCluster(file: string): AdoptedCluster {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`SANDBOX_KUBECONFIG: ${file} has no current context; set one with kubectl config use-context`);
  assertLoopback(cluster.server, `SANDBOX_KUBECONFIG: the API server of ${file}`);
  return { kubeconfig: file, server: cluster.server, context: config.getCurrentContext() };
}

function preparePulumi(layout: Layout): void {
  mkdirSync(layout.backend, { recursive: true, mode: 0o700 });
  if (!existsSync(layout.passphraseFile)) writePrivate(layout.passphraseFile, randomBytes(24).toString("base64url"));
}

function writePrivate(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, `${text}\n`, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

async function describeEngine(toolchain: Toolchain, engine: Engine): Promise<string[]> {
  const origin = (name: keyof Toolchain["origins"]) => {
    const { from, version } = toolchain.origins[name];
    return `${name} ${version} (${from === "PATH" ? "from PATH" : "own toolchain"})`;
  };
  const plugins = await Promise.all(engine.plugins.map(describePlugin));
  return [
    `engine: ${origin("pulumi")}; Node language host: ${engine.languageHost.from === "PATH" ? "from PATH" : "the sandbox's"}`,
    `provider plugins: ${plugins.map(({ label }) => label).join(", ")}`,
    ...plugins.flatMap(({ warning }) => warning ?? []),
    `clients: ${(["kubectl", "helm", "doppler"] as const).map(origin).join(", ")}`,
  ];
}

const pluginSources = {
  PATH: "from PATH",
  "plugin folder": "from Pulumi's plugin folder",
  built: "own toolchain",
  "stand-in": "stand-in",
} as const;

/** Names a plugin, and says what Pulumi would say at each run: that the program's SDK asks for a later version. */
async function describePlugin(plugin: PluginOrigin): Promise<{ label: string; warning?: string }> {
  const { name, from, path, wanted } = plugin;
  if (from === "stand-in") return { label: `${name} (${pluginSources[from]})` };
  const version = plugin.version ?? (await pluginVersion(path));
  const label = `${name} ${version ?? "of an unknown version"} (${pluginSources[from]})`;
  if (version !== undefined && compareVersions(version, wanted) >= 0) return { label };
  return {
    label,
    warning: `  the ${name} plugin is ${version ?? "of an unknown version"}, and the program's SDK asks for ${wanted}; Pulumi is not asked to say so at each run`,
  };
}
