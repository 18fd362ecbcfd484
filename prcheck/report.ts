import {
  beforeAndAfter,
  described,
  esoKind,
  freeStores,
  madeSecret,
  objectName,
  type MadeSecret,
} from "./externalSecrets";
import { pendingNames } from "../lib/pendingNotice";
import { type Preview, type State, type Step, urnParts } from "./preview";

// What a preview means to a reviewer. A report holds names only: it may be stored and shown.

/** The pack whose messages are known to hold no value. */
const OWN_PACK = "secrets-pipeline";

/** What changes for one Secret. */
export interface SecretChange {
  app: string;
  /** `<namespace>/<name>`. */
  secret: string;
  /** `left`: it is somebody else's, and what was added to it stays. */
  is: "new" | "gone" | "left" | "changed";
  gained: { key: string; from: string }[];
  lost: string[];
  /** Keys that stay and come from another name. */
  rerouted: { key: string; was: string; from: string }[];
}

/** What changes for CI. */
export interface CiChange {
  /** The repository, and the GitHub environment if it is one's; or the organisation, and who may read its secrets. */
  where: string;
  gained: string[];
  lost: string[];
}

/** Something that stands still or is gone, be it for a moment. */
export interface Interruption {
  /** `values`: what was typed is lost; `secret`: pods miss a Secret; `delivery`: Secrets stay, changes don't arrive. */
  harm: "values" | "secret" | "delivery";
  text: string;
}

/** One line of the resource diff. */
export interface Difference {
  op: string;
  type: string;
  name: string;
  properties: string[];
}

/** All that a comment says of one stack. */
export interface StackReport {
  stack: string;
  /** Where values are typed, as far as the preview tells. */
  doppler?: { project: string; environment: string };
  /** Whether the preview went to its end. Else the rest is what it saw until then. */
  succeeded: boolean;
  /** How many errors and warnings there were; their texts are in the job's log. */
  errors: number;
  warnings: number;
  violations: { policy: string; resource: string; message: string; mandatory: boolean }[];
  secrets: SecretChange[];
  ci: CiChange[];
  interruptions: Interruption[];
  /** Doppler names that need a value, as the program says. */
  withoutValue: string[];
  /** Reads of secrets a minute. */
  reads: { before: number; after: number };
  differences: Difference[];
  unchanged: number;
}

/** The meaning of a preview of a stack. */
export function report(stack: string, preview: Preview): StackReport {
  const { steps, messages } = preview;
  const { before, after } = beforeAndAfter(steps);
  const was = secretsOf(before);
  const becomes = secretsOf(after);
  const differences = differencesOf(steps);
  const doppler = dopplerOf([...after.values(), ...before.values()]);
  return {
    stack,
    ...(doppler && { doppler }),
    succeeded: preview.succeeded,
    errors: messages.filter(({ severity }) => severity === "error").length,
    warnings: messages.filter(({ severity }) => severity === "warning").length,
    violations: preview.violations.map(({ pack, policy, urn, message, mandatory }) => ({
      policy,
      resource: urnParts(urn).name,
      // The description comes first, then what is wrong. Another pack's text might say a value.
      message: pack === OWN_PACK ? message.trim().split("\n").slice(1).join(" ") : "",
      mandatory,
    })),
    secrets: secretChanges(was, becomes),
    ci: ciChanges(before, after),
    interruptions: interruptions(steps, was, becomes),
    withoutValue: pendingNames(messages.map(({ text }) => text)),
    reads: { before: readsOf(before), after: readsOf(after) },
    differences,
    unchanged: new Set(steps.filter(({ op }) => op === "same").map(({ urn }) => urn)).size,
  };
}

/** The Secrets that a stack's ExternalSecrets make, by `<namespace>/<name>`. */
function secretsOf(states: ReadonlyMap<string, State>): Map<string, MadeSecret> {
  const free = freeStores([...states.values()]);
  const secrets = new Map<string, MadeSecret>();
  for (const state of states.values()) {
    if (esoKind(state.urn) !== "ExternalSecret") continue;
    const made = madeSecret(state, free);
    const id = `${made.namespace}/${made.name}`;
    // Several may merge into one Secret.
    const other = secrets.get(id);
    secrets.set(id, other === undefined ? made : { ...made, keys: new Map([...other.keys, ...made.keys]) });
  }
  return secrets;
}

