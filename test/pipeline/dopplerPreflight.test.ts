import { only, type Scenario } from "../support/mocks";
import { runStack as program } from "../support/program";

// What a run finds in Doppler for each of its sources, and what it makes of it.

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

type States = NonNullable<Scenario["states"]>["dev"];

const APPS = [{ name: "web", namespace: "default", keys: ["A"] }];
const MAIN = { project: { name: "acme" }, environment: { slug: "dev" } };
const SHARED = { name: "shared", project: { name: "acme-shared" } };
const over = (sources: object[], doppler: object = MAIN) => ({
  ...{ doppler, sources, apps: APPS, githubActions: undefined, kubernetes: {} },
});

const project = (name: string, source = "doppler") => ({
  ...{ type: "doppler:index/project:Project", name: `${source}-project`, outputs: { name } },
});
const environment = (of: string, slug: string, source = "doppler") => ({
  type: "doppler:index/environment:Environment",
  name: `${source}-environment`,
  outputs: { project: of, slug, name: slug },
});
const config = (of: string, slug: string, name: string, source = "doppler") => ({
  type: "doppler:index/branchConfig:BranchConfig",
  name: `${source}-config`,
  outputs: { project: of, environment: slug, name },
});
const token = (of: string, name: string, source = "doppler") => ({
  type: "doppler:index/serviceToken:ServiceToken",
  name: `${source}-token`,
  outputs: { project: of, config: name, name: "external-secrets" },
});
const OF_MAIN = [project("acme"), environment("acme", "dev")];
const there = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { environments: { dev: "dev" }, configs: ["dev"] }]));

describe("what a source builds on", () => {
  it("is made by its owner first, and the message says who that is", async () => {
    const shared = { ...SHARED, project: { name: "acme-shared", ownedBy: "platform" } };
    await expect(program({}, over([shared]))).rejects.toThrow(
      /Nothing was created or changed\.\n {2}Doppler project "acme-shared" does not exist[^]*\n {4}Stack "platform" makes it: run pulumi up --stack platform first\.$/,
    );
  });

  it("is said once where several sources wait for it", async () => {
    const owned = { name: "acme-shared", ownedBy: "platform" };
    const sources = [
      { ...SHARED, project: owned },
      { name: "eu", project: { name: "acme-shared" }, config: "dev_eu" },
    ];
    const message = await program({}, over(sources)).then(
      () => "",
      (error: Error) => error.message,
    );
    expect(message.match(/does not exist/g)).toHaveLength(1);
  });

  const used = {
    project: { name: "acme", ownedBy: "us" },
    environment: { slug: "prd", ownedBy: "us" },
    config: "prd_eu",
  };

  it("may be another stack's environment, which is made first too", async () => {
    const workplace = { acme: { environments: { dev: "dev" } } };
    await expect(program({ workplace }, over([], used))).rejects.toThrow(
      /Doppler environment "prd" of project "acme" does not exist[^]*Stack "us" makes it: run pulumi up --stack us first\./,
    );
  });

  it("may be another stack's environment, in which this one makes its config and its token alone", async () => {
    const workplace = { acme: { environments: { prd: "prd" }, configs: ["prd", "prd_us"] } };
    const { resources } = await program({ workplace, doppler: {} }, over([], used));
    const made = resources.filter((r) => r.type.startsWith("doppler:")).map((r) => r.name);
    expect(made.sort()).toEqual(["doppler-config", "doppler-token"]);
    expect(only(resources, "doppler-config").inputs).toEqual({ project: "acme", environment: "prd", name: "prd_eu" });
  });
});

describe("what exists and is not in the state", () => {
  const workplace = {
    "acme-shared": { description: "ours", environments: { dev: "Dev" }, configs: ["dev", "dev_eu"] },
  };

  it("is in the way, at the settings of its source", async () => {
    const sources = [{ ...SHARED, config: "dev_eu" }];
    await expect(program({ workplace }, over(sources))).rejects.toThrow(
      /project "acme-shared" exists in Doppler[^]*say so with sources\[0\]\.project\.ownedBy[^]*environment "dev" of project "acme-shared"[^]*sources\[0\]\.environment\.ownedBy[^]*config "dev_eu"[^]*name another sources\[0\]\.config/,
    );
  });

  it("is taken over with its source where the stack says so", async () => {
    const sources = [
      {
        ...SHARED,
        project: { name: "acme-shared", description: "ours" },
        environment: { slug: "dev", name: "Dev" },
        config: "dev_eu",
      },
    ];
    const { resources } = await program({ workplace }, { ...over(sources), adopt: true });
    const imports = resources.filter((r) => r.options["import"]).map((r) => [r.name, r.options["import"]]);
    expect(Object.fromEntries(imports)).toEqual({
      "doppler-shared-project": "acme-shared",
      "doppler-shared-environment": "acme-shared.dev",
      "doppler-shared-config": "acme-shared.dev.dev_eu",
    });
  });

  it("is taken over in the cluster with its source, too", async () => {
    const objects = [
      "secret/external-secrets/doppler-token-auth-shared",
      "clustersecretstore.external-secrets.io/doppler-secret-store",
    ];
    const cluster = { objects, served: ["v1"] };
    await expect(program({ cluster }, over([SHARED]))).rejects.toThrow(
      'Secret "doppler-token-auth-shared" in namespace "external-secrets" exists in the cluster',
    );
    const { resources } = await program({ cluster }, { ...over([SHARED]), adopt: true });
    const imports = resources.filter((r) => r.options["import"]).map((r) => [r.name, r.options["import"]]);
    expect(Object.fromEntries(imports)).toEqual({
      "doppler-store-shared-token": "external-secrets/doppler-token-auth-shared",
      "doppler-store-store": "doppler-secret-store",
    });
  });

  it("is taken over only as it is, and the message names its settings", async () => {
    await expect(program({ workplace }, { ...over([SHARED]), adopt: true })).rejects.toThrow(
      /differs from sources\[0\]\.project\.description[^]*"ours"[^]*differs from sources\[0\]\.environment\.name[^]*"Dev"/,
    );
  });
});

