import * as pulumi from "@pulumi/pulumi";
import { type LeftOut, matchingNames } from "../../lib/namePattern";
import { pendingNotice } from "../../lib/pendingNotice";
import { dopplerNames, namesByKey, type Sources } from "../../lib/template";
import type { StackConfig } from "../settings";
import type { TypedNames } from "./values";

/**
 * The keys of an app's Secret that still want a value, and the Doppler names to type. An empty value is one. A pattern
 * that no name matches, and a JSON object that is to be spread, stand for the keys that they would bring.
 */
export function pendingKeys(app: Sources & LeftOut, typed: TypedNames): Record<string, string[]> {
  const wanted = {
    ...Object.fromEntries((app.spread ?? []).map((name) => [name, [name]])),
    ...(matchesNothing(app, typed) && app.pattern !== undefined && { [app.pattern]: [app.pattern] }),
    ...namesByKey(app),
  };
  return Object.fromEntries(
    Object.entries(wanted)
      .map(([key, names]): [string, string[]] => [key, names.filter((name) => !typed?.has(name))])
      .filter(([, missing]) => missing.length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Whether a Secret waits for a first name that its pattern takes. */
function matchesNothing(app: Sources & LeftOut, typed: TypedNames): boolean {
  return app.pattern !== undefined && matchingNames(app.pattern, app, typed ?? []).taken.length === 0;
}

/**
 * Which Doppler names still need values, and which patterns a first name, for what, and where to type them; `undefined` if none does.
 *
 * @param typed the names that have values, empty ones included, or `undefined` while the config does not exist yet
 */
export function pendingValues(
  stack: Pick<StackConfig, "doppler" | "apps" | "otherSecrets" | "githubActions">,
  typed: TypedNames,
): string | undefined {
  const users = new Map<string, string[]>();
  const needs = (dopplerName: string, user: string) => {
    if (typed?.has(dopplerName)) return;
    const known = users.get(dopplerName) ?? [];
    users.set(dopplerName, known.includes(user) ? known : [...known, user]);
  };
  for (const app of stack.apps) {
    dopplerNames(app).forEach((name) => needs(name, `app ${app.name}`));
    if (app.pattern !== undefined && matchesNothing(app, typed)) needs(app.pattern, `app ${app.name}`);
  }
  for (const other of stack.otherSecrets) {
    dopplerNames(other).forEach((name) => needs(name, `Secret ${other.namespace}/${other.secretName}`));
  }
  const { organization, repositories = [] } = stack.githubActions ?? {};
  const ci = organization === undefined ? repositories.join(", ") : `organisation ${organization.owner}`;
  for (const { dopplerName } of stack.githubActions?.secrets ?? []) needs(dopplerName, `CI of ${ci}`);
  if (users.size === 0) return undefined;
  return pendingNotice({ project: stack.doppler.project.name, config: stack.doppler.config, users });
}

/** Warns of the Doppler names that still need values, if there are any. */
export async function warnOfPending(...args: Parameters<typeof pendingValues>): Promise<void> {
  const notice = pendingValues(...args);
  if (notice !== undefined) await pulumi.log.warn(notice);
}
