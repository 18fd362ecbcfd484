import { setTimeout as delay } from "node:timers/promises";
import type { AccessLogEntry } from "secrets-pipeline-sandbox";
import { editApps } from "./established.js";
import { operatorRequests } from "./operator.js";
import { eventually, type User } from "./user.js";

// Many apps in one stack, and what the operator's reads of their values come to.

/** Keys of each app. */
const KEYS = 10;

/** An app as it is in a stack file. */
interface App {
  readonly name: string;
  readonly namespace: string;
  readonly keys: readonly string[];
}

/** Apps of ten keys each, and each key with a Doppler name of its own. */
export function manyApps(count: number): App[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `app-${String(index).padStart(3, "0")}`;
    const prefix = name.toUpperCase().replace("-", "_");
    const keys = Array.from({ length: KEYS }, (_, key) => `${prefix}_SECRET_${key}`);
    return { name, namespace: "default", keys };
  });
}

/** Replaces the stack's apps, and types all of their values, with one command. */
export async function settle(user: User, apps: readonly App[]): Promise<void> {
  editApps<App>(user, () => [...apps]);
  const values = apps.flatMap(({ keys }) => keys.map((key) => `${key}=value-of-${key}`));
  const ci = ["DOCKERHUB_USERNAME=ci", "DOCKERHUB_TOKEN=token-of-ci"];
  await user.quietly("doppler", ["secrets", "set", ...values, ...ci, "--silent"]);
}

/** How an ExternalSecret stands. */
export interface Sync {
  readonly name: string;
  /** Whether its last refresh succeeded. */
  readonly ready: boolean;
  /** When its last successful refresh began, in milliseconds since 1970. */
  readonly refreshed: number;
  readonly store: string;
}

/** The ExternalSecrets in the apps' namespace. */
export async function syncs(user: User): Promise<Sync[]> {
  const kind = "externalsecrets.external-secrets.io";
  const stdout = await user.quietly("kubectl", ["get", kind, "--namespace=default", "--output=json"]);
  const { items } = JSON.parse(stdout) as {
    items: {
      metadata: { name: string };
      spec: { secretStoreRef: { name: string } };
      status?: { refreshTime?: string; conditions?: { type: string; status: string }[] };
    }[];
  };
  return items.map(({ metadata: { name }, spec, status }) => ({
    name,
    ready: status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false,
    refreshed: Date.parse(status?.refreshTime ?? "1970-01-01T00:00:00Z"),
    store: spec.secretStoreRef.name,
  }));
}

/** Waits until all apps have been refreshed since a moment. */
export async function allSynced(user: User, count: number, withinMs: number, since = 0): Promise<Sync[]> {
  // The operator writes whole seconds.
  const from = Math.floor(since / 1000) * 1000;
  return eventually(`${count} apps are synced`, withinMs, async () => {
    const all = await syncs(user);
    return all.length === count && all.every(({ ready, refreshed }) => ready && refreshed >= from) ? all : undefined;
  });
}

/** The operator's reads of secrets in a time. */
export interface Reads {
  /** How many there were each minute, those that Doppler refused among them. */
  readonly perMinute: number;
  /** By the minute. */
  readonly minutes: readonly number[];
  /** How many of them Doppler refused, since there were too many. */
  readonly refused: number;
}

/** Counts the operator's reads of secrets in Doppler's access log. */
export function readsBetween(user: User, from: number, to: number): Reads {
  const at = ({ time }: AccessLogEntry) => Date.parse(time);
  const reads = operatorRequests(user)
    .filter(({ path }) => /^\/v3\/configs\/config\/secrets?([/?]|$)/.test(path))
    .filter((entry) => at(entry) >= from && at(entry) < to);
  const minutes = Array.from({ length: Math.ceil((to - from) / 60_000) }, (_, minute) => {
    const begin = from + minute * 60_000;
    return reads.filter((entry) => at(entry) >= begin && at(entry) < begin + 60_000).length;
  });
  const perMinute = reads.length / ((to - from) / 60_000);
  return { perMinute, minutes, refused: reads.filter(({ status }) => status === 429).length };
}

/** Counts the operator's reads of secrets from now on, for as long as asked. */
export async function countReads(user: User, forMs: number): Promise<Reads> {
  const from = Date.now();
  await delay(forMs);
  return readsBetween(user, from, from + forMs);
}

/** What the operator's reads came to, for a person to read. */
export function inWords({ perMinute, minutes, refused }: Reads): string {
  return `${perMinute.toFixed(1)} reads a minute (${minutes.join(", ")}), ${refused} of them refused`;
}

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
