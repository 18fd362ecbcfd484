import type { StoredName } from "./externalSecretReading";
import { type Pipeline, type PipelineSecret, type PipelineStore, type Source, sourceKey } from "./pipeline";

// The way of a Secret through a pipeline. A Secret may be made from another one, which a store reads as a whole.

/** The ExternalSecrets from whose Secrets a Secret is made, those nearest to Doppler first. */
export function upstream(pipeline: Pipeline, secret: PipelineSecret): PipelineSecret[] {
  return secret.reading.wholes.flatMap((whole) => {
    const from = behind(pipeline, whole);
    return from === undefined || from === secret ? [] : [...upstream(pipeline, from), from];
  });
}

/** The Secrets that somebody reads, and not those from which only other Secrets are made. */
export function delivered(pipeline: Pipeline): PipelineSecret[] {
  const between = new Set(pipeline.secrets.flatMap((secret) => upstream(pipeline, secret)));
  return pipeline.secrets.filter((secret) => !between.has(secret));
}

/** The stores on the way of a Secret, those nearest to Doppler first. */
export function storesOf(pipeline: Pipeline, secret: PipelineSecret): PipelineStore[] {
  const names = [...upstream(pipeline, secret), secret].flatMap(({ reading }) => reading.stores);
  return [...new Set(names)].flatMap((name) => storeNamed(pipeline, name) ?? []);
}

/** The Doppler names that a Secret needs, and the patterns of those that it takes if they are there, by config. */
export interface Origin {
  source: Source;
  names: string[];
  patterns: string[];
}

/** Where in Doppler a Secret's values come from. */
export function originsOf(pipeline: Pipeline, secret: PipelineSecret): Origin[] {
  const origins = new Map<string, Origin>();
  const add = ({ store, name }: StoredName, kind: "names" | "patterns") => {
    const found = storeNamed(pipeline, store);
    if (found?.reads === "cluster") {
      // What a template takes of a whole Secret is a name in the stores from which that Secret is made.
      const whole = secret.reading.wholes.find((candidate) => candidate.store === store);
      for (const behindIt of (whole && behind(pipeline, whole))?.reading.stores ?? [])
        add({ store: behindIt, name }, kind);
    } else if (found?.source !== undefined) {
      const key = sourceKey(found.source);
      const origin = origins.get(key) ?? { source: found.source, names: [], patterns: [] };
      origins.set(key, { ...origin, [kind]: [...new Set([...origin[kind], name])] });
    }
  };
  for (const name of secret.reading.names) add(name, "names");
  for (const { store, regexp } of secret.reading.patterns) add({ store, name: regexp }, "patterns");
  return [...origins.values()];
}

/** The ExternalSecret that makes a Secret which a store reads. */
function behind(pipeline: Pipeline, { store, name }: StoredName): PipelineSecret | undefined {
  const namespace = storeNamed(pipeline, store)?.namespace;
  return pipeline.secrets.find((secret) => secret.namespace === namespace && secret.secretName === name);
}

const storeNamed = ({ stores }: Pipeline, name: string) => stores.find((store) => store.name === name);
