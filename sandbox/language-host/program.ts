import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { NodeOptions } from "./options.js";

const GRACE = 5_000;

/** The exit code with which the SDK says that it has already shown the error. */
const ERROR_ALREADY_SHOWN = 32;

/** What to run, and for what. */
export interface ProgramRun {
  rootDirectory: string;
  programDirectory: string;
  /** The program relative to its folder, `.` for the folder itself. */
  entryPoint: string;
  options: NodeOptions;
  args: string[];
  project: string;
  stack: string;
  organization: string;
  dryRun: boolean;
  parallel: number;
  engineAddress: string;
  monitorAddress: string;
  /** Configuration values by `namespace:name`; handed over in the environment only. */
  config: Record<string, string>;
  /** Keys of those values that are secret. */
  configSecretKeys: string[];
}

/** How a run ended. */
export interface ProgramResult {
  /** Empty when all went well, and when the program has shown its error itself. */
  error: string;
  /** True when there is nothing more to say and the engine is to stop. */
  bail: boolean;
}

/** Finds a launcher of the SDK as the program would. Throws with advice when the SDK is not installed. */
export function locateLauncher(programDirectory: string, launcher = "run"): string {
  try {
    return createRequire(join(programDirectory, "index.js")).resolve(`@pulumi/pulumi/cmd/${launcher}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") {
      throw new Error("It looks like the Pulumi SDK has not been installed. Have you run pulumi install?", {
        cause: error,
      });
    }
    throw error;
  }
}

/** The arguments of the launcher. Nothing secret is among them. */
export function launcherArguments(run: ProgramRun): string[] {
  const named: [name: string, value: string][] = [
    ["monitor", run.monitorAddress],
    ["engine", run.engineAddress],
    ["organization", run.organization],
    ["project", run.project],
    ["root-directory", run.rootDirectory],
    ["stack", run.stack],
    ["pwd", run.programDirectory],
    ["parallel", String(run.parallel)],
  ];
  return [
    ...named.filter(([, value]) => value !== "").flatMap(([name, value]) => [`--${name}`, value]),
    ...(run.dryRun ? ["--dry-run"] : []),
    run.entryPoint || ".",
    ...run.args,
  ];
}

/** The environment in which the launcher finds configuration and options. */
export function launcherEnvironment(run: ProgramRun): Record<string, string> {
  // The SDK reads keys in the long form, `namespace:config:name`.
  const config = Object.entries(run.config).map(([key, value]) => [
    key.replace(/^([^:]*):(?:config:)?/, "$1:config:"),
    value,
  ]);
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(config)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.configSecretKeys),
    ...optionsEnvironment(run.options),
  };
}

function optionsEnvironment({ typescript, tsconfig }: NodeOptions): Record<string, string> {
  return {
    ...(typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
    ...(tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
  };
}

/** What to run for a policy pack, or for another plugin that is written as a program. */
export interface PluginRun {
  /** `analyzer` for a policy pack. */
  kind: string;
  programDirectory: string;
  /** Where the engine works. */
  workingDirectory: string;
  options: NodeOptions;
  args: string[];
  /** The whole environment, as `NAME=value`. */
  env: string[];
}

/** Node's arguments for a plugin. A policy pack's launcher wants the folder last, the others want it first. */
export function pluginArguments({ kind, programDirectory, options, args }: PluginRun): string[] {
  const pack = kind === "analyzer";
  const launcher = locateLauncher(programDirectory, pack ? "run-policy-pack" : "run-plugin");
  return [launcher, ...options.nodeArgs, ...(pack ? [...args, programDirectory] : [programDirectory, ...args])];
}

const running = new Set<ChildProcess>();

/** Starts a plugin. It ends with this process, or when `signal` fires. */
export function startPlugin(run: PluginRun, signal: AbortSignal): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, pluginArguments(run), {
    // A policy pack reads its package.json in the folder where it runs.
    cwd: run.kind === "analyzer" ? run.programDirectory : run.workingDirectory,
    env: {
      ...Object.fromEntries(run.env.map((pair) => [pair.split("=", 1)[0] ?? "", pair.slice(pair.indexOf("=") + 1)])),
      ...optionsEnvironment(run.options),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const kill = (): void => void child.kill("SIGKILL");
  if (signal.aborted) kill();
  signal.addEventListener("abort", kill, { once: true });
  child.on("close", () => {
    running.delete(child);
    signal.removeEventListener("abort", kill);
  });
  return child;
}

/**
 * Runs a program to its end. Its output goes to this process's, where the engine picks it up. When `signal` fires the
 * program is interrupted, and killed if it does not end on that within `grace` milliseconds.
 */
export async function runProgram(run: ProgramRun, signal: AbortSignal, grace = GRACE): Promise<ProgramResult> {
  const launcher = locateLauncher(run.programDirectory);
  const child = spawn(process.execPath, [...run.options.nodeArgs, launcher, ...launcherArguments(run)], {
    env: { ...process.env, ...launcherEnvironment(run) },
    // The output is copied and not inherited, since node may change the mode of an inherited pipe.
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.stdout.on("data", (chunk: Buffer) => process.stdout.write(chunk));
  child.stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk));

  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    child.kill("SIGINT");
    timer = setTimeout(() => child.kill("SIGKILL"), grace);
  };
  if (signal.aborted) {
    interrupt();
  }
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await new Promise<ProgramResult>((resolve) => {
      child.on("error", (error) => {
        const text = `Problem executing program (could not run language executor): ${error.message}`;
        resolve({ error: text, bail: false });
      });
      // "close" and not "exit", so that all output has been passed on before the engine hears of the end.
      child.on("close", (code, killedBy) => resolve(outcome(code, killedBy)));
    });
  } finally {
    running.delete(child);
    clearTimeout(timer);
    signal.removeEventListener("abort", interrupt);
  }
}

/** Kills the programs and plugins still running, for when this process has to end at once. */
export function killPrograms(): void {
  for (const child of running) {
    child.kill("SIGKILL");
  }
}

function outcome(code: number | null, killedBy: NodeJS.Signals | null): ProgramResult {
  if (code === 0) {
    return { error: "", bail: false };
  }
  if (code === ERROR_ALREADY_SHOWN) {
    return { error: "", bail: true };
  }
  const how = code === null ? `ended by ${killedBy}` : `with non-zero exit code: ${code}`;
  return { error: code === null ? `Program ${how}` : `Program exited ${how}`, bail: false };
}
