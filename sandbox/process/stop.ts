import { setTimeout as delay } from "node:timers/promises";
import { isRunning, type ProcessIdentity } from "./identity.js";

export interface StopOptions {
  /** How long the process may take to end on SIGTERM before it gets SIGKILL. Milliseconds, default 5000. */
  readonly graceMs?: number;
}

/**
 * Ends a process and returns when it is gone: SIGTERM, then SIGKILL after the grace time. Does nothing when the
 * process has ended already, even if its pid belongs to another one by now.
 *
 * @throws when the process survives SIGKILL (stuck in the kernel) or may not be signalled.
 */
export async function stopProcess(identity: ProcessIdentity, options: StopOptions = {}): Promise<void> {
  if (!signal(identity, "SIGTERM")) return;
  if (await gone(identity, options.graceMs ?? 5_000)) return;
  if (!signal(identity, "SIGKILL")) return;
  if (await gone(identity, 5_000)) return;
  throw new Error(
    `process ${identity.pid} is still there 5 s after SIGKILL; look at it with: ps -p ${identity.pid} -f`,
  );
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(identity)) {
    if (Date.now() >= deadline) return false;
    await delay(20);
  }
  return true;
}