describe("what a run would make a second time", () => {
  const ofShared = (source: string) => [
    project("acme-shared", source),
    environment("acme-shared", "dev", source),
    token("acme-shared", "dev", source),
  ];
  const run = (states: States, sources: object[]) =>
    program(
      {
        states: { dev: [...OF_MAIN, ...(states ?? [])] as States },
        workplace: there("acme", "acme-shared"),
        doppler: {},
      },
      over(sources),
    );

  it("is a source under another name, and the message says which setting keeps it", async () => {
    await expect(run(ofShared("doppler-common"), [SHARED])).rejects.toThrow(
      /sources\[0\]: Doppler project "acme-shared" is made by source "common" in this stack's state, and by source "shared" in its settings[^]*set sources\[0\]\.renamedFrom to "common"/,
    );
    await run(ofShared("doppler-common"), [{ ...SHARED, renamedFrom: "common" }]);
    await run(ofShared("doppler-shared"), [SHARED]);
  });

  it("is what another source has made and the main one would make, which no setting moves", async () => {
    const states = { dev: [project("acme", "doppler-main"), environment("acme", "dev", "doppler-main")] };
    await expect(program({ states, workplace: there("acme") }, over([]))).rejects.toThrow(
      /doppler: Doppler project "acme" is made by source "main"[^]*can't move to another source/,
    );
  });

  it("is a config of a source with another name in Doppler, which is renamed there first", async () => {
    const known = [...ofShared("doppler-shared"), config("acme-shared", "dev", "dev_us", "doppler-shared")];
    await expect(run(known, [{ ...SHARED, config: "dev_eu" }])).rejects.toThrow(
      /sources\[0\]\.config is "dev_eu"; this stack's source "shared"'s Doppler config is called "dev_us"\.[^]*sources\[0\]\.serviceToken[^]*make another source/,
    );
    await expect(run(ofShared("doppler-shared"), [{ ...SHARED, project: { name: "acme-common" } }])).rejects.toThrow(
      'sources[0].project.name is "acme-common"; this stack\'s source "shared"\'s Doppler project is called "acme-shared".',
    );
  });

  it("is a config in another stack's environment that has another name in Doppler", async () => {
    const used = { ...SHARED, environment: { slug: "dev", ownedBy: "us" } };
    const state = [project("acme-shared", "doppler-shared"), token("acme-shared", "stg", "doppler-shared")];
    await expect(run(state, [used])).rejects.toThrow(
      'sources[0].environment.slug is "dev"; this stack\'s source "shared"\'s Doppler environment is called "stg".',
    );
  });
});

describe("what a run would delete with others' values", () => {
  const run = (states: States, workplace: Scenario["workplace"], sources: object[], doppler: object = MAIN) =>
    program({ states: { dev: states ?? [] }, workplace, doppler: {} }, over(sources, doppler));
  const left = [
    ...OF_MAIN,
    project("acme-shared", "doppler-shared"),
    environment("acme-shared", "dev", "doppler-shared"),
  ];

  it("is a project that no source has any more and that has other environments", async () => {
    const workplace = { ...there("acme"), "acme-shared": { environments: { dev: "dev", prd: "prd" } } };
    await expect(run(left, workplace, [])).rejects.toThrow(
      /No source of this stack reads Doppler project "acme-shared" any more[^]*Still in use by environment "prd"\.\n {4}Keep the source/,
    );
    await run(left, there("acme", "acme-shared"), []);
    // One that somebody has deleted already.
    await run(left, there("acme"), []);
  });

  it("is an environment that no source has any more and that has other configs", async () => {
    const states = [
      ...OF_MAIN,
      environment("acme", "ops", "doppler-ops"),
      config("acme", "ops", "ops_own", "doppler-ops"),
    ];
    const acme = (...configs: string[]) => ({ acme: { environments: { dev: "dev", ops: "ops" }, configs } });
    await expect(run(states, acme("ops", "ops_own", "ops_eu"), [])).rejects.toThrow(
      /No source of this stack reads Doppler environment "ops" of project "acme" any more[^]*Still in use by config "ops_eu"\./,
    );
    await run(states, acme("ops", "ops_own"), []);
  });

  it("is a project or an environment that the settings say another stack owns", async () => {
    const handed = (thing: "project" | "environment") => ({
      project: { name: "acme", ...(thing === "project" && { ownedBy: "us" }) },
      environment: { slug: "dev", ...(thing === "environment" && { ownedBy: "us" }) },
    });
    await expect(run(OF_MAIN, there("acme"), [], handed("project"))).rejects.toThrow(
      /doppler\.project\.ownedBy names another owner of Doppler project "acme", which this stack made[^]*back to "dev"/,
    );
    await expect(run(OF_MAIN, there("acme"), [], handed("environment"))).rejects.toThrow(
      /doppler\.environment\.ownedBy names another owner of Doppler environment "dev" of project "acme"/,
    );
  });
});
