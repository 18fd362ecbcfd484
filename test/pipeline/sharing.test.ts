import * as pulumi from "@pulumi/pulumi";
import { guardCheck } from "../../components/sharedGuard";
import { sharing } from "../../src/pipeline/sharing";
import { parseStackConfig } from "../../src/settings";
import { readWorld } from "../../src/world";
import { only, run, type Scenario } from "../support/mocks";
import { MADE_BY_DEV, configSourceOf, runStack as program } from "../support/program";

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

describe("the guard", () => {
  it("waits for everything else, so that it is deleted first", async () => {
    const { resources } = await program({});
    const guard = only(resources, "guard-stash");
    const leaves = resources.filter((r) =>
      /:(ExternalSecret|Namespace|ServiceToken|Environment|Release)$/.test(r.type),
    );
    expect(leaves.length).toBeGreaterThan(4);
    for (const { type, name } of leaves) expect(guard.dependencies).toContain(`${type}::${name}`);
    expect(guard.options["hooks"]).toEqual([
      "still used by other stacks? Only the program can tell: pulumi destroy --run-program",
    ]);
  });

  it("asks nobody where nothing is shared", async () => {
    const { resources } = await program({ stack: "prod", workplace: MADE_BY_DEV });
    expect(only(resources, "guard-stash").options["hooks"]).toBeUndefined();
  });

  it("is protected where the stack is, and there after it was", async () => {
    const workplace = MADE_BY_DEV;
    const { resources } = await program({ stack: "prod", workplace });
    expect(only(resources, "guard-stash").options["protect"]).toBe(true);
    const later = await program({ stack: "prod", workplace }, { protect: false });
    expect(only(later.resources, "guard-stash").options["protect"]).toBeFalsy();
  });

  const STASH = { type: "pulumi:index:Stash", outputs: {} };
  const HOOK = ["still used by other stacks? Only the program can tell: pulumi destroy --run-program"];
  const SHARED = ["doppler-project", "external-secrets-release", "external-secrets-namespace"];

  it("has its check on each shared thing until it is there itself, after a first run that failed midway", async () => {
    const first = await program({});
    for (const name of SHARED) expect(only(first.resources, name).options["hooks"]).toEqual(HOOK);
    const later = await program({ states: { dev: [STASH] } });
    for (const name of SHARED) expect(only(later.resources, name).options["hooks"]).toBeUndefined();
  });

  it("has its check nowhere where nothing is shared", async () => {
    const { resources } = await program({ stack: "prod", workplace: MADE_BY_DEV });
    for (const name of SHARED.slice(1)) expect(only(resources, name).options["hooks"]).toBeUndefined();
  });
});

describe("the users of what a stack owns", () => {
  const OBJECT = { type: "kubernetes:core/v1:Namespace", outputs: {} };
  const stack = { ...parseStackConfig(configSourceOf("dev")), clusterUsers: ["stg", "qa", "new"] };
  const usersIn = async (states: NonNullable<Scenario["states"]>) => {
    const owner = { ...stack, operator: { ...stack.operator, shared: true } };
    const { result } = await run({ states: { dev: [], ...states } }, async () =>
      sharing(owner, await readWorld(owner)),
    );
    return result.users;
  };

  it("are the stacks that have something in the cluster", async () => {
    expect(await usersIn({ stg: [OBJECT], qa: [] })).toEqual(['stack "stg"']);
  });

  it("include a stack whose state can't be read, since it can't be known that it has nothing", async () => {
    expect(await usersIn({ stg: "incorrect passphrase", qa: [] })).toEqual([
      'stack "stg" (its state can\'t be read: incorrect passphrase)',
    ]);
  });
});

