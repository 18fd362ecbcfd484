import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { parse } from "yaml";
import { layout, type Layout } from "./layout.js";
import { isInProgram, override, stackNames, stackSettings, syncProject } from "./project.js";

const STACK = `# a comment
config:
  secrets-pipeline:kubernetes:
    context: acme-dev
  secrets-pipeline:operator:
    version: 2.9.0
    repository: https://charts.example
    values:
      resources: {}
`;

let here: Layout;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sandbox-project-"));
  const program = join(root, "program");
  mkdirSync(join(program, "components"), { recursive: true });
  writeFileSync(join(program, "Pulumi.yaml"), "name: secrets-pipeline\nruntime: nodejs\n");
  writeFileSync(join(program, "Pulumi.dev.yaml"), STACK);
  here = { ...layout(join(program, "sandbox", ".run")), program };
});
afterEach(() => rmSync(root, { recursive: true }));

const stackFile = () => readFileSync(join(here.project, "Pulumi.dev.yaml"), "utf8");

describe("a stack file in the sandbox", () => {
  it("has the chart built here, in the place of one from a repository, and is otherwise the same", () => {
    assert.deepEqual(parse(override(STACK, undefined, { chart: "/cache/chart" })), {
      config: {
        "secrets-pipeline:kubernetes": { context: "acme-dev" },
        "secrets-pipeline:operator": { chart: "/cache/chart", values: { resources: {} } },
      },
    });
  });

  it("has the chart also where the stack says nothing of the operator", () => {
    const { config } = parse(override("config:\n  a:b: 1\n", undefined, { chart: "/c" })) as { config: unknown };
    assert.deepEqual(config, { "a:b": 1, "secrets-pipeline:operator": { chart: "/c" } });
  });

  it("goes to a cluster that was there before under that cluster's own name, without pods", () => {
    const text = override(STACK, undefined, { chart: "/c", context: "kind", values: { replicaCount: 0 } });
    const { config } = parse(text) as { config: Record<string, Record<string, unknown>> };
    assert.equal(config["secrets-pipeline:kubernetes"]?.["context"], "kind");
    assert.deepEqual(config["secrets-pipeline:operator"]?.["values"], { resources: {}, replicaCount: 0 });
  });
});

describe("the sandbox's project", () => {
  it("runs the program where it is, and leaves its files alone", () => {
    syncProject(here, { chart: "/c" });
    assert.deepEqual(parse(readFileSync(join(here.project, "Pulumi.yaml"), "utf8")), {
      name: "secrets-pipeline",
      runtime: "nodejs",
      main: "../../..",
    });
    assert.equal(readFileSync(join(here.program, "Pulumi.dev.yaml"), "utf8"), STACK);
  });

  it("keeps what Pulumi wrote into a stack's file, until the checked-in one changes", () => {
    syncProject(here, { chart: "/c" });
    const written = `${stackFile()}  secrets-pipeline:refreshInterval: 5s\nencryptionsalt: v1:salt\n`;
    writeFileSync(join(here.project, "Pulumi.dev.yaml"), written);
    syncProject(here, { chart: "/c" });
    assert.equal(stackFile(), written);

    writeFileSync(join(here.program, "Pulumi.dev.yaml"), `${STACK}  secrets-pipeline:protect: true\n`);
    syncProject(here, { chart: "/c" });
    const { config, encryptionsalt } = parse(stackFile()) as { config: object; encryptionsalt: string };
    assert.equal(encryptionsalt, "v1:salt");
    assert.ok("secrets-pipeline:protect" in config);
    assert.equal("secrets-pipeline:refreshInterval" in config, false);
  });

  it("is for the program's folder and those below, not for another project in it", () => {
    mkdirSync(join(here.program, "examples", "app"), { recursive: true });
    writeFileSync(join(here.program, "examples", "app", "Pulumi.yaml"), "name: app\n");
    assert.equal(isInProgram(here, here.program), true);
    assert.equal(isInProgram(here, join(here.program, "components")), true);
    assert.equal(isInProgram(here, join(here.program, "examples", "app")), false);
    assert.equal(isInProgram(here, root), false);
  });
});

it("stacks are the files named after them, and their settings those of the program", () => {
  writeFileSync(join(here.program, "Pulumi.prod.yaml"), "config:\n  secrets-pipeline:protect: true\n  other:x: 1\n");
  assert.deepEqual(stackNames(here.program), ["dev", "prod"]);
  assert.deepEqual(stackSettings(here.program, "prod"), { protect: true });
});
