import { DopplerProject, type DopplerProjectArgs } from "../../components/dopplerProject";
import { namesBySource } from "../../src/pipeline/values";
import { parseStackConfig } from "../../src/settings";
import { DopplerClient } from "../../src/world/doppler";
import { run, type Scenario } from "../support/mocks";
import { configSourceOf } from "../support/program";

const ARGS: DopplerProjectArgs = {
  project: "acme",
  createProject: true,
  environment: "dev",
  environmentName: "Development",
  serviceTokenName: "eso",
};
const OWN = ["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"];

/** The names that a run has, which found a config or did not. */
async function names(scenario: Scenario, found?: ReadonlySet<string>) {
  const source = parseStackConfig(configSourceOf("dev")).doppler;
  const world = {
    doppler: new DopplerClient("https://api.doppler.com", "dp.pt.test"),
    names: new Map([[source.name, found]]),
  };
  const { result, requests } = await run(scenario, () =>
    namesBySource(new Map([[source, new DopplerProject("d", ARGS)]]), world),
  );
  const read = result.get(source.name);
  return { names: read && [...read].sort(), requests };
}

describe("the names that have been typed", () => {
  it("are those that the run found, and are not read again", async () => {
    expect(await names({ doppler: { B: "" } }, new Set(["A"]))).toEqual({ names: ["A"], requests: [] });
  });

  it("are read once the config is made, names with an empty value among them", async () => {
    const { names: read, requests } = await names({ doppler: { A: "value", EMPTY: "" } });
    expect(read).toEqual(["A", ...OWN, "EMPTY"]);
    expect(requests).toEqual(["/v3/configs/config/secrets/names?project=acme&config=dev"]);
  });

  it("are refused where the state has a config that Doppler does not show, with what to do", async () => {
    await expect(names({ exists: true })).rejects.toThrow(
      /^Config "dev" of Doppler project "acme" can't be read[^]*deleted[^]*pulumi refresh --stack \S+, then the same command again/,
    );
  });

  it("are not known to a preview as long as there is no config", async () => {
    expect(await names({ preview: true, doppler: { A: "value" } })).toEqual({ names: undefined, requests: [] });
    expect((await names({ preview: true, exists: true })).names).toBeUndefined();
  });
});
