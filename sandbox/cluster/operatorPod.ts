import type { V1Container, V1Deployment } from "@kubernetes/client-node";
import { assertLoopback } from "../process/loopback.js";
import { compareVersions } from "../toolchain/go.js";

/** The operator as its Deployment wants it to run, put in terms of a host process. */
export interface OperatorPod {
  readonly namespace: string;
  readonly deployment: string;
  readonly serviceAccount: string;
  /** The operator's version by the tag of its image, such as 0.20.4; undefined where the tag is no version. */
  readonly version: string | undefined;
  /** Without the flags of a pod only; see {@link hostFlags}. */
  readonly args: readonly string[];
  /** From the container's `env`. */
  readonly env: Readonly<Record<string, string>>;
  /** What could not be taken over, in words. */
  readonly notes: readonly string[];
  /** Changes whenever a Deployment would replace its pods. */
  readonly revision: string;
}

const container = "external-secrets";

/** Commands of the same program that serve the chart's webhook and its certificates; they are not the operator. */
const otherCommands = new Set(["webhook", "certcontroller"]);

/**
 * Flags that make sense in a pod only. Its addresses would be on all interfaces and collide between releases; a leader
 * is elected in the pod's own namespace, which a host process has not.
 */
const podOnly = new Set([
  "metrics-addr",
  "metrics-secure",
  "metrics-cert-dir",
  "metrics-cert-name",
  "metrics-key-name",
  "live-addr",
  "enable-leader-election",
]);

/**
 * What stands in place of them: nothing is elected, and nothing listens but the metrics, on a port of this machine's own.
 *
 * @param version of the program: `--live-addr` came with 0.20, and those before end at a flag they don't know
 */
export function hostFlags(version: string, metricsPort: number): string[] {
  const live = compareVersions(version, "0.20") < 0 ? [] : ["--live-addr=0"];
  return [`--metrics-addr=127.0.0.1:${metricsPort}`, ...live, "--enable-leader-election=false"];
}

/**
 * Marks a Deployment whose operator runs as a host process although it is scaled to nothing: in a cluster with a real
 * kubelet its pods would start too, and know nothing of the stand-ins.
 */
export const hostProcessAnnotation = "sandbox.secrets-pipeline/host-process";

/**
 * The operator that a Deployment asks for, or undefined when it is another's Deployment, is being deleted, or is scaled
 * to nothing without {@link hostProcessAnnotation}. One process stands for any number of replicas.
 */
export function operatorPod(deployment: V1Deployment): OperatorPod | undefined {
  const { name, namespace, uid, deletionTimestamp } = deployment.metadata ?? {};
  const template = deployment.spec?.template;
  if (name === undefined || namespace === undefined || template === undefined || deletionTimestamp != null)
    return undefined;
  const scaledDown = (deployment.spec?.replicas ?? 1) < 1;
  if (!isOperator(deployment) || (scaledDown && deployment.metadata?.annotations?.[hostProcessAnnotation] !== "true"))
    return undefined;
  const found = operatorContainer(deployment);
  if (found === undefined) return undefined;
  const notes: string[] = [];
  return {
    namespace,
    deployment: name,
    serviceAccount: template.spec?.serviceAccountName ?? "default",
    version: /:v?(\d+(?:\.\d+)+)[^:/]*$/.exec(found.image ?? "")?.[1],
    args: hostArgs(found.args ?? []),
    env: plainEnv(found, notes),
    notes,
    revision: JSON.stringify([uid, template]),
  };
}

/** By label of the chart; its name stays when `nameOverride` changes the other one. */
function isOperator(deployment: V1Deployment): boolean {
  const labels = deployment.metadata?.labels ?? {};
  return (
    labels["app.kubernetes.io/name"] === "external-secrets" ||
    /^external-secrets-\d/.test(labels["helm.sh/chart"] ?? "")
  );
}

function operatorContainer(deployment: V1Deployment): V1Container | undefined {
  return deployment.spec?.template.spec?.containers.find(
    (candidate) => candidate.name === container && !(candidate.args ?? []).some((arg) => otherCommands.has(arg)),
  );
}

/** The container's arguments without those of a pod only, `--flag value` as well as `--flag=value`. */
export function hostArgs(args: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    const flag = arg.match(/^--([^=]+)(=?)/);
    if (flag !== null && podOnly.has(flag[1] ?? "")) {
      const next = args[i + 1];
      if (flag[2] === "" && next !== undefined && !next.startsWith("-")) i++;
      continue;
    }
    kept.push(arg);
  }
  return kept;
}

function plainEnv(from: V1Container, notes: string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of from.env ?? []) {
    if (valueFrom === undefined) env[name] = value ?? "";
    else notes.push(`env ${name} is left out: the sandbox takes plain values only, not valueFrom`);
  }
  if (from.envFrom !== undefined && from.envFrom.length > 0) {
    notes.push("envFrom is left out: the sandbox takes plain values only");
  }
  return env;
}

/** Where a Deployment's own environment may point the operator's Doppler client. */
export const dopplerUrlVariable = "DOPPLER_BASE_URL";

/** Proxies of the Deployment's own: they would lead off this machine. Go takes the names in either case. */
const proxyVariable = /^(https?|no|all)_proxy$/i;

/**
 * The whole environment of the operator's process.
 *
 * @param dopplerBaseUrl used unless the Deployment says another
 * @param apiServerProxy knows the API server by the names that a pod has for it. Go asks no proxy for a loopback address
 * @throws when the operator would not talk to this machine, or would not find the port
 */
export function operatorEnv(
  pod: OperatorPod,
  options: {
    readonly kubeconfig: string;
    readonly home: string;
    readonly dopplerBaseUrl: string;
    readonly apiServerProxy: string;
  },
): Record<string, string> {
  const url = pod.env[dopplerUrlVariable] ?? options.dopplerBaseUrl;
  checkDopplerUrl(url, `${dopplerUrlVariable} of Deployment ${pod.namespace}/${pod.deployment}`);
  return {
    PATH: "/usr/bin:/bin",
    ...Object.fromEntries(Object.entries(pod.env).filter(([name]) => !proxyVariable.test(name))),
    HOME: options.home,
    KUBECONFIG: options.kubeconfig,
    HTTPS_PROXY: options.apiServerProxy,
    [dopplerUrlVariable]: url,
  };
}

/** The operator tries port 443 of a URL without one, whatever its scheme; and the sandbox lets nothing off this machine. */
export function checkDopplerUrl(url: string, what: string): void {
  assertLoopback(url, what, { explicitPort: true });
}
