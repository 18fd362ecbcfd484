import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identify, isRunning, type ProcessIdentity } from "./identity.js";
import { stopProcess, type StopOptions } from "./stop.js";

export interface RegisteredProcess extends ProcessIdentity {
  /** What the process is, e.g. "etcd". Several may bear one name. */
  readonly name: string;
  /** Milliseconds since the epoch; the order of starting. */
  readonly registeredAt: number;
}

/**
 * The processes that belong to one sandbox, on disk, so that those and no others can be ended after whatever started
 * them has crashed. A folder with one small file per process: several processes add and remove at the same time, and
 * nothing needs a lock.
 */
export class ProcessRegistry {
  #last = 0;

  constructor(readonly dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /**
   * Writes a running process down. Synchronous, to be called right after spawn: what is lost in a crash between the
   * two would never be ended.
   *
   * @returns undefined when the process has ended already.
   */
  add(name: string, pid: number): RegisteredProcess | undefined {
    const identity = identify(pid);
    if (identity === undefined) return undefined;
    // Two processes that were started within a millisecond still have an order.
    this.#last = Math.max(this.#last + 1, Date.now());
    const entry: RegisteredProcess = { name, ...identity, registeredAt: this.#last };
    const file = this.#file(pid);
    writeFileSync(`${file}.tmp`, JSON.stringify(entry) + "\n", { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
    return entry;
  }

  /** Forgets a process that has ended. */
  remove(entry: ProcessIdentity): void {
    if (this.#read(this.#file(entry.pid))?.startedAt === entry.startedAt) {
      rmSync(this.#file(entry.pid), { force: true });
    }
  }

  /** The processes that are still running, oldest first. Entries of those that have ended are dropped. */
  list(): RegisteredProcess[] {
    const running: RegisteredProcess[] = [];
    for (const name of this.#files()) {
      const file = join(this.dir, name);
      const entry = this.#read(file);
      if (entry === undefined) continue;
      if (isRunning(entry)) running.push(entry);
      else rmSync(file, { force: true });
    }
    return running.sort((a, b) => a.registeredAt - b.registeredAt);
  }

  /**
   * Ends the processes one by one, last started first, and forgets them. Goes on to the others when one can't be ended.
   *
   * @param which only those for which it answers true; all by default
   * @returns the names of the processes that were ended, in that order
   * @throws AggregateError when some could not be ended
   */
  async stop(
    which: (entry: RegisteredProcess) => boolean = () => true,
    options: StopOptions = {},
  ): Promise<readonly string[]> {
    const stopped: string[] = [];
    const failures: Error[] = [];
    const attempted = new Set<string>();
    // A supervisor among them may have started one more process in the meantime, so the list is read twice.
    for (;;) {
      const next = this.list()
        .reverse()
        .find((entry) => which(entry) && !attempted.has(`${entry.pid} ${entry.startedAt}`));
      if (next === undefined) break;
      attempted.add(`${next.pid} ${next.startedAt}`);
      try {
        await stopProcess(next, options);
        this.remove(next);
        stopped.push(next.name);
      } catch (error) {
        failures.push(new Error(`${next.name} (pid ${next.pid}): ${(error as Error).message}`, { cause: error }));
      }
    }
    if (failures.length > 0) {
      throw new AggregateError(
        failures,
        `could not end:\n${failures.map((failure) => `  ${failure.message}`).join("\n")}`,
      );
    }
    return stopped;
  }

  #files(): string[] {
    try {
      return readdirSync(this.dir).filter((name) => name.endsWith(".json"));
    } catch (error) {
      // If somebody has removed the sandbox's folder by hand, no process is known any more.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  #file(pid: number): string {
    return join(this.dir, `${pid}.json`);
  }

  #read(file: string): RegisteredProcess | undefined {
    try {
      return JSON.parse(readFileSync(file, "utf8")) as RegisteredProcess;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Error(`${file} is not readable as an entry of a started process; remove it and look for strays`, {
        cause: error,
      });
    }
  }
}
