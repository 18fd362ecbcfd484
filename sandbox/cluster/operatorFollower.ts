import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppsV1Api, CoreV1Api, KubeConfig, type Cluster } from "@kubernetes/client-node";
import { ended, startProcess, type StartedProcess } from "../process/child.js";
import { freePorts } from "../process/ports.js";
import type { ProcessRegistry } from "../process/registry.js";
import { startApiServerProxy } from "./apiServerProxy.js";
import { writePrivate } from "./files.js";
import { kubeconfig } from "./kubeconfig.js";
import { checkDopplerUrl, hostFlags, operatorEnv, operatorPod, type OperatorPod } from "./operatorPod.js";

/** What is asked of the API server. */
export interface OperatorCluster {
  /** The operators that the cluster's Deployments ask for now. */
  pods(): Promise<readonly OperatorPod[]>;
  /** The uid of a ServiceAccount; undefined when there is none. */
  serviceAccount(namespace: string, name: string): Promise<string | undefined>;
  /** A new token of it. */
  token(namespace: string, name: string): Promise<{ readonly token: string; readonly expiresAt: Date }>;
  /** How the operator reaches the API server. */
  readonly server: string;
  readonly ca: string;
}

/** A program of the operator, and what version it is. */
export interface OperatorProgram {
  readonly version: string;
  readonly program: string;
}

export interface FollowerOptions {
  readonly cluster: OperatorCluster;
  /**
   * The operator's programs. A Deployment gets the one of the version that its image is tagged with, and any other the
   * first.
   */
  readonly operators: readonly [OperatorProgram, ...OperatorProgram[]];
  readonly dopplerBaseUrl: string;
  /** For logs, kubeconfigs and tokens. */
  readonly dir: string;
  readonly registry: ProcessRegistry;
  readonly log: (line: string) => void;
  /** Ends the follower and what it runs. */
  readonly signal: AbortSignal;
  /** How often the cluster is looked at. Milliseconds, default 500. */
  readonly intervalMs?: number;
  /** The wait before the first restart of an operator that ended by itself, doubled each time. Milliseconds, default 1000. */
  readonly backoffMs?: number;
}

/** A follower at work. */
interface Follower extends FollowerOptions {
  /** Through which its operators reach the API server under a pod's names. */
  readonly apiServerProxy: string;
}

/** An operator that has been started, or is to be started again. */
interface Operator {
  /** Changes when the running process no longer is what the cluster asks for. */
  readonly identity: string;
  readonly pod: OperatorPod;
  readonly program: OperatorProgram;
  readonly files: OperatorFiles;
  process?: StartedProcess<true> | undefined;
  /** Milliseconds since the epoch. */
  renewAt: number;
  startedAt: number;
  restartAt: number;
  failures: number;
}

interface OperatorFiles {
  readonly token: string;
  readonly kubeconfig: string;
  readonly log: string;
  readonly home: string;
  readonly metrics: string;
}

const longestBackoffMs = 30_000;

/** One that ran this long is not in a loop of failures. */
const steadyMs = 60_000;

/** What the registry calls an operator: this, then its Deployment's namespace/name. */
export const operatorPrefix = "operator ";

/**
 * Plays the kubelet for the operator's pods until the signal: each Deployment of the chart whose ServiceAccount exists
 * has one process of the operator running under a token of that ServiceAccount, so that the chart's RBAC is what it is held to.
 *
 * It looks at the cluster again and again instead of keeping watches open: what counts is the state, and a look
 * needs no mending after the API server was away.
 */
