import { z } from "zod";
import { identityKey, type Pipeline, placeKey } from "../../lib/pipeline";
import { ClusterReader } from "../../src/world";
import { answer, type Asked, type ClusterFacts, type OperatedFacts, type OperatorFacts } from "../facts";
import { ask, Refused } from "./asking";
import { complaintOf, externalSecretFacts, objectFacts, operatedFacts, operatorFacts } from "./clusterObjects";
import { podFacts, waitingReason } from "./pods";

// The cluster, asked for what the stack asks for. Of Secrets only metadata leaves the API server.

/** How to reach a cluster. */
export interface ClusterAccess {
  kubeconfig?: string | undefined;
  context?: string | undefined;
}

const OPERATOR = "/apis/external-secrets.io";
const group = z.object({ versions: z.array(z.object({ version: z.string() })) });
const kinds = z.object({ resources: z.array(z.object({ kind: z.string() })) });
const uid = z.object({ metadata: z.object({ uid: z.string() }) });
const status = z.object({ message: z.string() });

/** Asks the cluster. */
export async function gatherCluster(
  pipeline: Pipeline,
  access: ClusterAccess,
  operatorNamespaces: readonly string[],
  withinMs: number,
): Promise<ClusterFacts> {
  const opened = await ask(withinMs, () => ClusterReader.open(access.kubeconfig, access.context));
  const reader = answer(opened);
  if (reader === undefined) return silent(pipeline, opened as Asked<never>);
  try {
    return await new Questions(reader, withinMs).all(pipeline, operatorNamespaces);
  } finally {
    await reader.close();
  }
}

class Questions {
  readonly #reader: ClusterReader;
  readonly #withinMs: number;
  #now: number | undefined;

  constructor(reader: ClusterReader, withinMs: number) {
    this.#reader = reader;
    this.#withinMs = withinMs;
  }

