import * as pulumi from "@pulumi/pulumi";
import { AppSecrets, type AppSecretsArgs } from "../components/appSecrets";
import { DopplerProject, DopplerProjectArgs } from "../components/dopplerProject";
import { DopplerSecretStore } from "../components/dopplerSecretStore";
import {
  chartLocation,
  DEFAULT_VALUES,
  ExternalSecretsOperator,
  mergeValues,
} from "../components/externalSecretsOperator";
import { GithubActionsSecrets, type GithubActionsSecretsArgs } from "../components/githubActionsSecrets";
import { GithubOrganizationSecrets } from "../components/githubOrganizationSecrets";
import { only, run, SecretInput, valueOf } from "./mocks";

describe("DopplerProject", () => {
  const args: DopplerProjectArgs = {
    project: "acme",
    createProject: true,
    environment: "dev",
    environmentName: "Development",
    serviceTokenName: "eso",
  };

  it("gives the cluster a token that may only read, for the config of the environment", async () => {
    const { resources, result } = await run({}, () => new DopplerProject("d", args));
    expect(only(resources, "d-token").inputs).toEqual({ project: "acme", config: "dev", name: "eso", access: "read" });
    expect(await pulumi.isSecret(result.serviceToken ?? pulumi.output(""))).toBe(true);
    expect(resources.filter((r) => r.name.startsWith("d-")).map((r) => r.parent)).toEqual(
      Array(3).fill("secrets-pipeline:index:DopplerProject::d"),
    );
  });

  it("reads a branch config where one is named", async () => {
    const { resources } = await run({}, () => new DopplerProject("d", { ...args, branchConfig: "dev_eu" }));
    expect(only(resources, "d-config").inputs).toEqual({ project: "acme", environment: "dev", name: "dev_eu" });
    expect(only(resources, "d-token").inputs["config"]).toBe("dev_eu");
    expect(only(resources, "d-token").dependencies).toContain("doppler:index/branchConfig:BranchConfig::d-config");
  });

  it("protects what holds values, never the token, which rotation replaces", async () => {
    const { resources } = await run(
      {},
      () => new DopplerProject("d", { ...args, branchConfig: "dev_eu", protect: true }),
    );
    const protectedOnes = resources.filter((r) => r.options["protect"]).map((r) => r.name);
    expect(protectedOnes.sort()).toEqual(["d-config", "d-environment", "d-project"]);
  });

  it("gives every value as a secret", async () => {
    const { result } = await run({ doppler: { A: "value-a", B: "" } }, () => new DopplerProject("d", args).values());
    expect([...(result?.keys() ?? [])]).toEqual(["A"]);
    const a = result?.get("A");
    expect(a && (await pulumi.isSecret(a))).toBe(true);
    expect(a && (await valueOf(a))).toBe("value-a");
  });
});

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
    [{ chart: "https://mirror.example/eso-1.0.0.tgz" }, { chart: "https://mirror.example/eso-1.0.0.tgz" }],
  ])("finds the chart of %j", (args, location) => {
    expect(chartLocation(args)).toEqual(location);
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

describe("DopplerSecretStore", () => {
  const args = {
    storeName: "store",
    tokenSecretName: "auth",
    namespace: "eso",
    serviceToken: "dp.st.dev.plain",
    admittedNamespaces: ["default", "reports"],
  };

  it("admits the given namespaces only, and points to the token by what was created", async () => {
    const { resources } = await run({}, () => new DopplerSecretStore("s", args));
    const store = only(resources, "s-store");
    expect(store.inputs["apiVersion"]).toBe("external-secrets.io/v1");
    expect(store.inputs["spec"]).toEqual({
      conditions: [{ namespaces: ["default", "reports"] }],
      provider: {
        doppler: { auth: { secretRef: { dopplerToken: { name: "auth", key: "dopplerToken", namespace: "eso" } } } },
      },
    });
    expect(store.dependencies).toEqual(["kubernetes:core/v1:Secret::s-token"]);
  });

  it("makes the token a secret even where the caller did not", async () => {
    const { resources } = await run({}, () => new DopplerSecretStore("s", args));
    expect(only(resources, "s-token").inputs["stringData"]).toEqual(
      new SecretInput({ dopplerToken: "dp.st.dev.plain" }),
    );
  });

  it("refuses to be open to every namespace", async () => {
    await expect(run({}, () => new DopplerSecretStore("s", { ...args, admittedNamespaces: [] }))).rejects.toThrow(
      "a store without conditions is open to all",
    );
  });
});

describe("AppSecrets", () => {
  const args = { namespace: "default", secretName: "web-secrets", storeName: "store" };

  it("writes the interval as ESO writes it back, one minute by default", async () => {
    const { resources } = await run({}, () => {
      new AppSecrets("a", { ...args, keys: { A: "A" } });
      new AppSecrets("b", { ...args, keys: { A: "A" }, refreshInterval: pulumi.output("90s") });
    });
    expect(only(resources, "a-default-web-secrets").inputs["spec"]).toMatchObject({ refreshInterval: "1m0s" });
    expect(only(resources, "b-default-web-secrets").inputs["spec"]).toMatchObject({ refreshInterval: "1m30s" });
  });

  it.each([
    ["namespace", { namespace: pulumi.output("default") }],
    ["keys", { keys: { A: pulumi.output("A") } }],
    ["alsoAs", { alsoAs: [{ secretName: pulumi.secret("old"), namespace: "default" }] }],
  ])("refuses an output as %s, which another language may pass", async (name, more) => {
    // What comes over the wire has the types that the caller gave it.
    const given = { ...args, keys: { A: "A" }, ...more } as unknown as AppSecretsArgs;
    await expect(run({}, () => new AppSecrets("a", given))).rejects.toThrow(`${name}: expected a value that is known`);
  });

  it("maps keys to Doppler names, whatever the order they are given in", async () => {
    const { resources, result } = await run(
      {},
      () => new AppSecrets("a", { ...args, keys: { z: "LAST", a: "FIRST" } }),
    );
    expect(only(resources, "a-default-web-secrets").inputs["spec"]).toMatchObject({
      target: { name: "web-secrets", creationPolicy: "Owner" },
      data: [
        { secretKey: "a", remoteRef: { key: "FIRST" } },
        { secretKey: "z", remoteRef: { key: "LAST" } },
      ],
    });
    expect((await valueOf(result.reference)).keys).toEqual(["a", "z"]);
  });

  const specOf = async (more: Partial<AppSecretsArgs>) => {
    const { resources, result } = await run({}, () => new AppSecrets("a", { ...args, ...more }));
    const { target, data } = only(resources, "a-default-web-secrets").inputs["spec"] as Record<string, unknown>;
    return { target, data, keys: (await valueOf(result.reference)).keys };
  };

  it("makes values of several Doppler names, fetches each once, and lets nothing else into the Secret", async () => {
    // Two keys that are no Go identifiers, one that is called as a part of a value.
    const keys = { "api-key": "API_KEY", PASSWORD: "OTHER_PASSWORD" };
    const values = { URL: "db://{{ .PASSWORD }}@{{ .HOST }}", "with.api-key": '{{ print "k:" .API_KEY }}' };
    expect(await specOf({ keys, values })).toEqual({
      target: {
        name: "web-secrets",
        creationPolicy: "Owner",
        template: {
          engineVersion: "v2",
          mergePolicy: "Replace",
          data: {
            PASSWORD: "{{ .OTHER_PASSWORD }}",
            URL: "db://{{ .PASSWORD }}@{{ .HOST }}",
            "api-key": "{{ .API_KEY }}",
            "with.api-key": '{{ print "k:" .API_KEY }}',
          },
        },
      },
      data: ["API_KEY", "HOST", "OTHER_PASSWORD", "PASSWORD"].map((key) => ({ secretKey: key, remoteRef: { key } })),
      keys: ["PASSWORD", "URL", "api-key", "with.api-key"],
    });
  });

  it("gives the Secret a type, labels and annotations, and its keys as they are", async () => {
    const shape = { type: "kubernetes.io/ssh-auth", labels: { b: "1", a: "2" }, annotations: { n: "3" } };
    expect(await specOf({ keys: { "ssh-privatekey": "KEY" }, ...shape })).toMatchObject({
      target: {
        template: {
          engineVersion: "v2",
          type: "kubernetes.io/ssh-auth",
          metadata: { labels: { a: "2", b: "1" }, annotations: { n: "3" } },
        },
      },
      data: [{ secretKey: "ssh-privatekey", remoteRef: { key: "KEY" } }],
    });
  });

  it.each<[Partial<AppSecretsArgs>, string]>([
    [{}, "expected at least one Doppler name"],
    [{ values: { a: "plain" } }, "expected at least one Doppler name"],
    [{ values: { a: "{{ .A }" } }, "expected as many closing braces as opening ones"],
    [{ keys: { a: "A" }, values: { a: "{{ .A }}" } }, "expected each key once"],
  ])("refuses what can make no Secret: %j", async (more, reason) => {
    await expect(run({}, () => new AppSecrets("a", { ...args, ...more }))).rejects.toThrow(reason);
  });

  it("adds to a Secret that is somebody else's, and changes nothing else of it", async () => {
    expect(await specOf({ keys: { k: "KEY" }, merge: true })).toMatchObject({
      target: { name: "web-secrets", creationPolicy: "Merge" },
    });
    expect((await specOf({ keys: { k: "KEY" }, merge: true })).target).not.toHaveProperty("template");
  });

  it("spells each key as a variable, and refers to it as it is", async () => {
    const keys = { "database-url": "A", "tls.ca": "B", "2fa_seed": "C", mixedCase: "D", _X: "E" };
    const { result } = await run({}, () => new AppSecrets("a", { ...args, keys }));
    const { env } = await valueOf(result.reference);
    expect(Object.entries(env).map(([key, entry]) => [key, entry.name, entry.valueFrom.secretKeyRef])).toEqual(
      [
        ["2fa_seed", "_2FA_SEED"],
        ["_X", "_X"],
        ["database-url", "DATABASE_URL"],
        ["mixedCase", "mixedCase"],
        ["tls.ca", "TLS_CA"],
      ].map(([key, name]) => [key, name, { name: "web-secrets", key }]),
    );
  });
});

describe("GithubActionsSecrets", () => {
  it("refuses secrets of which not even the names are known", async () => {
    const secrets = pulumi.output({ A: { value: "a" } }) as unknown as GithubActionsSecretsArgs["secrets"];
    await expect(run({}, () => new GithubActionsSecrets("g", { repository: "web", secrets }))).rejects.toThrow(
      "secrets: expected a value that is known",
    );
  });

  it("makes values secrets even where the caller did not", async () => {
    const { resources, result } = await run(
      {},
      () =>
        new GithubActionsSecrets("g", {
          repository: "web",
          secrets: { B: { value: "plain-b" }, A: { value: pulumi.secret("a") } },
        }),
    );
    expect(only(resources, "g-B").inputs).toEqual({
      repository: "web",
      secretName: "B",
      value: new SecretInput("plain-b"),
    });
    expect(await valueOf(result.secretNames)).toEqual(["A", "B"]);
    expect(await valueOf(result.dependabotSecretNames)).toEqual([]);
  });

  it("writes again what has a flag by the flag, and the rest under the value's other name", async () => {
    const secrets = { A: { value: "a", rewritten: true } };
    const { resources } = await run({}, () => {
      new GithubActionsSecrets("r", { repository: "web", secrets, dependabotSecrets: secrets });
      new GithubActionsSecrets("e", { repository: "web", environment: "prod", secrets });
      new GithubOrganizationSecrets("o", { visibility: "all", secrets, dependabotSecrets: secrets });
    });
    const value = new SecretInput("a");
    for (const name of ["r-A", "o-A"])
      expect(only(resources, name).inputs).toMatchObject({ value, destroyOnDrift: true });
    for (const name of ["r-dependabot-A", "e-A", "o-dependabot-A"]) {
      const { inputs } = only(resources, name);
      expect(inputs["plaintextValue"]).toEqual(value);
      expect(inputs).not.toHaveProperty("value");
    }
  });
});

describe("GithubOrganizationSecrets", () => {
  const secrets = { A: { value: "plain" } };

  it("are for all repositories, or all private ones, without a list", async () => {
    const { resources } = await run(
      {},
      () => new GithubOrganizationSecrets("o", { visibility: "private", secrets, dependabotSecrets: secrets }),
    );
    for (const name of ["o-A", "o-dependabot-A"]) {
      expect(only(resources, name).inputs).toEqual({
        secretName: "A",
        visibility: "private",
        value: new SecretInput("plain"),
      });
    }
    expect(resources.filter((r) => r.type.includes("Repositories"))).toEqual([]);
  });

  it("have a list of selected ones beside them, which is written again after each of their writes, and never emptied", async () => {
    const { resources } = await run(
      {},
      () =>
        new GithubOrganizationSecrets("o", {
          visibility: "selected",
          selectedRepositoryIds: [7, 8],
          secrets,
          dependabotSecrets: secrets,
        }),
    );
    for (const [secret, app] of [
      ["o-A", "actions"],
      ["o-dependabot-A", "dependabot"],
    ] as const) {
      expect(only(resources, secret).inputs).not.toHaveProperty("selectedRepositoryIds");
      const list = only(resources, `${secret}-repositories`);
      expect(list.type).toBe(
        `github:index/${app}OrganizationSecretRepositories:${app === "actions" ? "Actions" : "Dependabot"}OrganizationSecretRepositories`,
      );
      expect(list.inputs).toEqual({ secretName: "A", selectedRepositoryIds: [7, 8] });
      expect(list.options).toEqual({ retainOnDelete: true, replacementTrigger: "written at first" });
      expect(list.dependencies).toEqual([expect.stringContaining(`::${secret}`)]);
    }
  });
});
