import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../process/lock.js";
import { type Artefact, bare, type Batch, type BatchRun, goBatch } from "./batch.js";
import { cached, cacheRoot, publish } from "./cache.js";
import { chartName, operatorBatch } from "./externalSecrets.js";
import { compareVersions, goEnv, requireGo } from "./go.js";
import { findOnPath, type FoundOnPath } from "./lookup.js";
import { duration, Progress } from "./progress.js";
import {
  type EarlierOperator,
  externalSecrets,
  type GoProgram,
  type GoTool,
  laterChart,
  sharedTools,
} from "./tools.js";

/** Programs that run the sandbox, as absolute paths. */
export interface Toolchain {
  readonly pulumi: string;
  readonly kubectl: string;
  readonly helm: string;
  readonly doppler: string;
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubeScheduler: string;
  /** The Kubernetes provider plugin; undefined where the caller has another. */
  readonly kubernetesPlugin: Plugin | undefined;
  /** The External Secrets Operator. */
  readonly operator: Operator;
  /** Where each of pulumi, kubectl, helm and doppler comes from, for the line shown at start. */
  readonly origins: Readonly<Record<PathProgram, Origin>>;
}

/** A provider plugin that was built. */
export interface Plugin {
  readonly program: string;
  /** Without a leading v. */
  readonly version: string;
}

/** One version of the External Secrets Operator. */
export interface Operator {
  /** Without a leading v. */
  readonly version: string;
  readonly program: string;
  /** Its chart, a folder. */
  readonly chart: string;
}

/** The programs for which one on PATH is as good as one built here. */
export type PathProgram = "pulumi" | "kubectl" | "helm" | "doppler";

export interface Origin {
  readonly from: "PATH" | "built";
  readonly path: string;
  readonly version: string;
}

export interface ToolchainOptions {
  /** Told one line at a time what is going on; nothing when all is there. */
  readonly progress: (line: string) => void;
  /** The caller's environment: PATH, HOME and what concerns Go are used. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Folders whose programs are not taken for the machine's own: those where a sandbox puts its wrappers. */
  readonly skipOnPath?: readonly string[];
  /** Whether there is a released Kubernetes provider plugin already; none is built then. */
  readonly hasKubernetesPlugin?: boolean;
  /** Ends a running build. */
  readonly signal?: AbortSignal | undefined;
  /** How often a running build is mentioned. Milliseconds, default 15 000. */
  readonly heartbeatMs?: number;
  /** Where the pinned modules are. Default: the folder of this source. */
  readonly modulesDir?: string;
}

/** From dist/toolchain, where this file runs, to the source's folder, where go.mod and go.sum are. */
const ownModules = fileURLToPath(new URL("../../toolchain/", import.meta.url));

/** The program of the Kubernetes provider plugin. */
const kubernetesPlugin = "pulumi-resource-kubernetes";

/**
 * Finds or builds all programs of the sandbox. A first call with an empty cache takes some minutes; one that finds all
 * takes well under a second. Safe to be interrupted and to be run twice at a time.
 *
 * @throws when Go is missing or too old and something has to be built, or when a build fails
 */
export async function ensureToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const env = options.env ?? process.env;
  const root = cacheRoot(env);
  const modules = resolve(options.modulesDir ?? ownModules);
  const onPath = await findAlternatives(env, [...(options.skipOnPath ?? []), root], options.progress);

  const all = goBatch(sharedTools, modules);
  const needed = all.artefacts.filter(
    ({ name }) => !(name in onPath) && !(name === kubernetesPlugin && options.hasKubernetesPlugin === true),
  );
  const places = await provide([all.only(needed), operatorBatch(modules)], root, env, options);

  const built = (program: string) => join(places.dir(program), program);
  const origin = (program: PathProgram): Origin => {
    const found = onPath[program];
    if (found !== undefined) return { from: "PATH", ...found };
    return { from: "built", path: built(program), version: places.version(program) };
  };
  const origins = {
    pulumi: origin("pulumi"),
    kubectl: origin("kubectl"),
    helm: origin("helm"),
    doppler: origin("doppler"),
  };
  return {
    pulumi: origins.pulumi.path,
    kubectl: origins.kubectl.path,
    helm: origins.helm.path,
    doppler: origins.doppler.path,
    etcd: built("etcd"),
    kubeApiserver: built("kube-apiserver"),
    kubeControllerManager: built("kube-controller-manager"),
    kubeScheduler: built("kube-scheduler"),
    kubernetesPlugin: needed.some(({ name }) => name === kubernetesPlugin)
      ? { program: built(kubernetesPlugin), version: bare(places.version(kubernetesPlugin)) }
      : undefined,
    operator: operatorIn(places),
    origins,
  };
}

/**
 * Finds or builds an earlier version of the operator and its chart, in about a minute and a half; the same way as the
 * one of {@link ensureToolchain}, and with the same care.
 *
 * @throws as {@link ensureToolchain} does
 */
export async function ensureOperator(version: EarlierOperator, options: ToolchainOptions): Promise<Operator> {
  const env = options.env ?? process.env;
  const modules = resolve(options.modulesDir ?? ownModules);
  return operatorIn(await provide([operatorBatch(modules, version)], cacheRoot(env), env, options));
}

/**
 * Finds or makes the chart of a later version of the operator, for its CRDs: a folder, as released.
 *
 * @throws as {@link ensureToolchain} does
 */
