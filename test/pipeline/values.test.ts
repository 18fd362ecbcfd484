import * as pulumi from "@pulumi/pulumi";
import { DopplerProject, type DopplerProjectArgs } from "../../components/dopplerProject";
import { valuesOf } from "../../src/pipeline/values";
import { run, valueOf } from "../support/mocks";

describe("DopplerProject", () => {
  const args: DopplerProjectArgs = {
    project: "acme",
    createProject: true,
    environment: "dev",
    environmentName: "Development",
    serviceTokenName: "eso",
  };

  it("gives every value as a secret", async () => {
    const { result } = await run({ doppler: { A: "value-a", B: "" } }, () =>
      valuesOf(new DopplerProject("d", args), {}),
    );
    expect([...(result?.keys() ?? [])]).toEqual(["A"]);
    const a = result?.get("A");
    expect(a && (await pulumi.isSecret(a))).toBe(true);
    expect(a && (await valueOf(a))).toBe("value-a");
  });
});
