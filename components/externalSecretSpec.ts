import type * as pulumi from "@pulumi/pulumi";
import { type LeftOut, matches, NAME_PATTERN, patternSource } from "../lib/namePattern";
import { dopplerNames, type Sources, templateWithoutGaps } from "../lib/template";
import { type JsonPart, partTemplate, patternTemplate, spreadTemplate } from "../lib/wholeTemplates";

// What an ExternalSecret asks Doppler or a mirror for, and how the Secret is made of it. Pure: from arguments to a spec.

/** Keys of a Secret that come from another store than the Secret's own. */
export interface KeysOfStore {
  /** The ClusterSecretStore to read from. */
  storeName: pulumi.Input<string>;
  /** The Secret of a DopplerMirror that holds the Doppler names; `storeName` is then the mirror's store. */
  mirrorSecret?: pulumi.Input<string>;
  /** The Secret's keys, and the Doppler name that each one's value comes from. */
  keys: Record<string, string>;
}

/** The parts of a Secret that its spec is made of. */
export interface SecretShape extends LeftOut {
  /** The Secret's keys, and the Doppler name of each. */
  keys?: Record<string, string> | undefined;
  /** The Secret's keys, and the template of each. */
  values?: Record<string, string> | undefined;
  /** The Secret's keys, and the part of a JSON object that each one's value is. */
  parts?: Record<string, JsonPart> | undefined;
  /** Doppler names of JSON objects whose properties are keys of the Secret. */
  spread?: readonly string[] | undefined;
  /** The Doppler names that are keys of the Secret as they are: `*`, or their beginning and `*`. */
  pattern?: string | undefined;
  /** More keys, of other stores, each by a name for the store. */
  from?: Record<string, KeysOfStore> | undefined;
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

/** Where values come from, if not from the Secret's own store. */
interface OtherStore {
  sourceRef?: { storeRef: { name: pulumi.Input<string>; kind: string } };
}

/** By what name a value that was read is called until it is in the Secret. */
interface Renamed {
  rewrite?: { regexp: { source: string; target: string } }[];
}

/** The fields of an ExternalSecret's spec that say what is fetched. */
export interface FetchedData {
  /** One entry for each value that is read by itself. */
  data?: ({ secretKey: string; remoteRef: { key: string } } & OtherStore)[];
  /** One entry for each read of several values. */
  dataFrom?: ((Find | Extract) & OtherStore & Renamed)[];
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
  const { pattern, perKey, mirrorSecret } = shape;
  // The names that a pattern means can't be read one by one.
  if (perKey && pattern === undefined) return readPerKey(shape);
  const names = [...dopplerNames(sourcesOf(shape)), ...(pattern === undefined ? [] : [pattern])];
  const others = otherStores(shape).map(([name, { storeName, mirrorSecret: mirrored, keys }]) => ({
    ...readAtOnce(Object.values(keys), mirrored),
    rewrite: [{ regexp: { source: "^(.*)$", target: nameInData(name, "$1") } }],
    sourceRef: sourceRef(storeName),
  }));
  return { dataFrom: [readAtOnce(names, mirrorSecret), ...others], template: namingEachKey(shape) };
}

/** One read, of these names or of all that a mirror has. */
function readAtOnce(names: readonly string[], mirrorSecret: pulumi.Input<string> | undefined): Find | Extract {
  return mirrorSecret === undefined ? found(names) : { extract: { key: mirrorSecret } };
}

/** What another store's value is called until it is in the Secret. No Doppler name has lower-case letters. */
function nameInData(store: string, dopplerName: string): string {
  return `${store}__${dopplerName}`;
}

const sourceRef = (name: pulumi.Input<string>) => ({ storeRef: { name, kind: "ClusterSecretStore" } });

/** In alphabetical order, so that reordering changes nothing. */
function otherStores({ from = {} }: SecretShape): [string, KeysOfStore][] {
  return Object.entries(from).sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * What a mirror fetches. Its Secret takes the values under their Doppler names.
 *
 * @param names Doppler names, and patterns of them; without a list, all names of the config
 */
export function mirroredData(names: readonly string[] | undefined): Required<Pick<FetchedData, "dataFrom">> {
  return { dataFrom: [names === undefined ? { find: { name: { regexp: ".*" } } } : found(names)] };
}

/** One read of all these names, and of all names that these patterns mean. */
function found(wanted: readonly string[]): Find {
  const patterns = wanted.filter((name) => NAME_PATTERN.test(name));
  const names = [...wanted, ALWAYS_THERE].filter((name) => !NAME_PATTERN.test(name));
  const others = names.filter((name) => !patterns.some((pattern) => matches(pattern, name)));
  const all = [...new Set([...patterns.map(patternSource), ...others])].sort();
  return { find: { name: { regexp: `^(${all.join("|")})$` } } };
}

/** A template that names each key. The operator refuses a template with a name that was not fetched, and says which. */
function namingEachKey(shape: SecretShape): Record<string, unknown> {
  const sources = sourcesOf(shape);
  const values = Object.fromEntries(
    Object.entries(sources.values).map(([key, template]) => [key, templateWithoutGaps(template)]),
  );
  return replacing(shape, { ...asTheyAre(sources), ...values, ...namedElsewhere(shape) });
}

function readPerKey(shape: SecretShape): FetchedData {
  const sources = sourcesOf(shape);
  const read = (from: Record<string, string>, other: OtherStore = {}) =>
    Object.entries(sorted(from)).map(([secretKey, key]) => ({ secretKey, remoteRef: { key }, ...other }));
  const others = otherStores(shape).map(([name, { storeName, keys }]) => ({ name, keys, ref: sourceRef(storeName) }));
  if (Object.keys({ ...sources.values, ...sources.parts }).length + (sources.spread ?? []).length === 0) {
    const outside = metadataOf(shape);
    return {
      data: [...read(sources.keys), ...others.flatMap(({ keys, ref }) => read(keys, { sourceRef: ref }))],
      ...(Object.keys(outside).length > 0 && { template: { engineVersion: "v2", ...outside } }),
    };
  }
  // Each Doppler name is read once and is called by that name in templates.
  const byName = (names: readonly string[], called = (name: string) => name) =>
    Object.fromEntries([...new Set(names)].map((name) => [called(name), name]));
  const elsewhere = others.flatMap(({ name, keys, ref }) =>
    read(
      byName(Object.values(keys), (one) => nameInData(name, one)),
      { sourceRef: ref },
    ),
  );
  return {
    data: [...read(byName(dopplerNames(sources))), ...elsewhere],
    template: replacing(shape, { ...asTheyAre(sources), ...sources.values, ...namedElsewhere(shape) }),
  };
}

const sourcesOf = ({ keys = {}, values = {}, parts, spread }: SecretShape): Sources => ({
  ...{ keys, values, parts, spread },
});

/** For each key that is a Doppler name's value, or a part of it, the template that gives it as it is. */
function asTheyAre({ keys, parts = {} }: Sources): Record<string, string> {
  return Object.fromEntries([
    ...Object.entries(keys).map(([key, name]) => [key, `{{ .${name} }}`] as const),
    ...Object.entries(parts).map(([key, part]) => [key, partTemplate(part)] as const),
  ]);
}

/** The same for the keys of other stores. */
function namedElsewhere(shape: SecretShape): Record<string, string> {
  const all = otherStores(shape).flatMap(([name, { keys }]) =>
    Object.entries(keys).map(([key, one]) => [key, `{{ .${nameInData(name, one)} }}`] as const),
  );
  return Object.fromEntries(all);
}

/** A template that lets nothing into the Secret but these keys, and those that a pattern or a JSON object brings. */
function replacing(shape: SecretShape, data: Record<string, string>): Record<string, unknown> {
  const { pattern, spread = [] } = shape;
  // Where several have a key of the same name, the operator takes the last of them, and `data` before all.
  const whole = [
    ...(pattern === undefined ? [] : [patternTemplate(pattern, shape)]),
    ...spread.map((name) => spreadTemplate(name, shape)),
  ];
  return {
    ...{ engineVersion: "v2", mergePolicy: "Replace", ...metadataOf(shape) },
    ...(whole.length > 0 && { templateFrom: whole.map((literal) => ({ target: "Data", literal })) }),
    ...(Object.keys(data).length > 0 && { data: sorted(data) }),
  };
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
