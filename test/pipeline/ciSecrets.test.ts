import { only, type Registration, SecretInput, valueOf } from "../support/mocks";
import { runStack as program } from "../support/program";
import { written } from "../support/services";

// What a run finds at GitHub, and what it makes of it.

const TYPED = { DOCKERHUB_USERNAME: "user", DOCKERHUB_TOKEN: "token" };

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

describe("Actions secrets at GitHub", () => {
  const state = (word: string, over: Record<string, unknown> = {}) => ({
    type: "github:index/actionsSecret:ActionsSecret",
    outputs: { repository: "bookmarked", secretName: "DOCKERHUB_TOKEN", updatedAt: written(word).state, ...over },
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
        outputs: { ...at, secretName: "DOCKERHUB_TOKEN", updatedAt: written("monday").state, ...more },
      });
      const look = async (more: Record<string, unknown>, word: string) => {
        const seen = await program(
          {
            doppler: TYPED,
            states: { dev: [known(more)] },
            github: { [place]: { DOCKERHUB_TOKEN: `${word} ${"visibility" in at ? "all" : ""}`.trim() } },
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
      const { requests, warnings } = await program({ doppler: {} }, organization());
      expect(requests.filter((path) => !path.startsWith("/v3/"))).toEqual([]);
      expect(warnings.join()).toContain("DOCKERHUB_TOKEN (CI of organisation acme)");
    });

    it("are written again where somebody changed who may read them", async () => {
      const type = "github:index/actionsOrganizationSecret:ActionsOrganizationSecret";
      const outputs = { secretName: "DOCKERHUB_TOKEN", visibility: "private", updatedAt: written("monday").state };
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

    it.each([404, 403])("are refused where GitHub lists none to this token: HTTP %d", async (status) => {
      const all = organization({ repositories: undefined, organization: { visibility: "all" } });
      await expect(program({ doppler: TYPED, github: { "/": status } }, all)).rejects.toThrow(
        /Nothing was created or changed\.[^]*"acme" is no organisation, or this token may not manage its Actions secrets/,
      );
    });
  });

  it("go to a GitHub environment where one is named", async () => {
    const githubActions = {
      owner: "acme",
      repositories: ["bookmarked"],
      environment: "development",
      createEnvironment: true,
    };
    const { resources } = await program({ doppler: TYPED, repositoryIds: { bookmarked: 7 } }, { githubActions });
    expect(only(resources, "github-bookmarked-environment").inputs).toMatchObject({ environment: "development" });
    expect(only(resources, "github-bookmarked-DOCKERHUB_TOKEN")).toMatchObject({
      type: "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret",
      inputs: { repository: "bookmarked", environment: "development", secretName: "DOCKERHUB_TOKEN" },
    });
  });
});

/** What the checked-in dev stack has written at GitHub, as its state has it, and as GitHub lists it. */
const NAMES = ["DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"];
const STATE = ["bookmarked", "reports"].flatMap((repository) =>
  ["actionsSecret:ActionsSecret", "dependabotSecret:DependabotSecret"].flatMap((type) =>
    NAMES.map((secretName) => ({
      type: `github:index/${type}`,
      outputs: { repository, secretName, value: "old", updatedAt: written("monday").state },
    })),
  ),
);
const LISTED = Object.fromEntries(
  ["bookmarked", "reports"].flatMap((repository) =>
    [repository, `dependabot ${repository}`].map((place) => [
      place,
      Object.fromEntries(NAMES.map((name) => [name, "monday"])),
    ]),
  ),
);
const secretsOf = (resources: Registration[]) =>
  resources.filter(({ type }) => /^github:index\/(actions|dependabot)\w*Secret:/.test(type));

describe("a secret without a value stays at GitHub as it is", () => {
  const APP_VALUES = { DATABASE_URL: "typed", JWT_SECRET: "typed" };
  it.each([
    ["no such name", { doppler: APP_VALUES }, 'has no value in Doppler, project "acme", config "dev"', 2],
    ["an empty one", { doppler: { ...TYPED, DOCKERHUB_TOKEN: "" } }, "is empty in Doppler, and the GitHub provider", 1],
    ["a restricted one", { doppler: { ...TYPED, DOCKERHUB_TOKEN: null } }, "is restricted in Doppler", 1],
    [
      "one that this token may not read",
      { doppler: TYPED, dopplerRefuses: { values: 403 } },
      "has a value in Doppler, which this token may not read",
      2,
    ],
    [
      "a config that is still to be made",
      { preview: true, doppler: undefined },
      'could not be read: config "dev" of project "acme" is still to be made',
      2,
    ],
  ])("%s", async (_what, scenario, why, names) => {
    const { resources, warnings, requests } = await program({ states: { dev: STATE }, github: LISTED, ...scenario });
    const without = secretsOf(resources).filter(({ inputs }) => !("value" in inputs));
    expect(secretsOf(resources)).toHaveLength(STATE.length);
    expect(without).toHaveLength(4 * names);
    for (const { type, inputs, options } of without) {
      expect(Object.keys(inputs)).toEqual(["repository", "secretName"]);
      const flag = type.includes("ActionsSecret") ? ["destroyOnDrift"] : [];
      expect(options).toEqual({
        ignoreChanges: ["value", "plaintextValue", ...flag],
        additionalSecretOutputs: expect.arrayContaining(["value", "plaintextValue"]) as unknown,
      });
    }
    const said = warnings.filter((text) => text.includes("GitHub keeps what was written last"));
    expect(said).toHaveLength(1);
    expect(said.join()).toContain(`  DOCKERHUB_TOKEN ${why}`);
    expect(said.join()).toContain(
      "(Actions secret DOCKERHUB_TOKEN of bookmarked, reports; Dependabot secret DOCKERHUB_TOKEN of bookmarked, reports)",
    );
    expect(said.join()).toContain("only when it is taken out of githubActions");
    // Where nothing is written there is nothing to compare.
    expect(requests.filter((path) => path.startsWith("/repos/"))).toHaveLength(names === 2 ? 0 : 4);
  });

  it("and says what to type", async () => {
    const { warnings } = await program({ states: { dev: STATE }, doppler: {} });
    expect(warnings.join()).toContain(
      "To write it: doppler secrets set DOCKERHUB_TOKEN --project acme --config dev, then pulumi up.",
    );
  });

  it("one that was never written is not declared, and the reason is said", async () => {
    const { resources, warnings } = await program({ doppler: { DOCKERHUB_USERNAME: "", DOCKERHUB_TOKEN: null } });
    expect(secretsOf(resources)).toEqual([]);
    expect(warnings.join("\n")).toMatch(
      /can't be written to GitHub:\n {2}DOCKERHUB_USERNAME is empty in Doppler[^]*\n {2}DOCKERHUB_TOKEN is restricted in Doppler[^]*service account's token/,
    );
  });

  it("but goes where the settings no longer have it", async () => {
    const { resources } = await program({ states: { dev: STATE }, doppler: {} }, { githubActions: undefined });
    expect(secretsOf(resources)).toEqual([]);
    const { resources: fewer } = await program(
      { states: { dev: STATE }, doppler: {} },
      { githubActions: { owner: "acme", repositories: ["reports"] } },
    );
    expect(secretsOf(fewer).map(({ name }) => name)).toEqual(NAMES.map((name) => `github-reports-${name}`));
  });

  it("and of an organisation's, the same repositories may read it", async () => {
    const type = "github:index/actionsOrganizationSecret:ActionsOrganizationSecret";
    const outputs = { secretName: "DOCKERHUB_TOKEN", visibility: "selected", updatedAt: written("monday").state };
    const { resources, requests } = await program(
      { states: { dev: [{ type, outputs }] }, doppler: {}, repositoryIds: { bookmarked: 7, reports: 8 } },
      { githubActions: { owner: "acme", repositories: ["bookmarked", "reports"], organization: {} } },
    );
    const list = only(resources, "github-organization-DOCKERHUB_TOKEN-repositories");
    expect(list.inputs["selectedRepositoryIds"]).toEqual([7, 8]);
    expect(only(resources, "github-organization-DOCKERHUB_TOKEN").options["ignoreChanges"]).toEqual([
      "value",
      "plaintextValue",
      "destroyOnDrift",
    ]);
    expect(requests.filter((path) => !path.startsWith("/v3/"))).toEqual([
      "/repos/acme/bookmarked",
      "/repos/acme/reports",
    ]);
  });
});

describe("a secret that somebody else set at GitHub", () => {
  const PLACES = [
    [
      "a repository's",
      "bookmarked",
      {},
      "Actions secret DOCKERHUB_TOKEN of bookmarked",
      "github-bookmarked-DOCKERHUB_TOKEN",
    ],
    [
      "Dependabot's",
      "dependabot bookmarked",
      { dependabot: true },
      "Dependabot secret DOCKERHUB_TOKEN of bookmarked",
      "github-bookmarked-dependabot-DOCKERHUB_TOKEN",
    ],
    [
      "a GitHub environment's",
      "bookmarked:development",
      { environment: "development" },
      "Actions secret DOCKERHUB_TOKEN of bookmarked, environment development",
      "github-bookmarked-DOCKERHUB_TOKEN",
    ],
    [
      "an organisation's",
      "/",
      { repositories: undefined, organization: { visibility: "all" } },
      "Actions secret DOCKERHUB_TOKEN of organisation acme",
      "github-organization-DOCKERHUB_TOKEN",
    ],
    [
      "an organisation's for Dependabot",
      "dependabot /",
      { repositories: undefined, organization: { visibility: "all" }, dependabot: true },
      "Dependabot secret DOCKERHUB_TOKEN of organisation acme",
      "github-organization-dependabot-DOCKERHUB_TOKEN",
    ],
  ] as const;

  it.each(PLACES)("%s is not overwritten unless the settings say so", async (_what, place, over, named, resource) => {
    // GitHub makes no difference between letters' cases.
    const scenario = { doppler: TYPED, github: { [place]: { dockerhub_token: "monday all", OTHER: "monday all" } } };
    const githubActions = { owner: "acme", repositories: ["bookmarked"], ...over };
    await expect(program(scenario, { githubActions })).rejects.toThrow(
      new RegExp(
        `Nothing was created or changed\\.[^]*this stack did not write them:\\n {4}${named}\\n[^]*pulumi config set adopt true --stack dev`,
      ),
    );
    const { resources, warnings } = await program(scenario, { githubActions, adopt: true });
    expect(only(resources, resource).inputs["value"]).toEqual(new SecretInput("token"));
    expect(warnings.filter((text) => text.includes("are taken over"))).toEqual([
      `Secrets that this stack did not write are taken over: pulumi up writes Doppler's values over them. ${named}.`,
    ]);
  });

  it("all of them are named at once", async () => {
    const refused = program({ doppler: TYPED, github: LISTED }).then(
      () => "",
      (error: Error) => error.message,
    );
    const lines = (await refused).split("\n").filter((line) => / secret DOCKERHUB_/.test(line));
    expect(lines.sort()).toEqual(
      ["Actions", "Dependabot"].flatMap((app) =>
        ["DOCKERHUB_TOKEN", "DOCKERHUB_USERNAME"].flatMap((name) =>
          ["bookmarked", "reports"].map((repository) => `    ${app} secret ${name} of ${repository}`),
        ),
      ),
    );
  });

  it("is left alone as long as Doppler has nothing to write", async () => {
    const { warnings } = await program({ doppler: { DOCKERHUB_TOKEN: "" }, github: LISTED });
    expect(warnings.join()).not.toContain("taken over");
  });

  describe("and a GitHub environment that is to be made", () => {
    const githubActions = { owner: "acme", repositories: ["bookmarked"], environment: "ci", createEnvironment: true };

    it("that is there already, with its protection rules, is not taken over unasked", async () => {
      const scenario = { doppler: {}, github: { "bookmarked:ci": {} }, repositoryIds: { bookmarked: 7 } };
      await expect(program(scenario, { githubActions })).rejects.toThrow(
        /GitHub environment "ci" exists in bookmarked, and this stack did not make it\.[^]*createEnvironment out/,
      );
      const { resources } = await program(scenario, { githubActions, adopt: true });
      only(resources, "github-bookmarked-environment");
    });

    it("of a repository that is not there", async () => {
      await expect(program({ doppler: {} }, { githubActions })).rejects.toThrow('acme has no repository "bookmarked"');
    });

    it("that this stack made is asked as any other", async () => {
      const made = {
        type: "github:index/repositoryEnvironment:RepositoryEnvironment",
        outputs: { repository: "bookmarked", environment: "ci" },
      };
      const scenario = {
        doppler: TYPED,
        states: { dev: [made] },
        github: { "bookmarked:ci": { DOCKERHUB_TOKEN: "x" } },
      };
      await expect(program(scenario, { githubActions })).rejects.toThrow(
        "DOCKERHUB_TOKEN of bookmarked, environment ci",
      );
      const gone = { doppler: TYPED, states: { dev: [made] } };
      await expect(program(gone, { githubActions })).rejects.toThrow("somebody deleted it: pulumi up --refresh");
    });
  });
});

describe("what GitHub does not list", () => {
  it.each([
    [{ bookmarked: 404 }, {}, 'githubActions.repositories: acme has no repository "bookmarked", or this token'],
    [{ bookmarked: 403 }, {}, /may not list the Actions secrets of bookmarked\.\n {4}[^]*permission "Secrets"/],
    [{ "dependabot reports": 403 }, {}, /Dependabot secrets of reports\.\n {4}[^]*permission "Dependabot secrets"/],
    [
      {},
      { environment: "absent", dependabot: false },
      /githubActions\.environment: bookmarked has no GitHub environment "absent"[^]*createEnvironment: true[^]*reports has no/,
    ],
  ])("%j is said before anything is made", async (github, over, problem) => {
    const githubActions = { owner: "acme", repositories: ["bookmarked", "reports"], dependabot: true, ...over };
    await expect(program({ doppler: TYPED, github }, { githubActions })).rejects.toThrow(problem);
  });
});

describe("what is read", () => {
  it("names only, where CI gets nothing", async () => {
    const { requests } = await program({ doppler: TYPED }, { githubActions: undefined });
    expect(requests.filter((path) => path.includes("/secret"))).toEqual([
      "/v3/configs/config/secrets/names?project=acme&config=dev",
      "/v3/configs/config/secrets/names?project=acme-shared&config=dev",
    ]);
  });

  it("of the values, CI's alone, and of these the ones that are there", async () => {
    const { requests } = await program({ doppler: { DATABASE_URL: "url", DOCKERHUB_TOKEN: "token" } });
    expect(requests.filter((path) => path.includes("secrets="))).toEqual([
      "/v3/configs/config/secrets?project=acme&config=dev&secrets=DOCKERHUB_TOKEN",
    ]);
  });

  it("a config whose names Doppler refuses ends the run: what it lacks is not known", async () => {
    await expect(program({ doppler: TYPED, dopplerRefuses: { names: 403 } })).rejects.toThrow(
      "no names for this token (HTTP 403)",
    );
  });
});

it("an empty value that is typed on purpose is missing nowhere", async () => {
  const { result, warnings } = await program({
    doppler: { DATABASE_URL: "", JWT_SECRET: null, REPORTS_DATABASE_URL: "url", ...TYPED },
  });
  const { bookmarked, reports } = result.apps;
  expect(bookmarked && (await valueOf(bookmarked)).pending).toEqual({});
  expect(reports && (await valueOf(reports)).pending).toEqual({ "smtp-password": ["SMTP_PASSWORD"] });
  expect(warnings.join()).toContain("1 Doppler name needs a value");
});