function readsOf(states: ReadonlyMap<string, State>): number {
  const free = freeStores([...states.values()]);
  return [...states.values()]
    .filter(({ urn }) => esoKind(urn) === "ExternalSecret")
    .reduce((sum, state) => sum + madeSecret(state, free).readsPerMinute, 0);
}

function secretChanges(was: Map<string, MadeSecret>, becomes: Map<string, MadeSecret>): SecretChange[] {
  const changes: SecretChange[] = [];
  for (const secret of [...new Set([...was.keys(), ...becomes.keys()])].sort()) {
    const old = was.get(secret);
    const next = becomes.get(secret);
    const oldKeys = old?.keys ?? new Map<string, string>();
    const keys = next?.keys ?? new Map<string, string>();
    const change: SecretChange = {
      app: next?.app ?? old?.app ?? "",
      secret,
      is: old === undefined ? "new" : next === undefined ? (old.owned ? "gone" : "left") : "changed",
      gained: [...keys].filter(([key]) => !oldKeys.has(key)).map(([key, from]) => ({ key, from })),
      lost: [...oldKeys.keys()].filter((key) => !keys.has(key)),
      rerouted: [...keys].flatMap(([key, from]) => {
        const previous = oldKeys.get(key);
        return previous === undefined || previous === from ? [] : [{ key, was: previous, from }];
      }),
    };
    if (change.is !== "changed" || change.gained.length + change.lost.length + change.rerouted.length > 0) {
      changes.push(change);
    }
  }
  return changes;
}

const ACTIONS_SECRET = /^github:index\/(actions|dependabot)(Environment|Organization)?Secret:/;

const READERS: Readonly<Record<string, string>> = {
  all: "all repositories",
  private: "private repositories",
  selected: "selected repositories",
};

function ciSecret(state: State): { where: string; name: string } {
  const { repository, environment, secretName, visibility } = described(state);
  const { type } = urnParts(state.urn);
  const kind = type.startsWith("github:index/dependabot") ? " (Dependabot)" : "";
  // Other readers are another place: a reviewer sees who gains a secret, and who loses it.
  const readers = typeof visibility === "string" ? (READERS[visibility] ?? "?") : "?";
  const place = typeof repository === "string" ? repository : `the organisation, for ${readers}`;
  return {
    where: `${place}${typeof environment === "string" ? `, environment ${environment}` : ""}${kind}`,
    name: typeof secretName === "string" ? secretName : "?",
  };
}

function ciChanges(before: ReadonlyMap<string, State>, after: ReadonlyMap<string, State>): CiChange[] {
  const collect = (states: ReadonlyMap<string, State>) => {
    const places = new Map<string, Set<string>>();
    for (const state of states.values()) {
      if (!ACTIONS_SECRET.test(urnParts(state.urn).type)) continue;
      const { where, name } = ciSecret(state);
      places.set(where, (places.get(where) ?? new Set<string>()).add(name));
    }
    return places;
  };
  const [was, becomes] = [collect(before), collect(after)];
  return [...new Set([...was.keys(), ...becomes.keys()])].sort().flatMap((where) => {
    const [old, next] = [was.get(where) ?? new Set<string>(), becomes.get(where) ?? new Set<string>()];
    const gained = [...next].filter((name) => !old.has(name)).sort();
    const lost = [...old].filter((name) => !next.has(name)).sort();
    return gained.length + lost.length > 0 ? [{ where, gained, lost }] : [];
  });
}

/** How a resource goes, if it does. */
type Departure = "deleted" | "replaced, the old one first" | "replaced, the new one first";

/** The resources that go, by URN. */
function departures(steps: readonly Step[]): Map<string, { state: State; how: Departure }> {
  const gone = new Map<string, { state: State; how: Departure }>();
  const indexOf = (urn: string, op: string) => steps.findIndex((step) => step.urn === urn && step.op === op);
  for (const { op, urn, old } of steps) {
    if (old === undefined || old.retainOnDelete || gone.has(urn)) continue;
    if (op === "delete") gone.set(urn, { state: old, how: "deleted" });
    else if (op === "replace" || op === "create-replacement" || op === "delete-replaced") {
      const [created, deleted] = [indexOf(urn, "create-replacement"), indexOf(urn, "delete-replaced")];
      const first = deleted !== -1 && (created === -1 || deleted < created);
      gone.set(urn, { state: old, how: first ? "replaced, the old one first" : "replaced, the new one first" });
    }
  }
  return gone;
}