export async function ensureLaterChart(options: ToolchainOptions): Promise<string> {
  const env = options.env ?? process.env;
  const batch = operatorBatch(resolve(options.modulesDir ?? ownModules), laterChart);
  const chart = batch.only(batch.artefacts.filter(({ name }) => name === chartName));
  return chartIn(await provide([chart], cacheRoot(env), env, options));
}

/**
 * Finds or builds one tool that is no part of the sandbox, and gives the folder of its program.
 *
 * @throws as {@link ensureToolchain} does
 */
export async function ensureTool(
  tool: GoTool & { readonly programs: readonly [GoProgram] },
  options: ToolchainOptions,
): Promise<string> {
  const env = options.env ?? process.env;
  const batch = goBatch(tool, resolve(options.modulesDir ?? ownModules));
  return (await provide([batch], cacheRoot(env), env, options)).dir(tool.programs[0].name);
}

function operatorIn(places: Places): Operator {
  const program = join(places.dir(externalSecrets.name), "external-secrets");
  return { version: bare(places.version(externalSecrets.name)), program, chart: chartIn(places) };
}

const chartIn = (places: Places) => join(places.dir(chartName), "external-secrets");

async function findAlternatives(
  env: NodeJS.ProcessEnv,
  skip: readonly string[],
  progress: (line: string) => void,
): Promise<Partial<Record<string, FoundOnPath>>> {
  const found = await Promise.all(
    sharedTools.programs.map(async (tool: GoProgram) => {
      if (tool.onPath === undefined) return undefined;
      const hit = await findOnPath(tool.onPath, env, skip, (path, reason) =>
        progress(`${path} is not used: ${reason}`),
      );
      return hit === undefined ? undefined : ([tool.name, hit] as const);
    }),
  );
  return Object.fromEntries(found.filter((hit) => hit !== undefined));
}

/** Where artefacts are. */
interface Places {
  dir(artefact: string): string;
  version(artefact: string): string;
}

/** Builds what the cache lacks, one batch after the other. */
async function provide(
  batches: readonly Batch[],
  root: string,
  env: NodeJS.ProcessEnv,
  options: ToolchainOptions,
): Promise<Places> {
  const missing = () =>
    batches
      .map((batch) => batch.only(batch.artefacts.filter(({ name, key }) => cached(root, name, key) === undefined)))
      .filter(({ artefacts }) => artefacts.length > 0);
  if (missing().length > 0) {
    await withLock(
      join(root, "build.lock"),
      async () => {
        // Whoever had the lock may have built them.
        const left = missing();
        if (left.length > 0) await build(left, root, env, options);
      },
      {
        signal: options.signal,
        onWait: (holder) => options.progress(`waiting for the build that runs as process ${holder.pid}`),
      },
    );
  }
  const artefact = (name: string): Artefact => {
    const found = batches.flatMap(({ artefacts }) => artefacts).find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`${name} was not asked for`);
    return found;
  };
  return {
    dir: (name) => join(root, name, artefact(name).key),
    version: (name) => artefact(name).version,
  };
}

async function build(
  batches: readonly Batch[],
  root: string,
  env: NodeJS.ProcessEnv,
  options: ToolchainOptions,
): Promise<void> {
  const started = Date.now();
  const { progress, signal } = options;
  const go = await requireGo(
    batches
      .map((batch) => batch.go)
      .sort(compareVersions)
      .at(-1) ?? "0",
    env,
  );
  progress(`building with ${go}, once per machine, in ${root}: ${batches.map(({ label }) => label).join(", ")}`);
  // Kept when this is interrupted, so that the next one goes on from there.
  const work = join(root, "unfinished");
  const logs = join(root, "logs");
  await mkdir(logs, { recursive: true, mode: 0o700 });
  await mkdir(work, { recursive: true, mode: 0o700 });
  const runOf = (batch: Batch): BatchRun => ({
    env: goEnv(env, join(work, "compiled")),
    logFile: join(logs, `${batch.name}.log`),
    work: join(work, batch.name),
    signal,
    onRetry: (reason) => progress(`the network failed (${reason}), trying again`),
  });

  let state = () => `fetching the sources, ${duration((Date.now() - started) / 1000)} so far`;
  const heartbeat = setInterval(() => progress(state()), options.heartbeatMs ?? 15_000);
  try {
    progress("fetching the sources …");
    const prepared = [];
    for (const batch of batches) {
      await mkdir(runOf(batch).work, { recursive: true, mode: 0o700 });
      prepared.push({ batch, sources: await explained(batch, signal, () => batch.prepare(runOf(batch))) });
    }
    const packages = new Progress(prepared.flatMap(({ sources }) => sources.packages));
    progress(packages.task);
    for (const { batch, sources } of prepared) {
      packages.next(sources.packages);
      state = () => `${batch.label}: ${packages.state}`;
      const run = runOf(batch);
      await explained(batch, signal, () => sources.make({ ...run, onLine: (line) => packages.line(line) }));
      for (const artefact of batch.artefacts) {
        const { name, version, key } = artefact;
        const about = () => ({ tool: name, version, go, builtAt: new Date().toISOString() });
        await publish(root, name, key, (dir) => sources.fill(artefact, dir), about);
      }
    }
    await rm(work, { recursive: true, force: true });
    progress(`built in ${duration((Date.now() - started) / 1000)}`);
  } finally {
    clearInterval(heartbeat);
  }
}

/** Says of an error which batch it happened to. */
async function explained<T>(batch: Batch, signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await step();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`${batch.label} could not be built. ${(error as Error).message}`, { cause: error });
  }
}
