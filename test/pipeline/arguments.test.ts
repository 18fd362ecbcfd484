import { only, type Registration } from "../support/mocks";
import { runStack as program } from "../support/program";

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

describe("an app that moves", () => {
  it("has both Secrets for a while, and keeps its resources when it is renamed", async () => {
    const apps = [
      {
        name: "web",
        renamedFrom: "bookmarked",
        namespace: "web",
        secretName: "web-secrets",
        keys: ["A"],
        alsoAs: [{ namespace: "default", secretName: "bookmarked-secrets" }],
      },
    ];
    const { resources } = await program({}, { apps, kubernetes: { context: "acme-dev" } });
    const made = resources.filter((r) => r.type.endsWith(":ExternalSecret"));
    const targets = made.map((r) => r.inputs["metadata"] as { namespace: string; name: string });
    expect(targets.map(({ namespace, name }) => `${namespace}/${name}`).sort()).toEqual([
      "default/bookmarked-secrets",
      "web/web-secrets",
    ]);
    expect(only(resources, "secrets-pipeline:index:AppSecrets::web").options["aliases"]).toBe(1);
    expect(only(resources, "doppler-store-store").inputs["spec"]).toMatchObject({
      conditions: [{ namespaces: ["default", "web"] }],
    });
  });
});

describe("a cluster without a static token", () => {
  it("has a store with OIDC, a ServiceAccount, and no token anywhere", async () => {
    const apps = ["default", "reports"].map((namespace) => ({ name: namespace, namespace, keys: ["A"] }));
    const { resources } = await program({}, { store: { oidc: { identity: "1234" } }, sources: [], apps });
    expect(resources.filter((r) => r.type === "doppler:index/serviceToken:ServiceToken")).toEqual([]);
    expect(resources.filter((r) => r.type === "kubernetes:core/v1:Secret")).toEqual([]);
    expect(only(resources, "doppler-store-store").inputs["spec"]).toEqual({
      conditions: [{ namespaces: ["default", "reports"] }],
      provider: {
        doppler: {
          auth: {
            oidcConfig: {
              identity: "1234",
              serviceAccountRef: { name: "doppler-secret-store", namespace: "external-secrets" },
            },
          },
          project: "acme",
          config: "dev",
        },
      },
    });
  });
});

describe("a mirror", () => {
  const apps = [
    { name: "web", namespace: "default", keys: ["A"] },
    { name: "jobs", namespace: "reports", keys: ["B"], fetch: "perApp" },
  ];
  const specOf = (resources: Registration[], name: string) => only(resources, name).inputs["spec"];

  it("feeds the apps that ask for it, and reads from where the operator is", async () => {
    const { resources } = await program({}, { apps, fetch: "mirror", refreshInterval: "1m" });
    expect(specOf(resources, "doppler-mirror-external-secret")).toMatchObject({
      refreshInterval: "40s",
      secretStoreRef: { name: "doppler-secret-store" },
      dataFrom: [{ find: { name: { regexp: "^(A|DOPPLER_CONFIG)$" } } }],
    });
    expect(specOf(resources, "doppler-mirror-store")).toMatchObject({ conditions: [{ namespaces: ["default"] }] });
    expect(specOf(resources, "doppler-store-store")).toMatchObject({
      conditions: [{ namespaces: ["default", "external-secrets", "reports"] }],
    });
    expect(specOf(resources, "web-default-web-secrets")).toMatchObject({
      refreshInterval: "15s",
      secretStoreRef: { name: "doppler-secret-store-mirror", kind: "ClusterSecretStore" },
      dataFrom: [{ extract: { key: "doppler-secret-store-mirror" } }],
    });
    expect(specOf(resources, "jobs-reports-jobs-secrets")).toMatchObject({
      refreshInterval: "1m0s",
      secretStoreRef: { name: "doppler-secret-store" },
      dataFrom: [{ find: { name: { regexp: "^(B|DOPPLER_CONFIG)$" } } }],
    });
  });

  it("is made before what it feeds, and let go after it", async () => {
    const { resources } = await program({}, { apps, fetch: "mirror" });
    const mirror = "kubernetes:external-secrets.io/v1:ExternalSecret::doppler-mirror-external-secret";
    const store = "kubernetes:external-secrets.io/v1:ClusterSecretStore::doppler-mirror-store";
    expect(only(resources, "web-default-web-secrets").dependencies).toEqual(expect.arrayContaining([mirror, store]));
    expect(only(resources, "jobs-reports-jobs-secrets").dependencies).not.toContain(mirror);
    // The operator has to outlive what it cleans up.
    const release = "kubernetes:helm.sh/v3:Release::external-secrets-release";
    expect(only(resources, "doppler-mirror").dependencies).toContain(release);
    expect(only(resources, "guard-stash").dependencies).toEqual(expect.arrayContaining([mirror, store]));
  });

  it("is not there where nothing asks for it", async () => {
    const { resources } = await program({}, { apps });
    expect(resources.filter(({ name }) => name.startsWith("doppler-mirror"))).toEqual([]);
    expect(specOf(resources, "doppler-store-store")).toMatchObject({
      conditions: [{ namespaces: ["default", "reports"] }],
    });
  });
});