describe("the users of an environment that a stack owns", () => {
  const SETTINGS = {
    doppler: {
      project: { name: "acme", ownedBy: "us" },
      environment: { slug: "prd", ownedBy: "us" },
      config: "prd_us",
    },
    apps: [{ name: "web", namespace: "default", keys: ["A"] }],
  };
  const usesIt = { ...SETTINGS, doppler: { ...SETTINGS.doppler, config: "prd_eu" }, kubernetes: { context: "eu" } };
  const known = [
    { type: "doppler:index/environment:Environment", outputs: { project: "acme", slug: "prd" } },
    {
      type: "doppler:index/branchConfig:BranchConfig",
      outputs: { project: "acme", environment: "prd", name: "prd_us" },
    },
    {
      type: "doppler:index/branchConfig:BranchConfig",
      outputs: { project: "acme", environment: "prd", name: "prd_old" },
    },
  ];
  const found = async (
    eu: NonNullable<Scenario["states"]>["eu"] | undefined,
    configs: string[],
    ofEu: object = usesIt,
  ) => {
    const source = {
      ...configSourceOf("dev"),
      stack: "us",
      values: SETTINGS,
      siblings: new Map([["eu", { ...ofEu }]]),
    };
    const owner = parseStackConfig(source);
    const workplace = { acme: { environments: { prd: "prd", stg: "stg" }, configs } };
    const states = { us: known, ...(eu !== undefined && { eu }) };
    const { result } = await run({ stack: "us", states, workplace }, async () =>
      sharing(owner, await readWorld(owner)),
    );
    return result;
  };
  const STG = 'environment "stg" of project "acme"';

  it("are other configs of it, and not those that the stack has made itself", async () => {
    expect(await found(undefined, ["prd", "prd_us", "prd_old", "prd_eu"])).toEqual({
      shared: ['Doppler project "acme"', 'Doppler environment "prd" of project "acme"'],
      users: [STG, 'config "prd_eu" of project "acme"'],
    });
  });

  it.each<[string, { type: string; outputs: Record<string, unknown> }]>([
    [
      "a branch config",
      { type: "doppler:index/branchConfig:BranchConfig", outputs: { project: "acme", environment: "prd" } },
    ],
    ["a token", { type: "doppler:index/serviceToken:ServiceToken", outputs: { project: "acme", config: "prd" } }],
    [
      "a store that names the root config",
      {
        type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
        outputs: { spec: { provider: { doppler: { project: "acme", config: "prd" } } } },
      },
    ],
  ])("are stacks with %s in their states", async (_what, resource) => {
    expect((await found([resource], ["prd", "prd_us"])).users).toEqual([STG, 'stack "eu"']);
    const elsewhere = { ...resource, outputs: { ...resource.outputs, project: "other", spec: {} } };
    expect((await found([elsewhere], ["prd", "prd_us"])).users).toEqual([STG]);
  });

  it("include a stack whose state can't be read, and no stack that was never brought up", async () => {
    expect((await found("incorrect passphrase", ["prd"])).users).toEqual([
      STG,
      'stack "eu" (its state can\'t be read: incorrect passphrase)',
    ]);
    expect((await found(undefined, ["prd"])).users).toEqual([STG]);
  });

  it("are nobody where the environment is nobody else's", async () => {
    const { shared } = await found([], ["prd"], {
      ...usesIt,
      doppler: { ...usesIt.doppler, environment: { slug: "stg" } },
    });
    expect(shared).toContain('Doppler environment "prd" of project "acme"');
    const alone = parseStackConfig({
      ...configSourceOf("dev"),
      values: { ...SETTINGS, doppler: { project: { name: "acme" }, environment: { slug: "prd" } } },
    });
    const { result, requests } = await run(
      { states: { dev: known }, workplace: { acme: { environments: { prd: "prd" } } } },
      async () => sharing(alone, await readWorld(alone)),
    );
    expect(result).toEqual({ shared: [], users: [] });
    expect(requests.filter((path) => path.startsWith("/v3/configs?"))).toEqual([]);
  });
});

it("the guard's check is on what is shared, until the guard is there", async () => {
  const doppler = { project: { name: "acme" }, environment: { slug: "dev", ownedBy: "dev" } };
  const sources = [{ name: "shared", project: { name: "acme-shared", ownedBy: "dev" } }];
  const { resources } = await program({}, { doppler, sources });
  const checked = resources.filter((r) => r.type.startsWith("doppler:") && r.options["hooks"]).map((r) => r.name);
  expect(checked.sort()).toEqual(["doppler-environment", "doppler-shared-project"]);
});

it("a stack whose own state can't be read does not run", async () => {
  await expect(program({ states: { dev: "incorrect passphrase" } })).rejects.toThrow(
    'the state of stack "dev" can\'t be read: incorrect passphrase',
  );
});

it("an operator whose stack can't be read is not taken for absent", async () => {
  const workplace = MADE_BY_DEV;
  const states = { prod: [], dev: "incorrect passphrase" };
  await expect(program({ stack: "prod", workplace, states }, { operator: { ownedBy: "dev" } })).rejects.toThrow(
    'operator.ownedBy: the state of stack "dev" can\'t be read: incorrect passphrase',
  );
});

describe("the guard's check", () => {
  const check = (users: string[], type: string) => {
    let callback: pulumi.ResourceHookFunction | undefined;
    jest.spyOn(pulumi, "ResourceHook").mockImplementation(((_name: string, given: pulumi.ResourceHookFunction) => {
      callback = given;
      return {};
    }) as never);
    guardCheck({ shared: ['Doppler project "acme"'], users });
    jest.restoreAllMocks();
    return () => callback?.({ type } as pulumi.ResourceHookArgs);
  };

  it("lets go where nobody uses anything any more", () => {
    expect(check([], "pulumi:index:Stash")).not.toThrow();
  });

  it.each([
    ["pulumi:index:Stash", "Nothing was deleted."],
    ["kubernetes:helm.sh/v3:Release", "What they use was not deleted."],
  ])("keeps %s, and says who uses it", (type, rest) => {
    expect(check(['stack "prod"'], type)).toThrow(
      `This stack owns Doppler project "acme", still in use by stack "prod". Destroy those first. ${rest}`,
    );
  });
});