export async function followOperators(options: FollowerOptions): Promise<void> {
  checkDopplerUrl(options.dopplerBaseUrl, "the Doppler stand-in's URL");
  const { log, signal } = options;
  const proxy = await startApiServerProxy(options.cluster.server);
  const follower = { ...options, apiServerProxy: proxy.url };
  const operators = new Map<string, Operator>();
  let unreachable = false;
  while (!signal.aborted) {
    try {
      const wanted = await look(options.cluster);
      if (unreachable) log("the API server answers again");
      unreachable = false;
      await settle(follower, operators, wanted);
    } catch (error) {
      if (!unreachable) log(`the API server can't be asked: ${message(error)}`);
      unreachable = true;
    }
    await delay(options.intervalMs ?? 500, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all([...operators.values()].map((operator) => end(options, operator)));
  await proxy.close();
}

/** The operators that should run, with the uid of the ServiceAccount each would run under. */
async function look(cluster: OperatorCluster): Promise<ReadonlyMap<string, { pod: OperatorPod; account: string }>> {
  const wanted = new Map<string, { pod: OperatorPod; account: string }>();
  for (const pod of await cluster.pods()) {
    const account = await cluster.serviceAccount(pod.namespace, pod.serviceAccount);
    // No pod without its ServiceAccount, as the API server has it.
    if (account !== undefined) wanted.set(`${pod.namespace}/${pod.deployment}`, { pod, account });
  }
  return wanted;
}

async function settle(
  options: Follower,
  operators: Map<string, Operator>,
  wanted: ReadonlyMap<string, { pod: OperatorPod; account: string }>,
): Promise<void> {
  for (const [key, operator] of operators) {
    const want = wanted.get(key);
    if (want !== undefined && identityOf(want.pod, want.account) === operator.identity) continue;
    await end(options, operator);
    operators.delete(key);
  }
  for (const [key, { pod, account }] of wanted) {
    let operator = operators.get(key);
    if (operator === undefined) {
      operator = newOperator(options, pod, identityOf(pod, account));
      operators.set(key, operator);
      const { version } = operator.program;
      const notes =
        pod.version === version
          ? pod.notes
          : [...pod.notes, `no program of version ${pod.version ?? "(none)"} is here; ${version} runs in its place`];
      for (const note of notes) options.log(`${key}: ${note}`);
    }
    try {
      await keepRunning(options, key, operator);
    } catch (error) {
      // One release that can't run must not keep the others from running.
      backOff(options, operator);
      options.log(`${key}: ${message(error)}; next attempt in ${wait(operator)} s`);
    }
  }
}

const identityOf = (pod: OperatorPod, account: string) => `${account} ${pod.revision}`;

function newOperator({ dir, operators }: FollowerOptions, pod: OperatorPod, identity: string): Operator {
  const name = fileName(pod.namespace, pod.deployment);
  const home = join(dir, "operators", createHash("sha256").update(name).digest("hex").slice(0, 12));
  const files = {
    home,
    token: join(home, "token"),
    kubeconfig: join(home, "kubeconfig"),
    log: join(dir, "logs", `operator_${name}.log`),
    metrics: metricsFile(dir, pod.namespace, pod.deployment),
  };
  const program = operators.find(({ version }) => version === pod.version) ?? operators[0];
  return { identity, pod, program, files, renewAt: 0, startedAt: 0, restartAt: 0, failures: 0 };
}

/** Neither part can hold an underscore, so no two releases share a name. */
const fileName = (namespace: string, deployment: string) => `${namespace}_${deployment}`;

const metricsFile = (dir: string, namespace: string, deployment: string) =>
  join(dir, "metrics", fileName(namespace, deployment));

/**
 * Where the operator of a Deployment serves its metrics, as Prometheus reads them; undefined while none runs. It may not
 * answer yet: the operator listens some moments after its start.
 *
 * @param dir the follower's folder
 */
export function operatorMetricsUrl(dir: string, namespace: string, deployment: string): string | undefined {
  const file = metricsFile(dir, namespace, deployment);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

async function keepRunning(options: Follower, key: string, operator: Operator): Promise<void> {
  if (operator.process === undefined) {
    if (Date.now() >= operator.restartAt) await launch(options, key, operator);
  } else if (Date.now() >= operator.renewAt) {
    // The process reads the file again by itself, as it does in a pod.
    await renewToken(options.cluster, operator);
    options.log(`${key}: token renewed`);
  }
}

async function renewToken(cluster: OperatorCluster, operator: Operator): Promise<void> {
  const { namespace, serviceAccount } = operator.pod;
  const asked = Date.now();
  const { token, expiresAt } = await cluster.token(namespace, serviceAccount);
  writePrivate(operator.files.token, token);
  // The kubelet, too, renews when a fifth of the lifetime is left.
  operator.renewAt = asked + (expiresAt.getTime() - asked) * 0.8;
}

async function launch(options: Follower, key: string, operator: Operator): Promise<void> {
  const { pod, files } = operator;
  // Before anything is written: it refuses an operator that would leave this machine.
  const env = operatorEnv(pod, {
    kubeconfig: files.kubeconfig,
    home: files.home,
    dopplerBaseUrl: options.dopplerBaseUrl,
    apiServerProxy: options.apiServerProxy,
  });
  await renewToken(options.cluster, operator);
  const { server, ca } = options.cluster;
  const user = `system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`;
  writePrivate(
    files.kubeconfig,
    kubeconfig({
      server,
      ca,
      user,
      auth: { tokenFile: files.token },
      contexts: ["sandbox"],
      namespace: pod.namespace,
    }),
  );
  // One that loses the port to somebody else ends, and is started again with another.
  const [port = 0] = await freePorts(1);
  const { program, version } = operator.program;
  const started = await startProcess<true>({
    name: `${operatorPrefix}${key}`,
    command: program,
    args: [...pod.args, ...hostFlags(version, port)],
    env,
    cwd: files.home,
    logFile: files.log,
    registry: options.registry,
    // Whether it gets on is for those who use it to see; a kubelet only starts it.
    ready: { description: "it to run", check: () => true },
  });
  operator.process = started;
  operator.startedAt = Date.now();
  writePrivate(files.metrics, `http://127.0.0.1:${port}/metrics\n`);
  options.log(`${key}: operator ${version} started as process ${started.pid}, as ${user}`);
  void started.exited.then((exit) => {
    // Ended by the follower, which has no more to do with it.
    if (operator.process !== started) return;
    operator.process = undefined;
    rmSync(files.metrics, { force: true });
    if (Date.now() - operator.startedAt > steadyMs) operator.failures = 0;
    backOff(options, operator);
    options.log(`${key}: operator ${ended(exit)}; started again in ${wait(operator)} s; see ${files.log}`);
  });
}

function backOff(options: FollowerOptions, operator: Operator): void {
  const pause = Math.min((options.backoffMs ?? 1_000) * 2 ** operator.failures, longestBackoffMs);
  operator.failures++;
  operator.restartAt = Date.now() + pause;
}

const wait = (operator: Operator) => Math.max(0, Math.round((operator.restartAt - Date.now()) / 1000));

async function end(options: FollowerOptions, operator: Operator): Promise<void> {
  const { process } = operator;
  // Cleared first: this end is not one to recover from.
  operator.process = undefined;
  if (process !== undefined) {
    await process.stop({ graceMs: 10_000 });
    options.log(`${operator.pod.namespace}/${operator.pod.deployment}: operator ended`);
  }
  rmSync(operator.files.home, { recursive: true, force: true });
  rmSync(operator.files.metrics, { force: true });
}

/** The cluster behind a kubeconfig. */
export function connectCluster(file: string, context?: string): OperatorCluster {
  const config = new KubeConfig();
  config.loadFromFile(file);
  if (context !== undefined) {
    if (config.getContextObject(context) === null) throw new Error(`${file} has no context ${context}`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(`${file} has no current cluster`);
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  return {
    server: cluster.server,
    ca: certificates(cluster),
    async pods() {
      // Every release of a chart has this label, and few other Deployments do.
      const labelSelector = "app.kubernetes.io/managed-by=Helm";
      const list = await apps.listDeploymentForAllNamespaces({ labelSelector });
      return list.items.map(operatorPod).filter((pod) => pod !== undefined);
    },
    async serviceAccount(namespace, name) {
      try {
        const account = await core.readNamespacedServiceAccount({ namespace, name });
        return account.metadata?.deletionTimestamp == null ? account.metadata?.uid : undefined;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async token(namespace, name) {
      const { status } = await core.createNamespacedServiceAccountToken({
        namespace,
        name,
        // An empty list of audiences is the API server's own.
        body: { spec: { audiences: [], expirationSeconds: 3600 } },
      });
      if (status === undefined) throw new Error(`no token for ServiceAccount ${namespace}/${name}`);
      return { token: status.token, expiresAt: new Date(status.expirationTimestamp) };
    },
  };
}

function certificates(cluster: Cluster): string {
  if (cluster.caData !== undefined) return Buffer.from(cluster.caData, "base64").toString("utf8");
  if (cluster.caFile !== undefined) return readFileSync(cluster.caFile, "utf8");
  throw new Error(`cluster ${cluster.name} of the kubeconfig names no certificate-authority`);
}

function isNotFound(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === 404;
}

/** The first line of an error: those of the client go on with headers and body. */
function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
