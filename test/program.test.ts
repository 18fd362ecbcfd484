import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as doppler from "@pulumiverse/doppler";
import { only, run, SecretInput, UNKNOWN, valueOf } from "./support/mocks";
import { MADE_BY_DEV, runProgram, stackFile } from "./support/program";

// index.ts as a whole: what it wires, and in which states of the world.

const TYPED = {
  DOCKERHUB_USERNAME: "acme-ci",
  DOCKERHUB_TOKEN: "typed-token",
  DATABASE_URL: "typed-url",
  JWT_SECRET: "typed-jwt",
};

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

describe("the first preview, when nothing exists", () => {
  it("reads no value from Doppler, and nothing from GitHub, and shows everything that needs no values", async () => {
    const { resources, requests, warnings } = await runProgram({ stack: "dev", preview: true });
    expect(requests.sort()).toEqual([
      "/v3/configs/config/secrets/names?project=acme&config=dev",
      "/v3/configs/config/secrets/names?project=acme-shared&config=dev",
      "/v3/projects/project?project=acme",
      "/v3/projects/project?project=acme-shared",
    ]);
    expect(resources.filter((r) => r.type === "github:index/actionsSecret:ActionsSecret")).toEqual([]);
    expect(only(resources, "doppler-store-token").inputs["stringData"]).toBe(UNKNOWN);
    expect(only(resources, "bookmarked-default-bookmarked-secrets").inputs["spec"]).toMatchObject({
      secretStoreRef: { name: "doppler-secret-store" },
    });
    expect(warnings.join()).toContain("5 Doppler names need values");
  });
});

describe("the first up, when the Doppler config is empty", () => {
  it("makes all but the Actions secrets and says what to type, where", async () => {
    const { resources, warnings } = await runProgram({ stack: "dev", doppler: {} });
    expect(resources.filter((r) => r.type === "github:index/actionsSecret:ActionsSecret")).toEqual([]);
    expect(resources.filter((r) => r.type.endsWith(":ExternalSecret"))).toHaveLength(2);
    expect(warnings).toEqual([
      [
        '5 Doppler names need values in project "acme", config "dev":',
        "  DATABASE_URL (app bookmarked)",
        "  JWT_SECRET (app bookmarked)",
        "  REPORTS_DATABASE_URL (app reports)",
        "  DOCKERHUB_USERNAME (CI of bookmarked, reports)",
        "  DOCKERHUB_TOKEN (CI of bookmarked, reports)",
        "Type them in the Doppler dashboard, or: doppler secrets set NAME --project acme --config dev",
        "Apps get theirs within their refresh interval; CI's are written by the next `pulumi up`.",
      ].join("\n"),
      [
        '1 Doppler name needs a value in project "acme-shared", config "dev":',
        "  SMTP_PASSWORD (app reports)",
        "Type them in the Doppler dashboard, or: doppler secrets set NAME --project acme-shared --config dev",
        "Apps get theirs within their refresh interval; CI's are written by the next `pulumi up`.",
      ].join("\n"),
    ]);
  });
});

describe("an up after the values have been typed", () => {
  it("writes the Actions secrets of every repository, as secrets", async () => {
    const { resources, warnings, calls, requests } = await runProgram({ stack: "dev", doppler: TYPED });
    for (const repository of ["bookmarked", "reports"]) {
      for (const name of ["DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"] as const) {
        const secret = only(resources, `github-${repository}-${name}`);
        expect(secret.inputs).toEqual({ repository, secretName: name, value: new SecretInput(TYPED[name]) });
        expect(secret.provider).toBe("github");
        const dependabot = only(resources, `github-${repository}-dependabot-${name}`);
        expect(dependabot.type).toBe("github:index/dependabotSecret:DependabotSecret");
        expect(dependabot.inputs).toEqual(secret.inputs);
        expect(dependabot.provider).toBe("github");
      }
    }
    expect(calls).toEqual([]);
    expect(requests.filter((path) => !path.startsWith("/v3/projects"))).toEqual([
      "/v3/configs/config/secrets/names?project=acme&config=dev",
      "/v3/configs/config/secrets/names?project=acme-shared&config=dev",
      "/v3/configs/config/secrets?project=acme&config=dev&secrets=DOCKERHUB_USERNAME%2CDOCKERHUB_TOKEN",
      ...["bookmarked", "reports"].flatMap((name) =>
        ["actions", "dependabot"].map((app) => `/repos/acme/${name}/${app}/secrets?per_page=100&page=1`),
      ),
    ]);
    expect(warnings.map((text) => text.split("\n")[1])).toEqual([
      "  REPORTS_DATABASE_URL (app reports)",
      "  SMTP_PASSWORD (app reports)",
    ]);
  });

  it("fails where the config is made and can't be read, so that no name is taken for missing", async () => {
    await expect(runProgram({ stack: "dev" })).rejects.toThrow(
      'Config "dev" of Doppler project "acme" can\'t be read: there is none that this token may see.',
    );
  });
});

