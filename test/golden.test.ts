import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { Registration, SecretInput } from "./support/mocks";
import { MADE_BY_DEV, runProgram, stackFile } from "./support/program";

// Every resource of the checked-in stacks, as it is sent to the engine. `make golden` renews the dumps; what a change
// does to a stack is then seen in their diff.

const TYPED = {
  DOCKERHUB_USERNAME: "golden-user",
  DOCKERHUB_TOKEN: "golden-token",
  RELEASE_DOCKERHUB_USERNAME: "golden-release-user",
  RELEASE_DOCKERHUB_TOKEN: "golden-release-token",
};

function hideSecrets(value: unknown): unknown {
  if (value instanceof SecretInput) return "[secret]";
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, hideSecrets(v)]));
}

function dump(resources: Registration[]): string {
  const sorted = [...resources].sort((a, b) => (`${a.type}::${a.name}` < `${b.type}::${b.name}` ? -1 : 1));
  return stringify(
    Object.fromEntries(
      sorted.map(({ type, name, inputs, ...rest }) => [
        `${type}::${name}`,
        // A plugin's version is its SDK's, which package.json pins.
        JSON.parse(JSON.stringify({ ...rest, plugin: undefined, inputs: hideSecrets(inputs) })) as unknown,
      ]),
    ),
    { lineWidth: 120, sortMapEntries: true },
  );
}

describe.each(["dev", "prod"])("stack %s", (stack) => {
  it("yields the resources of its golden dump", async () => {
    process.env["DOPPLER_TOKEN"] = "dp.pt.golden";
    process.env["GITHUB_TOKEN"] = "ghp_golden";
    const { resources } = await runProgram({
      stack,
      doppler: TYPED,
      config: stackFile(stack),
      workplace: stack === "dev" ? {} : MADE_BY_DEV,
    });
    const actual = dump(resources);
    for (const secret of [...Object.values(TYPED), "dp.pt.golden", "ghp_golden", "dp.st."]) {
      expect(actual).not.toContain(secret);
    }

    const file = join(__dirname, "golden", `${stack}.yaml`);
    if (process.env["UPDATE_GOLDEN"]) {
      mkdirSync(join(__dirname, "golden"), { recursive: true });
      writeFileSync(file, actual);
    }
    expect(actual).toBe(readFileSync(file, "utf8"));
  });
});
