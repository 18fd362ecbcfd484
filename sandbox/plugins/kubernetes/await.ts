import { type ApiClient, type ApiResource, isNotFound } from "./client.js";
import { isObject, type PropertyMap } from "../../providers/base/index.js";
import { annotation, at, kindOf, type KubeObject, nameOf, namespaceOf, text } from "./objects.js";
import { parseWaitFor, type Verdict } from "./wait-for.js";

export const SKIP_AWAIT = "pulumi.com/skipAwait";
export const WAIT_FOR = "pulumi.com/waitFor";
export const TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds";
export const DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy";

const DEFAULT_TIMEOUT_SECONDS = 600;

/** An object is there, but what was waited for did not come. */
export class AwaitError extends Error {
  constructor(
    message: string,
    /** The object as last seen. */
    readonly object: KubeObject,
    /** What stood in the way, one by one. */
    readonly reasons: string[] = [],
  ) {
    super(message);
    this.name = "AwaitError";
  }
}

/** What a wait needs besides the object. */
export interface AwaitContext {
  client: ApiClient;
  resource: ApiResource;
  /** The inputs, for their annotations. */
  inputs: KubeObject;
  /** Seconds from the resource option `customTimeouts`; 0 for none. */
  timeout: number;
  signal: AbortSignal;
  status: (message: string) => void;
}

/** How long to wait, in milliseconds: the resource option, else the annotation, else ten minutes. */
export function timeoutMs(timeout: number, inputs: KubeObject): number {
  const annotated = annotation(inputs, TIMEOUT_SECONDS);
  const seconds = timeout > 0 ? timeout : /^\d+$/.test(annotated) ? Number(annotated) : DEFAULT_TIMEOUT_SECONDS;
  return seconds * 1000;
}

export function deletionPropagation(inputs: KubeObject): "Foreground" | "Background" | "Orphan" {
  switch (annotation(inputs, DELETION_PROPAGATION).toLowerCase()) {
    case "orphan":
      return "Orphan";
    case "background":
      return "Background";
    default:
      return "Foreground";
  }
}

/** How far an object of a built-in kind has come, and what it complains of. */
interface Readiness extends Verdict {
  errors?: string[];
}

type ReadinessCheck = (object: KubeObject) => Readiness;

/** Kinds that count as created only when they work, with the test of that. All others count as soon as they exist. */
const READINESS: Readonly<Record<string, ReadinessCheck>> = {
  "apps/v1/Deployment": deploymentReadiness,
  "apps/v1/StatefulSet": statefulSetReadiness,
  "apps/v1/DaemonSet": daemonSetReadiness,
  "batch/v1/Job": jobReadiness,
  "v1/PersistentVolume": phaseReadiness("Available", "Bound"),
  "v1/PersistentVolumeClaim": phaseReadiness("Bound"),
  "v1/Pod": podReadiness,
  "v1/ReplicationController": replicationControllerReadiness,
  "v1/ResourceQuota": resourceQuotaReadiness,
};

/** Kinds whose readiness shows again on every read. */
const READ_CHECKED = new Set([
  "apps/v1/Deployment",
  "apps/v1/StatefulSet",
  "apps/v1/DaemonSet",
  "batch/v1/Job",
  "v1/Pod",
]);

/** Kinds whose readiness hangs on other objects, which is not implemented here. */
const UNSUPPORTED = new Set(["v1/Service", "networking.k8s.io/v1/Ingress"]);

/** Kinds whose deletion is not waited for under `pulumi.com/skipAwait`; with all others it has no say in deletion. */
const SKIPPABLE_DELETION = new Set([
  "apps/v1/DaemonSet",
  "apps/v1/Deployment",
  "apps/v1/StatefulSet",
  "batch/v1/Job",
  "v1/Namespace",
  "v1/Pod",
  "v1/ReplicationController",
]);

function kindKey(object: KubeObject): string {
  return `${text(object["apiVersion"])}/${kindOf(object).kind}`;
}

function skips(inputs: KubeObject): boolean {
  return annotation(inputs, SKIP_AWAIT) === "true";
}

/** What is wrong with how an object asks to be awaited, or undefined. */
export function awaitProblem(object: KubeObject): string | undefined {
  const waitFor = annotation(object, WAIT_FOR);
  if (waitFor !== "") {
    try {
      parseWaitFor(waitFor);
    } catch (error) {
      return `annotation ${WAIT_FOR}: ${error instanceof Error ? error.message : String(error)}`;
    }
  } else if (UNSUPPORTED.has(kindKey(object)) && !skips(object)) {
    return (
      `waiting for a ${kindOf(object).kind} is not implemented by this stand-in for the Kubernetes plugin; ` +
      `set the annotation ${SKIP_AWAIT}: "true"`
    );
  }
  return undefined;
}

