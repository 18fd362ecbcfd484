import {
  readsDoppler,
  readsOfObjects,
  readsOfRefresh,
  readsPerMinute,
  storeName,
  sumOfReads,
  totalOf,
} from "../../lib/reads";

// Reads of Doppler from the operator's specs. That the operator asks so often is counted in e2e/stories/scale.test.ts.

const MAIN = { secretStoreRef: { kind: "ClusterSecretStore", name: "main" } };
const other = (name: string) => ({ sourceRef: { storeRef: { kind: "ClusterSecretStore", name } } });
const key = (name: string) => ({ secretKey: name.toLowerCase(), remoteRef: { key: name } });
const find = { find: { name: { regexp: "^(A|B)$" } } };
const perMinute = (spec: object) => Object.fromEntries(readsPerMinute({ ...MAIN, ...spec }, "shop", () => true));

describe("a refresh", () => {
  const ofRefresh = (spec: object) => Object.fromEntries(readsOfRefresh({ ...MAIN, ...spec }, "shop"));

  it("costs one read for each entry of data, also where a name comes twice", () => {
    expect(ofRefresh({ data: [key("A"), key("B"), { ...key("A"), secretKey: "again" }] })).toEqual({ main: 3 });
  });
  it("costs one read for each find and each extract, whatever they match", () => {
    expect(ofRefresh({ dataFrom: [find] })).toEqual({ main: 1 });
    expect(ofRefresh({ dataFrom: [find, find, { extract: { key: "APP_JSON" } }], data: [key("A")] })).toEqual({
      main: 4,
    });
  });
  it("costs each store what is read from it", () => {
    const spec = { dataFrom: [find, { ...find, ...other("billing") }], data: [{ ...key("A"), ...other("billing") }] };
    expect(ofRefresh(spec)).toEqual({ main: 1, billing: 2 });
  });
  it("costs nothing for a generator", () => {
    expect(ofRefresh({ dataFrom: [{ sourceRef: { generatorRef: { kind: "Password", name: "p" } } }] })).toEqual({});
  });
  it("tells a namespace's own store from the cluster's of the same name", () => {
    expect(
      ofRefresh({ secretStoreRef: { name: "main" }, data: [key("A"), { ...key("B"), ...other("main") }] }),
    ).toEqual({ "shop/main": 1, main: 1 });
    expect(storeName("SecretStore", "main", "shop")).toBe("shop/main");
  });
});

describe("a minute", () => {
  it.each([
    ["1m0s", 2],
    ["30s", 4],
    ["5m0s", 0.4],
    ["40s", 3],
    ["1h0m0s", 2 / 60],
  ])("has as many refreshes as fit: every %s", (refreshInterval, reads) => {
    expect(perMinute({ refreshInterval, data: [key("A"), key("B")] })["main"]).toBeCloseTo(reads);
  });
  it("has the operator's own interval where there is none", () => {
    expect(perMinute({ dataFrom: [find] })["main"]).toBeCloseTo(1 / 60);
  });
  it.each([{ refreshPolicy: "CreatedOnce" }, { refreshPolicy: "OnChange" }, { refreshInterval: "0s" }])(
    "has no refresh after the first: %p",
    (spec) => {
      expect(perMinute({ refreshInterval: "1m0s", dataFrom: [find], ...spec })).toEqual({ main: 0 });
    },
  );
  it("has only reads of stores that are Doppler's", () => {
    const spec = { ...MAIN, refreshInterval: "15s", dataFrom: [{ extract: { key: "doppler-mirror" } }] };
    expect([...readsPerMinute(spec, "shop", (store) => store !== "main")]).toEqual([]);
    expect(readsDoppler({ provider: { kubernetes: {} } })).toBe(false);
    expect(readsDoppler({ provider: { doppler: {} } })).toBe(true);
    expect(readsDoppler(undefined)).toBe(true);
  });
});

it("counts an app's hop from a mirror as free, and the mirror's own reads", () => {
  const store = (name: string, provider: object) => ({ kind: "ClusterSecretStore", name, spec: { provider } });
  const external = (name: string, from: string, spec: object) => ({
    ...{ kind: "ExternalSecret", namespace: "shop", name },
    spec: { secretStoreRef: { kind: "ClusterSecretStore", name: from }, ...spec },
  });
  const hop = { refreshInterval: "15s", dataFrom: [{ extract: { key: "main-mirror" } }] };
  const objects = [
    store("main", { doppler: {} }),
    store("main-mirror", { kubernetes: {} }),
    external("main-mirror", "main", { refreshInterval: "40s", dataFrom: [find] }),
    ...["web", "api", "worker"].map((name) => external(name, "main-mirror", hop)),
    external("elsewhere", "not-shown", { refreshInterval: "1m0s", dataFrom: [find] }),
  ];
  expect(Object.fromEntries(readsOfObjects(objects))).toEqual({ main: 1.5, "not-shown": 1 });
});

it("sums the reads of many by store", () => {
  const sum = sumOfReads([
    new Map([["main", 1]]),
    new Map([
      ["main", 2],
      ["billing", 0.5],
    ]),
  ]);
  expect([...sum]).toEqual([
    ["billing", 0.5],
    ["main", 3],
  ]);
  expect(totalOf(sum)).toBe(3.5);
});
