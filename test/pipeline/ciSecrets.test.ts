import { only, SecretInput } from "../support/mocks";
import { runStack as program } from "../support/program";

// What a run finds at GitHub, and what it makes of it.

const TYPED = { DOCKERHUB_USERNAME: "user", DOCKERHUB_TOKEN: "token" };

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
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
