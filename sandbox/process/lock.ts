import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isRunning, type ProcessIdentity } from "./identity.js";

export interface LockOptions {
  /** Called once, when the lock is found held by a running process. */
  readonly onWait?: (holder: ProcessIdentity) => void;
  /** Gives up waiting; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `body` while holding a lock file, waiting for whoever has it. A holder that was killed doesn't matter: the file
 * names the process, and one that is gone holds nothing. Not re-entrant.
 */
export async function withLock<T>(file: string, body: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const held = await acquire(file, options);
  try {
    return await body();
  } finally {
    if (readHolder(file)?.token === held.token) rmSync(file, { force: true });
  }
}

interface Holder extends ProcessIdentity {
  readonly token: string;
}

async function acquire(file: string, options: LockOptions): Promise<Holder> {
  const self = identify(process.pid);
  if (self === undefined) throw new Error("this process can't be identified; is /proc mounted?");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const mine: Holder = { ...self, token: randomUUID() };
  // A link appears with its content, so that no one ever sees a lock without a holder.
  const draft = `${file}.${mine.token}`;
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
  let told = false;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      try {
        linkSync(draft, file);
        return mine;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = readHolder(file);
      if (holder !== undefined && !isRunning(holder)) {
        takeAway(file, holder);
        continue;
      }
      if (holder !== undefined && !told) {
        told = true;
        options.onWait?.(holder);
      }
      await delay(100, undefined, { signal: options.signal });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a dead holder's file; another waiter may have been quicker, and then its lock must stay. */
function takeAway(file: string, dead: Holder): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readHolder(aside)?.token !== dead.token) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

function readHolder(file: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Holder;
  } catch {
    // A full disk or a power cut can leave a lock file that names no process.
    return { pid: 0, startedAt: "", token: "" };
  }
}
