import {
  containsSecrets,
  containsUnknowns,
  isObject,
  type PropertyMap,
  type PropertyValue,
  revealAll,
  secret,
  Unknown,
} from "../../providers/base/index.js";

/** A Kubernetes object as JSON. In a preview, its leaves may be unknown. */
export type KubeObject = PropertyMap;

/** What kind of thing an object is. The group of the core API is the empty string. */
export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** The group, version and kind in a type token such as `kubernetes:apps/v1:Deployment`. Throws on any other shape. */
export function kindOfToken(token: string): GroupVersionKind {
  const match = /^kubernetes:([^/:]+)\/([^/:]+):([^/:]+)$/.exec(token);
  if (match === null) {
    throw new Error(`${token} is no Kubernetes type: expected kubernetes:<group>/<version>:<Kind>`);
  }
  const [, group, version, kind] = match as unknown as [string, string, string, string];
  return { group: group === "core" ? "" : group, version, kind };
}

/** The group, version and kind that an object says it is of. */
export function kindOf(object: KubeObject): GroupVersionKind {
  const [first, second] = text(object["apiVersion"]).split("/");
  const group = second === undefined || first === "core" ? "" : (first ?? "");
  return { group, version: second ?? first ?? "", kind: text(object["kind"]) };
}

/** The `apiVersion` of a kind: `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: GroupVersionKind): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The value at a path of names, or undefined. */
export function at(object: PropertyValue | undefined, ...path: string[]): PropertyValue | undefined {
  let value = object;
  for (const name of path) {
    value = isObject(value) ? value[name] : undefined;
  }
  return value;
}

/** A string, or the empty string for anything else. */
export function text(value: PropertyValue | undefined): string {
  return typeof value === "string" ? value : "";
}

export function nameOf(object: KubeObject): string {
  return text(at(object, "metadata", "name"));
}

export function namespaceOf(object: KubeObject): string {
  return text(at(object, "metadata", "namespace"));
}

/** Sets or, given undefined, removes a field of `metadata`. Leaves an unknown `metadata` alone. */
export function setMetadata(object: KubeObject, name: string, value: PropertyValue | undefined): void {
  if (object["metadata"] instanceof Unknown) {
    return;
  }
  const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
  if (value === undefined) {
    delete metadata[name];
  } else {
    metadata[name] = value;
  }
  object["metadata"] = metadata;
}

/** An annotation's value, or the empty string. */
export function annotation(object: KubeObject, name: string): string {
  return text(at(object, "metadata", "annotations", name));
}

/** Sets an annotation, unless the annotations are unknown. */
export function setAnnotation(object: KubeObject, name: string, value: string): void {
  const annotations = at(object, "metadata", "annotations");
  if (annotations === undefined) {
    setMetadata(object, "annotations", { [name]: value });
  } else if (isObject(annotations)) {
    annotations[name] = value;
  }
}

