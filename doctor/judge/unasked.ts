import type { Asked, Facts } from "../facts";
import type { Unasked } from "./judgement";
import { clusterReached } from "./clusterLinks";
import { count } from "./words";

/** The questions that got no answer, those with the same reason together. */
export function unaskedOf(facts: Facts): Unasked[] {
  const { doppler, cluster, github } = facts;
  const silences: { whom: string; asked: Asked<unknown> }[] = [
    ...Object.entries(doppler.configs).flatMap(([config, { names, tokens }]) => [
      { whom: `Doppler, names of ${config}`, asked: names },
      { whom: `Doppler, service tokens of ${config}`, asked: tokens },
    ]),
    { whom: "the cluster, its id", asked: cluster.id },
    { whom: "the cluster, the operator's kinds", asked: cluster.served },
    { whom: "the cluster, the operator", asked: cluster.operators },
    ...ofRecord("the cluster", cluster.identities),
    ...ofRecord("the cluster, store", cluster.stores),
    ...ofRecord("the cluster, ExternalSecret", cluster.externalSecrets),
    ...ofRecord("the cluster, Secret", cluster.secrets),
    ...ofRecord("the cluster, pods in namespace", cluster.pods),
    ...ofRecord("GitHub,", github.places),
    { whom: "the Pulumi CLI, its version", asked: facts.versions.pulumi },
  ];
  const byWhy = new Map<string, string[]>();
  for (const { whom, asked } of silences) {
    if ("unknown" in asked) byWhy.set(asked.unknown, [...(byWhy.get(asked.unknown) ?? []), whom]);
  }
  const other = clusterReached(facts);
  return [
    ...(other !== undefined && "known" in cluster.served && "unknown" in other
      ? [{ whom: "the cluster", why: other.unknown }]
      : []),
    ...[...byWhy].map(([why, whom]) => ({ whom: together(whom), why })),
  ];
}

const ofRecord = (whom: string, record: Readonly<Record<string, Asked<unknown>>>) =>
  Object.entries(record).map(([key, asked]) => ({ whom: `${whom} ${key}`, asked }));

/** What was asked for the same reason in vain: as it is where it is one thing, and the system where it is many. */
function together(whom: readonly string[]): string {
  const [first = ""] = whom;
  const system = first.split(",")[0] ?? first;
  return whom.length === 1 ? first : `${system} (${count(whom.length, "question")})`;
}
