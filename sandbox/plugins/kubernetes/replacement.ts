import { isObject, type PropertyPath, type PropertyValue, parsePath } from "../../providers/base/index.js";
import { at, isConfigMap, isSecret, kindOf, type KubeObject } from "./objects.js";

/** Which changes the provider is configured to make in place. */
export interface Mutability {
  enableSecretMutable: boolean;
  enableConfigMapMutable: boolean;
}

const SELECTOR = ["spec.selector"];
const WORKLOAD = SELECTOR;
const JOB = ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"];
const STATEFUL_SET = [
  "spec.podManagementPolicy",
  "spec.revisionHistoryLimit",
  "spec.selector",
  "spec.serviceName",
  "spec.volumeClaimTemplates",
];
const ROLE_BINDING = ["roleRef"];

const CONTAINER = [
  "args",
  "command",
  "env",
  "image",
  "imagePullPolicy",
  "lifecycle",
  "livenessProbe",
  "ports",
  "readinessProbe",
  "resources",
  "securityContext",
  "stdin",
  "stdinOnce",
  "terminationMessagePath",
  "terminationMessagePolicy",
  "tty",
  "volumeDevices",
  "volumeMounts",
  "workingDir",
];

const POD = [
  ...[
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "volumes",
  ].map((name) => `spec.${name}`),
  ...["containers", "initContainers"].flatMap((list) => CONTAINER.map((name) => `spec.${list}[*].${name}`)),
];

const PERSISTENT_VOLUME = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "csi",
  "fc",
  "flexVolume",
  "flocker",
  "gcePersistentDisk",
  "glusterfs",
  "hostPath",
  "iscsi",
  "local",
  "nfs",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
].map((name) => `spec.${name}`);

/** Paths whose change means a new object, by `group/version/Kind`; the core group is empty. */
const FORCE_NEW: Readonly<Record<string, readonly string[]>> = {
  "/v1/PersistentVolume": PERSISTENT_VOLUME,
  "/v1/PersistentVolumeClaim": ["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  "/v1/Pod": POD,
  "/v1/ResourceQuota": ["spec.scopes"],
  "/v1/Secret": ["type"],
  "/v1/Service": ["spec.clusterIP"],
  "apps/v1/DaemonSet": WORKLOAD,
  "apps/v1/Deployment": WORKLOAD,
  "apps/v1/StatefulSet": STATEFUL_SET,
  "apps/v1beta1/StatefulSet": STATEFUL_SET,
  "apps/v1beta2/DaemonSet": WORKLOAD,
  "apps/v1beta2/Deployment": WORKLOAD,
  "apps/v1beta2/StatefulSet": STATEFUL_SET,
  "batch/v1/Job": JOB,
  "batch/v1beta1/Job": JOB,
  "policy/v1beta1/PodDisruptionBudget": ["spec"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ROLE_BINDING,
  "rbac.authorization.k8s.io/v1/RoleBinding": ROLE_BINDING,
  "rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding": ROLE_BINDING,
  "rbac.authorization.k8s.io/v1beta1/RoleBinding": ROLE_BINDING,
  "storage.k8s.io/v1/StorageClass": ["parameters", "provisioner"],
};

/** The paths of an object whose change means a new one. */
export function forceNewPaths(object: KubeObject, mutability: Mutability): string[] {
  const { group, version, kind } = kindOf(object);
  const immutable = at(object, "immutable") === true;
  const paths = ["metadata.name", "metadata.namespace"];
  if (version === "v1" && isSecret(object) && (!mutability.enableSecretMutable || immutable)) {
    return [...paths, "type", "stringData", "data"];
  }
  if (version === "v1" && isConfigMap(object) && (!mutability.enableConfigMapMutable || immutable)) {
    return [...paths, "binaryData", "data"];
  }
  return [...paths, ...(FORCE_NEW[`${group}/${version}/${kind}`] ?? [])];
}

/**
 * Builds the test of whether a change at a path replaces the object: at or beneath a listed path, or above one when
 * the changed value holds it.
 */
export function replacesAt(
  paths: readonly string[],
): (path: PropertyPath, value: PropertyValue | undefined) => boolean {
  const patterns = paths.map(parsePath);
  return (path, value) =>
    patterns.some((pattern) => {
      const shared = Math.min(pattern.length, path.length);
      for (let index = 0; index < shared; index++) {
        if (pattern[index] !== "*" && String(pattern[index]) !== String(path[index])) {
          return false;
        }
      }
      return pattern.length <= path.length || holds(value, pattern.slice(path.length));
    });
}

function holds(value: PropertyValue | undefined, pattern: readonly (string | number)[]): boolean {
  const [step, ...rest] = pattern;
  if (step === undefined) {
    return value !== undefined;
  }
  if (step === "*") {
    return Array.isArray(value) && value.some((item) => holds(item, rest));
  }
  return isObject(value) && holds(value[step], rest);
}
