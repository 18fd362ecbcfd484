import { spawn } from "node:child_process";
import { closeSync, fchmodSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessIdentity } from "./identity.js";
import type { ProcessRegistry } from "./registry.js";
import { stopProcess, type StopOptions } from "./stop.js";

/** What a readiness condition can look at. Both texts begin with this start, not with earlier ones in the same file. */
export interface StartingProcess {
  readonly pid: number;
  /** What the process has written to its standard output so far. */
  stdout(): string;
  /** What the process has written to its log so far. */
  log(): string;
}

/**
 * A condition a started process must meet. `check` is asked every 50 ms; undefined means "not yet", a rejection means
 * that it can't come true any more.
 */
export interface Readiness<T> {
  /** What is waited for, as it reads after "waiting for". */
  readonly description: string;
  check(process: StartingProcess): Promise<T | undefined> | T | undefined;
}

export interface ProcessSpec<T> {
  /** What the process is, in errors and in the registry. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard error, and standard output unless `stdoutFile` is given. Appended to; readable by the owner only. */
  readonly logFile: string;
  readonly stdoutFile?: string;
  /** Where the process is written down for whoever has to end it. */
  readonly registry: ProcessRegistry;
  readonly ready: Readiness<T>;
  /** How long the condition may take. Milliseconds, default 30 000. */
  readonly deadlineMs?: number;
  /** Ends the process and rejects when aborted before it is ready. */
  readonly signal?: AbortSignal | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess<T> extends ProcessIdentity {
  readonly name: string;
  /** What the readiness condition answered. */
  readonly value: T;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** Ends the process; see {@link stopProcess}. */
  stop(options?: StopOptions): Promise<void>;
}

/** A process did not become ready. `output` is all it wrote since its start. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  constructor(
    message: string,
    readonly output: string,
  ) {
    super(message);
  }
}

/**
 * Starts a process in a session of its own and waits until it is ready. It outlives this process (its output goes
 * to files, not to pipes) and is not hit by a Ctrl-C meant for this one; end it with `stop` or through the registry.
 *
 * @throws {NotReadyError} when it ends or the deadline passes before it is ready, with the end of its log. It has been
 *   ended then.
 */
export async function startProcess<T>(spec: ProcessSpec<T>): Promise<StartedProcess<T>> {
  spec.signal?.throwIfAborted();
  const log = openLog(spec.logFile);
  const stdout = spec.stdoutFile === undefined ? log : openLog(spec.stdoutFile);
  const child = spawn(spec.command, spec.args, {
    env: spec.env,
    cwd: spec.cwd,
    detached: true,
    stdio: ["ignore", stdout.fd, log.fd],
  });
  const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  const failed = new Promise<Error>((resolve) => child.once("error", resolve));
  const entry = child.pid === undefined ? undefined : spec.registry.add(spec.name, child.pid);
  closeSync(log.fd);
  if (stdout !== log) closeSync(stdout.fd);
  if (child.pid === undefined) {
    const error = await failed;
    throw new Error(`${spec.name} could not be started: ${error.message}`, { cause: error });
  }

  const output = () => readFrom(spec.logFile, log.offset);
  const notReady = (what: string) =>
    new NotReadyError(`${spec.name} ${what}\n${tail(output(), 15)}\nThe whole log: ${spec.logFile}`, output());
  let exit: Exit | undefined;
  void exited.then((value) => {
    exit = value;
    if (entry !== undefined) spec.registry.remove(entry);
  });
  const starting: StartingProcess = {
    pid: child.pid,
    log: output,
    stdout: () => (spec.stdoutFile === undefined ? output() : readFrom(spec.stdoutFile, stdout.offset)),
  };
  const stop = async (options?: StopOptions) => {
    if (entry === undefined) return;
    await stopProcess(entry, options);
    spec.registry.remove(entry);
  };
  const check = async () => {
    try {
      return await spec.ready.check(starting);
    } catch (error) {
      throw notReady(`did not become ready: ${(error as Error).message}`);
    }
  };
  const deadlineMs = spec.deadlineMs ?? 30_000;
  const deadline = Date.now() + deadlineMs;
  try {
    for (;;) {
      // The end is checked before the condition: another process may answer on a port that this process failed to get.
      if (exit !== undefined || entry === undefined) throw notReady(ended(exit ?? (await exited)));
      const value = await check();
      if (value !== undefined && exit === undefined) {
        // The child is released only now, since a wait for its end must keep this process alive.
        child.unref();
        return { name: spec.name, pid: entry.pid, startedAt: entry.startedAt, value, exited, stop };
      }
      if (Date.now() >= deadline) {
        throw notReady(`was not ready within ${deadlineMs / 1000} s, waiting for ${spec.ready.description}`);
      }
      await delay(50, undefined, { signal: spec.signal });
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The last lines of a text, indented, as they stand in errors. */
export function tail(text: string, lines: number): string {
  const all = text.trimEnd().split("\n");
  if (all.length === 1 && all[0] === "") return "  (it wrote nothing)";
  return all
    .slice(-lines)
    .map((line) => `  | ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`)
    .join("\n");
}

/** How a process ended, as it reads after its name. */
export function ended(exit: Exit): string {
  return exit.signal === null ? `ended with exit code ${exit.code}` : `was ended by ${exit.signal}`;
}

function openLog(file: string): { fd: number; offset: number } {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fd = openSync(file, "a", 0o600);
  fchmodSync(fd, 0o600);
  return { fd, offset: fstatSync(fd).size };
}

function readFrom(file: string, offset: number): string {
  const fd = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(Math.max(0, fstatSync(fd).size - offset));
    const length = readSync(fd, buffer, 0, buffer.length, offset);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}
