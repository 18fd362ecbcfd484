import { mirrorInterval, mirrorName } from "../../lib/mirror";
import { dopplerNames } from "../../lib/template";
import { namespacesOf, type SecretSettings } from "./secretRequest";

// The mirrors of a stack: those Secrets that are fed from a mirror say what has to be in it.

/** A mirror: the values of one source in a Secret of the operator's namespace, from which other Secrets are fed. */
export interface MirrorConfig {
  /** What its objects are called, its Secret and its store among them. */
  name: string;
  /** The Doppler names that are in it, and patterns of names. */
  names: string[];
  /** How often it is filled from Doppler. */
  refreshInterval: string;
  /** The namespaces that are fed from it, in alphabetical order. */
  namespaces: string[];
}

/**
 * The mirror of a source, as the Secrets need it that are fed from it.
 *
 * @param store the source's store
 * @param secrets the Secrets that have keys from the source, in whichever form
 * @returns `undefined` where none of them is fed from a mirror
 */
export function mirrorOf(
  source: string,
  store: string,
  secrets: readonly (SecretSettings & { refreshInterval: string })[],
): MirrorConfig | undefined {
  const fed = secrets.filter(({ fetch }) => fetch === "mirror");
  if (fed.length === 0) return undefined;
  const namesOf = (secret: SecretSettings) => [
    ...(secret.source === source
      ? [...dopplerNames(secret), ...(secret.pattern === undefined ? [] : [secret.pattern])]
      : []),
    ...Object.values(secret.from[source] ?? {}),
  ];
  return {
    name: mirrorName(store),
    names: [...new Set(fed.flatMap(namesOf))].sort(),
    refreshInterval: mirrorInterval(fed.map(({ refreshInterval }) => refreshInterval)),
    namespaces: namespacesOf(fed),
  };
}
