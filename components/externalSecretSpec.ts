import type * as pulumi from "@pulumi/pulumi";
import { dopplerNames, type Sources, templateWithoutGaps } from "../lib/template";

// What an ExternalSecret asks Doppler or a mirror for, and how the Secret is made of it. Pure: from arguments to a spec.

/** The parts of a Secret that its spec is made of. */
export interface SecretShape {
  /** The Secret's keys, and the Doppler name of each. */
  keys?: Record<string, string> | undefined;
  /** The Secret's keys, and the template of each. */
  values?: Record<string, string> | undefined;
  /** The Secret's type. */
  type?: string | undefined;
  /** Labels of the Secret. */
  labels?: Record<string, string> | undefined;
  /** Annotations of the Secret. */
  annotations?: Record<string, string> | undefined;
  /** Whether each Doppler name is read by itself. Default: one read for all of them. */
  perKey?: boolean | undefined;
  /** The Secret of a mirror that holds the Doppler names, where the store is the mirror's. */
  mirrorSecret?: pulumi.Input<string> | undefined;
}

/** The names that match a pattern. */
interface Find {
  find: { name: { regexp: string } };
}

/** All keys of a mirror's Secret. */
interface Extract {
  extract: { key: pulumi.Input<string> };
}

/** The fields of an ExternalSecret's spec that say what is fetched. */
export interface FetchedData {
  /** One entry for each value that is read by itself. */
  data?: { secretKey: string; remoteRef: { key: string } }[];
  /** One entry for each read of several values. */
  dataFrom?: (Find | Extract)[];
  /** What becomes of the fetched values, where the Secret does not take them as they are. */
  template?: Record<string, unknown>;
}

/** What an ExternalSecret's spec says beside what is fetched. */
export interface Delivery {
  /** The Secret that it makes, in its own namespace. */
  secretName: pulumi.Input<string>;
  /** Whether the keys are added to a Secret that somebody else makes. */
  merge?: boolean | undefined;
  /** The ClusterSecretStore that it reads. */
  storeName: pulumi.Input<string>;
  /** How often it reads. */
  refreshInterval: pulumi.Input<string>;
}

/** An ExternalSecret's spec. */
export function externalSecretSpec<Fetched extends object>(
  { template, ...fetched }: Fetched & Pick<FetchedData, "template">,
  { secretName, merge, storeName, refreshInterval }: Delivery,
) {
  return {
    refreshInterval,
    secretStoreRef: { name: storeName, kind: "ClusterSecretStore" },
    target: { name: secretName, creationPolicy: merge ? "Merge" : "Owner", ...(template && { template }) },
    ...fetched,
  };
}

/**
 * A name that every Doppler config has. With it in a pattern, a pattern matches something in each config. Where nothing
 * matches, the operator reports success and makes no Secret; so a name that Doppler does not have would go unnoticed.
 */
const ALWAYS_THERE = "DOPPLER_CONFIG";

/** What is fetched for a Secret, and what becomes of it. */
export function fetchedData(shape: SecretShape): FetchedData {
  if (shape.perKey) return readPerKey(shape);
  const from =
    shape.mirrorSecret === undefined ? found(dopplerNames(sourcesOf(shape))) : { extract: { key: shape.mirrorSecret } };
  return { dataFrom: [from], template: namingEachKey(shape) };
}

/**
 * What a mirror fetches. Its Secret takes the values under their Doppler names.
 *
 * @param names without a list, all names of the config
 */
export function mirroredData(names: readonly string[] | undefined): Required<Pick<FetchedData, "dataFrom">> {
  return { dataFrom: [names === undefined ? { find: { name: { regexp: ".*" } } } : found(names)] };
}

/** One read of all these names. */
function found(names: readonly string[]): Find {
  const all = [...new Set([...names, ALWAYS_THERE])].sort();
  return { find: { name: { regexp: `^(${all.join("|")})$` } } };
}

/** A template that names each key. The operator refuses a template with a name that was not fetched, and says which. */
function namingEachKey(shape: SecretShape): Record<string, unknown> {
  const sources = sourcesOf(shape);
  const values = Object.fromEntries(
    Object.entries(sources.values).map(([key, template]) => [key, templateWithoutGaps(template)]),
  );
  return replacing(shape, { ...named(sources.keys), ...values });
}

function readPerKey(shape: SecretShape): FetchedData {
  const sources = sourcesOf(shape);
  const read = (from: Record<string, string>) =>
    Object.entries(sorted(from)).map(([secretKey, key]) => ({ secretKey, remoteRef: { key } }));
  if (Object.keys(sources.values).length === 0) {
    const outside = metadataOf(shape);
    return {
      data: read(sources.keys),
      ...(Object.keys(outside).length > 0 && { template: { engineVersion: "v2", ...outside } }),
    };
  }
  // Each Doppler name is read once and is called by that name in templates.
  return {
    data: read(Object.fromEntries(dopplerNames(sources).map((name) => [name, name]))),
    template: replacing(shape, { ...named(sources.keys), ...sources.values }),
  };
}

const sourcesOf = ({ keys = {}, values = {} }: SecretShape): Sources => ({ keys, values });

/** For each key, the template that gives the Doppler name's value as it is. */
function named(keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([key, name]) => [key, `{{ .${name} }}`]));
}

/** A template that lets nothing into the Secret but these keys. */
function replacing(shape: SecretShape, data: Record<string, string>): Record<string, unknown> {
  return { engineVersion: "v2", mergePolicy: "Replace", ...metadataOf(shape), data: sorted(data) };
}

/** What a template says of the Secret beside its keys. */
function metadataOf({ type, labels = {}, annotations = {} }: SecretShape): Record<string, unknown> {
  const metadata = {
    ...(Object.keys(labels).length > 0 && { labels: sorted(labels) }),
    ...(Object.keys(annotations).length > 0 && { annotations: sorted(annotations) }),
  };
  return { ...(type !== undefined && { type }), ...(Object.keys(metadata).length > 0 && { metadata }) };
}

/** In alphabetical order, so that reordering keys changes nothing. */
export function sorted(keys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1)));
}