/**
 * Waits until an object that was just written is ready: by its own annotations, else by what its kind calls ready.
 * Returns the object as last seen. Throws an {@link AwaitError} on timeout or cancellation.
 */
export async function awaitReady(context: AwaitContext, object: KubeObject): Promise<KubeObject> {
  const { inputs } = context;
  if (skips(inputs)) {
    return object;
  }
  const waitFor = annotation(object, WAIT_FOR);
  if (waitFor !== "") {
    return until(context, object, parseWaitFor(waitFor), "timed out waiting for the condition");
  }
  const check = READINESS[kindKey(object)];
  if (check !== undefined) {
    return until(context, object, check, `'${nameOf(object)}' timed out waiting to be Ready`);
  }
  if (kindKey(object) === "v1/Secret" && object["type"] === "kubernetes.io/service-account-token") {
    // A controller fills it in; if it has not within seconds, the ServiceAccount is missing.
    return until({ ...context, timeout: 5 }, object, hasData, "timed out waiting for the condition");
  }
  return object;
}

async function until(
  { client, resource, inputs, timeout, signal, status }: AwaitContext,
  object: KubeObject,
  check: ReadinessCheck,
  timedOut: string,
): Promise<KubeObject> {
  let last = object;
  let readiness: Readiness | undefined;
  const limit = deadline(timeoutMs(timeout, inputs), signal);
  try {
    for await (const { object: seen } of client.observe(resource, namespaceOf(object), nameOf(object), limit.signal)) {
      if (seen === undefined) {
        continue;
      }
      last = seen;
      readiness = check(seen);
      if (readiness.holds) {
        return last;
      }
      status(readiness.message);
    }
  } catch (error) {
    const errors = readiness?.errors ?? [];
    if (signal.aborted) {
      throw new AwaitError(`Resource operation was cancelled for ${JSON.stringify(nameOf(object))}`, last, errors);
    }
    if (limit.signal.aborted) {
      throw new AwaitError(timedOut, last, errors);
    }
    throw new AwaitError(error instanceof Error ? error.message : String(error), last, errors);
  } finally {
    limit.clear();
    status("");
  }
  return last;
}

/** Waits until an object is gone. Throws an {@link AwaitError} if it is still there in the end. */
export async function awaitDeleted(context: AwaitContext, object: KubeObject): Promise<void> {
  const { client, resource, inputs, timeout, signal, status } = context;
  if (skips(inputs) && SKIPPABLE_DELETION.has(kindKey(inputs))) {
    return;
  }
  let last = object;
  const limit = deadline(timeoutMs(timeout, inputs), signal);
  try {
    for await (const { object: seen } of client.observe(resource, namespaceOf(object), nameOf(object), limit.signal)) {
      if (seen === undefined || at(seen, "metadata", "uid") !== at(object, "metadata", "uid")) {
        return;
      }
      last = seen;
      status("waiting for deletion");
    }
  } catch (error) {
    if (isNotFound(error)) {
      // The kind itself is gone.
      return;
    }
    const finalizers = at(last, "metadata", "finalizers");
    const reasons = Array.isArray(finalizers)
      ? [`finalizers might be preventing deletion (${finalizers.map((name) => text(name)).join(", ")})`]
      : [];
    if (signal.aborted) {
      throw new AwaitError(`Resource operation was cancelled for ${JSON.stringify(nameOf(object))}`, last, reasons);
    }
    if (limit.signal.aborted) {
      throw new AwaitError("timed out waiting for the condition", last, reasons);
    }
    throw error;
  } finally {
    limit.clear();
    status("");
  }
}

/** Throws an {@link AwaitError} if an object that was read is of a kind with a readiness of its own and not ready. */
export function assertReadyOnRead(inputs: KubeObject, object: KubeObject): void {
  const key = kindKey(object);
  const readiness = READ_CHECKED.has(key) && !skips(inputs) ? READINESS[key]?.(object) : undefined;
  if (readiness !== undefined && !readiness.holds) {
    throw new AwaitError(
      `Resource '${nameOf(object)}' was created but failed to initialize`,
      object,
      readiness.errors ?? [readiness.message],
    );
  }
}

/** A signal that fires after a time or with another one. */
function deadline(milliseconds: number, signal: AbortSignal): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error("the wait is over"));
  const timer = setTimeout(abort, milliseconds);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) {
    abort();
  }
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    },
  };
}

