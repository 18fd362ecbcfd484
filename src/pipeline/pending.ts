import * as pulumi from "@pulumi/pulumi";
import { type LeftOut, matchingNames } from "../../lib/namePattern";
import { pendingNotice } from "../../lib/pendingNotice";
import { namesByKey, type Sources } from "../../lib/template";
import { type AppConfig, MAIN_SOURCE, type StackConfig } from "../settings";
import type { TypedNames } from "../world";
import type { NamesBySource } from "./values";

/** What of a Secret says where its keys come from. */
type SecretContents = Sources & LeftOut & Pick<AppConfig, "source" | "from">;

/** A key of a Secret, and what is wanted for it of one source: Doppler names, or a pattern that no name matches. */
interface Wanted {
  source: string;
  key: string;
  names: string[];
}

/**
 * What is still to be typed for a Secret, by key. An empty value is one. A pattern that no name matches, and a JSON object
 * that is to be spread, stand for the keys that they would bring.
 */
function wantedOf(secret: SecretContents, typed: NamesBySource): Wanted[] {
  const { source, from, pattern, spread = [] } = secret;
  const own = {
    ...Object.fromEntries(spread.map((name) => [name, [name]])),
    ...(pattern !== undefined && matchesNothing(pattern, secret, typed.get(source)) && { [pattern]: [pattern] }),
    ...namesByKey(secret),
  };
  const others = Object.entries(from).map(([name, keys]) => [name, namesByKey({ keys, values: {} })] as const);
  return [[source, own] as const, ...others].flatMap(([of, keys]) =>
    Object.entries(keys)
      .map(([key, names]) => ({ source: of, key, names: names.filter((name) => !typed.get(of)?.has(name)) }))
      .filter(({ names }) => names.length > 0),
  );
}

/** Whether a Secret waits for a first name that its pattern takes. */
function matchesNothing(pattern: string, out: LeftOut, typed: TypedNames): boolean {
  return matchingNames(pattern, out, typed ?? []).taken.length === 0;
}

/** The keys of an app's Secret that still want a value, and the Doppler names to type. */
export function pendingKeys(app: SecretContents, typed: NamesBySource): Record<string, string[]> {
  const wanted = wantedOf(app, typed).map(({ key, names }) => [key, names] as const);
  return Object.fromEntries(wanted.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Which Doppler names still need values, and which patterns a first name, for what, and where to type them: one text for
 * each source that lacks any.
 *
 * @param typed the names that have values, empty ones included; those of a source are `undefined` while its config does
 *   not exist yet
 */
export function pendingValues(
  stack: Pick<StackConfig, "sources" | "apps" | "otherSecrets" | "githubActions">,
  typed: NamesBySource,
): string[] {
  const users = new Map(stack.sources.map(({ name }) => [name, new Map<string, string[]>()]));
  const needs = (source: string, dopplerName: string, user: string) => {
    const known = users.get(source)?.get(dopplerName) ?? [];
    users.get(source)?.set(dopplerName, known.includes(user) ? known : [...known, user]);
  };
  const needsAll = (secret: SecretContents, user: string) =>
    wantedOf(secret, typed).forEach(({ source, names }) => names.forEach((name) => needs(source, name, user)));
  for (const app of stack.apps) needsAll(app, `app ${app.name}`);
  for (const other of stack.otherSecrets) needsAll(other, `Secret ${other.namespace}/${other.secretName}`);
  const { organization, repositories = [], secrets = [] } = stack.githubActions ?? {};
  const ci = organization === undefined ? repositories.join(", ") : `organisation ${organization.owner}`;
  for (const { dopplerName } of secrets) {
    if (!typed.get(MAIN_SOURCE)?.has(dopplerName)) needs(MAIN_SOURCE, dopplerName, `CI of ${ci}`);
  }
  return stack.sources.flatMap(({ name, project, config }) => {
    const missing = users.get(name) ?? new Map<string, string[]>();
    return missing.size === 0 ? [] : [pendingNotice({ project: project.name, config, users: missing })];
  });
}

/** Warns of the Doppler names that still need values, if there are any. */
export async function warnOfPending(...args: Parameters<typeof pendingValues>): Promise<void> {
  for (const notice of pendingValues(...args)) await pulumi.log.warn(notice);
}
