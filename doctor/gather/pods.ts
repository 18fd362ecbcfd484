import { z } from "zod";
import type { PodFacts } from "../facts";
import { controllerOf, metadata, optionalTime } from "./clusterObjects";

// Pods, and which Secrets each of them read when, or has as files.

const reference = z.object({ name: z.string().optional() }).nullish();
const container = z.object({
  name: z.string(),
  env: z.array(z.object({ valueFrom: z.object({ secretKeyRef: reference }).nullish() })).nullish(),
  envFrom: z.array(z.object({ secretRef: reference })).nullish(),
  volumeMounts: z.array(z.object({ name: z.string(), subPath: z.string().nullish() })).nullish(),
});
const volume = z.object({
  name: z.string(),
  secret: z.object({ secretName: z.string().optional() }).nullish(),
  projected: z.object({ sources: z.array(z.object({ secret: reference })).nullish() }).nullish(),
});
const containerStatus = z.object({
  name: z.string(),
  state: z
    .object({
      running: z.object({ startedAt: optionalTime }).nullish(),
      waiting: z.object({ reason: z.string().optional() }).nullish(),
    })
    .nullish(),
});
const pods = z.object({
  items: z.array(
    z.object({
      metadata,
      spec: z.object({ containers: z.array(container), volumes: z.array(volume).nullish() }),
      status: z
        .object({ phase: z.string().optional(), containerStatuses: z.array(containerStatus).nullish() })
        .nullish(),
    }),
  ),
});
type Pod = z.infer<typeof pods>["items"][number];

/** The pods that use one of the Secrets and run. */
export function podFacts(body: unknown, secrets: ReadonlySet<string>): PodFacts[] {
  return pods
    .parse(body)
    .items.filter(({ metadata: meta, status }) => meta.deletionTimestamp == null && status?.phase === "Running")
    .map((pod) => ({ name: pod.metadata.name, workload: workloadOf(pod), ...usesOf(pod, secrets) }))
    .filter(({ startedWith, mounted }) => Object.keys(startedWith).length + mounted.length > 0);
}

/** Why the first container that waits does so. */
export function waitingReason(body: unknown): string | undefined {
  return pods
    .parse(body)
    .items.flatMap(({ status }) => status?.containerStatuses ?? [])
    .map(({ state }) => state?.waiting?.reason)
    .find((reason) => reason !== undefined);
}

function workloadOf({ metadata: meta }: Pod): string {
  const owner = controllerOf(meta);
  if (owner === undefined) return `Pod ${meta.name}`;
  const hash = meta.labels?.["pod-template-hash"];
  const isDeployment = owner.kind === "ReplicaSet" && hash !== undefined && owner.name.endsWith(`-${hash}`);
  return isDeployment ? `Deployment ${owner.name.slice(0, -hash.length - 1)}` : `${owner.kind} ${owner.name}`;
}

function usesOf({ spec, status }: Pod, secrets: ReadonlySet<string>): Pick<PodFacts, "startedWith" | "mounted"> {
  const volumes = new Map(
    (spec.volumes ?? []).map(({ name, secret, projected }) => [
      name,
      [secret?.secretName, ...(projected?.sources ?? []).map((source) => source.secret?.name)],
    ]),
  );
  const startedWith: Record<string, number> = {};
  const mounted = new Set<string>();
  for (const { name, env, envFrom, volumeMounts } of spec.containers) {
    const startedAt = status?.containerStatuses?.find((c) => c.name === name)?.state?.running?.startedAt;
    if (startedAt === undefined) continue;
    const mounts = (volumeMounts ?? []).map((mount) => ({ names: volumes.get(mount.name) ?? [], mount }));
    const atStart = [
      ...(env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...(envFrom ?? []).map(({ secretRef }) => secretRef?.name),
      // The kubelet does not renew a file that is mounted by its path in the volume.
      ...mounts.flatMap(({ names, mount }) => (mount.subPath ? names : [])),
    ];
    for (const secret of atStart) {
      if (secret !== undefined && secrets.has(secret)) {
        startedWith[secret] = Math.min(startedWith[secret] ?? Infinity, startedAt);
      }
    }
    for (const secret of mounts.flatMap(({ names }) => names)) {
      if (secret !== undefined && secrets.has(secret)) mounted.add(secret);
    }
  }
  return { startedWith, mounted: [...mounted].filter((secret) => !(secret in startedWith)).sort() };
}
