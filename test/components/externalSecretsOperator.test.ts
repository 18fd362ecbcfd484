import * as pulumi from "@pulumi/pulumi";
import {
  chartLocation,
  DEFAULT_VALUES,
  ExternalSecretsOperator,
  mergeValues,
} from "../../components/externalSecretsOperator";
import { only, run, SecretInput } from "../support/mocks";

describe("ExternalSecretsOperator", () => {
  it("keeps the CRDs, and undoes a failed install", async () => {
    const { resources } = await run({}, () => new ExternalSecretsOperator("o", { namespace: "eso" }));
    const release = only(resources, "o-release");
    expect(release.inputs).toMatchObject({
      name: "external-secrets",
      namespace: "eso",
      chart: "external-secrets",
      version: "2.9.0",
      repositoryOpts: { repo: "https://charts.external-secrets.io" },
      atomic: true,
      values: { installCRDs: true, crds: { annotations: { "helm.sh/resource-policy": "keep" } } },
    });
    expect(release.dependencies).toEqual(["kubernetes:core/v1:Namespace::o-namespace"]);
  });

  it("lays a stack's values over its own", async () => {
    const values = { crds: { createPushSecret: false }, replicaCount: 2 };
    const { resources } = await run({}, () => new ExternalSecretsOperator("o", { namespace: "eso", values }));
    expect(only(resources, "o-release").inputs["values"]).toEqual({
      ...DEFAULT_VALUES,
      crds: { annotations: { "helm.sh/resource-policy": "keep" }, createPushSecret: false },
      replicaCount: 2,
    });
  });

  it.each([
    [
      { version: "0.20.4" },
      { chart: "external-secrets", version: "0.20.4", repositoryOpts: { repo: "https://charts.external-secrets.io" } },
    ],
    [
      { repository: "https://mirror.example" },
      { chart: "external-secrets", version: "2.9.0", repositoryOpts: { repo: "https://mirror.example" } },
    ],
    [
      { chart: "oci://registry.example/eso", version: "1.0.0" },
      { chart: "oci://registry.example/eso", version: "1.0.0" },
    ],
    [{ chart: "./charts/eso", version: "1.0.0" }, { chart: "./charts/eso" }],
    [{ chart: "/charts/eso" }, { chart: "/charts/eso" }],
    [{ chart: "charts/eso" }, { chart: "charts/eso" }],
    [{ chart: "C:\\charts\\eso" }, { chart: "C:\\charts\\eso" }],
    [{ chart: "." }, { chart: "." }],
    [{ chart: "https://mirror.example/eso-1.0.0.tgz" }, { chart: "https://mirror.example/eso-1.0.0.tgz" }],
  ])("finds the chart of %j", (args, location) => {
    expect(chartLocation(args)).toEqual(location);
  });

  it("downloads the chart with a user and a password, which is a secret in the state", async () => {
    const access = { repository: "https://mirror.example", repositoryUsername: "me", repositoryPassword: "hunter2" };
    const { resources } = await run({}, () => new ExternalSecretsOperator("o", { namespace: "eso", ...access }));
    const { repositoryOpts } = only(resources, "o-release").inputs;
    expect(repositoryOpts).toEqual({
      repo: "https://mirror.example",
      username: "me",
      password: new SecretInput("hunter2"),
    });
  });

  it("merges maps and replaces the rest, changing neither side", () => {
    const base = { a: { b: 1, c: [1] }, d: 1 };
    expect(mergeValues(base, { a: { c: [2], e: null }, d: { f: 1 } })).toEqual({
      a: { b: 1, c: [2], e: null },
      d: { f: 1 },
    });
    expect(base).toEqual({ a: { b: 1, c: [1] }, d: 1 });
    const hidden = pulumi.secret({ b: 2 });
    expect(mergeValues(base, { a: hidden })["a"]).toBe(hidden);
  });
});
