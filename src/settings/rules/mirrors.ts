import { mirrorName } from "../../../lib/mirror";
import { objectNames } from "../dopplerSources";
import { type ConfigProblem, type Path, problem } from "../problems";
import type { Reading } from "../reading";

// A mirror's objects are in the operator's namespace, and are called after the store. Nothing else may be called so.

/** The longest name of an object in Kubernetes. */
const LONGEST_NAME = 253;

/** A mirror that a stack's settings ask for: the Secret, and the objects of the same name. */
interface RequestedMirror {
  /** The setting that names its source's store. */
  path: Path;
  namespace: string;
  name: string;
}

/** The mirrors that Secrets of a stack are fed from. */
export function mirrorsOf({ settings, requests, sources }: Reading): RequestedMirror[] {
  const namespace = settings.operator?.namespace;
  if (namespace === undefined) return [];
  const fed = requests.secrets.filter(({ rest }) => (rest.fetch ?? settings.fetch) === "mirror");
  return sources.flatMap(({ name, store }) => {
    if (name === undefined || store.name === undefined) return [];
    if (!fed.some(({ rest }) => rest.source === name || name in rest.from)) return [];
    return [{ path: store.path, namespace, name: mirrorName(store.name) }];
  });
}

/** What stands in the way of the stack's mirrors. */
export function mirrorProblems(reading: Reading): ConfigProblem[] {
  return mirrorsOf(reading).flatMap((mirror) => [...tooLong(mirror), ...taken(mirror, reading)]);
}

function tooLong({ path, name }: RequestedMirror): ConfigProblem[] {
  if (name.length <= LONGEST_NAME) return [];
  const room = LONGEST_NAME - mirrorName("").length;
  return [problem(path, `expected at most ${room} characters, since the mirror's name is longer (fetch: mirror)`)];
}

function taken(mirror: RequestedMirror, { requests, sources }: Reading): ConfigProblem[] {
  const message = "the mirror of the store has an object of this name (fetch: mirror); give this one another name";
  const ofSources = sources.flatMap(objectNames).filter(({ name }) => name === mirror.name);
  const places = requests.secrets.flatMap((secret) => secret.places);
  const ofSecrets = places.filter(
    ({ namespace, secretName, externalSecretName }) =>
      namespace === mirror.namespace && [secretName, externalSecretName].includes(mirror.name),
  );
  return [...ofSources, ...ofSecrets].map(({ path }) => problem(path, message));
}