  async all(pipeline: Pipeline, operatorNamespaces: readonly string[]): Promise<ClusterFacts> {
    // This question needs no right. Where it gets no answer, no other would.
    const served = await this.#served();
    if ("unknown" in served && served.because === "unreachable") return silent(pipeline, served);
    const places = pipeline.secrets.map(({ namespace, secretName: name }) => ({ namespace, name }));
    const namespaces = [...new Set(places.map(({ namespace }) => namespace))];
    const [id, operators, identities, stores, externalSecrets, secrets, pods] = await Promise.all([
      this.#found("/api/v1/namespaces/kube-system", (body) => uid.parse(body).metadata.uid),
      this.#operators(operatorNamespaces),
      this.#each(identitiesOf(pipeline), identityKey, ({ kind, namespace, name }) =>
        this.#get(
          `/api/v1/namespaces/${namespace}/${kind === "Secret" ? "secrets" : "serviceaccounts"}/${name}`,
          objectFacts,
          "metadata",
        ),
      ),
      this.#each(
        pipeline.stores,
        ({ name }) => name,
        ({ name }) =>
          this.#operated(
            `${OPERATOR}/v1/clustersecretstores/${name}`,
            "default",
            "ClusterSecretStore",
            operatedFacts,
            name,
          ),
      ),
      this.#each(pipeline.secrets, placeKey, ({ namespace, name }) =>
        this.#operated(
          `${OPERATOR}/v1/namespaces/${namespace}/externalsecrets/${name}`,
          namespace,
          "ExternalSecret",
          externalSecretFacts,
          name,
        ),
      ),
      this.#each(places, placeKey, ({ namespace, name }) =>
        this.#get(`/api/v1/namespaces/${namespace}/secrets/${name}`, objectFacts, "metadata"),
      ),
      this.#each(
        namespaces,
        (namespace) => namespace,
        (namespace) => {
          const names = new Set(places.filter((place) => place.namespace === namespace).map(({ name }) => name));
          const running = "fieldSelector=status.phase%3DRunning";
          return this.#found(`/api/v1/namespaces/${namespace}/pods?${running}`, (body) => podFacts(body, names));
        },
      ),
    ]);
    return { now: this.#now, id, served, operators, identities, stores, externalSecrets, secrets, pods };
  }

  /** What is at a path; null if nothing is. */
  #get<T>(path: string, read: (body: unknown) => T, extent?: "metadata"): Promise<Asked<T | null>> {
    return ask(this.#withinMs, async (signal) => {
      const { status: code, body, time } = await this.#reader.get(path, extent, signal);
      this.#now = Math.max(this.#now ?? 0, time ?? 0) || undefined;
      if (code === 404) return null;
      if (code !== 200) {
        throw new Refused(status.safeParse(body).data?.message ?? `the API server answers HTTP ${code} to ${path}`);
      }
      return read(body);
    });
  }

  /** As {@link #get}, for what is always there. */
  async #found<T>(path: string, read: (body: unknown) => T): Promise<Asked<T>> {
    const got = await this.#get(path, read);
    if ("unknown" in got) return got;
    if (got.known === null) return { unknown: `the cluster has no ${path}`, because: "refused" };
    return { known: got.known };
  }

  async #each<Item, T>(
    items: readonly Item[],
    key: (item: Item) => string,
    question: (item: Item) => Promise<Asked<T>>,
  ): Promise<Record<string, Asked<T>>> {
    return Object.fromEntries(await Promise.all(items.map(async (item) => [key(item), await question(item)] as const)));
  }

  async #served(): Promise<ClusterFacts["served"]> {
    const versions = await this.#get(OPERATOR, (body) => group.parse(body).versions.map(({ version }) => version));
    if ("unknown" in versions) return versions;
    if (versions.known === null) return { known: null };
    const served = await this.#get(`${OPERATOR}/v1`, (body) => kinds.parse(body).resources.map(({ kind }) => kind));
    if ("unknown" in served) return served;
    return { known: { versions: versions.known, kinds: [...new Set(served.known ?? [])] } };
  }

  /** An object of the operator's; and, where the operator is not content with it, why not. */
  async #operated<T extends OperatedFacts>(
    path: string,
    eventsIn: string,
    kind: string,
    read: (body: unknown) => T,
    name: string,
  ): Promise<Asked<T | null>> {
    const object = await this.#get(path, read);
    const facts = answer(object);
    if (!facts || facts.ready?.is !== false) return object;
    const selector = encodeURIComponent(`involvedObject.kind=${kind},involvedObject.name=${name}`);
    const complaint = await this.#get(`/api/v1/namespaces/${eventsIn}/events?fieldSelector=${selector}`, complaintOf);
    return { known: { ...facts, complaint: answer(complaint) ?? undefined } };
  }

  async #operators(namespaces: readonly string[]): Promise<ClusterFacts["operators"]> {
    const found: OperatorFacts[] = [];
    for (const namespace of namespaces) {
      const deployments = await this.#found(`/apis/apps/v1/namespaces/${namespace}/deployments`, operatorFacts);
      if ("unknown" in deployments) return deployments;
      for (const { pods, ...operator } of deployments.known) {
        found.push({ ...operator, ...(await this.#waiting(operator, pods)) });
      }
    }
    return { known: found };
  }

  async #waiting(
    { namespace, wanted, available }: OperatorFacts,
    labels: Record<string, string>,
  ): Promise<Pick<OperatorFacts, "waiting">> {
    if (available > 0 || wanted === 0) return {};
    const selector = encodeURIComponent(
      Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(","),
    );
    const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`;
    return { waiting: answer(await this.#found(path, waitingReason)) };
  }
}

const identitiesOf = ({ stores }: Pipeline) => stores.flatMap(({ identity }) => identity ?? []);

/** The facts where the cluster could not be asked at all. */
export function silent(pipeline: Pipeline, why: Asked<never>): ClusterFacts {
  const each = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, why]));
  const places = pipeline.secrets.map(({ namespace, secretName: name }) => ({ namespace, name }));
  return {
    id: why,
    served: why,
    operators: why,
    identities: each(identitiesOf(pipeline).map(identityKey)),
    stores: each(pipeline.stores.map(({ name }) => name)),
    externalSecrets: each(pipeline.secrets.map(placeKey)),
    secrets: each(places.map(placeKey)),
    pods: each(places.map(({ namespace }) => namespace)),
  };
}
