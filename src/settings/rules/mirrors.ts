import { mirrorName } from "../../../lib/mirror";
import { type ConfigProblem, problem } from "../problems";
import type { Reading } from "../reading";

// A mirror's objects are in the operator's namespace, and are called after the store. Nothing else may be called so.

/** The longest name of an object in Kubernetes. */
const LONGEST_NAME = 253;

/** The Secret of the stack's mirror, and the objects of the same name; `undefined` if nothing is fed from a mirror. */
export function mirrorSecretOf({ settings, requests }: Reading): { namespace: string; name: string } | undefined {
  const { store, operator, fetch } = settings;
  if (store?.name === undefined || operator?.namespace === undefined) return undefined;
  if (!requests.secrets.some(({ rest }) => (rest.fetch ?? fetch) === "mirror")) return undefined;
  return { namespace: operator.namespace, name: mirrorName(store.name) };
}

/** What stands in the way of the stack's mirror. */
export function mirrorProblems(reading: Reading): ConfigProblem[] {
  const mirror = mirrorSecretOf(reading);
  if (mirror === undefined) return [];
  const { store } = reading.settings;
  const problems: ConfigProblem[] = [];
  const room = LONGEST_NAME - mirrorName("").length;
  if (mirror.name.length > LONGEST_NAME) {
    const message = `expected at most ${room} characters, since the mirror's name is longer (fetch: mirror)`;
    problems.push(problem(["store", "name"], message));
  }
  const taken = "the mirror of the store has an object of this name (fetch: mirror); give this one another name";
  if (store?.tokenSecretName === mirror.name) problems.push(problem(["store", "tokenSecretName"], taken));
  if (store?.oidc?.serviceAccount === mirror.name) problems.push(problem(["store", "oidc", "serviceAccount"], taken));
  for (const { places } of reading.requests.secrets) {
    for (const { path, namespace, secretName, externalSecretName } of places) {
      if (namespace !== mirror.namespace) continue;
      if ([secretName, externalSecretName].includes(mirror.name)) problems.push(problem(path, taken));
    }
  }
  return problems;
}
