import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { NotReadyError, startProcess, type Readiness } from "../process/child.js";
import { PortTakenError, withFreePorts } from "../process/ports.js";
import { both, httpReady, jsonLine } from "../process/readiness.js";
import type { ProcessRegistry } from "../process/registry.js";
import type { Toolchain } from "../toolchain/build.js";
import { ensureCredentials } from "./credentials.js";
import { writePrivate } from "./files.js";
import { kubeconfig } from "./kubeconfig.js";

export interface ControlPlaneOptions {
  /** Where the cluster lives: etcd's data, keys, kubeconfig, logs. Kept, it is the same cluster at the next start. */
  readonly dir: string;
  readonly toolchain: Pick<Toolchain, "etcd" | "kubeApiserver" | "kubeControllerManager" | "kubeScheduler">;
  readonly registry: ProcessRegistry;
  /** Told in a few words what is up. */
  readonly log?: (line: string) => void;
  /** Names under which the kubeconfig knows this cluster; the first is the current context. */
  readonly contexts: readonly [string, ...string[]];
  readonly signal?: AbortSignal | undefined;
}

export interface ControlPlane {
  /** An admin's kubeconfig; a private file. */
  readonly kubeconfig: string;
  /** e.g. https://127.0.0.1:40123; the same at the next start when the port is still free. */
  readonly server: string;
  stop(): Promise<void>;
}

/** What the registry calls the control plane's processes, in the order of starting. */
export const controlPlaneProcesses = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
] as const;

const host = "127.0.0.1";

/** The one node: what the scheduler puts pods on, and the kubelet's stand-in pretends to run them. */
const nodeName = "sandbox";

/**
 * Starts a Kubernetes control plane as host processes, listening on loopback only, and returns when it is usable: the
 * API server is ready, the controllers have made the default ServiceAccount, and the node is Ready. Takes about 5 s.
 *
 * @throws when it runs already or a part doesn't come up; none of it is left running then
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { registry } = options;
  const running = controlPlaneNames(registry);
  if (running.length > 0)
    throw new Error(`the control plane is running already (${running.join(", ")}); stop it first`);
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  try {
    return await start(options);
  } catch (error) {
    await stopControlPlane(registry);
    throw error;
  }
}

/** Ends the control plane's processes, the last started first; also those of an earlier run of the program. */
export async function stopControlPlane(registry: ProcessRegistry): Promise<void> {
  await registry.stop((entry) => isControlPlane(entry.name));
}

/** Forgets all objects of a stopped cluster. Keys and tokens stay. */
export function wipeControlPlane(dir: string): void {
  rmSync(join(dir, "etcd"), { recursive: true, force: true });
}

/** The names of the control plane's processes that run. */
export function controlPlaneNames(registry: ProcessRegistry): string[] {
  return registry
    .list()
    .map((entry) => entry.name)
    .filter(isControlPlane);
}

const isControlPlane = (name: string) => (controlPlaneProcesses as readonly string[]).includes(name);

