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

/** What a template makes a value of: a name where it is that name's value as it is. */
function sourceOf(template: string, fetched: ReadonlyMap<string, string>): string {
  const from = (name: string) => fetched.get(name) ?? name;
  const [, whole] = /^\{\{\s*\.(\w+)\s*\}\}$/.exec(template) ?? [];
  if (whole !== undefined) return from(whole);
  const words = templateWords(template);
  if (words !== undefined) return words;
  const { names } = parseTemplate(template);
  return names.length === 0 ? "a plain text" : `a template of ${names.map(from).sort().join(", ")}`;
}

/** The Secret that an ExternalSecret makes. */
export function madeSecret(state: State): MadeSecret {
  const { namespace, name } = objectName(state);
  const spec = map(described(state)["spec"]);
  const target = map(spec["target"]);
  const parent = state.parent === undefined ? undefined : urnParts(state.parent);

  const keys = new Map<string, string>();
  for (const item of list(spec["data"]).map(map)) {
    const from = text(map(item["remoteRef"])["key"]);
    keys.set(text(item["secretKey"]) ?? "?", from ?? "?");
  }
  for (const item of list(spec["dataFrom"]).map(map)) {
    const extracted = text(map(item["extract"])["key"]);
    if (extracted !== undefined) keys.set(`all of ${extracted}`, extracted);
    else if ("find" in item) keys.set("all that match", "a pattern");
    else keys.set("generated", "a generator");
  }
  // A template decides which keys there are, and what they are made of.
  const template = map(target["template"]);
  const named = Object.entries(map(template["data"]));
  const whole = list(template["templateFrom"]).map(map);
  if (named.length + whole.length > 0) {
    const fetched = new Map(keys);
    if (template["mergePolicy"] !== "Merge") keys.clear();
    for (const { literal } of whole) {
      const words = templateWords(text(literal) ?? "") ?? "all that a template makes";
      keys.set(words, words);
    }
    for (const [key, value] of named) keys.set(key, sourceOf(text(value) ?? "", fetched));
  }

  return {
    app: parent?.type === "secrets-pipeline:index:AppSecrets" ? parent.name : urnParts(state.urn).name,
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
