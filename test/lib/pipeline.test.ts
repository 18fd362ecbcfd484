import { mirrorName } from "../../lib/mirror";
import { pipelineOf } from "../../lib/pipeline";
import { delivered, originsOf, storesOf, upstream } from "../../lib/pipelineWay";
import type { StackResource } from "../../lib/stackResources";
import { externalSecret, perApp, resource, RESOURCES } from "../doctor/support";

// What a stack's resources are understood to make.

const source = { project: "acme", config: "dev", token: "eso-1" };
const STORE = "doppler-secret-store";

it("knows the config that a store reads by the token that the token Secret was made of", () => {
  const { sources, main, stores } = pipelineOf(RESOURCES);
  expect(sources).toEqual([source]);
  expect(main).toEqual(source);
  expect(stores).toMatchObject([
    {
      name: STORE,
      reads: "doppler",
      source,
      identity: { kind: "Secret", namespace: "external-secrets", name: "doppler-token-auth", key: "dopplerToken" },
    },
  ]);
});

describe("in a preview, which tells no dependencies", () => {
  const preview = RESOURCES.map((r): StackResource => ({ ...r, dependencies: undefined }));
  const another = resource(
    "doppler:index/serviceToken:ServiceToken",
    "doppler-billing-token",
    { project: "billing", config: "dev_eu", name: "eso-1" },
    { parent: resource("secrets-pipeline:index:DopplerProject", "doppler-billing", {}).urn },
  );
  it("the name on the store tells the token", () => {
    expect(pipelineOf(preview).stores[0]?.source).toEqual(source);
  });
  it("among tokens of one name, the components' names tell it", () => {
    expect(pipelineOf([another, ...preview]).stores[0]?.source).toEqual(source);
  });
});

it("knows each app's Secret", () => {
  expect(pipelineOf(RESOURCES).secrets).toMatchObject([
    { app: "web", namespace: "default", name: "web-secrets", secretName: "web-secrets", owned: true, recorded: true },
    { app: "reports", namespace: "reports", secretName: "reports-credentials" },
  ]);
});

it("knows an app whose ExternalSecret a failed run has left out of the state", () => {
  const left = RESOURCES.flatMap((r): StackResource[] => {
    if (r.urn.includes("ExternalSecret::web")) return [];
    const reference = { namespace: "default", secretName: "web-secrets", keys: ["JWT_SECRET"] };
    return [r.urn.endsWith("AppSecrets::web") ? { ...r, outputs: { reference } } : r];
  });
  const [, web] = pipelineOf(left).secrets;
  expect(web).toMatchObject({ app: "web", secretName: "web-secrets", recorded: false });
  expect(web?.reading).toMatchObject({ stores: [STORE], keys: { JWT_SECRET: [] } });
});

it("knows CI's secrets, when they were written, and the names that they come from", () => {
  const guard = resource(
    "secrets-pipeline:index:SharedGuard",
    "guard",
    {},
    {
      outputs: { ciNames: { DOCKERHUB_TOKEN: "HUB_TOKEN" } },
    },
  );
  const ofOrganization = resource("github:index/dependabotOrganizationSecret:DependabotOrganizationSecret", "o", {
    secretName: "NPM_TOKEN",
    visibility: "all",
  });
  const { ci } = pipelineOf([guard, ofOrganization, ...RESOURCES.filter(({ urn }) => !urn.includes("SharedGuard"))]);
  expect(ci).toEqual([
    { app: "dependabot", name: "NPM_TOKEN", dopplerName: "NPM_TOKEN", visibility: "all" },
    {
      app: "actions",
      repository: "web",
      name: "DOCKERHUB_TOKEN",
      dopplerName: "HUB_TOKEN",
      writtenAt: Date.parse("2026-05-01T10:00:00Z"),
    },
  ]);
});

describe("through a mirror", () => {
  const mirror = mirrorName(STORE);
  const resources = [
    ...RESOURCES,
    externalSecret("mirror", "external-secrets", mirror, {
      refreshInterval: "40s",
      secretStoreRef: { kind: "ClusterSecretStore", name: STORE },
      dataFrom: [{ find: { name: { regexp: ".*" } } }],
      target: { name: mirror },
    }),
    resource("kubernetes:external-secrets.io/v1:ClusterSecretStore", "mirror-store", {
      metadata: { name: mirror },
      spec: {
        provider: { kubernetes: { remoteNamespace: "external-secrets", auth: { serviceAccount: { name: mirror } } } },
      },
    }),
    externalSecret("fed", "default", "fed-secrets", {
      ...perApp("fed-secrets", { KEY: "API_KEY" }, mirror),
      dataFrom: [{ extract: { key: mirror } }],
    }),
  ];
  const pipeline = pipelineOf(resources);
  const fed = pipeline.secrets.find(({ app }) => app === "fed") ?? raise();

  it("a Secret comes from the mirror's", () => {
    expect(upstream(pipeline, fed).map(({ name }) => name)).toEqual([mirror]);
    expect(storesOf(pipeline, fed).map(({ name }) => name)).toEqual([STORE, mirror]);
  });
  it("its names are those of the config behind the mirror", () => {
    expect(originsOf(pipeline, fed)).toEqual([{ source, names: ["API_KEY"], patterns: [] }]);
  });
  it("the mirror's Secret is nobody's own", () => {
    expect(delivered(pipeline).map(({ app }) => app)).toEqual(["web", "reports", "fed"]);
  });
});

const raise = (): never => {
  throw new Error("no such Secret");
};
