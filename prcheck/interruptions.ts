import { ACTIONS_SECRET, ciSecret } from "./ciSecrets";
import { esoKind, madeSecret, objectName, type MadeSecret } from "./externalSecrets";
import { type State, type Step, urnParts } from "./preview";

// What a change deletes or replaces, and what that costs until it is back, if it comes back.

/** What an interruption costs, the worst first. */
export const HARMS = ["workloads", "values", "secret", "delivery"] as const;

/** Something that stands still or is gone, be it for a moment. */
export interface Interruption {
  /**
   * `workloads`: a namespace goes, and all that runs in it; `values`: what was typed is lost; `secret`: pods miss a
   * Secret; `delivery`: Secrets stay, changes don't arrive.
   */
  harm: (typeof HARMS)[number];
  text: string;
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

/**
 * What stands still or is gone, the worst first.
 *
 * @param was the Secrets that were made before, by `<namespace>/<name>`
 * @param becomes those that are made afterwards
 */
export function interruptions(
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
      const made = madeSecret(state);
      if (made.owned) secretGoes(`${made.namespace}/${made.name}`, `its ExternalSecret is ${how}`);
    } else if (type === "kubernetes:core/v1:Namespace") {
      const { name: namespace } = objectName(state);
      const within = [...was].filter(([, made]) => made.namespace === namespace);
      // What else is in it, the preview can't know.
      found.push({
        harm: "workloads",
        text: `namespace ${namespace} is ${how}, and with it everything in it, whoever put it there`,
      });
      for (const [id] of within) secretGoes(id, `its namespace is ${how}`);
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
    const made = madeSecret(old);
    const id = `${made.namespace}/${made.name}`;
    if (made.owned && !becomes.has(id)) secretGoes(id, "its ExternalSecret makes another one");
  }
  return found.sort((a, b) => HARMS.indexOf(a.harm) - HARMS.indexOf(b.harm) || (a.text < b.text ? -1 : 1));
}
