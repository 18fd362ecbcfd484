import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { startControlPlane, stopControlPlane } from "../cluster/controlPlane.js";
import { startOperatorFollower, stopOperatorFollower } from "../cluster/operator.js";
import { hostProcessAnnotation } from "../cluster/operatorPod.js";
import { startProcess } from "../process/child.js";
import { withLock } from "../process/lock.js";
import { assertLoopback } from "../process/loopback.js";
import { announcedUrl, jsonLine } from "../process/readiness.js";
import { ProcessRegistry } from "../process/registry.js";
import { ensureOperator, ensureToolchain, type Operator, type Toolchain } from "../toolchain/build.js";
import type { EarlierOperator } from "../toolchain/tools.js";
import { assembleEngine, type Engine } from "./engine.js";
import { type Endpoints, type Export, exportsFor, toolEnvironment } from "./environment.js";
import type { Layout } from "./layout.js";
import { type Overrides, stackNames, stackSettings, syncProject } from "./project.js";

/** What is up, and where; kept in the layout's state file. Holds no secret. */
export interface Sandbox extends Endpoints {
  readonly toolchain: Toolchain;
  /** Earlier versions of the operator that can be run, too. */
  readonly earlier: readonly Operator[];
  readonly engine: Engine;
  readonly overrides: Overrides;
  /** The stack the sandbox is for. */
  readonly stack: string;
  /** Names of the processes that must run for it to be up. */
  readonly processes: readonly string[];
}

