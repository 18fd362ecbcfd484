import * as pulumi from "@pulumi/pulumi";
import { handover } from "../src/pipeline/rotation";
import { type ConfigSource, parseStackConfig } from "../src/settings";
import { surveyStack } from "../src/world/survey";
import { type Observation, only, run, runProgram, type Scenario, SecretInput, stackFile } from "./mocks";
import type { StackOutputs } from "../src/pipeline/outputs";

// What a run finds before it begins, and what it makes of it.

const source: ConfigSource = {
  stack: "dev",
  values: Object.fromEntries(
    Object.entries(stackFile("dev")).map(([key, value]) => [key.replace("secrets-pipeline:", ""), value]),
  ),
  secretKeys: new Set(),
  foreignKeys: [],
  env: { DOPPLER_TOKEN: "dp.pt.test", GITHUB_TOKEN: "ghp_test" },
  siblings: new Map(),
};

const PROJECT = { type: "doppler:index/project:Project", outputs: { name: "acme" } };
const ENVIRONMENT = { type: "doppler:index/environment:Environment", outputs: { project: "acme", slug: "dev" } };
const DESCRIPTION = "Secrets of all Acme apps, one environment per stack";
const TYPED = { DOCKERHUB_USERNAME: "user", DOCKERHUB_TOKEN: "token" };

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

const program = (
  scenario: Partial<Scenario>,
  over: Record<string, unknown> = {},
): Promise<Observation<StackOutputs>> => {
  const stack = scenario.stack ?? "dev";
  const own = Object.fromEntries(Object.entries(over).map(([key, value]) => [`secrets-pipeline:${key}`, value]));
  return runProgram({ doppler: {}, ...scenario, stack, config: { ...stackFile(stack), ...own } });
};

describe("what a stack builds on", () => {
  it("a project that its owner has not made yet: nothing is registered, and the owner named", async () => {
    await expect(program({ stack: "prod" })).rejects.toThrow(
      /Nothing was created or changed\.\n {2}Doppler project "acme" does not exist[^]*\n {4}Stack "dev" makes it: run pulumi up --stack dev first\./,
    );
  });

  it("an operator that its owner has not installed yet", async () => {
    const workplace = { acme: { environments: {} } };
    const operator = { operator: { ownedBy: "dev" } };
    await expect(program({ stack: "prod", workplace }, operator)).rejects.toThrow(
      'Stack "dev" installs it: run pulumi up --stack dev first.',
    );
    const states = { prod: [], dev: [{ type: "kubernetes:helm.sh/v3:Release", outputs: {} }] };
    const { resources } = await program({ stack: "prod", workplace, states }, operator);
    expect(resources.filter((r) => r.type === "kubernetes:helm.sh/v3:Release")).toEqual([]);
    expect(only(resources, "doppler-store-token").inputs["metadata"]).toMatchObject({ namespace: "external-secrets" });
  });
});

describe("what exists and is not in the state", () => {
  const workplace = { acme: { description: DESCRIPTION, environments: { dev: "Development" } } };

  it("is in the way, with what to do about it", async () => {
    await expect(program({ workplace })).rejects.toThrow(
      /project "acme" exists in Doppler, and this stack did not make it\.[^]*ownedBy[^]*pulumi config set adopt true --stack dev[^]*environment "dev"/,
    );
  });

  it("is taken over where the stack says so", async () => {
    const { resources } = await program({ workplace }, { adopt: true });
    expect(only(resources, "doppler-project").options["import"]).toBe("acme");
    expect(only(resources, "doppler-environment").options["import"]).toBe("acme.dev");
  });

  it("is taken over only as it is", async () => {
    const other = { acme: { description: "ours", environments: { dev: "Entwicklung" } } };
    await expect(program({ workplace: other }, { adopt: true })).rejects.toThrow(
      /its description in Doppler differs[^]*"ours"[^]*its name in Doppler differs[^]*"Entwicklung"/,
    );
  });

  it("is nothing special once it is in the state", async () => {
    const { resources } = await program({ workplace, states: { dev: [PROJECT, ENVIRONMENT] } }, { adopt: true });
    expect(only(resources, "doppler-project").options["import"]).toBeUndefined();
  });
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
    const { resources } = await program({ stack: "prod", workplace: { acme: { environments: {} } } });
    expect(only(resources, "guard-stash").options["hooks"]).toBeUndefined();
  });

  it("is protected where the stack is, and there after it was", async () => {
    const workplace = { acme: { environments: {} } };
    const { resources } = await program({ stack: "prod", workplace });
    expect(only(resources, "guard-stash").options["protect"]).toBe(true);
    const later = await program({ stack: "prod", workplace }, { protect: false });
    expect(only(later.resources, "guard-stash").options["protect"]).toBeFalsy();
  });
});