it("a preview of a stack that exists reads the values too", async () => {
  const { resources } = await runProgram({ stack: "dev", preview: true, exists: true, doppler: TYPED });
  expect(only(resources, "github-bookmarked-DOCKERHUB_TOKEN").inputs["value"]).toEqual(new SecretInput("typed-token"));
});

it("Argo CD's Secrets and those that images are pulled with are made like an app's, and are nobody's output", async () => {
  const there = MADE_BY_DEV;
  const { resources, warnings, result } = await runProgram({ stack: "prod", doppler: {}, workplace: there });
  const made = resources
    .filter((r) => r.type.endsWith(":ExternalSecret"))
    .map((r) => {
      const { namespace, name } = r.inputs["metadata"] as { namespace: string; name: string };
      return { namespace, name };
    });
  expect(made).toEqual(
    expect.arrayContaining([
      { namespace: "argocd", name: "argocd-admin" },
      { namespace: "argocd", name: "repo-deployments" },
      { namespace: "argocd", name: "repo-creds-acme" },
      { namespace: "default", name: "dockerhub" },
      { namespace: "reports", name: "dockerhub" },
    ]),
  );
  expect(only(resources, "doppler-store-store").inputs["spec"]).toMatchObject({
    conditions: [{ namespaces: ["argocd", "default", "reports"] }],
  });
  for (const line of [
    "  BILLING_DB_USER (app billing)",
    "  BILLING_DB_PASSWORD (app billing)",
    "  ARGOCD_ADMIN_PASSWORD_HASH (Secret argocd/argocd-secret)",
    "  RELEASE_DOCKERHUB_TOKEN (Secret default/dockerhub; CI of releases)",
  ]) {
    expect(warnings.join().split("\n")).toContain(line);
  }
  expect(Object.keys(result.apps)).toEqual(["bookmarked", "reports", "billing", "backup"]);
});

it("a stack that does not own the project uses it by name", async () => {
  const { resources } = await runProgram({ stack: "prod", doppler: {}, workplace: MADE_BY_DEV });
  expect(resources.filter((r) => r.type === "doppler:index/project:Project")).toEqual([]);
  expect(only(resources, "doppler-environment").inputs["project"]).toBe("acme");
});

it("every custom resource has an explicit provider and every child its parent", async () => {
  const { resources } = await runProgram({ stack: "dev", doppler: TYPED });
  const custom = resources.filter((r) => !r.type.startsWith("pulumi:") && !r.type.startsWith("secrets-pipeline:"));
  expect(custom.length).toBeGreaterThan(10);
  expect(custom.filter((r) => r.provider === undefined)).toEqual([]);
  // A namespace that several apps may share belongs to none of them.
  expect(custom.filter((r) => r.parent === undefined).map((r) => r.name)).toEqual(["reports"]);
});

it.each(["dev", "prod"])(
  "what other tools may write to in the cluster is the program's again, in stack %s",
  async (stack) => {
    const { resources } = await runProgram({
      ...{ stack, doppler: TYPED },
      workplace: stack === "dev" ? {} : MADE_BY_DEV,
    });
    const applied = resources.filter(({ type }) => /^kubernetes:(?!helm.sh)/.test(type));
    const [namespaces, others] = [true, false].map((is) =>
      applied.filter(({ type }) => (type === "kubernetes:core/v1:Namespace") === is),
    );
    expect(others?.length).toBeGreaterThan(3);
    for (const { inputs } of others ?? []) {
      expect(inputs["metadata"]).toMatchObject({ annotations: { "pulumi.com/patchForce": "true" } });
    }
    // A namespace's labels and annotations are other people's.
    for (const { inputs } of namespaces ?? []) expect(Object.keys(inputs["metadata"] as object)).toEqual(["name"]);
  },
);

it("the outputs name everything an app team needs, and hold no secret", async () => {
  const { result } = await runProgram({ stack: "dev", doppler: TYPED });
  const all = pulumi.output(result);
  expect(await pulumi.isSecret(all)).toBe(false);
  expect(await valueOf(all)).toEqual({
    apps: {
      bookmarked: {
        secretName: "bookmarked-secrets",
        namespace: "default",
        keys: ["DATABASE_URL", "JWT_SECRET"],
        envFrom: { secretRef: { name: "bookmarked-secrets" } },
        env: {
          DATABASE_URL: {
            name: "DATABASE_URL",
            valueFrom: { secretKeyRef: { name: "bookmarked-secrets", key: "DATABASE_URL" } },
          },
          JWT_SECRET: {
            name: "JWT_SECRET",
            valueFrom: { secretKeyRef: { name: "bookmarked-secrets", key: "JWT_SECRET" } },
          },
        },
        pending: {},
        workloadAnnotations: { "secret.reloader.stakater.com/reload": "bookmarked-secrets" },
      },
      reports: {
        secretName: "reports-credentials",
        namespace: "reports",
        keys: ["database-url", "smtp-password"],
        envFrom: { secretRef: { name: "reports-credentials" } },
        env: {
          "database-url": {
            name: "DATABASE_URL",
            valueFrom: { secretKeyRef: { name: "reports-credentials", key: "database-url" } },
          },
          "smtp-password": {
            name: "SMTP_PASSWORD",
            valueFrom: { secretKeyRef: { name: "reports-credentials", key: "smtp-password" } },
          },
        },
        pending: { "database-url": ["REPORTS_DATABASE_URL"], "smtp-password": ["SMTP_PASSWORD"] },
        workloadAnnotations: {},
        from: { "smtp-password": { project: "acme-shared", config: "dev" } },
      },
    },
    store: "doppler-secret-store",
    doppler: { project: "acme", config: "dev" },
    sources: { shared: { project: "acme-shared", config: "dev", store: "doppler-secret-store-shared" } },
  });
});

