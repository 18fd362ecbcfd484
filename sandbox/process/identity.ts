import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process that can't be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for the same process only. On Linux: the boot id, and the start time in clock ticks since boot. */
  readonly startedAt: string;
}

/**
 * The identity of a running process, or undefined when there is none with that pid. A zombie counts as gone: it holds
 * no port, file or memory, only a parent that has not asked for its exit status.
 */
export function identify(pid: number): ProcessIdentity | undefined {
  return process.platform === "linux" ? identifyFromProc(pid) : identifyFromPs(pid);
}

/** Whether the very process that was identified is still running. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

let bootId: string | undefined;

function identifyFromProc(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // "pid (comm) state ppid …": comm may hold spaces and parentheses, so the fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined || state === "Z" || state === "X") return undefined;
  // Ticks restart from zero at boot, and a state folder may outlive it.
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, startedAt: `${bootId}/${startTicks}` };
}

function identifyFromPs(pid: number): ProcessIdentity | undefined {
  let line: string;
  try {
    line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
  const [state = "", ...started] = line.split(/\s+/);
  if (state === "" || state.startsWith("Z")) return undefined;
  return { pid, startedAt: started.join(" ") };
}
