import { DOPPLERS_OWN } from "../../lib/externalSecretReading";
import { type PipelineSecret, placeKey, type Source, sourceKey } from "../../lib/pipeline";
import { delivered, originsOf } from "../../lib/pipelineWay";
import { list, map } from "../../lib/stackResources";
import { answer, type Facts } from "../facts";
import type { Judgement, Notice, TokenVerdict } from "./judgement";
import { lateness, missed, secretPlace } from "./secretLinks";
import { versionNotices } from "./versions";
import { count, named, span } from "./words";

// What breaks nothing, and somebody may want to know all the same.

/** A refresh that is no later than this is not worth a word, in milliseconds. */
const GRACE = 15_000;

/** A token of this age is worth a word, in milliseconds. */
const OLD_TOKEN = 365 * 86_400_000;

/** A share of the reads that Doppler allows that is worth a word. */
const MANY_READS = 0.8;

/** All that is worth a word. */
export function notices(facts: Facts): Notice[] {
  return [
    ...facts.pipeline.sources.flatMap((source) => unconsumed(facts, source)),
    ...facts.pipeline.secrets.flatMap((secret) => [...leftover(facts, secret), ...late(facts, secret)]),
    ...facts.pipeline.stores.flatMap(({ name, spec }) => drift(facts, name, spec)),
    ...tokenNotices(facts),
    ...readNotices(facts),
    ...versionNotices(facts.versions, answer(facts.cluster.operators) ?? []),
  ];
}

/** Names in a config that nobody of this stack takes. */
function unconsumed({ doppler, pipeline }: Facts, source: Source): Notice[] {
  const names = answer(doppler.configs[sourceKey(source)]?.names);
  if (!names) return [];
  const key = sourceKey(source);
  const origins = delivered(pipeline)
    .flatMap((secret) => originsOf(pipeline, secret))
    .filter((origin) => sourceKey(origin.source) === key);
  const taken = new Set(origins.flatMap((origin) => origin.names));
  if (pipeline.main && sourceKey(pipeline.main) === key)
    for (const { dopplerName } of pipeline.ci) taken.add(dopplerName);
  const matched = (name: string) => origins.some(({ patterns }) => patterns.some((pattern) => matches(pattern, name)));
  const free = names.filter((name) => !DOPPLERS_OWN.has(name) && !taken.has(name) && !matched(name));
  if (free.length === 0) return [];
  const text = `Nothing of this stack reads ${named(free)} of Doppler config ${key}. Other readers of the config are not seen from here, nor values that refer to ${free.length === 1 ? "this one" : "these"}.`;
  return [{ about: "unconsumedNames", text }];
}

/** Go's pattern, as far as JavaScript has the same. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}

/** Keys that a Secret has and nobody asks for. */
function leftover({ cluster }: Facts, secret: PipelineSecret): Notice[] {
  const found = answer(cluster.secrets[secretPlace(secret)]);
  if (!found || secret.reading.openEnded) return [];
  // Others write into a Secret that is somebody else's.
  const writers = found.writers.filter(({ manager }) => secret.owned || manager.startsWith("externalsecrets."));
  const keys = [...new Set(writers.flatMap((writer) => writer.keys))].filter((key) => !(key in secret.reading.keys));
  if (keys.length === 0) return [];
  const text = `Secret ${secretPlace(secret)} has ${named(keys.sort())}, which the stack does not ask for.`;
  return [{ about: "leftoverKeys", text }];
}

/** Refreshes that are late. */
function late(facts: Facts, secret: PipelineSecret): Notice[] {
  const found = answer(facts.cluster.externalSecrets[placeKey(secret)]);
  const by = found ? lateness(facts, secret, found) : undefined;
  if (by === undefined || by <= GRACE) return [];
  const interval = (secret.reading.interval ?? 0) * 1000;
  const text = `ExternalSecret ${placeKey(secret)} is ${span(by)} late: ${count(missed(by, interval), "refresh was", "refreshes were")} missed.`;
  return [{ about: "missedRefreshes", text }];
}

/** A store that admits more than the stack says. */
function drift({ cluster, stack }: Facts, name: string, spec: Readonly<Record<string, unknown>>): Notice[] {
  const found = answer(cluster.stores[name]);
  const asked = new Set(list(spec["conditions"]).flatMap((condition) => list(map(condition)["namespaces"])));
  if (!found || asked.size === 0) return [];
  const conditions = list(found.spec["conditions"]).map(map);
  const more = conditions.flatMap((condition) => list(condition["namespaces"])).filter((n) => !asked.has(n));
  const open = conditions.length === 0 || conditions.some((condition) => !("namespaces" in condition));
  if (!open && more.length === 0) return [];
  const whom = open ? "namespaces that the stack does not name" : `namespace ${named(more.map(String))}`;
  const text = `ClusterSecretStore ${name} admits ${whom}: whoever may make an ExternalSecret there reads every value of the config. pulumi up --refresh --stack ${stack} takes that back.`;
  return [{ about: "drift", text }];
}

/** The service tokens of the configs that are read. */
export function tokensOf({ doppler, pipeline }: Facts): TokenVerdict[] {
  return pipeline.sources.flatMap(({ project, config, token }) =>
    (answer(doppler.configs[sourceKey({ project, config })]?.tokens) ?? []).map((found) => ({
      ...found,
      project,
      config,
      used: found.name === token,
    })),
  );
}

function tokenNotices(facts: Facts): Notice[] {
  return tokensOf(facts).flatMap(({ name, project, config, used, createdAt, lastSeenAt }): Notice[] => {
    const what = `Service token "${name}" of config ${sourceKey({ project, config })}`;
    if (!used) {
      const use = lastSeenAt ? `was used ${span(facts.at - lastSeenAt)} ago by somebody else` : "was never used";
      return [{ about: "tokens", text: `${what} is not this stack's, and ${use}.` }];
    }
    const age = createdAt === undefined ? 0 : facts.at - createdAt;
    if (age <= OLD_TOKEN) return [];
    return [{ about: "tokens", text: `${what} is ${span(age)} old. A new name in doppler.serviceToken rotates it.` }];
  });
}

/** How often this stack's cluster reads secrets from Doppler. */
export function readsOf({ pipeline, doppler }: Facts): Judgement["reads"] {
  const ofDoppler = new Set(pipeline.stores.flatMap(({ reads, name }) => (reads === "doppler" ? [name] : [])));
  const perMinute = pipeline.secrets.reduce((sum, { reading }) => {
    const requests = Object.entries(reading.requests).filter(([store]) => ofDoppler.has(store));
    const each = requests.reduce((n, [, times]) => n + times, 0);
    return reading.interval === undefined ? sum : sum + (each * 60) / reading.interval;
  }, 0);
  return { perMinute, limit: doppler.readLimit };
}

function readNotices(facts: Facts): Notice[] {
  const { perMinute, limit } = readsOf(facts);
  if (limit === undefined || perMinute < MANY_READS * limit) return [];
  const text = `This stack reads ${Math.round(perMinute)} times a minute, and Doppler allows ${limit} for each token and each address.`;
  return [{ about: "reads", text }];
}