/** The id under which an object is known: `namespace/name`, or `name` for one that is in no namespace. */
export function idOf(object: KubeObject): string {
  const namespace = namespaceOf(object);
  return namespace === "" ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

/** Reads an id made by {@link idOf}. */
export function parseId(id: string): { namespace: string; name: string } {
  const [first, second] = id.split("/");
  return second === undefined ? { namespace: "", name: first ?? "" } : { namespace: first ?? "", name: second };
}

export function isSecret(object: KubeObject): boolean {
  const { group, kind } = kindOf(object);
  return group === "" && kind === "Secret";
}

export function isConfigMap(object: KubeObject): boolean {
  const { group, kind } = kindOf(object);
  return group === "" && kind === "ConfigMap";
}

export function isCustomResourceDefinition(object: KubeObject): boolean {
  const { group, kind } = kindOf(object);
  return group === "apiextensions.k8s.io" && kind === "CustomResourceDefinition";
}

/** Tells whether a group is one of Kubernetes' own, as opposed to one that a CRD adds. */
export function isBuiltInGroup(group: string): boolean {
  return (
    ["", "apps", "autoscaling", "batch", "extensions", "policy"].includes(group) || BUILT_IN_DOTTED_GROUPS.has(group)
  );
}

const BUILT_IN_DOTTED_GROUPS = new Set(
  [
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "auditregistration",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "settings",
    "storage",
    "storagemigration",
  ].map((group) => `${group}.k8s.io`),
);

/** Built-in kinds that live outside namespaces; known without asking a cluster. */
const CLUSTER_SCOPED_KINDS = new Set([
  "APIService",
  "CertificateSigningRequest",
  "ClusterRole",
  "ClusterRoleBinding",
  "CSIDriver",
  "CSINode",
  "CustomResourceDefinition",
  "FlowSchema",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "PriorityLevelConfiguration",
  "RuntimeClass",
  "StorageClass",
  "ValidatingWebhookConfiguration",
  "VolumeAttachment",
]);

const NAMESPACED_KINDS = new Set([
  "Binding",
  "ConfigMap",
  "ControllerRevision",
  "CronJob",
  "CSIStorageCapacity",
  "DaemonSet",
  "Deployment",
  "Endpoints",
  "EndpointSlice",
  "Event",
  "HorizontalPodAutoscaler",
  "Ingress",
  "Job",
  "Lease",
  "LimitRange",
  "NetworkPolicy",
  "PersistentVolumeClaim",
  "Pod",
  "PodDisruptionBudget",
  "PodTemplate",
  "ReplicaSet",
  "ReplicationController",
  "ResourceQuota",
  "Role",
  "RoleBinding",
  "Secret",
  "Service",
  "ServiceAccount",
  "StatefulSet",
]);

/** Whether a built-in kind is namespaced; undefined for kinds that only a cluster can tell about. */
export function isNamespacedBuiltIn({ group, kind }: GroupVersionKind): boolean | undefined {
  if (!isBuiltInGroup(group)) {
    return undefined;
  }
  return NAMESPACED_KINDS.has(kind) ? true : CLUSTER_SCOPED_KINDS.has(kind) ? false : undefined;
}

/** The names that SDKs cannot spell as the API does, and the API's spelling of them. */
const UNDERSCORED = new Map(
  [
    "embedded-resource",
    "int-or-string",
    "list-map-keys",
    "list-type",
    "map-type",
    "preserve-unknown-fields",
    "validations",
  ].map((name) => [`x-kubernetes-${name}`.replaceAll("-", "_"), `x-kubernetes-${name}`]),
);
const DASHED = new Map([...UNDERSCORED].map(([underscored, dashed]) => [dashed, underscored]));

function rename(value: PropertyValue, names: ReadonlyMap<string, string>): PropertyValue {
  if (Array.isArray(value)) {
    return value.map((item) => rename(item, names));
  }
  return isObject(value) ? renameKeys(value, names) : value;
}

function renameKeys(object: PropertyMap, names: ReadonlyMap<string, string>): PropertyMap {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [names.get(name) ?? name, rename(value, names)]),
  );
}

/** The object that resource properties describe: a deep copy without secret wrappers, named as the API names it. */
export function toObject(properties: PropertyMap): KubeObject {
  return renameKeys(revealAll(properties), UNDERSCORED);
}

/** Resource properties for an object, named as the SDKs name them. Nothing in them is marked secret yet. */
export function toProperties(object: KubeObject): PropertyMap {
  return renameKeys(object, DASHED);
}

const READ_ONLY_METADATA = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
];

/**
 * Brings inputs into the form in which the API server will answer, so that what is equal compares equal: a Secret's
 * `stringData` becomes `data`, what only the server may write is dropped. Changes the object it is given.
 */
export function normalize(object: KubeObject): KubeObject {
  if (!containsUnknowns(object)) {
    if (isSecret(object)) {
      normalizeSecret(object);
    } else if (isCustomResourceDefinition(object)) {
      delete object["status"];
      const spec = object["spec"];
      if (isObject(spec) && spec["preserveUnknownFields"] === false) {
        delete spec["preserveUnknownFields"];
      }
    }
    if (isBuiltInGroup(kindOf(object).group)) {
      // The server drops empty maps of its own types.
      for (const name of ["labels", "annotations"]) {
        const map = at(object, "metadata", name);
        if (isObject(map) && Object.keys(map).length === 0) {
          setMetadata(object, name, undefined);
        }
      }
    }
  }
  for (const name of READ_ONLY_METADATA) {
    if (at(object, "metadata", name) !== undefined) {
      setMetadata(object, name, undefined);
    }
  }
  return object;
}

