import * as pulumi from "@pulumi/pulumi";
import { setTimeout as delay } from "node:timers/promises";
import { serviceTokenOf } from "../../lib/storeToken";
import type { SourceSettings } from "../settings";
import { type DopplerClient, DopplerError, type World } from "../world";

/** A rotation under way. */
export interface Rotation {
  project: string;
  config: string;
  /** The names of the token that is to be revoked and of the one in its place. */
  from: string;
  to: string;
}

/** How long to watch; a test gives its own. Milliseconds. */
export interface Patience {
  /** A sync that read the old token just before the change may still be at its requests; without one for so long, none is. */
  quiet: number;
  /** How long the operator has to show itself with the new token. */
  deadline: number;
  poll: number;
}

const PATIENCE: Patience = { quiet: 5_000, deadline: 150_000, poll: 1_000 };

/**
 * Waits until the cluster works with the new token and no longer with the old, as Doppler sees it, so that the old one
 * can be revoked without a refused request. Where the operator does not show itself in time (it is down, or can't reach
 * Doppler) a warning says so and the wait ends: a token that may be leaked must not live on for that.
 */
export async function handover(
  doppler: Pick<DopplerClient, "serviceTokens">,
  { project, config, from, to }: Rotation,
  { quiet, deadline, poll }: Patience = PATIENCE,
): Promise<void> {
  await pulumi.log.info(`waiting until the cluster uses service token "${to}" and no longer "${from}" …`);
  const started = performance.now();
  let lastSeen: string | null | undefined;
  let since = started;
  let doubt: string;
  do {
    try {
      const tokens = await doppler.serviceTokens(project, config);
      const now = performance.now();
      const old = tokens.find((token) => token.name === from);
      if (old === undefined) return;
      if (old.lastSeenAt !== lastSeen) {
        lastSeen = old.lastSeenAt;
        since = now;
      }
      const next = tokens.find(({ name }) => name === to);
      const taken = next === undefined ? null : next.lastSeenAt;
      // Without the time of its last use, nothing tells that the old token is quiet.
      if (typeof taken === "string" && old.lastSeenAt !== undefined && now - since >= quiet) return;
      doubt = doubtOf(taken, old.lastSeenAt, { from, to });
    } catch (error) {
      if (!(error instanceof DopplerError)) throw error;
      doubt = `Doppler could not be asked whether the cluster uses service token "${to}" (${error.message}); "${from}" is revoked now all the same.`;
    }
    await delay(poll);
  } while (performance.now() - started < deadline);
  await pulumi.log.warn(doubt);
}

/** Why the old token may still be in use. */
function doubtOf(
  newSeen: string | null | undefined,
  oldSeen: string | null | undefined,
  { from, to }: Pick<Rotation, "from" | "to">,
): string {
  if (newSeen === null) {
    return `The cluster has not come to Doppler with service token "${to}" yet; "${from}" is revoked now all the same. Is the operator running?`;
  }
  if (newSeen === undefined || oldSeen === undefined) {
    return `Doppler does not tell when service tokens were last used. The cluster has had its time to take "${to}"; "${from}" is revoked now.`;
  }
  return `Service token "${from}" is still used by somebody; it is revoked now all the same.`;
}

/**
 * What a source's store calls when it has moved to another service token. The token to hand over from is the one that the
 * store had in the last state: after a run that was cut off between token and store this is still the old one.
 */
export function tokenHandover(
  { project, config, serviceToken: to, store: { name } }: SourceSettings,
  { doppler, state }: Pick<World, "doppler" | "state">,
): () => Promise<void> {
  const store = state.object("kubernetes:external-secrets.io/v1:ClusterSecretStore", name);
  const from = store && serviceTokenOf(store);
  return async () => {
    if (from === undefined || from === to) return;
    await handover(doppler, { project: project.name, config, from, to });
  };
}
