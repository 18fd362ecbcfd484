import { readFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { chartLocation } from "../../components/externalSecretsOperator";
import { TESTED } from "../../doctor/tested";

// The versions that the doctor takes for tested are those that the repository names elsewhere.

const read = (...path: string[]) => readFileSync(join(__dirname, "..", "..", ...path), "utf8");
const manifest = (name: string) =>
  (JSON.parse(read("node_modules", ...name.split("/"), "package.json")) as { version: string }).version.replace(
    /^v/,
    "",
  );

it("Pulumi's are those of Pulumi.yaml", () => {
  const [, oldest, newest] = /ran with are (\S+) and (\S+)\.$/m.exec(read("Pulumi.yaml")) ?? [];
  expect(TESTED.pulumi).toEqual([oldest, newest]);
});

it("the operator's go up to the component's default", () => {
  expect(TESTED.operator[1]).toBe(chartLocation({}).version);
});

it.each([
  ["doppler", "@pulumiverse/doppler"],
  ["github", "@pulumi/github"],
  ["kubernetes", "@pulumi/kubernetes"],
] as const)("the provider %s's are those of its SDK", (name, sdk) => {
  const [oldest, newest] = TESTED.providers[name];
  expect(newest).toBe(manifest(sdk));
  expect(semver.lte(oldest, newest)).toBe(true);
});
