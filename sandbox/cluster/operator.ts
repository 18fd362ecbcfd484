import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProcess, type StartedProcess } from "../process/child.js";
import { jsonLine } from "../process/readiness.js";
import type { ProcessRegistry } from "../process/registry.js";
import { type FollowerOptions, operatorPrefix } from "./operatorFollower.js";
import { checkDopplerUrl } from "./operatorPod.js";

export interface OperatorFollowerOptions {
  /** An admin's kubeconfig. */
  readonly kubeconfig: string;
  /** The context in it; its current one by default. */
  readonly context?: string;
  /** The External Secrets Operator's programs; the first runs where a Deployment asks for a version that is not among them. */
  readonly operators: FollowerOptions["operators"];
  /** Where the operator finds Doppler unless its Deployment says another place; loopback, with a port. */
  readonly dopplerBaseUrl: string;
  /** For logs (logs/operator*.log), kubeconfigs and tokens. */
  readonly dir: string;
  readonly registry: ProcessRegistry;
  readonly signal?: AbortSignal | undefined;
}

/** What the registry calls the follower; the operators it starts are called "operator <namespace>/<deployment>". */
export const followerName = "operator-follower";

/**
 * Starts the process that runs the operator for every release of its chart; see {@link followOperators}. Returns when
 * it has reached the API server. Ending it ends its operators.
 *
 * @throws when the Doppler URL leads off this machine or has no port, or the API server can't be reached
 */
export async function startOperatorFollower(options: OperatorFollowerOptions): Promise<StartedProcess<true>> {
  checkDopplerUrl(options.dopplerBaseUrl, "the Doppler stand-in's URL");
  return startProcess<true>({
    name: followerName,
    command: process.execPath,
    args: [
      fileURLToPath(new URL("./operatorMain.js", import.meta.url)),
      `--kubeconfig=${options.kubeconfig}`,
      ...(options.context === undefined ? [] : [`--context=${options.context}`]),
      ...options.operators.map(({ version, program }) => `--operator=${version}=${program}`),
      `--doppler-url=${options.dopplerBaseUrl}`,
      `--dir=${options.dir}`,
      `--registry=${options.registry.dir}`,
    ],
    env: { HOME: options.dir, PATH: "/usr/bin:/bin" },
    cwd: options.dir,
    logFile: join(options.dir, "logs", "operator.log"),
    stdoutFile: join(options.dir, "logs", "operator.out"),
    registry: options.registry,
    ready: jsonLine(() => true as const),
    signal: options.signal,
  });
}

/** Ends the follower and its operators, also those of an earlier run of the program. */
export async function stopOperatorFollower(registry: ProcessRegistry): Promise<void> {
  // The follower first, and time for it to end its own: it would start again what is ended before it.
  await registry.stop((entry) => entry.name === followerName, { graceMs: 15_000 });
  await registry.stop((entry) => entry.name.startsWith(operatorPrefix));
}