function number(object: KubeObject, ...path: string[]): number | undefined {
  const value = at(object, ...path);
  return typeof value === "number" ? value : undefined;
}

function conditions(object: KubeObject): PropertyMap[] {
  const list = at(object, "status", "conditions");
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function conditionIs(object: KubeObject, type: string, status: string): boolean {
  return conditions(object).some((condition) => condition["type"] === type && condition["status"] === status);
}

/** The server's answer is about this generation of the object. */
function isObserved(object: KubeObject): boolean {
  return number(object, "metadata", "generation") === number(object, "status", "observedGeneration");
}

function deploymentReadiness(object: KubeObject): Readiness {
  const replicas = number(object, "spec", "replicas") ?? 1;
  const revision = annotation(object, "deployment.kubernetes.io/revision");
  const updated = number(object, "status", "updatedReplicas") ?? 0;
  const ready = number(object, "status", "readyReplicas") ?? 0;
  const rolledOut =
    revision === "1" ||
    conditions(object).some(
      (condition) =>
        condition["type"] === "Progressing" &&
        condition["status"] === "True" &&
        condition["reason"] === "NewReplicaSetAvailable",
    );
  const holds =
    isObserved(object) &&
    revision !== "" &&
    conditionIs(object, "Available", "True") &&
    rolledOut &&
    updated >= replicas &&
    ready >= replicas;
  const errors = conditions(object)
    .filter((condition) => ["Progressing", "Available"].includes(text(condition["type"])))
    .filter((condition) => condition["status"] !== "True")
    .map((condition) => `[${text(condition["reason"])}] ${text(condition["message"])}`);
  return { holds, errors, message: errors[0] ?? `Waiting for ${replicas} ready replicas (have ${ready})` };
}

function statefulSetReadiness(object: KubeObject): Readiness {
  const replicas = number(object, "spec", "replicas") ?? 1;
  const ready = number(object, "status", "readyReplicas") ?? 0;
  const holds =
    isObserved(object) &&
    at(object, "status", "currentRevision") === at(object, "status", "updateRevision") &&
    ready >= replicas;
  return { holds, message: `Waiting for ${replicas} ready replicas (have ${ready})` };
}

function daemonSetReadiness(object: KubeObject): Readiness {
  const desired = number(object, "status", "desiredNumberScheduled") ?? 0;
  const ready = number(object, "status", "numberReady") ?? 0;
  const updated = number(object, "status", "updatedNumberScheduled") ?? 0;
  return {
    holds: isObserved(object) && ready >= desired && updated >= desired,
    message: `Waiting for ${desired} ready pods (have ${ready})`,
  };
}

function jobReadiness(object: KubeObject): Readiness {
  const errors = conditions(object)
    .filter((condition) => condition["type"] === "Failed" && condition["status"] === "True")
    .map((condition) => `[${text(condition["reason"])}] ${text(condition["message"])}`);
  return {
    holds: conditionIs(object, "Complete", "True"),
    errors,
    message: errors[0] ?? "Waiting for the Job to complete",
  };
}

function podReadiness(object: KubeObject): Readiness {
  const phase = text(at(object, "status", "phase"));
  const errors = conditions(object)
    .filter((condition) => condition["status"] === "False" && text(condition["message"]) !== "")
    .map((condition) => `[${text(condition["reason"])}] ${text(condition["message"])}`);
  return {
    holds: phase === "Succeeded" || conditionIs(object, "Ready", "True"),
    errors,
    message: errors[0] ?? `Waiting for the Pod to be ready (phase ${phase || "unknown"})`,
  };
}

function replicationControllerReadiness(object: KubeObject): Readiness {
  const replicas = number(object, "spec", "replicas") ?? 1;
  const available = number(object, "status", "availableReplicas") ?? 0;
  return { holds: available === replicas, message: `Waiting for ${replicas} replicas (have ${available})` };
}

function resourceQuotaReadiness(object: KubeObject): Readiness {
  const hard = JSON.stringify(at(object, "spec", "hard") ?? null);
  return { holds: hard === JSON.stringify(at(object, "status", "hard") ?? null), message: "Waiting for the quota" };
}

function phaseReadiness(...phases: string[]): ReadinessCheck {
  return (object) => {
    const phase = text(at(object, "status", "phase"));
    return {
      holds: phases.includes(phase),
      message: `Waiting for phase ${phases.join(" or ")} (is ${phase || "unset"})`,
    };
  };
}

function hasData(object: KubeObject): Readiness {
  const data = object["data"];
  return { holds: isObject(data) && Object.keys(data).length > 0, message: "Waiting for the Secret's data" };
}
