import { setTimeout as delay } from "node:timers/promises";
import {
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1ContainerStatus,
  type V1Node,
  type V1Pod,
  type V1PodStatus,
} from "@kubernetes/client-node";
import { missingReference, type References } from "./podReferences.js";

// Stands in for the kubelet: no container is started, and what a kubelet reports of the containers is said all the same.

/** What the kubelet's stand-in asks of the API server. */
export interface KubeletCluster extends References {
  /** Says that the node is there and ready; makes it where it is missing. */
  heartbeat(now: Date): Promise<void>;
  /** The pods that the scheduler has put on the node. */
  pods(): Promise<readonly V1Pod[]>;
  /** Writes a pod's status, unless the pod has changed since it was read. */
  report(pod: V1Pod, status: V1PodStatus): Promise<void>;
  /** Removes a pod that is being deleted. */
  remove(pod: V1Pod): Promise<void>;
}

export interface KubeletOptions {
  readonly cluster: KubeletCluster;
  /** Told what goes wrong, a line each. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called once, when the node has been reported ready. */
  readonly ready?: () => void;
  /** How often the pods are looked at. Milliseconds, default 500. */
  readonly intervalMs?: number;
  /** How often the node is reported. Milliseconds, default 10 000, as a kubelet does. */
  readonly heartbeatMs?: number;
}

/**
 * Plays the kubelet of the cluster's one node until the signal: reports the node as ready, and every pod on it as running
 * once the Secrets and ConfigMaps that it refers to are there. A pod that is not to be restarted has succeeded at once. A
 * pod that is being deleted goes.
 *
 * Like {@link followOperators}, it looks again and again instead of keeping watches open.
 */