/** Options of {@link startSandbox}. */
export interface StartOptions {
  /** The checked-in stack to run. Default: dev. */
  readonly stack?: string;
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
  const running = new Set(new ProcessRegistry(layout.processes).list().map((entry) => entry.name));
  return sandbox.processes.every((name) => running.has(name));
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
 * Brings the sandbox up, or finds it up. What an earlier one left (the cluster's objects, the stand-ins' stores, the
 * stack's state) is there again. A failure, or an abort, ends everything that was started.
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
  return withLock(layout.lockFile, () => stopAll(new ProcessRegistry(layout.processes)));
}

async function stopAll(registry: ProcessRegistry): Promise<number> {
  const count = registry.list().length;
  // The operator first: it has leases to give back; then whatever else there is.
  await stopOperatorFollower(registry);
  await stopControlPlane(registry);
  await registry.stop();
  return count;
}

async function start(layout: Layout, options: StartOptions): Promise<Sandbox> {
  const { log, signal } = options;
  const stack = options.stack ?? "dev";
  if (!stackNames(layout.program).includes(stack)) {
    throw new Error(
      `there is no Pulumi.${stack}.yaml in ${layout.program}; stacks: ${stackNames(layout.program).join(", ")}`,
    );
  }
  const registry = new ProcessRegistry(layout.processes);
  const existing = options.kubeconfig ?? process.env["SANDBOX_KUBECONFIG"];
  const previous = readSandbox(layout);

  const toolchain = await ensureToolchain({ progress: log, skipOnPath: [layout.bin], signal });
  const earlier: Operator[] = [];
  for (const version of options.earlierOperators ?? []) {
    earlier.push(await ensureOperator(version, { progress: log, signal }));
  }
  const engine = assembleEngine(layout, toolchain);
  for (const line of describeEngine(toolchain, engine)) log(line);

  let sandbox: Sandbox;
  if (
    previous !== undefined &&
    previous.stack === stack &&
    isUp(layout, previous) &&
    existing === undefined &&
    has(previous, earlier)
  ) {
    log("the sandbox is up already");
    sandbox = { ...previous, toolchain, engine, overrides: overridesFor(toolchain) };
  } else {
    await stopAll(registry);
    try {
      sandbox = await startProcesses(layout, registry, {
        ...options,
        stack,
        existing,
        previous,
        toolchain,
        earlier,
        engine,
      });
    } catch (error) {
      await stopAll(registry);
      throw error;
    }
  }
  preparePulumi(layout);
  writePrivate(layout.stateFile, JSON.stringify(sandbox, undefined, 2));
  syncProject(layout, sandbox.overrides);
  return sandbox;
}

interface Starting extends StartOptions {
  readonly stack: string;
  readonly existing: string | undefined;
  readonly previous: Sandbox | undefined;
  readonly toolchain: Toolchain;
  readonly earlier: readonly Operator[];
  readonly engine: Engine;
}

/** Whether the sandbox's follower was told of these operators. */
function has(sandbox: Sandbox, earlier: readonly Operator[]): boolean {
  const programs = new Set((sandbox.earlier ?? []).map(({ program }) => program));
  return earlier.every(({ program }) => programs.has(program));
}

async function startProcesses(layout: Layout, registry: ProcessRegistry, options: Starting): Promise<Sandbox> {
  const { log, signal, toolchain, existing, previous } = options;
  const settings = stackNames(layout.program).map((stack) => ({ stack, ...stackSettings(layout.program, stack) }));

  log("starting the stand-ins for Doppler's and GitHub's services, and the control plane …");
  const [dopplerUrl, githubUrl, cluster] = await allOrNone([
    startStandIn(registry, {
      name: DOPPLER,
      layout,
      main: join(layout.dist, "doppler", "main.js"),
      args: ["--data", layout.doppler, ...(options.plan === undefined ? [] : ["--plan", options.plan])],
      previous: previous?.dopplerUrl,
      signal,
    }),
    startStandIn(registry, {
      name: GITHUB,
      layout,
      main: join(layout.dist, "github", "main.js"),
      args: ["--data", layout.github, ...repositories(settings).flatMap((name) => ["--repository", name])],
      previous: previous?.githubUrl,
      signal,
    }),
    existing === undefined
      ? startControlPlane({
          dir: layout.cluster,
          toolchain,
          registry,
          contexts: contexts(settings, options.stack),
          log: (line) => log(`  ${line}`),
          signal,
        })
      : Promise.resolve(adoptCluster(existing)),
  ] as const);

  await startOperatorFollower({
    kubeconfig: cluster.kubeconfig,
    operators: [toolchain.operator, ...options.earlier],
    dopplerBaseUrl: dopplerUrl,
    dir: layout.operator,
    registry,
    signal,
  });
  log("the operator will run as soon as its release is installed, under the ServiceAccount of its chart");

  const context = "context" in cluster ? cluster.context : undefined;
  return {
    dopplerUrl,
    githubUrl,
    kubeconfig: cluster.kubeconfig,
    server: cluster.server,
    toolchain,
    earlier: options.earlier,
    engine: options.engine,
    overrides: overridesFor(toolchain, context),
    stack: options.stack,
    processes: [...new Set(registry.list().map((entry) => entry.name))].filter((name) => !name.startsWith("operator ")),
  };
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

type Settings = { stack: string } & Record<string, unknown>;

/** The kube contexts that the stack goes to; another stack's are not there, as they aren't on a real machine. */
function contexts(settings: readonly Settings[], stack: string): [string, ...string[]] {
  const own = settings.find((s) => s.stack === stack)?.["kubernetes"] as { context?: string } | undefined;
  return [own?.context ?? `sandbox-${stack}`];
}

/** The repositories that any stack names, as `owner/name`. */
function repositories(settings: readonly Settings[]): string[] {
  const names = settings.flatMap((s) => {
    const github = s["githubActions"] as { owner?: string; repositories?: string[] } | undefined;
    return (github?.repositories ?? []).map((name) => `${github?.owner ?? "sandbox-user"}/${name}`);
  });
  return [...new Set(names)];
}

function adoptCluster(file: string): { kubeconfig: string; server: string; context: string } {
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

function describeEngine(toolchain: Toolchain, engine: Engine): string[] {
  const origin = (name: keyof Toolchain["origins"]) => {
    const { from, version } = toolchain.origins[name];
    return `${name} ${version} (${from === "PATH" ? "from PATH" : "own toolchain"})`;
  };
  return [
    `engine: ${origin("pulumi")}; Node language host: ${engine.languageHost.from === "PATH" ? "from PATH" : "the sandbox's"}`,
    `provider plugins: ${engine.plugins.map((p) => `${p.name} (${p.from})`).join(", ")}`,
    `clients: ${(["kubectl", "helm", "doppler"] as const).map(origin).join(", ")}`,
  ];
}
