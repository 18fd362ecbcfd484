import * as pulumi from "@pulumi/pulumi";
import { type Observation, only, run, SecretInput, valueOf } from "../support/mocks";
import { configSourceOf, runStack as program } from "../support/program";
import type { StackOutputs } from "../../src/pipeline/outputs";
import { tokenHandover } from "../../src/pipeline/rotation";
import { parseStackConfig } from "../../src/settings";
import { readWorld } from "../../src/world";

// A stack that reads several Doppler configs: what each of them is made with, and what a run reads for it.

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

const DOPPLER = {
  project: { name: "acme", description: "ours", ownedBy: "dev" },
  environment: { slug: "dev", name: "Development" },
  serviceToken: "main-1",
};
const SHARED = { name: "shared", project: { name: "acme-shared", ownedBy: "dev" }, serviceToken: "shared-1" };
const OVER = {
  doppler: DOPPLER,
  sources: [SHARED],
  apps: [
    { name: "web", namespace: "default", keys: ["A"] },
    { name: "mail", namespace: "mail", source: "shared", keys: ["M"], secretName: "mail" },
  ],
  githubActions: undefined,
};

const requested = ({ requests }: Observation<StackOutputs>) => requests.filter((path) => path.startsWith("/v3/"));

describe("a second source", () => {
  it("has a project, an environment, a token, a token Secret and a store of its own", async () => {
    const { resources } = await program({}, OVER);
    expect(only(resources, "doppler-shared-project").inputs).toEqual({ name: "acme-shared" });
    expect(only(resources, "doppler-shared-environment").inputs).toEqual({
      ...{ project: "acme-shared", slug: "dev", name: "Development" },
    });
    expect(only(resources, "doppler-shared-token").inputs).toEqual({
      ...{ project: "acme-shared", config: "dev", name: "shared-1", access: "read" },
    });
    expect(only(resources, "doppler-store-shared-token").inputs).toMatchObject({
      metadata: { name: "doppler-token-auth-shared", namespace: "external-secrets" },
      stringData: new SecretInput({ dopplerToken: "dp.st.dev.mocked" }),
    });
    expect(only(resources, "doppler-store-shared-store").inputs).toMatchObject({
      metadata: {
        name: "doppler-secret-store-shared",
        annotations: { "secrets-pipeline/service-token": "shared-1" },
      },
      spec: { conditions: [{ namespaces: ["mail"] }] },
    });
    // What was there before has the names and the contents that it had.
    expect(only(resources, "doppler-token").inputs).toEqual({
      ...{ project: "acme", config: "dev", name: "main-1", access: "read" },
    });
    expect(only(resources, "doppler-store-store").inputs["spec"]).toMatchObject({
      conditions: [{ namespaces: ["default"] }],
    });
  });

  it("is where the Secrets that name it are read from", async () => {
    const { resources } = await program({}, OVER);
    const storeOf = (name: string) =>
      (only(resources, name).inputs["spec"] as { secretStoreRef: unknown }).secretStoreRef;
    expect(storeOf("web-default-web-secrets")).toEqual({ name: "doppler-secret-store", kind: "ClusterSecretStore" });
    expect(storeOf("mail-mail-mail")).toEqual({ name: "doppler-secret-store-shared", kind: "ClusterSecretStore" });
  });

  it("gives keys to Secrets of other sources, in each form", async () => {
    const sources = [{ ...SHARED, name: "my-shared" }];
    const app = { name: "web", namespace: "default", keys: ["A"], from: { "my-shared": { key: "S" } } };
    const specOf = async (fetch: string) => {
      const { resources } = await program({}, { ...OVER, sources, apps: [{ ...app, fetch }] });
      const { namespaces } = (
        only(resources, "doppler-store-my-shared-store").inputs["spec"] as { conditions: { namespaces: string[] }[] }
      ).conditions[0] ?? { namespaces: [] };
      return { ...(only(resources, "web-default-web-secrets").inputs["spec"] as object), namespaces };
    };
    const other = (name: string) => ({ sourceRef: { storeRef: { name, kind: "ClusterSecretStore" } } });
    const rewrite = [{ regexp: { source: "^(.*)$", target: "my_shared__$1" } }];
    expect(await specOf("perApp")).toMatchObject({
      target: { template: { data: { A: "{{ .A }}", key: "{{ .my_shared__S }}" } } },
      dataFrom: [{}, { rewrite, ...other("doppler-secret-store-my-shared") }],
      namespaces: ["default"],
    });
    expect(await specOf("mirror")).toMatchObject({
      secretStoreRef: { name: "doppler-secret-store-mirror" },
      dataFrom: [
        { extract: { key: "doppler-secret-store-mirror" } },
        {
          extract: { key: "doppler-secret-store-my-shared-mirror" },
          rewrite,
          ...other("doppler-secret-store-my-shared-mirror"),
        },
      ],
      namespaces: ["default", "external-secrets"],
    });
    expect(await specOf("perKey")).toMatchObject({ data: [{}, other("doppler-secret-store-my-shared")] });
  });

  it("that nobody reads is open to the operator's namespace alone", async () => {
    const { resources } = await program({}, { ...OVER, apps: OVER.apps.slice(0, 1) });
    expect(only(resources, "doppler-store-shared-store").inputs["spec"]).toMatchObject({
      conditions: [{ namespaces: ["external-secrets"] }],
    });
  });

  it("proves itself by OIDC where it says so, whatever the main one does", async () => {
    const oidc = { identity: "id-of-shared" };
    const { resources } = await program({}, { ...OVER, sources: [{ ...SHARED, oidc }] });
    expect(resources.filter((r) => r.type.endsWith(":ServiceToken")).map((r) => r.name)).toEqual(["doppler-token"]);
    expect(only(resources, "doppler-store-shared-account").inputs["metadata"]).toMatchObject({
      name: "doppler-secret-store-shared",
    });
    expect(only(resources, "doppler-store-shared-store").inputs["spec"]).toMatchObject({
      provider: { doppler: { project: "acme-shared", config: "dev" } },
    });
  });

  it("is protected like the main one, and named in the outputs", async () => {
    const { resources, result } = await program({ doppler: { A: "" } }, { ...OVER, protect: true });
    for (const name of ["doppler-shared-project", "doppler-shared-environment"])
      expect(only(resources, name).options["protect"]).toBe(true);
    const shared = { project: "acme-shared", config: "dev" };
    const outputs = await valueOf(pulumi.output(result));
    expect(outputs).toMatchObject({
      store: "doppler-secret-store",
      doppler: { project: "acme", config: "dev" },
      sources: { shared: { ...shared, store: "doppler-secret-store-shared" } },
      apps: { mail: { pending: { M: ["M"] }, doppler: shared } },
    });
    expect(Object.keys(outputs.apps["web"] ?? {})).not.toContain("doppler");
  });

  it("keeps its resources when it is renamed", async () => {
    const renamed = { ...SHARED, name: "common", renamedFrom: "shared" };
    const apps = [{ name: "mail", namespace: "mail", source: "common", keys: ["M"] }];
    const { resources } = await program({}, { ...OVER, apps, sources: [renamed] });
    for (const name of ["doppler-common", "doppler-store-common"])
      expect(only(resources, name).options["aliases"]).toBe(1);
  });
});

