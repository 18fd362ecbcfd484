import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../process/lock.js";
import { cached, cacheKey, cacheRoot, publish } from "./cache.js";
import { buildOperator, fetchModule, operatorRecipe, writeChart } from "./externalSecrets.js";
import { buildSettings, compareVersions, goEnv, readGoMod, requireGo, runGo } from "./go.js";
import { findOnPath, type FoundOnPath } from "./lookup.js";
import { type EarlierOperator, externalSecrets, goTools, type GoTool, laterChart } from "./tools.js";

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
  readonly kwok: string;
  /** The External Secrets Operator. */
  readonly operator: Operator;
  /** Where each of pulumi, kubectl, helm and doppler comes from, for the line shown at start. */
  readonly origins: Readonly<Record<PathProgram, Origin>>;
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
  /** Ends a running build. */
  readonly signal?: AbortSignal | undefined;
  /** How often a running build is mentioned. Milliseconds, default 15 000. */
  readonly heartbeatMs?: number;
  /** Where the pinned modules are. Default: the folder of this source. */
  readonly modulesDir?: string;
}

/** A thing to be had in the cache. */
interface Artefact {
  readonly name: string;
  /** What progress lines say is being built. */
  readonly label: string;
  readonly version: string;
  readonly key: string;
  readonly seconds: number;
  /** The least Go it needs, from its go.mod. */
  readonly go: string;
  fill(dir: string, run: BuildRun): Promise<void>;
}

interface BuildRun {
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly signal: AbortSignal | undefined;
  readonly onRetry: (reason: string) => void;
}

/** From dist/toolchain, where this file runs, to the source's folder, where go.mod and go.sum are. */
const ownModules = fileURLToPath(new URL("../../toolchain/", import.meta.url));

/**
 * Finds or builds all programs of the sandbox. A first call with an empty cache takes about eleven minutes on two
 * cores; one that finds all takes well under a second. Safe to be interrupted and to be run twice at a time.
 *
 * @throws when Go is missing or too old and something has to be built, or when a build fails
 */
export async function ensureToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const env = options.env ?? process.env;
  const root = cacheRoot(env);
  const modules = resolve(options.modulesDir ?? ownModules);
  const onPath = await findAlternatives(env, [...(options.skipOnPath ?? []), root], options.progress);

  const tools = goTools.filter((tool) => !(tool.name in onPath));
  const wanted = [...tools.map((tool) => goArtefact(tool, modules)), ...operatorArtefacts(modules)];
  const dirs = await provide(wanted, root, env, options);

  const built = (tool: string, program: string) => join(dirs.get(tool) ?? "", program);
  const origin = (program: PathProgram): Origin => {
    const found = onPath[program];
    if (found !== undefined) return { from: "PATH", ...found };
    const version = wanted.find((artefact) => artefact.name === program)?.version ?? "";
    return { from: "built", path: built(program, program), version };
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
    etcd: built("etcd", "etcd"),
    kubeApiserver: built("kubernetes", "kube-apiserver"),
    kubeControllerManager: built("kubernetes", "kube-controller-manager"),
    kubeScheduler: built("kubernetes", "kube-scheduler"),
    kwok: built("kwok", "kwok"),
    operator: operatorIn(dirs, wanted),
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
  const wanted = operatorArtefacts(modules, version);
  return operatorIn(await provide(wanted, cacheRoot(env), env, options), wanted);
}

/**
 * Finds or makes the chart of a later version of the operator, for its CRDs: a folder, as released.
 *
 * @throws as {@link ensureToolchain} does
 */
export async function ensureLaterChart(options: ToolchainOptions): Promise<string> {
  const env = options.env ?? process.env;
  const wanted = operatorArtefacts(resolve(options.modulesDir ?? ownModules), laterChart).filter(
    ({ name }) => name === chartName,
  );
  return chartIn(await provide(wanted, cacheRoot(env), env, options));
}

/**
 * Finds or builds one tool that is no part of the sandbox, and gives the folder of its programs.
 *
 * @throws as {@link ensureToolchain} does
 */
export async function ensureTool(tool: GoTool, options: ToolchainOptions): Promise<string> {
  const env = options.env ?? process.env;
  const wanted = [goArtefact(tool, resolve(options.modulesDir ?? ownModules))];
  const dirs = await provide(wanted, cacheRoot(env), env, options);
  return dirs.get(tool.name) ?? "";
}

function operatorIn(dirs: ReadonlyMap<string, string>, wanted: readonly Artefact[]): Operator {
  const version = bare(wanted.find((artefact) => artefact.name === externalSecrets.name)?.version ?? "");
  return { version, program: join(dirs.get(externalSecrets.name) ?? "", "external-secrets"), chart: chartIn(dirs) };
}

const chartIn = (dirs: ReadonlyMap<string, string>) => join(dirs.get(chartName) ?? "", "external-secrets");

const bare = (version: string) => version.replace(/^v/, "");

const chartName = "external-secrets-chart";

async function findAlternatives(
  env: NodeJS.ProcessEnv,
  skip: readonly string[],
  progress: (line: string) => void,
): Promise<Partial<Record<string, FoundOnPath>>> {
  const found = await Promise.all(
    goTools.map(async (tool: GoTool) => {
      if (tool.onPath === undefined) return undefined;
      const hit = await findOnPath(tool.onPath, env, skip, (path, reason) =>
        progress(`${path} is not used: ${reason}`),
      );
      return hit === undefined ? undefined : ([tool.name, hit] as const);
    }),
  );
  return Object.fromEntries(found.filter((hit) => hit !== undefined));
}

