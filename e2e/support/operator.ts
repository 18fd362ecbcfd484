import { readFileSync } from "node:fs";
import { type AccessLogEntry, dopplerPaths, operatorMetricsUrl } from "secrets-pipeline-sandbox";
import type { User } from "./user.js";

// What the operator did, by its own metrics and by Doppler's access log.

/** The operator's metrics at one moment. */
export interface Metrics {
  /** The sum of a counter over all label sets that have these labels; 0 where there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** When the operator's process was started, in seconds since the epoch. Counters begin at 0 with each process. */
  readonly startedAt: number;
}

/**
 * Reads the metrics of the operator that the program installed.
 *
 * @returns undefined while the operator serves no metrics
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

/** The operator's counters of failures; all are zero while nothing has failed. */
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

/**
 * The operator's requests to Doppler, from a line of the access log on: those with service tokens and with invalid
 * tokens.
 */
export function operatorRequests(user: User, from = 0): AccessLogEntry[] {
  return accessLog(user)
    .slice(from)
    .filter(({ token }) => token.startsWith("service:") || token === "invalid");
}

/** All requests to Doppler so far. */
export function accessLog(user: User): AccessLogEntry[] {
  return readFileSync(dopplerPaths(user.here.doppler).requests, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AccessLogEntry);
}
