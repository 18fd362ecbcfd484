import { runStack as program } from "../support/program";

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

const PROJECT = { type: "doppler:index/project:Project", name: "doppler-project", outputs: { name: "acme" } };
const ENVIRONMENT = {
  type: "doppler:index/environment:Environment",
  name: "doppler-environment",
  outputs: { project: "acme", slug: "dev" },
};
const CONFIG = {
  name: "doppler-config",
  type: "doppler:index/branchConfig:BranchConfig",
  outputs: { project: "acme", environment: "dev", name: "dev_eu" },
};
const doppler = (project: string, slug: string, config?: string) => ({
  doppler: { project: { name: project, ownedBy: "dev" }, environment: { slug }, config },
});

describe("another name in the settings than in Doppler", () => {
  const states = { dev: [PROJECT, ENVIRONMENT, CONFIG] };

  it.each([
    [
      "project",
      doppler("acme2", "dev", "dev_eu"),
      'doppler.project.name is "acme2"; this stack\'s Doppler project is called "acme".',
    ],
    [
      "environment",
      doppler("acme", "development"),
      'doppler.environment.slug is "development"; this stack\'s Doppler environment is called "dev".',
    ],
    [
      "config",
      doppler("acme", "dev", "dev_us"),
      'doppler.config is "dev_us"; this stack\'s Doppler config is called "dev_eu".',
    ],
  ])("of the %s is refused before anything is done, with the way to do it", async (_what, over, problem) => {
    const run = program({ states }, over);
    await expect(run).rejects.toThrow(`Nothing was created or changed.\n  ${problem}`);
    await expect(run).rejects.toThrow(
      /Rename it in the Doppler dashboard[^]*pulumi refresh --stack dev[^]*adopt: true/,
    );
  });

  it("is none where the config is the stack's first branch config, or its last one goes", async () => {
    const workplace = { acme: { environments: { dev: "dev" }, configs: ["dev"] } };
    await program({ states: { dev: [PROJECT, ENVIRONMENT] }, workplace }, doppler("acme", "dev", "dev_eu"));
    await program({ states, workplace }, doppler("acme", "dev"));
  });
});