describe("a second source in the main project", () => {
  it("makes its config alone, after the project and the environment", async () => {
    const eu = { name: "eu", config: "dev_eu" };
    const { resources } = await program({}, { ...OVER, apps: OVER.apps.slice(0, 1), sources: [eu] });
    const made = resources.filter((r) => r.parent === "secrets-pipeline:index:DopplerProject::doppler-eu");
    expect(made.map((r) => r.name).sort()).toEqual(["doppler-eu-config", "doppler-eu-token"]);
    expect(only(resources, "doppler-eu-config").inputs).toEqual({
      ...{ project: "acme", environment: "dev", name: "dev_eu" },
    });
    // Children wait for their parent.
    expect(only(resources, "secrets-pipeline:index:DopplerProject::doppler-eu").dependencies).toEqual(
      expect.arrayContaining([
        "doppler:index/environment:Environment::doppler-environment",
        "doppler:index/project:Project::doppler-project",
      ]),
    );
  });
});

describe("what a run asks Doppler", () => {
  const workplace = {
    acme: { description: "ours", environments: { dev: "Development" }, configs: ["dev", "dev_eu"] },
    "acme-shared": { environments: { dev: "Development" } },
  };
  const states = {
    dev: [
      { type: "doppler:index/project:Project", outputs: { name: "acme" } },
      { type: "doppler:index/project:Project", outputs: { name: "acme-shared" } },
      { type: "doppler:index/environment:Environment", outputs: { project: "acme", slug: "dev" } },
      { type: "doppler:index/environment:Environment", outputs: { project: "acme-shared", slug: "dev" } },
    ],
  };
  const ofProject = (name: string) => [
    `/v3/projects/project?project=${name}`,
    `/v3/environments?project=${name}&page=1&per_page=100`,
  ];

  it("is one look at each project, and the names of each config", async () => {
    const seen = await program({ workplace, states, doppler: {} }, OVER);
    expect(requested(seen).sort()).toEqual(
      [
        ...["acme", "acme-shared"].flatMap(ofProject),
        "/v3/configs/config/secrets/names?project=acme&config=dev",
        "/v3/configs/config/secrets/names?project=acme-shared&config=dev",
      ].sort(),
    );
  });

  it("is nothing twice where two sources have one project", async () => {
    const sources = [{ name: "eu", config: "dev_eu" }];
    const config = { project: "acme", environment: "dev", name: "dev_eu" };
    const ofMain = states.dev.filter(({ outputs }) => !Object.values(outputs).includes("acme-shared"));
    const known = [...ofMain, { type: "doppler:index/branchConfig:BranchConfig", outputs: config }];
    const seen = await program(
      { workplace, states: { dev: known }, doppler: {} },
      { ...OVER, apps: OVER.apps.slice(0, 1), sources },
    );
    expect(requested(seen).sort()).toEqual(
      [
        ...ofProject("acme"),
        "/v3/configs?project=acme&environment=dev&page=1&per_page=100",
        "/v3/configs/config/secrets/names?project=acme&config=dev",
        "/v3/configs/config/secrets/names?project=acme&config=dev_eu",
      ].sort(),
    );
  });
});

