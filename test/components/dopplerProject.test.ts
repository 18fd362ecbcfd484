import * as pulumi from "@pulumi/pulumi";
import { DopplerProject, type DopplerProjectArgs, revokeOrphans } from "../../components/dopplerProject";
import { only, run, valueOf } from "../support/mocks";

describe("DopplerProject", () => {
  const args: DopplerProjectArgs = {
    project: "acme",
    createProject: true,
    environment: "dev",
    environmentName: "Development",
    serviceTokenName: "eso",
  };

  it("gives the cluster a token that may only read, for the config of the environment", async () => {
    const { resources, result } = await run({}, () => new DopplerProject("d", args));
    expect(only(resources, "d-token").inputs).toEqual({ project: "acme", config: "dev", name: "eso", access: "read" });
    expect(await pulumi.isSecret(result.serviceToken ?? pulumi.output(""))).toBe(true);
    expect(resources.filter((r) => r.name.startsWith("d-")).map((r) => r.parent)).toEqual(
      Array(3).fill("secrets-pipeline:index:DopplerProject::d"),
    );
  });

  it("reads a branch config where one is named", async () => {
    const { resources } = await run({}, () => new DopplerProject("d", { ...args, branchConfig: "dev_eu" }));
    expect(only(resources, "d-config").inputs).toEqual({ project: "acme", environment: "dev", name: "dev_eu" });
    expect(only(resources, "d-token").inputs["config"]).toBe("dev_eu");
    expect(only(resources, "d-token").dependencies).toContain("doppler:index/branchConfig:BranchConfig::d-config");
  });

  it("makes nothing of an environment that another stack makes but its own config and token", async () => {
    const used = { ...args, createProject: false, createEnvironment: false };
    const { resources, result } = await run({}, () => new DopplerProject("d", { ...used, branchConfig: "dev_eu" }));
    expect(resources.filter((r) => r.type.startsWith("doppler:")).map((r) => r.name)).toEqual(["d-config", "d-token"]);
    expect(only(resources, "d-config").inputs).toEqual({ project: "acme", environment: "dev", name: "dev_eu" });
    expect([await valueOf(result.project), await valueOf(result.config)]).toEqual(["acme", "dev_eu"]);

    const root = await run({}, () => new DopplerProject("d", used));
    expect(root.resources.filter((r) => r.type.startsWith("doppler:")).map((r) => r.name)).toEqual(["d-token"]);
    expect(only(root.resources, "d-token").inputs["config"]).toBe("dev");
  });

  it("protects what holds values, never the token, which rotation replaces", async () => {
    const { resources } = await run(
      {},
      () => new DopplerProject("d", { ...args, branchConfig: "dev_eu", protect: true }),
    );
    const protectedOnes = resources.filter((r) => r.options["protect"]).map((r) => r.name);
    expect(protectedOnes.sort()).toEqual(["d-config", "d-environment", "d-project"]);
  });
});

describe("a service token of the name that is about to be made", () => {
  const inputs = { project: "acme", config: "dev", name: "eso" };
  const listed = (lastSeenAt: string | null | undefined) => {
    const revoked: string[] = [];
    const tokens = {
      serviceTokens: () =>
        Promise.resolve([
          { name: "eso", slug: "1", lastSeenAt },
          { name: "other", slug: "2", lastSeenAt: null },
        ]),
      revoke: (...place: string[]) => {
        revoked.push(place.join("/"));
        return Promise.resolve();
      },
    };
    return { tokens, revoked };
  };

  it("is revoked where nobody ever came with it", async () => {
    const { tokens, revoked } = listed(null);
    await revokeOrphans(tokens, inputs);
    expect(revoked).toEqual(["acme/dev/1"]);
  });

  it.each([
    ["is in use", "2026-01-01T00:00:00Z", "that is in use"],
    ["may be in use, since Doppler does not tell", undefined, "Doppler does not tell whether it is in use"],
  ])("stays, and stops the run, where it %s", async (_what, lastSeenAt, reason) => {
    const { tokens, revoked } = listed(lastSeenAt);
    await expect(revokeOrphans(tokens, inputs)).rejects.toThrow(reason);
    expect(revoked).toEqual([]);
  });
});
