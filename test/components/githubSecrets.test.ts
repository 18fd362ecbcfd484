import * as pulumi from "@pulumi/pulumi";
import { GithubActionsSecrets, type GithubActionsSecretsArgs } from "../../components/githubActionsSecrets";
import { GithubOrganizationSecrets } from "../../components/githubOrganizationSecrets";
import { only, run, SecretInput, valueOf } from "../support/mocks";

describe("GithubActionsSecrets", () => {
  it("refuses secrets of which not even the names are known", async () => {
    const secrets = pulumi.output({ A: { value: "a" } }) as unknown as GithubActionsSecretsArgs["secrets"];
    await expect(run({}, () => new GithubActionsSecrets("g", { repository: "web", secrets }))).rejects.toThrow(
      "secrets: expected a value that is known",
    );
  });

  it("makes values secrets even where the caller did not", async () => {
    const { resources, result } = await run(
      {},
      () =>
        new GithubActionsSecrets("g", {
          repository: "web",
          secrets: { B: { value: "plain-b" }, A: { value: pulumi.secret("a") } },
        }),
    );
    expect(only(resources, "g-B").inputs).toEqual({
      repository: "web",
      secretName: "B",
      value: new SecretInput("plain-b"),
    });
    expect(await valueOf(result.secretNames)).toEqual(["A", "B"]);
    expect(await valueOf(result.dependabotSecretNames)).toEqual([]);
  });

  it("writes again what has a flag by the flag, and the rest under the value's other name", async () => {
    const secrets = { A: { value: "a", rewritten: true } };
    const { resources } = await run({}, () => {
      new GithubActionsSecrets("r", { repository: "web", secrets, dependabotSecrets: secrets });
      new GithubActionsSecrets("e", { repository: "web", environment: "prod", secrets });
      new GithubOrganizationSecrets("o", { visibility: "all", secrets, dependabotSecrets: secrets });
    });
    const value = new SecretInput("a");
    for (const name of ["r-A", "o-A"])
      expect(only(resources, name).inputs).toMatchObject({ value, destroyOnDrift: true });
    for (const name of ["r-dependabot-A", "e-A", "o-dependabot-A"]) {
      const { inputs } = only(resources, name);
      expect(inputs["plaintextValue"]).toEqual(value);
      expect(inputs).not.toHaveProperty("value");
    }
  });
});

it("a secret without a value keeps the one that the state has, of whatever kind, and has no placeholder", async () => {
  const secrets = { A: {} };
  const { resources } = await run({}, () => {
    new GithubActionsSecrets("r", { repository: "web", secrets, dependabotSecrets: secrets });
    new GithubActionsSecrets("e", { repository: "web", environment: "prod", secrets });
    new GithubOrganizationSecrets("o", { visibility: "all", secrets, dependabotSecrets: secrets });
  });
  for (const name of ["r-A", "o-A", "r-dependabot-A", "e-A", "o-dependabot-A"]) {
    const { inputs, options } = only(resources, name);
    expect(Object.keys(inputs).filter((key) => /value|drift/i.test(key))).toEqual([]);
    const flag = ["r-A", "o-A"].includes(name) ? ["destroyOnDrift"] : [];
    expect(options["ignoreChanges"]).toEqual(["value", "plaintextValue", ...flag]);
  }
});

describe("GithubOrganizationSecrets", () => {
  const secrets = { A: { value: "plain" } };

  it("are for all repositories, or all private ones, without a list", async () => {
    const { resources } = await run(
      {},
      () => new GithubOrganizationSecrets("o", { visibility: "private", secrets, dependabotSecrets: secrets }),
    );
    for (const name of ["o-A", "o-dependabot-A"]) {
      expect(only(resources, name).inputs).toEqual({
        secretName: "A",
        visibility: "private",
        value: new SecretInput("plain"),
      });
    }
    expect(resources.filter((r) => r.type.includes("Repositories"))).toEqual([]);
  });

  it("have a list of selected ones beside them, which is written again after each of their writes, and never emptied", async () => {
    const { resources } = await run(
      {},
      () =>
        new GithubOrganizationSecrets("o", {
          visibility: "selected",
          selectedRepositoryIds: [7, 8],
          secrets,
          dependabotSecrets: secrets,
        }),
    );
    for (const [secret, app] of [
      ["o-A", "actions"],
      ["o-dependabot-A", "dependabot"],
    ] as const) {
      expect(only(resources, secret).inputs).not.toHaveProperty("selectedRepositoryIds");
      const list = only(resources, `${secret}-repositories`);
      expect(list.type).toBe(
        `github:index/${app}OrganizationSecretRepositories:${app === "actions" ? "Actions" : "Dependabot"}OrganizationSecretRepositories`,
      );
      expect(list.inputs).toEqual({ secretName: "A", selectedRepositoryIds: [7, 8] });
      expect(list.options).toEqual({ retainOnDelete: true, replacementTrigger: "written at first" });
      expect(list.dependencies).toEqual([expect.stringContaining(`::${secret}`)]);
    }
  });
});
