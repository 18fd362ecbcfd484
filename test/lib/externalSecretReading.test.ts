import { readingOf } from "../../lib/externalSecretReading";
import { fetchedData, mirroredData, type SecretShape } from "../../components/externalSecretSpec";

// What an ExternalSecret's spec is understood to read. The specs are those that the program makes.

const STORE = "doppler-secret-store";

/** The spec that the component makes. */
function specOf(shape: SecretShape, store = STORE) {
  const { template, ...fetched } = fetchedData(shape);
  return {
    refreshInterval: "1m0s",
    secretStoreRef: { kind: "ClusterSecretStore", name: store },
    target: { name: "s", ...(template && { template }) },
    ...fetched,
  };
}

const SHAPE = {
  keys: { "database-url": "DATABASE_URL", JWT: "JWT_SECRET" },
  values: { url: "postgres://{{ .DB_USER }}@{{ .DB_HOST }}/{{ if .DB_NAME }}x{{ end }}", plain: "a text" },
};
const NAMES = ["DATABASE_URL", "DB_HOST", "DB_NAME", "DB_USER", "JWT_SECRET"];
const from = (store: string, ...names: string[]) => names.map((name) => ({ store, name }));

describe.each([
  ["one read for all names", {}, { [STORE]: 1 }],
  ["a read for each name", { perKey: true }, { [STORE]: 5 }],
])("%s", (_form, form, requests) => {
  const reading = readingOf(specOf({ ...SHAPE, ...form }), new Set());
  it("needs each name, and not the one that every config has", () => {
    expect(reading.names.map(({ name }) => name).sort()).toEqual(NAMES);
    expect(reading.patterns).toEqual([]);
  });
  it("makes each key of its names", () => {
    expect(Object.keys(reading.keys)).toEqual(["JWT", "database-url", "plain", "url"]);
    expect(reading.keys["database-url"]).toEqual(from(STORE, "DATABASE_URL"));
    expect(reading.keys["url"]?.map(({ name }) => name).sort()).toEqual(["DB_HOST", "DB_NAME", "DB_USER"]);
    expect(reading.keys["plain"]).toEqual([]);
    expect(reading.openEnded).toBe(false);
  });
  it("costs what it costs", () => {
    expect([reading.requests, reading.interval]).toEqual([requests, 60]);
  });
});

it("a read for each name without a template takes the names as keys", () => {
  const reading = readingOf(specOf({ keys: SHAPE.keys, perKey: true }), new Set());
  expect(reading.keys).toEqual({ JWT: from(STORE, "JWT_SECRET"), "database-url": from(STORE, "DATABASE_URL") });
});

it("a Secret from a mirror needs its names of the mirror", () => {
  const mirror = `${STORE}-mirror`;
  const reading = readingOf(specOf({ ...SHAPE, mirrorSecret: mirror }, mirror), new Set([mirror]));
  expect(reading.wholes).toEqual(from(mirror, mirror));
  expect(reading.names.map(({ name }) => name).sort()).toEqual(NAMES);
  expect(reading.names.every(({ store }) => store === mirror)).toBe(true);
  expect(reading.openEnded).toBe(false);
});

it.each([
  ["all names", undefined, [], [".*"]],
  ["some names", ["A", "B"], ["A", "B"], []],
])("a mirror of %s", (_what, names, wanted, patterns) => {
  const spec = { secretStoreRef: { name: STORE }, target: { name: "m" }, ...mirroredData(names) };
  const reading = readingOf(spec, new Set());
  expect(reading.names).toEqual(from(STORE, ...wanted));
  expect(reading.patterns.map(({ regexp }) => regexp)).toEqual(patterns);
  expect(reading.openEnded).toBe(patterns.length > 0);
});

describe("forms of others", () => {
  it("a pattern beside a name is a pattern", () => {
    const regexp = "^STRIPE_.*$|^DOPPLER_CONFIG$|^API_KEY$";
    const reading = readingOf(
      { secretStoreRef: { name: STORE }, dataFrom: [{ find: { name: { regexp } } }] },
      new Set(),
    );
    expect(reading.patterns).toEqual([{ store: STORE, regexp: "^STRIPE_.*$" }]);
    expect(reading.names).toEqual(from(STORE, "API_KEY"));
    expect(reading.openEnded).toBe(true);
  });
  it("another store's names are called with a prefix", () => {
    const rewrite = [{ regexp: { source: "(.*)", target: "billing__$1" } }];
    const sourceRef = { storeRef: { kind: "ClusterSecretStore", name: "billing" } };
    const spec = {
      secretStoreRef: { name: STORE },
      dataFrom: [{ find: { name: { regexp: "^(STRIPE_KEY|DOPPLER_CONFIG)$" } }, sourceRef, rewrite }],
      target: { template: { mergePolicy: "Replace", data: { key: "{{ .billing__STRIPE_KEY }}" } } },
    };
    const reading = readingOf(spec, new Set());
    expect(reading.names).toEqual(from("billing", "STRIPE_KEY"));
    expect(reading.keys).toEqual({ key: from("billing", "STRIPE_KEY") });
    expect(reading.stores).toEqual(["billing"]);
  });
  it("a value of many fields is needed as a whole", () => {
    const spec = { secretStoreRef: { name: STORE }, dataFrom: [{ extract: { key: "APP_JSON" } }] };
    const reading = readingOf(spec, new Set());
    expect([reading.names, reading.keys, reading.openEnded]).toEqual([from(STORE, "APP_JSON"), {}, true]);
  });
  it("a generator reads no store", () => {
    const spec = { dataFrom: [{ sourceRef: { generatorRef: { kind: "Password", name: "p" } } }] };
    expect(readingOf(spec, new Set())).toMatchObject({ stores: [], names: [], requests: {}, openEnded: true });
  });
  it.each([
    ["CreatedOnce", "1m0s", undefined],
    ["Periodic", "2m0s", 120],
    [undefined, undefined, 3600],
    [undefined, "0", undefined],
  ])("with the policy %s and the interval %s is read every %s seconds", (refreshPolicy, refreshInterval, interval) => {
    expect(readingOf({ refreshPolicy, refreshInterval }, new Set()).interval).toBe(interval);
  });
});
