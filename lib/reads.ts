import { seconds } from "./duration";

// How often the External Secrets Operator asks Doppler for secrets, from the specs of its objects. The rules are those of
// the operator's source, 0.20.4 and 2.9.0; e2e/stories/scale.test.ts counts the requests of 0.20.4.
//
// - Each entry of `data` is a request, also where two entries have the same key; so is each `find` and each `extract`.
// - A request costs the same whether or not a value has changed: 2.x sends an ETag, and a 304 answers a request.
// - A generator costs nothing, nor does a store that reads from elsewhere.
// - A store is validated every five minutes. That reads the list of projects, which Doppler counts apart from secrets.
// - A change of an ExternalSecret's spec, labels or annotations is one refresh at once, and its interval begins anew.
// - An ExternalSecret that fails is tried again after 1, 2, 4 … seconds, in the end every seven minutes: about seven times
//   in the first minute, and less than once a minute after that. A form of several reads stops at the one that fails.

/** Reads of secrets by store, see {@link storeName}. */
export type Reads = Map<string, number>;

type Properties = Readonly<Record<string, unknown>>;

const isMap = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const map = (value: unknown): Properties => (isMap(value) ? value : {});
const list = (value: unknown): Properties[] => (Array.isArray(value) ? value.map(map) : []);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The operator's own interval where a spec names none. */
const DEFAULT_INTERVAL = "1h";

/** What a store is called here: a ClusterSecretStore by its name, a SecretStore by `<namespace>/<name>`. */
export function storeName(kind: string | undefined, name: string, namespace = "default"): string {
  return kind === "ClusterSecretStore" ? name : `${namespace}/${name}`;
}

/** Whether what is read from a store is read from Doppler. Of a spec without a provider it is taken to be. */
export function readsDoppler(storeSpec: unknown): boolean {
  const provider = map(map(storeSpec)["provider"]);
  return Object.keys(provider).length === 0 || "doppler" in provider;
}

/** How often one refresh of an ExternalSecret reads from each store. */
export function readsOfRefresh(spec: unknown, namespace?: string): Reads {
  const reads: Reads = new Map();
  const main = map(map(spec)["secretStoreRef"]);
  for (const entry of [...list(map(spec)["data"]), ...list(map(spec)["dataFrom"])]) {
    const source = map(entry["sourceRef"]);
    if ("generatorRef" in source) continue;
    const store = "storeRef" in source ? map(source["storeRef"]) : main;
    const name = storeName(text(store["kind"]), text(store["name"]) ?? "?", namespace);
    reads.set(name, (reads.get(name) ?? 0) + 1);
  }
  return reads;
}

/** How often an ExternalSecret is refreshed each minute, while nothing fails; 0 where it is read once. */
export function refreshesPerMinute(spec: unknown): number {
  const { refreshPolicy, refreshInterval } = map(spec);
  if (refreshPolicy === "CreatedOnce" || refreshPolicy === "OnChange") return 0;
  const interval = seconds(text(refreshInterval) ?? DEFAULT_INTERVAL) ?? 0;
  return interval > 0 ? 60 / interval : 0;
}

/**
 * How often an ExternalSecret reads from Doppler each minute, by store.
 *
 * @param namespace the ExternalSecret's
 * @param isDopplers whether a store reads from Doppler
 */
export function readsPerMinute(
  spec: unknown,
  namespace: string | undefined,
  isDopplers: (store: string) => boolean,
): Reads {
  const rate = refreshesPerMinute(spec);
  const reads = [...readsOfRefresh(spec, namespace)].filter(([store]) => isDopplers(store));
  return new Map(reads.map(([store, count]) => [store, count * rate]));
}

/** An ExternalSecret, a ClusterSecretStore or a SecretStore. */
export interface OperatorObject {
  kind: string;
  namespace?: string | undefined;
  name: string;
  spec: unknown;
}

/**
 * How often these ExternalSecrets read from Doppler each minute, by store. A store that is not among the objects is taken
 * for Doppler's.
 */
export function readsOfObjects(objects: readonly OperatorObject[]): Reads {
  const others = objects
    .filter(({ kind, spec }) => kind.endsWith("SecretStore") && !readsDoppler(spec))
    .map(({ kind, name, namespace }) => storeName(kind, name, namespace));
  return sumOfReads(
    objects
      .filter(({ kind }) => kind === "ExternalSecret")
      .map(({ spec, namespace }) => readsPerMinute(spec, namespace, (store) => !others.includes(store))),
  );
}

/** The sum of several, in alphabetical order of the stores. */
export function sumOfReads(all: Iterable<Reads>): Reads {
  const sum: Reads = new Map();
  for (const reads of all) for (const [store, count] of reads) sum.set(store, (sum.get(store) ?? 0) + count);
  return new Map([...sum].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The reads from all stores together. */
export function totalOf(reads: Reads): number {
  return [...reads.values()].reduce((sum, count) => sum + count, 0);
}
