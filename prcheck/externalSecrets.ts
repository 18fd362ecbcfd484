import type { State, Step } from "./preview";
import { urnParts } from "./preview";
import { type Reads, readsOfObjects } from "../lib/reads";
import { parseTemplate } from "../lib/template";
import { templateWords } from "../lib/wholeTemplates";

// What the ExternalSecrets in a preview make: which Secrets, with which keys, for which apps, at what cost.

/** A Secret as an ExternalSecret makes it. */
export interface MadeSecret {
  /** The app, or the ExternalSecret where it belongs to none. */
  app: string;
  namespace: string;
  name: string;
  /** Where each key comes from, by key. */
  keys: Map<string, string>;
  /** Whether deleting the ExternalSecret deletes the Secret. */
  owned: boolean;
}

type Properties = Record<string, unknown>;

const isMap = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const map = (value: unknown): Properties => (isMap(value) ? value : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The components of this program that make ExternalSecrets. */
const APP_SECRETS = "secrets-pipeline:index:AppSecrets";
const MIRROR = "secrets-pipeline:index:DopplerMirror";

const parentOf = ({ parent }: State) => (parent === undefined ? undefined : urnParts(parent));

/** Whether a resource is a part of a mirror: what apps are fed from, and no app's own. */
export function isOfMirror(state: State): boolean {
  return parentOf(state)?.type === MIRROR;
}

/** The names in a pattern of names, as this program writes it; `undefined` for any other pattern. */
function namesIn(regexp: unknown): string[] | undefined {
  return /^\^\((\w+(?:\|\w+)*)\)\$$/.exec(text(regexp) ?? "")?.[1]?.split("|");
}

/** The kind of an object of the operator's, such as `ExternalSecret`. */
export function esoKind(urn: string): string | undefined {
  return /^kubernetes:external-secrets\.io\/\w+:(\w+?)(Patch)?$/.exec(urnParts(urn).type)?.[1];
}

/** What a resource says of itself; in a preview of a new one the outputs may not be there yet. */
export function described(state: State): Properties {
  return Object.keys(state.inputs).length > 0 ? state.inputs : state.outputs;
}

/** An object's name and namespace in the cluster. */
export function objectName(state: State): { namespace: string; name: string } {
  const metadata = map(described(state)["metadata"]);
  return { namespace: text(metadata["namespace"]) ?? "default", name: text(metadata["name"]) ?? "?" };
}

/** Reads of secrets at Doppler each minute, by store. */
export function readsOf(states: readonly State[]): Reads {
  return readsOfObjects(
    states.flatMap((state) => {
      const kind = esoKind(state.urn);
      return kind === undefined ? [] : [{ kind, ...objectName(state), spec: described(state)["spec"] }];
    }),
  );
}

/** The name of the resource that is a stack's main store. Stores of further Doppler configs have other names. */
const MAIN_STORE = "doppler-store-store";

/** The store of a stack's main Doppler config. */
export function mainStore(states: readonly State[]): string | undefined {
  const store = states.find(({ urn }) => esoKind(urn) === "ClusterSecretStore" && urnParts(urn).name === MAIN_STORE);
  return store && objectName(store).name;
}

/** What the values of an ExternalSecret come from, in words for a reviewer. */
class Fetched {
  readonly #names = new Map<string, string>();
  readonly #stores = new Map<string, string | undefined>();

  /** @param main the store whose names need no further word */
  constructor(readonly main: string | undefined) {}

  /** A Doppler name of a store. Where values come from a mirror, it is the mirrored store's. */
  named(name: string, store: string | undefined): string {
    const origin = store?.replace(/-mirror$/, "");
    return origin === undefined || origin === this.main ? name : `${name} of ${origin}`;
  }

  /** Notes that a value, or with `$1` at the end every value of a read, is called so until it is in the Secret. */
  add(called: string, name: string, store: string | undefined): void {
    if (called.endsWith("$1")) this.#stores.set(called.slice(0, -2), store);
    else this.#names.set(called, this.named(name, store));
  }

  /** What is called so, in words. */
  from(called: string): string {
    const known = this.#names.get(called);
    if (known !== undefined) return known;
    const [longest] = [...this.#stores.keys()]
      .filter((start) => called.startsWith(start))
      .sort((a, b) => b.length - a.length);
    return longest === undefined ? called : this.named(called.slice(longest.length), this.#stores.get(longest));
  }
}

/** What a template makes a value of: a name where it is that name's value as it is. */
function sourceOf(template: string, fetched: Fetched): string {
  const [, whole] = /^\{\{\s*\.(\w+)\s*\}\}$/.exec(template) ?? [];
  if (whole !== undefined) return fetched.from(whole);
  const words = templateWords(template);
  if (words !== undefined) return words;
  const { names } = parseTemplate(template);
  if (names.length === 0) return "a plain text";
  return `a template of ${names
    .map((name) => fetched.from(name))
    .sort()
    .join(", ")}`;
}

/**
 * The Secret that an ExternalSecret makes.
 *
 * @param main the stack's main store. Of other stores, each name is said together with the store
 */
export function madeSecret(state: State, main?: string): MadeSecret {
  const { namespace, name } = objectName(state);
  const spec = map(described(state)["spec"]);
  const target = map(spec["target"]);
  const parent = parentOf(state);
  const own = text(map(spec["secretStoreRef"])["name"]);
  const storeOf = (item: Properties) => text(map(map(item["sourceRef"])["storeRef"])["name"]) ?? own;

  const fetched = new Fetched(main ?? own);
  const keys = new Map<string, string>();
  for (const item of list(spec["data"]).map(map)) {
    const from = text(map(item["remoteRef"])["key"]) ?? "?";
    const called = text(item["secretKey"]) ?? "?";
    fetched.add(called, from, storeOf(item));
    keys.set(called, fetched.from(called));
  }
  for (const item of list(spec["dataFrom"]).map(map)) {
    const extracted = text(map(item["extract"])["key"]);
    const target = text(map(map(list(item["rewrite"])[0])["regexp"])["target"]) ?? "$1";
    fetched.add(target, "", storeOf(item));
    if (extracted !== undefined) keys.set(`all of ${extracted}`, extracted);
    else if ("find" in item) {
      const names = namesIn(map(map(item["find"])["name"])["regexp"]);
      if (names === undefined) keys.set("all that match", "a pattern");
      for (const found of names ?? []) keys.set(found, fetched.named(found, storeOf(item)));
    } else keys.set("generated", "a generator");
  }
  // A template decides which keys there are, and what they are made of.
  const template = map(target["template"]);
  const named = Object.entries(map(template["data"]));
  const whole = list(template["templateFrom"]).map(map);
  if (named.length + whole.length > 0) {
    if (template["mergePolicy"] !== "Merge") keys.clear();
    for (const { literal } of whole) {
      const words = templateWords(text(literal) ?? "") ?? "all that a template makes";
      keys.set(words, words);
    }
    for (const [key, value] of named) keys.set(key, sourceOf(text(value) ?? "", fetched));
  }

  return {
    app: parent !== undefined && [APP_SECRETS, MIRROR].includes(parent.type) ? parent.name : urnParts(state.urn).name,
    namespace,
    name: text(target["name"]) ?? name,
    keys,
    owned: (text(target["creationPolicy"]) ?? "Owner") === "Owner",
  };
}

/** The state of each resource before and after, by URN. */
export function beforeAndAfter(steps: readonly Step[]): { before: Map<string, State>; after: Map<string, State> } {
  const before = new Map<string, State>();
  const after = new Map<string, State>();
  for (const { op, urn, old, new: next } of steps) {
    if (old !== undefined && op !== "import") before.set(urn, old);
    if (next !== undefined && !op.startsWith("delete")) after.set(urn, next);
  }
  return { before, after };
}