async function start(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { dir, toolchain, signal } = options;
  const log = options.log ?? (() => undefined);
  const pki = join(dir, "pki");
  const credentials = ensureCredentials(pki);
  const earlier = readPorts(dir);

  const run = <T>(
    name: (typeof controlPlaneProcesses)[number],
    command: string,
    args: string[],
    ready: Readiness<T>,
    more: { readonly stdoutFile?: string } = {},
  ) =>
    startProcess({
      ...more,
      name,
      command,
      args,
      // No proxy settings, no KUBECONFIG, no home of the user's.
      env: { HOME: dir, PATH: "/usr/bin:/bin" },
      cwd: dir,
      logFile: join(dir, "logs", `${name}.log`),
      registry: options.registry,
      ready,
      deadlineMs: 60_000,
      signal,
    }).then((started) => (log(`${name} ready`), started), portTaken);

  const etcdPorts = await withFreePorts(
    2,
    async (ports) => {
      const [client, peer] = ports.map((port) => `http://${host}:${port}`);
      if (client === undefined || peer === undefined) throw new Error("two ports are needed");
      await run(
        "etcd",
        toolchain.etcd,
        [
          "--name=sandbox",
          `--data-dir=${join(dir, "etcd")}`,
          // A throw-away: losing the last writes in a power cut is no harm, waiting for the disk would be.
          "--unsafe-no-fsync",
          `--listen-client-urls=${client}`,
          `--advertise-client-urls=${client}`,
          `--listen-peer-urls=${peer}`,
          `--initial-advertise-peer-urls=${peer}`,
          `--initial-cluster=sandbox=${peer}`,
        ],
        httpReady({ url: `${client}/health` }),
      );
      return ports;
    },
    { first: earlier.etcd },
  );

  const certificate = join(pki, "apiserver.crt");
  const ca = () => (existsSync(certificate) ? readFileSync(certificate, "utf8") : undefined);
  const apiserverPorts = await withFreePorts(
    1,
    async (ports) => {
      const [port] = ports;
      await run(
        "kube-apiserver",
        toolchain.kubeApiserver,
        [
          `--etcd-servers=http://${host}:${etcdPorts[0]}`,
          `--bind-address=${host}`,
          `--advertise-address=${host}`,
          `--secure-port=${port}`,
          // It makes its own certificate there, once.
          `--cert-dir=${pki}`,
          // No pod has to find the API server by its Service, and a loopback address would be refused as an endpoint.
          "--endpoint-reconciler-type=none",
          "--service-cluster-ip-range=10.96.0.0/16",
          "--authorization-mode=RBAC",
          `--token-auth-file=${credentials.tokenFile}`,
          "--service-account-issuer=https://kubernetes.default.svc",
          `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
          `--service-account-key-file=${credentials.serviceAccountPublicKey}`,
          `--encryption-provider-config=${credentials.encryptionConfig}`,
          "--profiling=false",
        ],
        httpReady({
          url: `https://${host}:${port}/readyz`,
          ca,
          headers: { authorization: `Bearer ${credentials.tokens.admin}` },
        }),
      );
      return ports;
    },
    { first: earlier.apiserver },
  );
  writePrivate(join(dir, "ports.json"), JSON.stringify({ etcd: etcdPorts, apiserver: apiserverPorts }) + "\n");

  const server = `https://${host}:${apiserverPorts[0]}`;
  const trusted = ca() ?? "";
  const config = (file: string, user: keyof typeof credentials.tokens, contexts: readonly [string, ...string[]]) => {
    const path = join(dir, file);
    const auth = { token: credentials.tokens[user] };
    writePrivate(path, kubeconfig({ server, ca: trusted, user, auth, contexts }));
    return path;
  };
  const admin = config("kubeconfig", "admin", options.contexts);

  const loaded = new KubeConfig();
  loaded.loadFromFile(admin);
  const api = loaded.makeApiClient(CoreV1Api);
  // These two also serve their health on loopback, under the API server's certificate.
  const serving = [
    `--bind-address=${host}`,
    `--tls-cert-file=${certificate}`,
    `--tls-private-key-file=${join(pki, "apiserver.key")}`,
    "--leader-elect=false",
    "--profiling=false",
  ];
  const healthy = (port: number | undefined) => httpReady({ url: `https://${host}:${port}/healthz`, ca });
  // None of the three needs another. All are waited for, so that none starts after the others have been ended.
  const parts = await Promise.allSettled([
    withFreePorts(1, ([port]) =>
      run(
        "kube-controller-manager",
        toolchain.kubeControllerManager,
        [
          `--kubeconfig=${config(join("pki", "controller-manager.kubeconfig"), "controllerManager", ["sandbox"])}`,
          `--service-account-private-key-file=${credentials.serviceAccountKey}`,
          `--root-ca-file=${certificate}`,
          "--use-service-account-credentials=true",
          // It makes an account and a token for each of its controllers first; throttled, that takes four seconds.
          "--kube-api-qps=500",
          "--kube-api-burst=500",
          `--secure-port=${port}`,
          ...serving,
        ],
        both(healthy(port), defaultServiceAccount(api)),
      ),
    ),
    withFreePorts(1, ([port]) =>
      run(
        "kube-scheduler",
        toolchain.kubeScheduler,
        [
          `--kubeconfig=${config(join("pki", "scheduler.kubeconfig"), "scheduler", ["sandbox"])}`,
          `--secure-port=${port}`,
          ...serving,
        ],
        healthy(port),
      ),
    ),
    run(
      "kubelet",
      process.execPath,
      [fileURLToPath(new URL("./kubeletMain.js", import.meta.url)), `--kubeconfig=${admin}`, `--node=${nodeName}`],
      // Said once the node is reported ready.
      jsonLine(() => true),
      { stdoutFile: join(dir, "logs", "kubelet.out") },
    ),
  ]);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
  log("control plane ready");
  return { kubeconfig: admin, server, stop: () => stopControlPlane(options.registry) };
}

/** A start that failed for want of its port may be tried again with another. */
function portTaken(error: unknown): never {
  if (error instanceof NotReadyError && /address already in use/.test(error.output)) {
    throw new PortTakenError(error.message, { cause: error });
  }
  throw error;
}

function readPorts(dir: string): { etcd?: number[]; apiserver?: number[] } {
  try {
    return JSON.parse(readFileSync(join(dir, "ports.json"), "utf8")) as { etcd?: number[]; apiserver?: number[] };
  } catch {
    return {};
  }
}

async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === 404) return undefined;
    throw error;
  }
}

function defaultServiceAccount(api: CoreV1Api): Readiness<true> {
  return {
    description: "the default ServiceAccount",
    check: async () => {
      const account = await unlessMissing(api.readNamespacedServiceAccount({ name: "default", namespace: "default" }));
      return account === undefined ? undefined : true;
    },
  };
}
