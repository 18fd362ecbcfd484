import type { V1Container, V1Pod } from "@kubernetes/client-node";

/** Where the keys of a Secret or a ConfigMap are asked for; undefined is answered when there is no such object. */
export interface References {
  secret(namespace: string, name: string): Promise<ReadonlySet<string> | undefined>;
  configMap(namespace: string, name: string): Promise<ReadonlySet<string> | undefined>;
}

type Kind = "secret" | "configMap";

/** An object that a pod needs before its containers can start. */
interface Reference {
  readonly kind: Kind;
  readonly name: string;
  /** The keys that it must have. */
  readonly keys: readonly string[];
  /** The volume that shows it; undefined for a container's environment. */
  readonly volume?: string;
}

/** What keeps a pod's containers from starting, in a kubelet's words. */
export interface Missing {
  readonly reason: string;
  readonly message: string;
}

/** The first Secret, ConfigMap or key that a pod refers to, and that is not there. What is optional is not looked at. */
export async function missingReference(pod: V1Pod, objects: References): Promise<Missing | undefined> {
  const namespace = pod.metadata?.namespace ?? "";
  for (const { kind, name, keys, volume } of references(pod)) {
    const found = await objects[kind](namespace, name);
    const absent = keys.find((key) => found?.has(key) !== true);
    if (found !== undefined && absent === undefined) continue;
    // With a volume, a kubelet says so in an event only, and the container waits to be made.
    if (volume !== undefined) {
      const what =
        found === undefined
          ? `${kind.toLowerCase()} "${name}" not found`
          : `references non-existent ${kind.toLowerCase()} key: ${absent}`;
      return { reason: "ContainerCreating", message: `MountVolume.SetUp failed for volume "${volume}" : ${what}` };
    }
    const message =
      found === undefined
        ? `${kind.toLowerCase()} "${name}" not found`
        : `couldn't find key ${absent} in ${kind === "secret" ? "Secret" : "ConfigMap"} ${namespace}/${name}`;
    return { reason: "CreateContainerConfigError", message };
  }
  return undefined;
}

function references(pod: V1Pod): Reference[] {
  const { volumes = [], initContainers = [], containers = [] } = pod.spec ?? {};
  return [...volumes.flatMap(volumeReferences), ...[...initContainers, ...containers].flatMap(environmentReferences)];
}

function volumeReferences({
  name: volume,
  secret,
  configMap,
  projected,
}: NonNullable<NonNullable<V1Pod["spec"]>["volumes"]>[number]): Reference[] {
  const sources: [Kind, string | undefined, boolean | undefined, readonly { key: string }[] | undefined][] = [
    ["secret", secret?.secretName, secret?.optional, secret?.items],
    ["configMap", configMap?.name, configMap?.optional, configMap?.items],
    ...(projected?.sources ?? []).flatMap((source): typeof sources => [
      ["secret", source.secret?.name, source.secret?.optional, source.secret?.items],
      ["configMap", source.configMap?.name, source.configMap?.optional, source.configMap?.items],
    ]),
  ];
  return sources.flatMap(([kind, name, optional, items]) =>
    name === undefined || optional === true ? [] : [{ kind, name, keys: (items ?? []).map(({ key }) => key), volume }],
  );
}

function environmentReferences({ env = [], envFrom = [] }: V1Container): Reference[] {
  const whole = envFrom.flatMap(({ secretRef, configMapRef }) => [
    ...reference("secret", secretRef, []),
    ...reference("configMap", configMapRef, []),
  ]);
  const single = env.flatMap(({ valueFrom }) => {
    const { secretKeyRef, configMapKeyRef } = valueFrom ?? {};
    return [
      ...reference("secret", secretKeyRef, secretKeyRef === undefined ? [] : [secretKeyRef.key]),
      ...reference("configMap", configMapKeyRef, configMapKeyRef === undefined ? [] : [configMapKeyRef.key]),
    ];
  });
  return [...whole, ...single];
}

function reference(
  kind: Kind,
  from: { readonly name?: string; readonly optional?: boolean } | undefined,
  keys: readonly string[],
): Reference[] {
  return from?.name === undefined || from.optional === true ? [] : [{ kind, name: from.name, keys }];
}
