import { parseStackConfig, type SourceConfig } from "../../src/settings";
import { minimal, source, type Values } from "./support";

// What a source's settings are completed with.

const sources = (given: Values[], over: Values = {}, stack = "dev"): SourceConfig[] =>
  parseStackConfig(source({ ...minimal(), sources: given, ...over }, { stack })).sources;

it("the main source is one of them, and alone where nothing else is said", () => {
  expect(sources([])).toMatchObject([
    {
      name: "doppler",
      setting: "doppler",
      project: { name: "acme", created: true },
      environment: { slug: "dev", owned: true, created: true, users: [] },
      store: { name: "doppler-secret-store", tokenSecretName: "doppler-token-auth" },
      namespaces: ["default"],
    },
  ]);
});

it("a source has the main one's project, environment and names where it says nothing", () => {
  const [, eu, shared] = sources(
    [
      { name: "eu", config: "dev_eu" },
      { name: "shared", project: { name: "acme-shared", ownedBy: "platform" } },
    ],
    {
      doppler: { project: { name: "acme" }, environment: { slug: "dev", name: "Development" } },
      store: { name: "main", tokenSecretName: "token" },
    },
  );
  expect(eu).toMatchObject({
    setting: "sources[0]",
    project: { name: "acme", owned: true, created: false },
    environment: { slug: "dev", owned: true, created: false },
    config: "dev_eu",
    branchConfig: "dev_eu",
    serviceToken: "external-secrets",
    store: { name: "main-eu", tokenSecretName: "token-eu", oidc: undefined },
  });
  expect(shared).toMatchObject({
    setting: "sources[1]",
    project: { name: "acme-shared", owned: false, created: false, ownedBy: "platform" },
    // The environment of the same name in another project is another one.
    environment: { slug: "dev", name: "Development", owned: true, created: true },
    config: "dev",
    branchConfig: undefined,
    store: { name: "main-shared", tokenSecretName: "token-shared" },
  });
});

it("of several sources with one project, the first makes it", () => {
  const project = { name: "acme-shared" };
  const made = sources([
    { name: "a", project },
    { name: "b", project, config: "dev_b" },
    { name: "c", project, environment: { slug: "ops" } },
  ]).map((one) => [one.name, one.project.created, one.environment.created]);
  expect(made).toEqual([
    ["doppler", true, true],
    ["a", true, true],
    ["b", false, false],
    ["c", false, true],
  ]);
});

it("a ServiceAccount is called after its source's store", () => {
  const [, shared] = sources([{ name: "shared", project: { name: "acme-shared" }, oidc: { identity: "2" } }], {
    store: { oidc: { identity: "1" } },
  });
  expect(shared?.store).toMatchObject({
    name: "doppler-secret-store-shared",
    oidc: { identity: "2", serviceAccount: "doppler-secret-store-shared" },
  });
});

it("a source is open to the namespaces of those Secrets that are made from it", () => {
  const apps = [
    { name: "web", namespace: "web", keys: ["A"], from: { shared: ["S"] }, alsoAs: [{ namespace: "old" }] },
    { name: "mail", namespace: "mail", source: "shared", keys: ["A"] },
    { name: "api", namespace: "api", keys: ["A"] },
  ];
  const given = [
    { name: "shared", project: { name: "acme-shared" } },
    { name: "unused", project: { name: "other" } },
  ];
  expect(sources(given, { apps }).map(({ namespaces }) => namespaces)).toEqual([
    ["api", "old", "web"],
    ["mail", "old", "web"],
    [],
  ]);
});

it("a Secret knows its own source and the keys of others", () => {
  const apps = [
    {
      name: "web",
      namespace: "web",
      keys: ["A"],
      from: { shared: ["S"], doppler: { "other-key": "O" } },
      source: "eu",
    },
  ];
  const given = [
    { name: "shared", project: { name: "acme-shared" } },
    { name: "eu", config: "dev_eu" },
  ];
  const stack = parseStackConfig(source({ ...minimal(), sources: given, apps }));
  expect(stack.apps[0]).toMatchObject({
    source: "eu",
    keys: { A: "A" },
    from: { shared: { S: "S" }, doppler: { "other-key": "O" } },
  });
});
