import { patternNames } from "../lib/patternNotice";
import { pendingNames } from "../lib/pendingNotice";
import { ciChanges, type CiChange } from "./ciSecrets";
import { beforeAndAfter, described, esoKind, madeSecret, mainStore, type MadeSecret } from "./externalSecrets";
import { interruptions, type Interruption } from "./interruptions";
import { readsChange, type ReadsChange } from "./reads";
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
  /** The names that apps have by patterns at present, as the program says. */
  byPattern: { app: string; names: string[] }[];
  /** Reads of secrets at Doppler each minute. */
  reads: ReadsChange;
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
    byPattern: [...patternNames(messages.map(({ text }) => text))].map(([app, names]) => ({ app, names })),
    reads: readsChange(preview, before, after),
    differences,
    unchanged: new Set(steps.filter(({ op }) => op === "same").map(({ urn }) => urn)).size,
  };
}

/** The Secrets that a stack's ExternalSecrets make, by `<namespace>/<name>`. */
function secretsOf(states: ReadonlyMap<string, State>): Map<string, MadeSecret> {
  const secrets = new Map<string, MadeSecret>();
  const main = mainStore([...states.values()]);
  for (const state of states.values()) {
    if (esoKind(state.urn) !== "ExternalSecret") continue;
    const made = madeSecret(state, main);
    const id = `${made.namespace}/${made.name}`;
    // Several may merge into one Secret.
    const other = secrets.get(id);
    secrets.set(id, other === undefined ? made : { ...made, keys: new Map([...other.keys, ...made.keys]) });
  }
  return secrets;
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

/** The place of the main Doppler config. A stack that uses another's environment makes only a token for it. */
function dopplerOf(states: readonly State[]): StackReport["doppler"] {
  const made = (type: string) => states.filter(({ urn }) => urnParts(urn).type === type);
  const environments = made("doppler:index/environment:Environment");
  const tokens = made("doppler:index/serviceToken:ServiceToken");
  const main = (all: readonly State[], name: string) => all.find(({ urn }) => urnParts(urn).name === name);
  const found = main(environments, "doppler-environment") ?? main(tokens, "doppler-token") ?? environments[0];
  if (found === undefined) return undefined;
  const { project, slug, config } = described(found);
  const environment = slug ?? config;
  return typeof project === "string" && typeof environment === "string" ? { project, environment } : undefined;
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
