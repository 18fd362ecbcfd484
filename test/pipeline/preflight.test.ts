import { only } from "../support/mocks";
import { MADE_BY_DEV, runStack as program } from "../support/program";

// What a run finds before it begins, and what it makes of it.

const PROJECT = { type: "doppler:index/project:Project", outputs: { name: "acme" } };
const ENVIRONMENT = { type: "doppler:index/environment:Environment", outputs: { project: "acme", slug: "dev" } };
const DESCRIPTION = "Secrets of all Acme apps, one environment per stack";
beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

describe("what a stack builds on", () => {
  it("a project that its owner has not made yet: nothing is registered, and the owner named", async () => {
    await expect(program({ stack: "prod" })).rejects.toThrow(
      /Nothing was created or changed\.\n {2}Doppler project "acme" does not exist[^]*\n {4}Stack "dev" makes it: run pulumi up --stack dev first\./,
    );
  });

  it("an operator that its owner has not installed yet", async () => {
    const workplace = MADE_BY_DEV;
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
