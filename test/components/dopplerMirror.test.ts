import * as pulumi from "@pulumi/pulumi";
import { DopplerMirror, type DopplerMirrorArgs } from "../../components/dopplerMirror";
import { only, run, valueOf } from "../support/mocks";

describe("DopplerMirror", () => {
  const args: DopplerMirrorArgs = {
    storeName: "store",
    namespace: "eso",
    names: ["B", "A"],
    admittedNamespaces: ["default", "reports"],
  };
  const made = (over: Partial<DopplerMirrorArgs> = {}) => run({}, () => new DopplerMirror("m", { ...args, ...over }));

  it("reads the names with one request into a Secret of the operator's namespace, and nothing else", async () => {
    const { resources, result } = await made();
    expect(only(resources, "m-external-secret").inputs).toMatchObject({
      metadata: { name: "store-mirror", namespace: "eso" },
      spec: {
        refreshInterval: "40s",
        secretStoreRef: { name: "store", kind: "ClusterSecretStore" },
        target: { name: "store-mirror", creationPolicy: "Owner" },
        dataFrom: [{ find: { name: { regexp: "^(A|B|DOPPLER_CONFIG)$" } } }],
      },
    });
    expect(await valueOf(result.secretName)).toBe("store-mirror");
  });

  it("reads all names where it is given none", async () => {
    const { resources } = await made({ names: undefined });
    expect(only(resources, "m-external-secret").inputs["spec"]).toMatchObject({
      dataFrom: [{ find: { name: { regexp: ".*" } } }],
    });
  });

  it("reads what patterns mean with the same request", async () => {
    const { resources } = await made({ names: ["A", "STRIPE_*", "STRIPE_KEY"] });
    expect(only(resources, "m-external-secret").inputs["spec"]).toMatchObject({
      dataFrom: [{ find: { name: { regexp: "^(A|DOPPLER_CONFIG|STRIPE_[A-Z0-9_]*)$" } } }],
    });
  });

  it("writes the interval as ESO writes it back", async () => {
    const { resources } = await made({ refreshInterval: pulumi.output("90s") });
    expect(only(resources, "m-external-secret").inputs["spec"]).toMatchObject({ refreshInterval: "1m30s" });
  });

  it("signs in with an account that may read this Secret and nothing else", async () => {
    const { resources } = await made();
    const metadata = { name: "store-mirror", namespace: "eso", annotations: { "pulumi.com/patchForce": "true" } };
    expect(only(resources, "m-account").inputs).toEqual({
      ...{ apiVersion: "v1", kind: "ServiceAccount" },
      metadata,
      automountServiceAccountToken: false,
    });
    expect(only(resources, "m-role").inputs).toMatchObject({
      metadata,
      rules: [{ apiGroups: [""], resources: ["secrets"], resourceNames: ["store-mirror"], verbs: ["get"] }],
    });
    expect(only(resources, "m-binding").inputs).toMatchObject({
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "store-mirror" },
      subjects: [{ kind: "ServiceAccount", name: "store-mirror", namespace: "eso" }],
    });
  });

  it("has a store that only the given namespaces may use, made once the account may read", async () => {
    const { resources, result } = await made();
    const store = only(resources, "m-store");
    expect(store.inputs["spec"]).toEqual({
      conditions: [{ namespaces: ["default", "reports"] }],
      provider: {
        kubernetes: {
          remoteNamespace: "eso",
          server: {
            url: "https://kubernetes.default.svc",
            caProvider: { type: "ConfigMap", name: "kube-root-ca.crt", key: "ca.crt", namespace: "eso" },
          },
          auth: { serviceAccount: { name: "store-mirror", namespace: "eso" } },
        },
      },
    });
    expect(store.dependencies).toContain("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::m-binding");
    expect(await valueOf(result.storeName)).toBe("store-mirror");
    expect(resources.filter((r) => r.options["deleteTimeout"] === "5m").map((r) => r.name)).toEqual([
      "m-external-secret",
      "m-store",
    ]);
  });

  it("refuses to be open to every namespace", async () => {
    await expect(made({ admittedNamespaces: [] })).rejects.toThrow("a store without conditions is open to all");
  });
});