describe("Actions secrets at GitHub", () => {
  const state = (updatedAt: string, over: Record<string, unknown> = {}) => ({
    type: "github:index/actionsSecret:ActionsSecret",
    outputs: { repository: "bookmarked", secretName: "DOCKERHUB_TOKEN", updatedAt, ...over },
  });

  it("one that was overwritten is written again, and it alone", async () => {
    const { resources, warnings } = await program({
      doppler: TYPED,
      states: { dev: [state("monday")] },
      github: { bookmarked: { DOCKERHUB_TOKEN: "tuesday" } },
    });
    expect(only(resources, "github-bookmarked-DOCKERHUB_TOKEN").inputs).toEqual({
      repository: "bookmarked",
      secretName: "DOCKERHUB_TOKEN",
      value: new SecretInput("token"),
      destroyOnDrift: true,
    });
    expect(only(resources, "github-reports-DOCKERHUB_TOKEN").inputs).not.toHaveProperty("destroyOnDrift");
    expect(warnings.join()).toContain("DOCKERHUB_TOKEN of bookmarked was overwritten by somebody else");
  });

  it("one that was written again stays as it is, and the next time flips back", async () => {
    const flag = { destroyOnDrift: true };
    const kept = await program({
      doppler: TYPED,
      states: { dev: [state("monday", flag)] },
      github: { bookmarked: { DOCKERHUB_TOKEN: "monday" } },
    });
    expect(only(kept.resources, "github-bookmarked-DOCKERHUB_TOKEN").inputs["destroyOnDrift"]).toBe(true);
    const again = await program({
      doppler: TYPED,
      states: { dev: [state("monday", flag)] },
      github: { bookmarked: { DOCKERHUB_TOKEN: "tuesday" } },
    });
    expect(only(again.resources, "github-bookmarked-DOCKERHUB_TOKEN").inputs).not.toHaveProperty("destroyOnDrift");
  });

  it("one that somebody else made is announced before it is overwritten", async () => {
    const { warnings } = await program({ doppler: TYPED, github: { bookmarked: { DOCKERHUB_TOKEN: "monday" } } });
    expect(warnings.join()).toContain("DOCKERHUB_TOKEN of bookmarked exists and was not made by this stack");
  });

  it("one whose value is gone from Doppler goes with it, which the preview says first", async () => {
    const { resources, warnings } = await program({
      doppler: { ...TYPED, DOCKERHUB_TOKEN: "" },
      states: { dev: [state("monday")] },
      github: { bookmarked: { DOCKERHUB_TOKEN: "monday" } },
    });
    expect(resources.map(({ name }) => name)).not.toContain("github-bookmarked-DOCKERHUB_TOKEN");
    const said = "secret DOCKERHUB_TOKEN of bookmarked is deleted by pulumi up, since DOCKERHUB_TOKEN has no value";
    expect(warnings.join()).toContain(said);
    expect(warnings.join()).not.toContain("DOCKERHUB_TOKEN of reports is deleted");
  });

  it("one that was deleted is written again", async () => {
    const { resources, warnings } = await program({ doppler: TYPED, states: { dev: [state("monday")] } });
    expect(only(resources, "github-bookmarked-DOCKERHUB_TOKEN").inputs["destroyOnDrift"]).toBe(true);
    expect(warnings.join()).toContain("Actions secret DOCKERHUB_TOKEN of bookmarked was deleted by somebody else");
  });

  it.each([
    [
      "Dependabot's",
      "dependabotSecret:DependabotSecret",
      "dependabot bookmarked",
      { repositories: ["bookmarked"], dependabot: true },
      { repository: "bookmarked" },
      "github-bookmarked-dependabot-DOCKERHUB_TOKEN",
    ],
    [
      "a GitHub environment's",
      "actionsEnvironmentSecret:ActionsEnvironmentSecret",
      "bookmarked:development",
      { repositories: ["bookmarked"], environment: "development" },
      { repository: "bookmarked", environment: "development" },
      "github-bookmarked-DOCKERHUB_TOKEN",
    ],
    [
      "an organisation's for Dependabot",
      "dependabotOrganizationSecret:DependabotOrganizationSecret",
      "dependabot /",
      { organization: { visibility: "all" }, dependabot: true },
      { visibility: "all" },
      "github-organization-dependabot-DOCKERHUB_TOKEN",
    ],
  ])(
    "%s, which have no flag, go from one name of the value to the other",
    async (_what, type, place, over, at, name) => {
      const known = (more: Record<string, unknown>) => ({
        type: `github:index/${type}`,
        outputs: { ...at, secretName: "DOCKERHUB_TOKEN", updatedAt: "monday", ...more },
      });
      const look = async (more: Record<string, unknown>, written: string) => {
        const seen = await program(
          {
            doppler: TYPED,
            states: { dev: [known(more)] },
            github: { [place]: { DOCKERHUB_TOKEN: `${written} ${"visibility" in at ? "all" : ""}`.trim() } },
          },
          { githubActions: { owner: "acme", ...over } },
        );
        const { inputs } = only(seen.resources, name);
        return { in: Object.keys(inputs).filter((key) => /value/i.test(key)), warnings: seen.warnings.join() };
      };
      expect(await look({ value: "token" }, "monday")).toMatchObject({ in: ["value"] });
      const overwritten = await look({ value: "token" }, "tuesday");
      expect(overwritten.in).toEqual(["plaintextValue"]);
      expect(overwritten.warnings).toContain("was overwritten by somebody else");
      expect((await look({ plaintextValue: "token" }, "monday")).in).toEqual(["plaintextValue"]);
      // The provider leaves the one that it does not use behind, empty.
      expect((await look({ plaintextValue: "token", value: "" }, "monday")).in).toEqual(["plaintextValue"]);
      expect((await look({ value: "token", plaintextValue: "" }, "monday")).in).toEqual(["value"]);
      expect((await look({ plaintextValue: "token" }, "tuesday")).in).toEqual(["value"]);
    },
  );

  describe("of an organisation", () => {
    const organization = (over: Record<string, unknown> = {}) => ({
      githubActions: { owner: "acme", repositories: ["bookmarked", "reports"], organization: {}, ...over },
    });

    it("are read by the selected repositories, which GitHub knows by number", async () => {
      const { resources } = await program(
        { doppler: TYPED, repositoryIds: { bookmarked: 7, reports: 8 } },
        organization({ dependabot: true }),
      );
      expect(resources.filter((r) => /:(Actions|Dependabot)Secret$/.test(r.type))).toEqual([]);
      for (const app of ["", "dependabot-"]) {
        const secret = only(resources, `github-organization-${app}DOCKERHUB_TOKEN`);
        expect(secret.inputs).toMatchObject({ secretName: "DOCKERHUB_TOKEN", visibility: "selected" });
        const list = only(resources, `github-organization-${app}DOCKERHUB_TOKEN-repositories`);
        expect(list.inputs["selectedRepositoryIds"]).toEqual([7, 8]);
        expect(list.provider).toBe("github");
      }
    });

    it("want repositories that are there", async () => {
      const here = { doppler: TYPED, repositoryIds: { bookmarked: 7 } };
      await expect(program(here, organization())).rejects.toThrow(
        'githubActions.repositories: acme has no repository "reports", or this token may not see it.',
      );
    });

    it("want nobody to be found before a value has been typed", async () => {
      const { calls, warnings } = await program({ doppler: {} }, organization());
      expect(calls.map(({ token }) => token)).toEqual(["doppler:index/getSecrets:getSecrets"]);
      expect(warnings.join()).toContain("DOCKERHUB_TOKEN (CI of organisation acme)");
    });

    it("are written again where somebody changed who may read them", async () => {
      const type = "github:index/actionsOrganizationSecret:ActionsOrganizationSecret";
      const outputs = { secretName: "DOCKERHUB_TOKEN", visibility: "private", updatedAt: "monday" };
      const { resources, warnings } = await program(
        { doppler: TYPED, states: { dev: [{ type, outputs }] }, github: { "/": { DOCKERHUB_TOKEN: "monday all" } } },
        organization({ repositories: undefined, organization: { visibility: "private" } }),
      );
      expect(only(resources, "github-organization-DOCKERHUB_TOKEN").inputs).toMatchObject({
        visibility: "private",
        destroyOnDrift: true,
      });
      expect(warnings.join()).toContain(
        "Actions secret DOCKERHUB_TOKEN of organisation acme was given another visibility by somebody else",
      );
    });

    it.each([
      ["GET https://api.github.com/orgs/acme/actions/secrets: 404 Not Found []", /"acme" is no organisation, or/],
      ["GET https://api.github.com/orgs/acme/actions/secrets: 500 Server Error []", /500 Server Error/],
    ])("where GitHub says %s", async (refusal, problem) => {
      const all = organization({ repositories: undefined, organization: { visibility: "all" } });
      await expect(program({ doppler: TYPED, github: refusal }, all)).rejects.toThrow(problem);
    });
  });

  it("go to a GitHub environment where one is named", async () => {
    const githubActions = {
      owner: "acme",
      repositories: ["bookmarked"],
      environment: "development",
      createEnvironment: true,
    };
    const { resources } = await program({ doppler: TYPED }, { githubActions });
    expect(only(resources, "github-bookmarked-environment").inputs).toMatchObject({ environment: "development" });
    expect(only(resources, "github-bookmarked-DOCKERHUB_TOKEN")).toMatchObject({
      type: "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret",
      inputs: { repository: "bookmarked", environment: "development", secretName: "DOCKERHUB_TOKEN" },
    });
  });
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

it("a run finds the token to hand over from on the store, whatever tokens a run that was cut off has left", async () => {
  const annotations = { "secrets-pipeline/service-token": "external-secrets-0" };
  const store = {
    type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
    outputs: { metadata: { name: "doppler-secret-store", annotations } },
  };
  const token = {
    type: "doppler:index/serviceToken:ServiceToken",
    outputs: { project: "acme", config: "dev", name: "external-secrets-1" },
  };
  const asked: string[] = [];
  const { result } = await run({ states: { dev: [token, store] } }, async () => {
    const survey = await surveyStack(parseStackConfig(source));
    jest.spyOn(survey.workplace, "serviceTokens").mockImplementation((...place) => {
      asked.push(place.join("/"));
      return Promise.resolve([]);
    });
    jest.spyOn(pulumi.log, "info").mockImplementation((message) => {
      asked.push(message);
      return Promise.resolve();
    });
    return survey.handover();
  });
  expect(result).toBeUndefined();
  expect(asked).toEqual([
    'waiting until the cluster uses service token "external-secrets-1" and no longer "external-secrets-0" …',
    "acme/dev",
  ]);
});

describe("the handover from one service token to the next", () => {
  const rotation = { project: "acme", config: "dev", from: "one", to: "two" };
  const patience = { quiet: 30, deadline: 2_000, poll: 5 };
  /** Answers in turn, the last one for ever: when the old and the new token were last seen. */
  const seen = (...answers: [string | null, string | null][]) => {
    let asked = 0;
    return {
      asked: () => asked,
      serviceTokens: () => {
        const [one = null, two = null] = answers[Math.min(asked++, answers.length - 1)] ?? [];
        return Promise.resolve([
          { name: "one", slug: "1", lastSeenAt: one },
          { name: "two", slug: "2", lastSeenAt: two },
        ]);
      },
    };
  };

  let warnings: string[];
  beforeEach(() => {
    warnings = [];
    jest.spyOn(pulumi.log, "info").mockResolvedValue();
    jest.spyOn(pulumi.log, "warn").mockImplementation((message) => {
      warnings.push(message);
      return Promise.resolve();
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it("waits for the new one to be seen, and for the old one to be quiet", async () => {
    const workplace = seen(["a", null], ["b", null], ["b", "x"], ["c", "x"], ["c", "x"]);
    const started = performance.now();
    await handover(workplace, rotation, patience);
    expect(workplace.asked()).toBeGreaterThan(4);
    expect(performance.now() - started).toBeGreaterThanOrEqual(patience.quiet);
    expect(warnings).toEqual([]);
  });

  it("does not wait for ever for an operator that is not there", async () => {
    const workplace = seen(["a", null]);
    await handover(workplace, rotation, { ...patience, deadline: 60 });
    expect(workplace.asked()).toBeGreaterThan(1);
    expect(warnings.join()).toContain('has not come to Doppler with service token "two" yet');
  });

  it("has nothing to wait for once the old one is gone", async () => {
    await handover({ serviceTokens: () => Promise.resolve([]) }, rotation, patience);
  });
});