it("keys from other sources want their values there, and the outputs say so", async () => {
  const apps = [{ name: "web", namespace: "default", keys: ["A"], from: { shared: { key: "S", other: "T" } } }];
  const configs = { "acme/dev": { S: "not this one" }, "acme-shared/dev": { T: "typed" } };
  const { result, warnings } = await program({ configs }, { ...OVER, apps });
  const shared = { project: "acme-shared", config: "dev" };
  expect((await valueOf(pulumi.output(result))).apps["web"]).toMatchObject({
    keys: ["A", "key", "other"],
    pending: { A: ["A"], key: ["S"] },
    from: { key: shared, other: shared },
  });
  expect(warnings.map((text) => text.split("\n").slice(0, 2))).toEqual([
    ['1 Doppler name needs a value in project "acme", config "dev":', "  A (app web)"],
    ['1 Doppler name needs a value in project "acme-shared", config "dev":', "  S (app web)"],
  ]);
});

describe("names without values", () => {
  it("are said of each source, with the place to type them", async () => {
    const configs = { "acme/dev": { A: "typed" }, "acme-shared/dev": { A: "not this one" } };
    const { warnings } = await program({ configs }, OVER);
    expect(warnings).toEqual([
      [
        '1 Doppler name needs a value in project "acme-shared", config "dev":',
        "  M (app mail)",
        "Type them in the Doppler dashboard, or: doppler secrets set NAME --project acme-shared --config dev",
        "Apps get theirs within their refresh interval; CI's are written by the next `pulumi up`.",
      ].join("\n"),
    ]);
  });

  it("are two lists where both sources lack some, and CI's are the main one's", async () => {
    const over = { ...OVER, githubActions: { owner: "acme", repositories: ["web"] } };
    const { warnings } = await program({ doppler: {} }, over);
    expect(warnings.map((text) => text.split("\n")[0])).toEqual([
      '3 Doppler names need values in project "acme", config "dev":',
      '1 Doppler name needs a value in project "acme-shared", config "dev":',
    ]);
  });
});

it("rotating one source's token waits for that source, and not for the other", async () => {
  const store = (name: string, token: string) => ({
    type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
    outputs: { metadata: { name, annotations: { "secrets-pipeline/service-token": token } } },
  });
  const states = { dev: [store("doppler-secret-store", "main-1"), store("doppler-secret-store-shared", "shared-0")] };
  const asked: string[] = [];
  await run({ states }, async () => {
    const { values, ...source } = configSourceOf("dev");
    const stack = parseStackConfig({ ...source, values: { ...values, ...OVER } });
    const world = await readWorld(stack);
    jest.spyOn(world.doppler, "serviceTokens").mockImplementation((...place) => {
      asked.push(place.join("/"));
      return Promise.resolve([]);
    });
    jest.spyOn(pulumi.log, "info").mockResolvedValue();
    for (const one of stack.sources) await tokenHandover(one, world)();
  });
  jest.restoreAllMocks();
  expect(asked).toEqual(["acme-shared/dev"]);
});
