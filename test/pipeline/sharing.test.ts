import { only } from "../support/mocks";
import { runStack as program } from "../support/program";

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
