import { only } from "../support/mocks";
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
    const { resources } = await program({}, { store: { oidc: { identity: "1234" } } });
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