export async function playKubelet(options: KubeletOptions): Promise<void> {
  const { cluster, log, signal } = options;
  let announced = false;
  let unreachable = false;
  let heartbeatAt = 0;
  /** What was said of pods: a pod that can't be reported is looked at twice a second. */
  const complaints = new Set<string>();
  while (!signal.aborted) {
    try {
      if (Date.now() >= heartbeatAt) {
        await cluster.heartbeat(new Date());
        heartbeatAt = Date.now() + (options.heartbeatMs ?? 10_000);
      }
      const pods = await cluster.pods();
      if (unreachable) log("the API server answers again");
      unreachable = false;
      if (!announced) options.ready?.();
      announced = true;
      const addresses = new Set(pods.flatMap(({ status }) => status?.podIP ?? []));
      for (const pod of pods) {
        const complaint = await settle(cluster, pod, addresses);
        if (complaint === undefined || complaints.has(complaint)) continue;
        complaints.add(complaint);
        log(complaint);
      }
    } catch (error) {
      if (!unreachable) log(`the API server can't be asked: ${message(error)}`);
      unreachable = true;
    }
    await delay(options.intervalMs ?? 500, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Does what is to be done about a pod.
 *
 * @param addresses those that pods have; a new one is added
 * @returns what went wrong, in words
 */
async function settle(cluster: KubeletCluster, pod: V1Pod, addresses: Set<string>): Promise<string | undefined> {
  try {
    if (pod.metadata?.deletionTimestamp != null) {
      await cluster.remove(pod);
      return undefined;
    }
    if (pod.status?.phase !== undefined && pod.status.phase !== "Pending") return undefined;
    const missing = await missingReference(pod, cluster);
    const status = missing === undefined ? startedStatus(pod, addresses) : waitingStatus(pod, missing);
    if (status !== undefined) await cluster.report(pod, status);
    return undefined;
  } catch (error) {
    // Changed or gone since it was read: the next look sees how.
    if (isStale(error)) return undefined;
    return `pod ${pod.metadata?.namespace}/${pod.metadata?.name}: ${message(error)}`;
  }
}

/** The status of a pod whose containers wait for something; undefined where it says so already. */
function waitingStatus(pod: V1Pod, missing: { reason: string; message: string }): V1PodStatus | undefined {
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
  if (waiting?.reason === missing.reason && waiting.message === missing.message) return undefined;
  const containerStatuses = (pod.spec?.containers ?? []).map(({ name, image }): V1ContainerStatus => ({
    ...container(name, image),
    ready: false,
    started: false,
    state: { waiting: missing },
  }));
  const unready = { status: "False", reason: "ContainersNotReady", message: missing.message };
  return {
    ...pod.status,
    phase: "Pending",
    hostIP: nodeAddress,
    startTime: pod.status?.startTime ?? new Date(),
    conditions: conditions(pod, { ContainersReady: unready, Ready: unready }),
    containerStatuses,
  };
}

/** The status of a pod all of whose containers have been started. */
function startedStatus(pod: V1Pod, addresses: Set<string>): V1PodStatus {
  const now = new Date();
  const completes = (pod.spec?.restartPolicy ?? "Always") !== "Always";
  const running = { running: { startedAt: now } };
  const completed = { terminated: { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now } };
  const ready = completes ? { status: "False", reason: "PodCompleted" } : { status: "True" };
  const address = pod.status?.podIP ?? takeAddress(addresses);
  return {
    ...pod.status,
    phase: completes ? "Succeeded" : "Running",
    hostIP: nodeAddress,
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: pod.status?.startTime ?? now,
    conditions: conditions(pod, { Initialized: { status: "True" }, ContainersReady: ready, Ready: ready }),
    initContainerStatuses: (pod.spec?.initContainers ?? []).map(({ name, image, restartPolicy }) => ({
      ...container(name, image),
      ready: true,
      started: restartPolicy === "Always" && !completes,
      state: restartPolicy === "Always" && !completes ? running : completed,
    })),
    containerStatuses: (pod.spec?.containers ?? []).map(({ name, image }) => ({
      ...container(name, image),
      ready: !completes,
      started: !completes,
      state: completes ? completed : running,
    })),
  };
}

const container = (name: string, image = "") => ({ name, image, imageID: "", restartCount: 0 });

function conditions(
  pod: V1Pod,
  changes: Readonly<Record<string, { status: string; reason?: string; message?: string }>>,
): NonNullable<V1PodStatus["conditions"]> {
  const kept = (pod.status?.conditions ?? []).filter(({ type }) => !(type in changes));
  return [
    ...kept,
    ...Object.entries(changes).map(([type, change]) => ({ type, ...change, lastTransitionTime: new Date() })),
  ];
}

/** The node is this machine, and listens on loopback only. */
const nodeAddress = "127.0.0.1";

/** Adds an address that is not among these; nothing listens there. */
function takeAddress(taken: Set<string>): string {
  for (let n = 2; ; n++) {
    const address = `10.244.${Math.floor(n / 256)}.${n % 256}`;
    if (taken.has(address)) continue;
    taken.add(address);
    return address;
  }
}

/** The cluster behind a kubeconfig of an admin. */
export function connectKubelet(file: string, nodeName: string): KubeletCluster {
  const config = new KubeConfig();
  config.loadFromFile(file);
  const core = config.makeApiClient(CoreV1Api);
  return {
    async heartbeat(now) {
      const node =
        (await unlessMissing(core.readNode({ name: nodeName }))) ??
        (await core.createNode({ body: { metadata: nodeMetadata(nodeName) } }));
      // A patch, since others change the node at the same time: the controllers taint it and give it addresses.
      await core.patchNodeStatus(
        { name: nodeName, body: { status: nodeStatus(node, now) } },
        setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
      );
    },
    async pods() {
      return (await core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${nodeName}` })).items;
    },
    async report(pod, status) {
      await core.replaceNamespacedPodStatus({ ...named(pod), body: { ...pod, status } });
    },
    async remove(pod) {
      const uid = pod.metadata?.uid;
      const body = { gracePeriodSeconds: 0, preconditions: { ...(uid === undefined ? {} : { uid }) } };
      await core.deleteNamespacedPod({ ...named(pod), body });
    },
    async secret(namespace, name) {
      const found = await unlessMissing(core.readNamespacedSecret({ namespace, name }));
      return found && new Set(Object.keys(found.data ?? {}));
    },
    async configMap(namespace, name) {
      const found = await unlessMissing(core.readNamespacedConfigMap({ namespace, name }));
      return found && new Set([...Object.keys(found.data ?? {}), ...Object.keys(found.binaryData ?? {})]);
    },
  };
}

const named = (pod: V1Pod) => ({ namespace: pod.metadata?.namespace ?? "", name: pod.metadata?.name ?? "" });

const nodeMetadata = (name: string) => ({
  name,
  labels: {
    "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": process.platform,
  },
});

function nodeStatus(node: V1Node, now: Date): NonNullable<V1Node["status"]> {
  const before = node.status?.conditions?.find(({ type }) => type === "Ready");
  const since = before?.status === "True" ? before.lastTransitionTime : undefined;
  const room = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "500" };
  return {
    addresses: [
      { type: "InternalIP", address: nodeAddress },
      { type: "Hostname", address: node.metadata?.name ?? "" },
    ],
    capacity: room,
    allocatable: room,
    conditions: [
      {
        type: "Ready",
        status: "True",
        reason: "KubeletReady",
        message: "a stand-in that starts no containers",
        lastHeartbeatTime: now,
        lastTransitionTime: since ?? now,
      },
    ],
  };
}

async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (code(error) === 404) return undefined;
    throw error;
  }
}

const isStale = (error: unknown) => code(error) === 404 || code(error) === 409;

function code(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** The first line of an error: those of the client go on with headers and body. */
function message(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
