import * as pulumi from "@pulumi/pulumi";
import * as settings from "@pulumi/pulumi/runtime/settings";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { loadStackConfig } from "../../src/settings";
import { readStackFiles } from "../../src/settings/stackFiles";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stack-files-"));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(root, { recursive: true });
});

const write = (files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};
const PROJECT = "secrets-pipeline";
const stackFile = (slug: string) => `config:
  ${PROJECT}:doppler: { project: { name: acme }, environment: { slug: ${slug} } }
  ${PROJECT}:apps: [{ name: web, namespace: default, keys: [A] }]
`;
const names = () => [...readStackFiles(root, PROJECT).stacks.keys()];

describe("the stacks of a project", () => {
  it("are those whose files lie beside Pulumi.yaml, without the project's prefix", () => {
    write({ "Pulumi.yaml": "name: x\n", "Pulumi.dev.yaml": stackFile("dev"), "Pulumi.prod.yml": stackFile("prd") });
    const { stacks, unreadable } = readStackFiles(root, PROJECT);
    expect([...stacks.keys()]).toEqual(["dev", "prod"]);
    expect(stacks.get("prod")?.["doppler"]).toEqual({ project: { name: "acme" }, environment: { slug: "prd" } });
    expect(unreadable.size).toBe(0);
  });

  it.each([
    ["stackConfigDir", "stacks", "stacks"],
    ["config, as Pulumi called it before", "config", "below/stacks"],
  ])("are those in the folder that Pulumi.yaml names with %s", (_what, setting, folder) => {
    const key = setting === "config" ? "config" : "stackConfigDir";
    write({
      "Pulumi.yaml": `name: x\n${key}: ${folder}\n`,
      [`${folder}/Pulumi.dev.yaml`]: stackFile("dev"),
      "Pulumi.old.yaml": stackFile("old"),
    });
    expect(names()).toEqual(["dev"]);
  });

  it("are beside a Pulumi.yaml whose config is a map", () => {
    write({ "Pulumi.yaml": "name: x\nconfig: { a: b }\n", "Pulumi.dev.yaml": stackFile("dev") });
    expect(names()).toEqual(["dev"]);
  });

  it("are not files without any setting of the project", () => {
    write({
      "Pulumi.dev.yaml": stackFile("dev"),
      "Pulumi.example.yaml": "config:\n  other-project:apps: []\n",
      "Pulumi.empty.yaml": "",
      "Pulumi.list.yaml": "- a\n",
      "Pulumi.salt.yaml": "encryptionsalt: v1:x\n",
    });
    expect(names()).toEqual(["dev"]);
    expect(readStackFiles(root, PROJECT).unreadable.size).toBe(0);
  });

  it("are none where the folder is not known or not there", () => {
    expect(readStackFiles(undefined, PROJECT).stacks.size).toBe(0);
    expect(readStackFiles(join(root, "absent"), PROJECT).stacks.size).toBe(0);
  });
});

describe("a stack file that can't be read", () => {
  const faulty = {
    "a value without an end": 'config:\n  a: "hunter2\n  b: [\n',
    "a key twice": "config:\n  a: hunter2\n  a: hunter2\n",
    "a tab": "config:\n\ta: hunter2\n",
    "an alias of nothing": "config:\n  a: *hunter2\n",
  };
  it.each(Object.entries(faulty))(
    "%s: the line is named and not shown, and the other files are read",
    (_what, text) => {
      const shown = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
      write({ "Pulumi.dev.yaml": stackFile("dev"), "Pulumi.prod.yaml": text });
      expect(names()).toEqual(["dev"]);
      expect(readStackFiles(root, PROJECT).unreadable.get("prod")).toMatch(
        /^it is no YAML (?:\(line \d\)|that can be resolved)$/,
      );
      expect(shown).not.toHaveBeenCalled();
    },
  );

  it("a folder with a stack file's name", () => {
    write({ "Pulumi.prod.yaml/x": "" });
    expect(readStackFiles(root, PROJECT).unreadable.get("prod")).toBe("it can't be opened (EISDIR)");
  });

  it("of another stack does not stop this one, which warns and counts that stack among those that may use its things", async () => {
    write({ "Pulumi.dev.yaml": stackFile("dev"), "Pulumi.prod.yaml": faulty["a value without an end"] });
    jest.spyOn(settings, "getRootDirectory").mockReturnValue(root);
    jest.spyOn(settings, "getProject").mockReturnValue(PROJECT);
    jest.spyOn(settings, "getStack").mockReturnValue("dev");
    const warnings = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    process.env["DOPPLER_TOKEN"] = "dp.pt.test";
    pulumi.runtime.setAllConfig({
      [`${PROJECT}:doppler`]: '{"project":{"name":"acme"},"environment":{"slug":"dev"}}',
      [`${PROJECT}:apps`]: '[{"name":"web","namespace":"default","keys":["A"]}]',
    });
    const { clusterUsers, doppler } = await loadStackConfig();
    expect(clusterUsers).toEqual(["prod"]);
    expect(doppler.project.shared).toBe(true);
    expect(warnings.mock.calls.map(([message]) => message)).toEqual([
      expect.stringMatching(
        /^Pulumi\.prod\.yaml can't be read, since it is no YAML \(line \d\)\. Stack "prod" was not compared with this one, and may use what this one owns\.$/,
      ),
    ]);
  });
});
