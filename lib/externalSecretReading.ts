import { list, map, type Properties, text } from "./stackResources";
import { seconds } from "./duration";
import { parseTemplate } from "./template";

// What an ExternalSecret's spec asks for, whatever its form: values one by one (`data`), all that match a pattern
// (`find`), everything in one value or in another Secret (`extract`), and the template that makes keys of them.

/** A value by the name that a store has it under. */
export interface StoredName {
  store: string;
  name: string;
}

/** What an ExternalSecret reads, and what it makes of it. */
export interface Reading {
  /** The stores that are read, each once. */
  stores: string[];
  /** The names without which there is no Secret, each once. */
  names: StoredName[];
  /** Names are also taken by these patterns, whatever matches. */
  patterns: { store: string; regexp: string }[];
  /** Secrets that are taken as a whole, where a store reads another namespace's Secrets. */
  wholes: StoredName[];
  /** The Secret's keys, and what each is made of. */
  keys: Record<string, StoredName[]>;
  /** Whether the Secret may have further keys, which only the operator knows. */
  openEnded: boolean;
  /** How many requests one refresh sends to each store. */
  requests: Record<string, number>;
  /** How often the stores are read, in seconds; `undefined` where they are read once. */
  interval: number | undefined;
}

/** Names that every Doppler config has. Nobody types them. */
export const DOPPLERS_OWN: ReadonlySet<string> = new Set(["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"]);

const NAME = /^[A-Z_][A-Z0-9_]*$/;

/** The operator's own interval where the spec names none. */
const DEFAULT_INTERVAL = "1h";

/**
 * @param spec the ExternalSecret's spec
 * @param aggregates names of the stores that read whole Secrets of the cluster, and not values of Doppler
 */
export function readingOf(spec: Properties, aggregates: ReadonlySet<string>): Reading {
  const main = text(map(spec["secretStoreRef"])["name"]) ?? "";
  const storeOf = (item: Properties) => text(map(map(item["sourceRef"])["storeRef"])["name"]) ?? main;
  const requests: Record<string, number> = {};
  const request = (store: string) => (requests[store] = (requests[store] ?? 0) + 1);
  /** What is fetched, by the name under which the template sees it. */
  const fetched = new Map<string, StoredName[]>();
  const patterns: Reading["patterns"] = [];
  const wholes: StoredName[] = [];
  const needed: StoredName[] = [];
  /** Turns a name that only the template knows into where it comes from. */
  const unnamed: ((called: string) => StoredName | undefined)[] = [];
  let openEnded = false;

  for (const item of list(spec["data"]).map(map)) {
    const store = storeOf(item);
    const name = text(map(item["remoteRef"])["key"]) ?? "?";
    request(store);
    fetched.set(text(item["secretKey"]) ?? name, [{ store, name }]);
  }
  for (const item of list(spec["dataFrom"]).map(map)) {
    if ("generatorRef" in map(item["sourceRef"])) {
      openEnded = true;
      continue;
    }
    const store = storeOf(item);
    const prefix = prefixOf(item);
    request(store);
    const extracted = text(map(item["extract"])["key"]);
    if (extracted !== undefined && aggregates.has(store)) {
      wholes.push({ store, name: extracted });
      unnamed.push((called) => (called.startsWith(prefix) ? { store, name: called.slice(prefix.length) } : undefined));
      openEnded = true;
    } else if (extracted !== undefined) {
      // A value that is a JSON object: each of its fields is called by its own name.
      unnamed.push(() => ({ store, name: extracted }));
      needed.push({ store, name: extracted });
      openEnded = true;
    } else {
      for (const alternative of alternatives(text(map(map(item["find"])["name"])["regexp"]) ?? ".*")) {
        if (NAME.test(alternative)) fetched.set(`${prefix}${alternative}`, [{ store, name: alternative }]);
        else {
          patterns.push({ store, regexp: alternative });
          openEnded = true;
        }
      }
    }
  }

  const template = map(map(spec["target"])["template"]);
  const data = Object.entries(map(template["data"]));
  const replaced = data.length > 0 && template["mergePolicy"] !== "Merge";
  const made = new Map<string, StoredName[]>();
  if (!replaced) for (const [called, from] of fetched) made.set(called, from);
  for (const [key, value] of data) {
    const called = parseTemplate(text(value) ?? "").names;
    made.set(
      key,
      called.flatMap((name) => fetched.get(name) ?? unnamed.map((find) => find(name)).find((from) => from) ?? []),
    );
  }
  if (list(template["templateFrom"]).length > 0) openEnded = true;
  else if (replaced) openEnded = false;

  const names = [needed, ...fetched.values(), ...made.values()].flat().filter(({ name }) => !DOPPLERS_OWN.has(name));
  return {
    stores: Object.keys(requests),
    names: [...new Map(names.map((from) => [`${from.store} ${from.name}`, from])).values()],
    patterns,
    wholes,
    keys: Object.fromEntries([...made].sort(([a], [b]) => (a < b ? -1 : 1))),
    openEnded,
    requests,
    interval: intervalOf(spec),
  };
}

function intervalOf(spec: Properties): number | undefined {
  const policy = text(spec["refreshPolicy"]);
  if (policy === "CreatedOnce" || policy === "OnChange") return undefined;
  return seconds(text(spec["refreshInterval"]) ?? DEFAULT_INTERVAL) || undefined;
}

/** What a rewrite of the form `(.*)` → `prefix$1` puts in front of each name. */
function prefixOf(item: Properties): string {
  const target = text(map(map(list(item["rewrite"])[0])["regexp"])["target"]);
  return /^([\w-]*)\$\{?1\}?$/.exec(target ?? "")?.[1] ?? "";
}

/** The alternatives of a pattern such as `^(A|B)$` or `^A$|^B_.*$`: names where they are names, else patterns. */
function alternatives(regexp: string): string[] {
  const inside = /^\^\(([^()]*)\)\$$/.exec(regexp)?.[1];
  if (inside !== undefined) return inside.split("|").map((part) => (NAME.test(part) ? part : `^${part}$`));
  if (/[()]/.test(regexp)) return [regexp];
  return regexp.split("|").map((part) => {
    const name = /^\^(.*)\$$/.exec(part)?.[1] ?? "";
    return NAME.test(name) ? name : part;
  });
}