const HOLDS_VALUES: Readonly<Record<string, string>> = {
  "doppler:index/project:Project": "project",
  "doppler:index/environment:Environment": "environment",
  "doppler:index/branchConfig:BranchConfig": "config",
};

function interruptions(
  steps: readonly Step[],
  was: ReadonlyMap<string, MadeSecret>,
  becomes: ReadonlyMap<string, MadeSecret>,
): Interruption[] {
  const found: Interruption[] = [];
  const secretGoes = (id: string, because: string) => {
    const end = becomes.has(id) ? "is gone until it has been made anew" : "is gone for good";
    const text = `Secret ${id} ${end}: ${because}`;
    if (!found.some((other) => other.text.startsWith(`Secret ${id} `))) found.push({ harm: "secret", text });
  };

  const gone = departures(steps);
  for (const [urn, { state, how }] of gone) {
    const { type, name } = urnParts(urn);
    const kind = esoKind(urn);
    const held = HOLDS_VALUES[type];
    if (held !== undefined) {
      found.push({
        harm: "values",
        text: `the Doppler ${held} of ${name} is ${how}, and all values typed in it with it`,
      });
    } else if (kind === "ExternalSecret") {
      const made = madeSecret(state, new Set());
      if (made.owned) secretGoes(`${made.namespace}/${made.name}`, `its ExternalSecret is ${how}`);
    } else if (type === "kubernetes:core/v1:Namespace") {
      const { name: namespace } = objectName(state);
      const within = [...was].filter(([, made]) => made.namespace === namespace);
      for (const [id] of within) secretGoes(id, `its namespace is ${how}`);
      if (within.length === 0) {
        found.push({ harm: "delivery", text: `namespace ${namespace} is ${how}, with all that is in it` });
      }
    } else if (kind === "ClusterSecretStore" || kind === "SecretStore") {
      found.push({ harm: "delivery", text: `${kind} ${objectName(state).name} is ${how}` });
    } else if (type === "kubernetes:core/v1:Secret") {
      const { namespace, name: secret } = objectName(state);
      found.push({ harm: "delivery", text: `Secret ${namespace}/${secret}, which a store reads with, is ${how}` });
    } else if (type === "kubernetes:helm.sh/v3:Release") {
      found.push({ harm: "delivery", text: `the operator's release ${name} is ${how}` });
    } else if (type === "doppler:index/serviceToken:ServiceToken" && how !== "replaced, the new one first") {
      found.push({ harm: "delivery", text: `the service token ${name} is ${how}: the cluster can't read meanwhile` });
    } else if (ACTIONS_SECRET.test(type) && how === "replaced, the old one first") {
      const { where, name: secret } = ciSecret(state);
      found.push({ harm: "delivery", text: `Actions secret ${secret} of ${where} is ${how}` });
    }
  }
  // An ExternalSecret that is updated to make a Secret of another name leaves the old one to be deleted.
  for (const { op, old } of steps) {
    if (op !== "update" || old === undefined || esoKind(old.urn) !== "ExternalSecret") continue;
    const made = madeSecret(old, new Set());
    const id = `${made.namespace}/${made.name}`;
    if (made.owned && !becomes.has(id)) secretGoes(id, "its ExternalSecret makes another one");
  }
  const order = ["values", "secret", "delivery"];
  return found.sort((a, b) => order.indexOf(a.harm) - order.indexOf(b.harm) || (a.text < b.text ? -1 : 1));
}

function dopplerOf(states: readonly State[]): StackReport["doppler"] {
  for (const state of states) {
    if (urnParts(state.urn).type !== "doppler:index/environment:Environment") continue;
    const { project, slug } = described(state);
    if (typeof project === "string" && typeof slug === "string") return { project, environment: slug };
  }
  return undefined;
}

/** What differs, a replacement's steps as one. */
function differencesOf(steps: readonly Step[]): Difference[] {
  const shown = new Map<string, Difference>();
  for (const { op, urn, properties } of steps) {
    if (["same", "read", "refresh"].includes(op)) continue;
    const { type, name } = urnParts(urn);
    const replaced = ["replace", "create-replacement", "delete-replaced"].includes(op);
    const other = shown.get(urn);
    shown.set(urn, {
      op: replaced ? "replace" : op,
      type,
      name,
      properties: [
        ...new Set([...(other?.properties ?? []), ...(op === "create" || op === "delete" ? [] : properties)]),
      ].sort(),
    });
  }
  return [...shown.values()].sort((a, b) => (`${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1));
}
