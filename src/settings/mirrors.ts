import { mirrorInterval, mirrorName } from "../../lib/mirror";
import { dopplerNames } from "../../lib/template";
import { namespacesOf, type SecretSettings } from "./secretRequest";

// The mirrors of a stack: those Secrets that are fed from a mirror say what has to be in it.

/** A mirror: the values of one store in a Secret of the operator's namespace, from which other Secrets are fed. */
export interface MirrorConfig {
  /** The name by which the stack knows it. */
  component: string;
  /** The ClusterSecretStore that it reads from. */
  store: string;
  /** What its own objects are called, its Secret and its store among them. */
  name: string;
  /** The Doppler names that are in it, and the patterns of names. */
  names: string[];
  /** How often it is filled from Doppler. */
  refreshInterval: string;
  /** The namespaces that are fed from it, in alphabetical order. */
  namespaces: string[];
}

/**
 * The mirror of a store, as the Secrets need it that are fed from it.
 *
 * @param secrets the Secrets whose values come from the store, in whichever form
 * @returns `undefined` where none of them is fed from a mirror
 */
export function mirrorOf(
  component: string,
  store: string,
  secrets: readonly (SecretSettings & { refreshInterval: string })[],
): MirrorConfig | undefined {
  const fed = secrets.filter(({ fetch }) => fetch === "mirror");
  const patterns = fed.flatMap(({ pattern }) => pattern ?? []);
  if (fed.length === 0) return undefined;
  return {
    component,
    store,
    name: mirrorName(store),
    names: [...new Set([...fed.flatMap(dopplerNames), ...patterns])].sort(),
    refreshInterval: mirrorInterval(fed.map(({ refreshInterval }) => refreshInterval)),
    namespaces: namespacesOf(fed),
  };
}