it("no credential and no value is sent to the engine in clear", async () => {
  const { resources } = await runProgram({ stack: "dev", doppler: TYPED });
  const clear = JSON.stringify(resources, (_key, value: unknown) =>
    value instanceof SecretInput ? "[secret]" : value,
  );
  for (const secret of [...Object.values(TYPED), "dp.pt.test", "ghp_test", "dp.st."])
    expect(clear).not.toContain(secret);
});

describe("the providers", () => {
  it("ask for the plugins that their SDKs ask for", async () => {
    const { resources: own } = await runProgram({ stack: "dev", doppler: TYPED });
    const { resources: theirs } = await run({}, () => {
      new doppler.Provider("doppler", { dopplerToken: "t" });
      new github.Provider("github");
      new kubernetes.Provider("kubernetes");
    });
    for (const name of ["doppler", "github", "kubernetes"]) {
      const { plugin } = only(theirs, name);
      expect(plugin?.version).toMatch(/^\d/);
      expect(only(own, `pulumi:providers:${name}::${name}`).plugin).toEqual(plugin);
    }
  });

  const inputs = async (secrets: Record<string, unknown>) => {
    const config = { ...stackFile("dev"), ...secrets };
    const { resources } = await runProgram({ stack: "dev", doppler: TYPED, config, secretKeys: Object.keys(secrets) });
    return Object.fromEntries(
      ["doppler", "kubernetes", "github"].map((name) => [
        name,
        only(resources, `pulumi:providers:${name}::${name}`).inputs,
      ]),
    );
  };

  it("get no credential and no path from the environment: those would stay in the state", async () => {
    const kubeconfig = process.env["KUBECONFIG"];
    process.env["KUBECONFIG"] = "/tmp/of-this-run";
    try {
      expect(await inputs({})).toEqual({
        doppler: { host: "https://api.doppler.com" },
        kubernetes: {
          context: "acme-dev",
          clusterIdentifier: "acme-dev",
          enableServerSideApply: "true",
          enablePatchForce: "true",
          enableSecretMutable: "true",
        },
        github: { baseUrl: "https://api.github.com/", owner: "acme" },
      });
    } finally {
      if (kubeconfig === undefined) delete process.env["KUBECONFIG"];
      else process.env["KUBECONFIG"] = kubeconfig;
    }
  });

  it("get each credential that the stack's file has, as a secret", async () => {
    const key = (name: string) => `secrets-pipeline:${name}`;
    const stored = {
      [key("dopplerToken")]: "dp.pt.stored",
      [key("githubToken")]: "ghp_stored",
      [key("kubeconfig")]: "apiVersion: v1",
    };
    const { doppler, github, kubernetes } = await inputs(stored);
    expect([doppler?.["dopplerToken"], github?.["token"], kubernetes?.["kubeconfig"]]).toEqual([
      new SecretInput("dp.pt.stored"),
      new SecretInput("ghp_stored"),
      new SecretInput("apiVersion: v1"),
    ]);
  });
});

it("a refused configuration registers nothing", async () => {
  const config = { ...stackFile("dev"), "secrets-pipeline:appz": [], "kubernetes:context": "x" };
  const run = runProgram({ stack: "dev", doppler: {}, config });
  await expect(run).rejects.toThrow(
    /2 problems in the configuration of stack "dev"[^]*\n {2}appz: is not a setting[^]*\n {2}kubernetes:context: has no effect/,
  );
});

it("adding an app changes only that app, unless it opens a namespace", async () => {
  const config = stackFile("dev");
  const apps = config["secrets-pipeline:apps"] as unknown[];
  const before = await runProgram({ stack: "dev", doppler: TYPED });
  const after = await runProgram({
    stack: "dev",
    doppler: TYPED,
    config: {
      ...config,
      "secrets-pipeline:apps": [{ name: "worker", namespace: "default", keys: ["JWT_SECRET"] }, ...[...apps].reverse()],
    },
  });
  const names = new Set(before.resources.map((r) => r.name));
  expect(after.resources.filter((r) => !names.has(r.name)).map((r) => r.name)).toEqual([
    "worker",
    "worker-default-worker-secrets",
  ]);
  // The guard waits for everything, the new app among it; that is no change of its own.
  for (const resource of before.resources.filter((r) => !r.name.startsWith("guard"))) {
    expect(only(after.resources, `${resource.type}::${resource.name}`)).toEqual(resource);
  }
});
