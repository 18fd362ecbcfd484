import { readFileSync } from "node:fs";
import { type AccessLogEntry, dopplerPaths, operatorMetricsUrl } from "secrets-pipeline-sandbox";
import type { User } from "./user.js";

// What the operator did, by its own word and by Doppler's.

/** The operator's metrics at one moment. */
export interface Metrics {
  /** The sum of a counter over all label sets that have these labels; 0 where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** When the process that counts was started; another one counts from nothing. Seconds since the epoch. */
  readonly startedAt: number;
}

/**
 * Reads the metrics of the operator that the program installed.
 *
 * @returns undefined while it does not serve any
 */
export async function operatorMetrics(user: User): Promise<Metrics | undefined> {
  const url = operatorMetricsUrl(user.here.operator, "external-secrets", "external-secrets");
  const response = url === undefined ? undefined : await fetch(url).catch(() => undefined);
  if (response?.ok !== true) return undefined;
  const samples = (await response.text()).split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text] as const);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
      .reduce((total, { value }) => total + value, 0);
  return { sum, startedAt: sum("process_start_time_seconds") };
}

/** What failed in the operator so far, by counter; all zero while nothing has. */
export function failures(metrics: Metrics): Record<string, number> {
  const controllers = ["externalsecret", "clustersecretstore"];
  return {
    externalsecret_sync_calls_error: metrics.sum("externalsecret_sync_calls_error"),
    externalsecret_provider_api_calls_count: metrics.sum("externalsecret_provider_api_calls_count", {
      status: "error",
    }),
    ...Object.fromEntries(
      controllers.map((controller) => [
        `controller_runtime_reconcile_errors_total of ${controller}`,
        metrics.sum("controller_runtime_reconcile_errors_total", { controller }),
      ]),
    ),
  };
}

/** The operator's requests to Doppler from the k-th line of the access log on: those under service tokens, and those refused for their token. */
export function operatorRequests(user: User, from = 0): AccessLogEntry[] {
  return accessLog(user)
    .slice(from)
    .filter(({ token }) => token.startsWith("service:") || token === "invalid");
}

/** Everything that Doppler was asked so far. */
export function accessLog(user: User): AccessLogEntry[] {
  return readFileSync(dopplerPaths(user.here.doppler).requests, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AccessLogEntry);
}