/** Builds what the cache lacks, one after the other, and answers with the folder of each. */
async function provide(
  wanted: readonly Artefact[],
  root: string,
  env: NodeJS.ProcessEnv,
  options: ToolchainOptions,
): Promise<ReadonlyMap<string, string>> {
  const missing = () => wanted.filter((artefact) => cached(root, artefact.name, artefact.key) === undefined);
  if (missing().length > 0) {
    await withLock(
      join(root, "build.lock"),
      async () => {
        // Whoever had the lock may have built them.
        const left = missing();
        if (left.length === 0) return;
        const needed =
          left
            .map((artefact) => artefact.go)
            .sort(compareVersions)
            .at(-1) ?? "0";
        const go = await requireGo(needed, env);
        const minutes = Math.max(1, Math.round(left.reduce((sum, artefact) => sum + artefact.seconds, 0) / 60));
        options.progress(
          `building ${left.length === 1 ? "one tool" : `${left.length} tools`} with ${go}, once per machine: about ${minutes} min on two cores, in ${root}`,
        );
        for (const [index, artefact] of left.entries()) {
          await buildOne(artefact, `${index + 1} of ${left.length}`, go, root, env, options);
        }
      },
      {
        signal: options.signal,
        onWait: (holder) => options.progress(`waiting for the build that runs as process ${holder.pid}`),
      },
    );
  }
  return new Map(wanted.map((artefact) => [artefact.name, join(root, artefact.name, artefact.key)]));
}

async function buildOne(
  artefact: Artefact,
  position: string,
  go: string,
  root: string,
  env: NodeJS.ProcessEnv,
  options: ToolchainOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  const started = Date.now();
  const elapsed = () => Math.round((Date.now() - started) / 1000);
  const say = (what: string) => options.progress(`[${position}] ${artefact.label}: ${what}`);
  say(`building, about ${artefact.seconds} s`);
  const heartbeat = setInterval(
    () => say(`${elapsed()} s of about ${artefact.seconds}`),
    options.heartbeatMs ?? 15_000,
  );
  try {
    const logs = join(root, "logs");
    await mkdir(logs, { recursive: true, mode: 0o700 });
    const run: BuildRun = {
      env: goEnv(env),
      logFile: join(logs, `${artefact.name}.log`),
      signal: options.signal,
      onRetry: (reason) => say(`the network failed (${reason}), trying again`),
    };
    await publish(
      root,
      artefact.name,
      artefact.key,
      (dir) => artefact.fill(dir, run),
      () => ({
        tool: artefact.name,
        version: artefact.version,
        go,
        builtAt: new Date().toISOString(),
        seconds: elapsed(),
      }),
    );
    say(`done in ${elapsed()} s`);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(`${artefact.label} could not be built. ${(error as Error).message}`, { cause: error });
  } finally {
    clearInterval(heartbeat);
  }
}

function goArtefact(tool: GoTool, modules: string): Artefact {
  const dir = join(modules, tool.moduleDir);
  const pinned = readPinned(dir, tool.module);
  const ldflags = ["-s", "-w", ...(tool.ldflags?.(bare(pinned.version)) ?? [])].join(" ");
  return {
    name: tool.name,
    label: Object.keys(tool.programs).join(", "),
    version: pinned.version,
    key: cacheKey(pinned.version, [...pinned.files, ldflags, JSON.stringify(tool.programs), ...platform]),
    seconds: tool.seconds,
    go: pinned.go,
    async fill(to, run) {
      for (const [program, pkg] of Object.entries(tool.programs)) {
        await runGo({ ...run, args: ["build", "-ldflags", ldflags, "-o", join(to, program), pkg], cwd: dir });
      }
    },
  };
}

function operatorArtefacts(modules: string, other?: EarlierOperator | typeof laterChart): readonly Artefact[] {
  const dir = join(modules, [externalSecrets.moduleDir, ...(other === undefined ? [] : [other])].join("-"));
  const label = `External Secrets Operator${other === undefined ? "" : ` ${other}`}`;
  const pinned = readPinned(dir, externalSecrets.module);
  // The chart is made by code, not by a compiler with a version: a change in that code makes another chart.
  const chartCode = readFileSync(new URL("./chart.js", import.meta.url), "utf8");
  const writeCode = writeChart.toString();
  return [
    {
      name: externalSecrets.name,
      label,
      version: pinned.version,
      key: cacheKey(pinned.version, [...pinned.files, operatorRecipe, ...platform]),
      seconds: externalSecrets.seconds,
      go: pinned.go,
      fill: async (to, run) => buildOperator(await fetchModule(dir, run), to, run),
    },
    {
      name: chartName,
      label: `${label}'s chart`,
      version: pinned.version,
      key: cacheKey(pinned.version, [...pinned.files, chartCode, writeCode]),
      seconds: 2,
      go: pinned.go,
      fill: async (to, run) => writeChart(await fetchModule(dir, run), to, bare(pinned.version)),
    },
  ];
}

/**
 * Go's own version is not among them: it changes often and nothing that matters here, and finding it out would need
 * Go on machines that have all tools in the cache. It is in build.json.
 */
const platform: readonly string[] = [JSON.stringify(buildSettings), process.platform, process.arch];

function readPinned(
  dir: string,
  module: string,
): { readonly go: string; readonly version: string; readonly files: readonly string[] } {
  const goMod = join(dir, "go.mod");
  if (!existsSync(goMod)) throw new Error(`${goMod} is missing; the sandbox's checkout is not complete`);
  // A program of ours may lie beside them.
  const sources = readdirSync(dir).filter((name) => name.endsWith(".go"));
  const files = ["go.mod", "go.sum", ...sources.sort()].map((name) => readFileSync(join(dir, name), "utf8"));
  return { ...readGoMod(files[0] ?? "", module), files };
}
