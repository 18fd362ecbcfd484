import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { parse } from "yaml";
import { layout, type Layout } from "./layout.js";
import type { Override } from "./project.js";
import { isInProject, override, stackNames, syncProject } from "./pulumiProject.js";

const STACK = `# a comment
config:
  acme:kubernetes:
    context: acme-dev
  acme:operator:
    version: 2.9.0
    repository: https://charts.example
    values:
      resources: {}
`;

/** As a project whose chart has to come from a folder would have them. */
const chartFrom = (chart: string): Override[] => [
  { path: ["acme:operator", "chart"], value: chart },
  { path: ["acme:operator", "version"] },
  { path: ["acme:operator", "repository"] },
];

let here: Layout;
let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sandbox-project-"));
  folder = join(root, "project");
  mkdirSync(join(folder, "components"), { recursive: true });
  writeFileSync(join(folder, "Pulumi.yaml"), "name: acme\nruntime: nodejs\n");
  writeFileSync(join(folder, "Pulumi.dev.yaml"), STACK);
  here = layout(join(folder, "sandbox", ".run"));
});
afterEach(() => rmSync(root, { recursive: true }));

const sync = () => syncProject(here, { project: { folder, stacks: {} }, overrides: chartFrom("/c") });
const stackFile = () => readFileSync(join(here.project, "Pulumi.dev.yaml"), "utf8");

describe("a stack file in the sandbox", () => {
  it("has the chart built here, in the place of one from a repository, and is otherwise the same", () => {
    assert.deepEqual(parse(override(STACK, undefined, chartFrom("/cache/chart"))), {
      config: {
        "acme:kubernetes": { context: "acme-dev" },
        "acme:operator": { chart: "/cache/chart", values: { resources: {} } },
      },
    });
  });

  it("has the chart also where the stack says nothing of the operator", () => {
    const { config } = parse(override("config:\n  a:b: 1\n", undefined, chartFrom("/c"))) as { config: unknown };
    assert.deepEqual(config, { "a:b": 1, "acme:operator": { chart: "/c" } });
  });

  it("has settings in the place of others and beside them", () => {
    const text = override(STACK, undefined, [
      { path: ["acme:kubernetes", "context"], value: "kind" },
      { path: ["acme:operator", "values", "replicaCount"], value: 0 },
      { path: ["acme:absent", "setting"] },
    ]);
    const { config } = parse(text) as { config: Record<string, Record<string, unknown>> };
    assert.equal(config["acme:kubernetes"]?.["context"], "kind");
    assert.deepEqual(config["acme:operator"]?.["values"], { resources: {}, replicaCount: 0 });
    assert.equal("acme:absent" in config, false, "leaving out a setting that is not there adds nothing");
  });
});

describe("the sandbox's project", () => {
  it("runs the program where it is, and leaves its files alone", () => {
    sync();
    assert.deepEqual(parse(readFileSync(join(here.project, "Pulumi.yaml"), "utf8")), {
      name: "acme",
      runtime: "nodejs",
      main: "../../..",
    });
    assert.equal(readFileSync(join(folder, "Pulumi.dev.yaml"), "utf8"), STACK);
  });

  it("keeps what Pulumi wrote into a stack's file, until the checked-in one changes", () => {
    sync();
    const written = `${stackFile()}  acme:refreshInterval: 5s\nencryptionsalt: v1:salt\n`;
    writeFileSync(join(here.project, "Pulumi.dev.yaml"), written);
    sync();
    assert.equal(stackFile(), written);

    writeFileSync(join(folder, "Pulumi.dev.yaml"), `${STACK}  acme:protect: true\n`);
    sync();
    const { config, encryptionsalt } = parse(stackFile()) as { config: object; encryptionsalt: string };
    assert.equal(encryptionsalt, "v1:salt");
    assert.ok("acme:protect" in config);
    assert.equal("acme:refreshInterval" in config, false);
  });

  it("is for the project's folder and those below, not for another project in it", () => {
    mkdirSync(join(folder, "examples", "app"), { recursive: true });
    writeFileSync(join(folder, "examples", "app", "Pulumi.yaml"), "name: app\n");
    assert.equal(isInProject({ folder, stacks: {} }, folder), true);
    assert.equal(isInProject({ folder, stacks: {} }, join(folder, "components")), true);
    assert.equal(isInProject({ folder, stacks: {} }, join(folder, "examples", "app")), false);
    assert.equal(isInProject({ folder, stacks: {} }, root), false);
  });
});

it("stacks are the files named after them", () => {
  writeFileSync(join(folder, "Pulumi.prod.yaml"), "config: {}\n");
  assert.deepEqual(stackNames(folder), ["dev", "prod"]);
});
