import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Toolchain } from "../toolchain/build.js";
import { assembleEngine, releasedPlugins } from "./engine.js";
import { describeEngine } from "./describeEngine.js";
import { layout } from "./layout.js";
import { pluginVersion } from "./pluginVersion.js";

const root = mkdtempSync(join(tmpdir(), "sandbox-engine-"));
after(() => rmSync(root, { recursive: true }));

function program(file: string, text: string): string {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A plugin: the stand-in for Doppler's, which says the version of the released one. */
const plugin = (file: string) =>
  program(file, `exec '${process.execPath}' '${join(import.meta.dirname, "..", "providers", "doppler", "main.js")}'`);

let machines = 0;

/** A machine with a project, a cache and nothing else. */
function machine() {
  const home = join(root, `machine-${machines++}`);
  const folder = join(home, "project");
  mkdirSync(folder, { recursive: true });
  const packages = {
    "node_modules/@pulumi/kubernetes": { version: "4.34.2" },
    "node_modules/@pulumi/github": { version: "6.15.0" },
    "node_modules/@pulumiverse/doppler": { version: "0.9.0" },
  };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages }));
  const cache = join(home, "cache", "secrets-pipeline-sandbox");
  const built = program(join(cache, "pulumi-resource-kubernetes", "key", "pulumi-resource-kubernetes"), "exit 1");
  const origin = { from: "built", path: "/cache/tool", version: "1.0.0" } as const;
  const toolchain: Toolchain = {
    ...{ pulumi: "/cache/pulumi", kubectl: "/cache/kubectl", helm: "/cache/helm", doppler: "/cache/doppler" },
    ...{ etcd: "", kubeApiserver: "", kubeControllerManager: "", kubeScheduler: "" },
    kubernetesPlugin: { program: built, version: "4.0.0-20260115033456-f47bc2d6f199" },
    operator: { version: "0.20.4", program: "", chart: "" },
    origins: { pulumi: origin, kubectl: origin, helm: origin, doppler: origin },
  };
  const bin = join(home, "bin");
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: home,
    PULUMI_HOME: join(home, "pulumi"),
    XDG_CACHE_HOME: join(home, "cache"),
  };
  const here = layout(join(home, "sandbox"));
  return {
    home,
    folder,
    bin,
    env,
    here,
    built,
    toolchain,
    assemble: () => assembleEngine(here, folder, toolchain, env),
  };
}

describe("the provider plugins", () => {
  it("are the built one and stand-ins where the machine has none", () => {
    const bare = machine();
    const { plugins } = bare.assemble();
    assert.deepEqual(
      plugins.map(({ name, from }) => [name, from]),
      [
        ["doppler", "stand-in"],
        ["github", "stand-in"],
        ["kubernetes", "built"],
      ],
    );
    const program = "pulumi-resource-kubernetes";
    assert.equal(realpathSync(join(bare.here.bin, program)), realpathSync(bare.built));
    const folders = join(bare.here.pulumiHome, "plugins");
    assert.equal(existsSync(join(folders, "resource-kubernetes-v4.34.2")), false, "that is another version's folder");
    assert.ok(existsSync(join(folders, "resource-doppler-v0.9.0", "pulumi-resource-doppler")));
  });

  it("come from PATH first, whatever their version", () => {
    const equipped = machine();
    const path = plugin(join(equipped.bin, "pulumi-resource-kubernetes"));
    plugin(join(equipped.env.PULUMI_HOME, "plugins", "resource-kubernetes-v4.34.2", "pulumi-resource-kubernetes"));
    const [, , kubernetes] = equipped.assemble().plugins;
    assert.deepEqual(kubernetes, { name: "kubernetes", from: "PATH", path, wanted: "4.34.2" });
  });

  it("come from Pulumi's plugin folder in the version that the project's SDK asks for", () => {
    const equipped = machine();
    const folder = join(equipped.env.PULUMI_HOME, "plugins");
    plugin(join(folder, "resource-kubernetes-v4.33.0", "pulumi-resource-kubernetes"));
    assert.deepEqual(releasedPlugins(equipped.here, equipped.folder, equipped.env), []);
    const path = plugin(join(folder, "resource-kubernetes-v4.34.2", "pulumi-resource-kubernetes"));
    const found = { name: "kubernetes", from: "plugin folder", path, version: "4.34.2", wanted: "4.34.2" };
    assert.deepEqual(releasedPlugins(equipped.here, equipped.folder, equipped.env), [found]);
    const own = join(equipped.here.pulumiHome, "plugins", "resource-kubernetes-v4.34.2", "pulumi-resource-kubernetes");
    equipped.assemble();
    assert.equal(readFileSync(own, "utf8"), readFileSync(path, "utf8"));
  });

  it("are not those that were built for another sandbox", () => {
    const shell = machine();
    const other = layout(join(shell.home, "other"));
    assembleEngine(other, shell.folder, shell.toolchain, shell.env);
    const env = { ...shell.env, PATH: `${other.bin}:${shell.env.PATH}` };
    assert.deepEqual(releasedPlugins(shell.here, shell.folder, env), []);
  });

  it("are named at start with their versions, and once more where one is older than the SDK asks", async () => {
    const equipped = machine();
    plugin(join(equipped.bin, "pulumi-resource-doppler"));
    program(join(equipped.bin, "pulumi-resource-github"), "exit 1");
    const lines = await describeEngine(equipped.toolchain, equipped.assemble());
    assert.deepEqual(lines.slice(1, -1), [
      "provider plugins: doppler 0.9.0 (from PATH), github of an unknown version (from PATH), kubernetes 4.0.0-20260115033456-f47bc2d6f199 (own toolchain)",
      "  the github plugin is of an unknown version, and the project's SDK asks for 6.15.0; Pulumi is not asked to say so at each run",
      "  the kubernetes plugin is 4.0.0-20260115033456-f47bc2d6f199, and the project's SDK asks for 4.34.2; Pulumi is not asked to say so at each run",
    ]);
  });
});

describe("pluginVersion", () => {
  it("is what the plugin answers", async () => {
    assert.equal(await pluginVersion(plugin(join(root, "answers"))), "0.9.0");
  });

  for (const [what, text] of [
    ["ends at once", "exit 3"],
    ["prints something else than a port", "echo hello; exec sleep 600"],
    ["prints nothing", "exec sleep 600"],
    ["serves nothing at its port", "echo 1; exec sleep 600"],
  ] as const) {
    it(`is unknown for a program that ${what}`, async () => {
      const file = program(join(root, what.replaceAll(" ", "-")), text);
      assert.equal(await pluginVersion(file, process.env, 300), undefined);
    });
  }

  it("leaves no process behind", async () => {
    const pidFile = join(root, "left");
    const file = program(join(root, "wrapper"), `sleep 600 & echo $! > '${pidFile}'; echo no port; wait`);
    assert.equal(await pluginVersion(file), undefined);
    const pid = Number(readFileSync(pidFile, "utf8"));
    const gone = () => {
      try {
        process.kill(pid, 0);
      } catch {
        return true;
      }
      // One that was ended and that nobody has waited for yet is a zombie, where the system tells.
      const stat = `/proc/${pid}/stat`;
      return existsSync(stat) && / Z /.test(readFileSync(stat, "utf8"));
    };
    const deadline = Date.now() + 10_000;
    while (!gone()) {
      assert.ok(Date.now() < deadline, `process ${pid} is still there`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});