function normalizeSecret(object: KubeObject): void {
  const { stringData, data } = object;
  const encoded: PropertyMap = {};
  if (isObject(data)) {
    for (const [key, value] of Object.entries(data)) {
      // Line breaks in base64 don't survive the server.
      encoded[key] = typeof value === "string" && isBase64(value) ? value.replace(/[\r\n]/g, "") : value;
    }
  }
  if (isObject(stringData) && Object.values(stringData).every((value) => typeof value === "string")) {
    for (const [key, value] of Object.entries(stringData)) {
      encoded[key] = Buffer.from(text(value)).toString("base64");
    }
    delete object["stringData"];
  }
  if (isObject(data) || Object.keys(encoded).length > 0) {
    object["data"] = encoded;
  }
}

function isBase64(value: string): boolean {
  const compact = value.replace(/[\r\n]/g, "");
  return Buffer.from(compact, "base64").toString("base64") === compact;
}

/**
 * Cuts `source` down to the shape of `target`: fields that `target` has, at any depth. What the cluster added on its
 * own is so kept out of comparisons.
 */
export function prune(source: PropertyMap, target: PropertyMap): PropertyMap {
  const result: PropertyMap = {};
  for (const [name, value] of Object.entries(source)) {
    const model = target[name];
    if (model !== undefined) {
      result[name] = pruneValue(value, model);
    }
  }
  return result;
}

function pruneValue(value: PropertyValue, model: PropertyValue): PropertyValue {
  if (isObject(value) && isObject(model)) {
    return prune(value, model);
  }
  if (Array.isArray(value) && Array.isArray(model)) {
    return model.flatMap((item, index) => {
      const element = value[index];
      return element === undefined ? [] : [pruneValue(element, item)];
    });
  }
  return value;
}

/**
 * Marks as secret in `outputs` what is secret in `inputs`, as deep inside objects as it goes; a list with a secret in
 * it becomes secret as a whole, since its order may differ. A Secret's data is secret in any case.
 */
export function markSecrets(outputs: PropertyMap, inputs: PropertyMap): void {
  if (outputs["kind"] === "Secret") {
    for (const name of ["data", "stringData"]) {
      const value = outputs[name];
      if (value !== undefined) {
        outputs[name] = secret(value);
      }
    }
    return;
  }
  for (const [name, input] of Object.entries(inputs)) {
    const output = outputs[name];
    if (output === undefined) {
      continue;
    }
    if (isObject(output) && isObject(input)) {
      markSecrets(output, input);
    } else if (containsSecrets(input)) {
      outputs[name] = secret(output);
    }
  }
}

const INPUTS = "__inputs";
const INITIAL_API_VERSION = "__initialApiVersion";
const FIELD_MANAGER = "__fieldManager";

/** What a resource's state holds besides the live object. */
export interface StateMarks {
  /** The inputs as they were sent. */
  inputs: KubeObject;
  /** The inputs as the engine gave them, for the secret marks. */
  marked: PropertyMap;
  /** The apiVersion under which the object was first created. */
  initialApiVersion: string;
  /** The field manager under which updates are applied. */
  fieldManager: string;
}

/** Builds the outputs of a resource from the live object. */
export function toState(live: KubeObject, marks: StateMarks): PropertyMap {
  const outputs = toProperties(live);
  const inputs = toProperties(marks.inputs);
  markSecrets(outputs, marks.marked);
  markSecrets(inputs, marks.marked);
  outputs[INPUTS] = inputs;
  outputs[INITIAL_API_VERSION] = marks.initialApiVersion;
  outputs[FIELD_MANAGER] = marks.fieldManager;
  return outputs;
}

/** Takes a resource's state apart. */
export function fromState(state: PropertyMap): {
  inputs: KubeObject;
  live: KubeObject;
  initialApiVersion: string | undefined;
  fieldManager: string | undefined;
} {
  const { [INPUTS]: inputs, [INITIAL_API_VERSION]: version, [FIELD_MANAGER]: manager, ...live } = toObject(state);
  return {
    inputs: isObject(inputs) ? inputs : {},
    live,
    initialApiVersion: typeof version === "string" ? version : undefined,
    fieldManager: typeof manager === "string" ? manager : undefined,
  };
}
