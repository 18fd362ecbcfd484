import { z } from "zod";
import { operatorReason } from "../../lib/operatorWords";
import { map } from "../../lib/stackResources";
import type { ExternalSecretFacts, ObjectFacts, OperatedFacts, OperatorFacts } from "../facts";

// Kubernetes objects, as much of each as the doctor needs.

const time = z.string().transform((text) => Date.parse(text));
/** A time, in milliseconds since 1970. */
export const optionalTime = z
  .string()
  .nullish()
  .transform((text) => (text ? Date.parse(text) : undefined));

/** The metadata of any object. */
export const metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  creationTimestamp: time,
  deletionTimestamp: z.string().nullish(),
  generation: z.number().default(0),
  resourceVersion: z.string(),
  labels: z.record(z.string(), z.string()).nullish(),
  ownerReferences: z
    .array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().nullish() }))
    .nullish(),
  managedFields: z
    .array(z.object({ manager: z.string().default("?"), time: optionalTime, fieldsV1: z.unknown() }))
    .nullish(),
});

/** The object that owns and controls an object. */
export const controllerOf = ({ ownerReferences }: z.infer<typeof metadata>) => {
  const owner = ownerReferences?.find(({ controller }) => controller);
  return owner && { kind: owner.kind, name: owner.name };
};

/** An object's metadata. Of a Secret, Kubernetes tells there who wrote which keys, and when. */
export function objectFacts(body: unknown): ObjectFacts {
  const { metadata: meta } = z.object({ metadata }).parse(body);
  const writers = (meta.managedFields ?? []).flatMap(({ manager, time: at, fieldsV1 }) => {
    const fields = map(map(fieldsV1)["f:data"]);
    const keys = Object.keys(fields).flatMap((field) => (field.startsWith("f:") ? [field.slice(2)] : []));
    return at === undefined || !("f:data" in map(fieldsV1)) ? [] : [{ manager, at, keys }];
  });
  return {
    resourceVersion: meta.resourceVersion,
    createdAt: meta.creationTimestamp,
    controller: controllerOf(meta),
    keys: [...new Set(writers.flatMap(({ keys }) => keys))].sort(),
    writers,
  };
}

const operated = z.object({
  metadata,
  spec: z.record(z.string(), z.unknown()).default({}),
  status: z
    .object({
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().default(""),
            lastTransitionTime: optionalTime,
          }),
        )
        .nullish(),
      refreshTime: optionalTime,
      syncedResourceVersion: z.string().nullish(),
    })
    .nullish(),
});

/** A store. */
export function operatedFacts(body: unknown): OperatedFacts {
  const { metadata: meta, spec, status } = operated.parse(body);
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return {
    generation: meta.generation,
    createdAt: meta.creationTimestamp,
    deleting: meta.deletionTimestamp != null,
    spec,
    ready: ready && { is: ready.status === "True", since: ready.lastTransitionTime ?? 0, reason: ready.reason },
  };
}

/** An ExternalSecret. */
export function externalSecretFacts(body: unknown): ExternalSecretFacts {
  const { status } = operated.parse(body);
  // `<generation>-<hash of labels and annotations>`
  const generation = /^(\d+)-/.exec(status?.syncedResourceVersion ?? "")?.[1];
  return {
    ...operatedFacts(body),
    refreshedAt: status?.refreshTime,
    refreshedGeneration: generation === undefined ? undefined : Number(generation),
  };
}

const events = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ creationTimestamp: optionalTime }),
      type: z.string().nullish(),
      message: z.string().nullish(),
      lastTimestamp: optionalTime,
      eventTime: optionalTime,
      series: z.object({ lastObservedTime: optionalTime }).nullish(),
    }),
  ),
});

/** The latest warning among an object's events. Its text may quote a value, so it is not kept. */
export function complaintOf(body: unknown): OperatedFacts["complaint"] {
  const warnings = events
    .parse(body)
    .items.filter(({ type }) => type === "Warning")
    .map(({ message, series, lastTimestamp, eventTime, metadata: meta }) => ({
      reason: operatorReason(message ?? ""),
      at: series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? meta.creationTimestamp ?? 0,
    }))
    .sort((a, b) => b.at - a.at);
  return warnings[0];
}

const deployments = z.object({
  items: z.array(
    z.object({
      metadata,
      spec: z.object({
        replicas: z.number().nullish(),
        selector: z.object({ matchLabels: z.record(z.string(), z.string()).nullish() }),
        template: z.object({
          spec: z.object({
            containers: z.array(z.object({ image: z.string().default(""), args: z.array(z.string()).nullish() })),
          }),
        }),
      }),
      status: z.object({ availableReplicas: z.number().nullish() }).nullish(),
    }),
  ),
});

/** The operator's other commands, which have Deployments of their own. */
const OTHER_COMMANDS = new Set(["webhook", "certcontroller"]);

/** The operator's Deployments among those of a namespace, and by which labels the pods of each are found. */
export function operatorFacts(body: unknown): (OperatorFacts & { pods: Record<string, string> })[] {
  return deployments.parse(body).items.flatMap(({ metadata: meta, spec, status }) => {
    const labels = meta.labels ?? {};
    const [container] = spec.template.spec.containers;
    const isOperator =
      labels["app.kubernetes.io/name"] === "external-secrets" ||
      /^external-secrets-\d/.test(labels["helm.sh/chart"] ?? "");
    if (!isOperator || container?.args?.some((arg) => OTHER_COMMANDS.has(arg))) return [];
    return [
      {
        namespace: meta.namespace ?? "",
        name: meta.name,
        version: /:v?(\d+\.\d+\.\d+)/.exec(container?.image ?? "")?.[1] ?? labels["app.kubernetes.io/version"],
        wanted: spec.replicas ?? 1,
        available: status?.availableReplicas ?? 0,
        pods: spec.selector.matchLabels ?? {},
      },
    ];
  });
}
