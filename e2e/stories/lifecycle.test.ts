import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  type StartOptions,
  isRunning,
  type Layout,
  layout,
  readSandbox,
  type Sandbox,
  sandboxEnvironment,
  sandboxProcesses,
  startSandbox,
  stopSandbox,
  succeed,
} from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "../support/project.js";
import { eventually, HOSTILE } from "../support/user.js";

// Sandboxes are started, interrupted and ended, several of them at a time.

const dirs: string[] = [];
function fresh(): Layout {
  const dir = mkdtempSync(join(tmpdir(), "secrets-pipeline-lifecycle-"));
  dirs.push(dir);
  return layout(dir);
}

after(async () => {
  for (const dir of dirs) {
    await stopSandbox(layout(dir));
    rmSync(dir, { recursive: true, force: true });
  }
});

const running = sandboxProcesses;
const log = (line: string) => console.error(`# ${line}`);
const start = (here: Layout, options: Partial<StartOptions> = {}) =>
  startSandbox(here, { project: PULUMI_PROJECT, log, ...options });

/** The addresses that a process listens on, as the kernel's tables have them. */
function listening(pid: number): string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // The process has closed this file meanwhile.
      }
    }),
  );
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === "0A" && sockets.has(columns[9] ?? ""))
      .map((columns) => columns[1]?.split(":")[0] ?? ""),
  );
}

/** `make sandbox` in a folder of its own, as a process that can be interrupted; gives its output so far. */
function up(here: Layout) {
  const child = spawn(process.execPath, [join(PULUMI_PROJECT.folder, "e2e", "dist", "commands", "up.js")], {
    env: { ...process.env, ...HOSTILE, SANDBOX_DIR: here.dir },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output = { text: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, output, ended };
}

describe("two sandboxes side by side", () => {
  it("have ports of their own, all on loopback, and end without a trace", async () => {
    const [a, b] = [fresh(), fresh()];
    const [first, second] = await Promise.all([start(a), start(b)]);
    const urls = [first, second].flatMap((s) => [s.dopplerUrl, s.githubUrl, s.server]);
    assert.equal(new Set(urls).size, 6);

    const addresses = [...running(a), ...running(b)].flatMap(({ name, pid }) =>
      listening(pid).map((at) => `${name} ${at}`),
    );
    assert.ok(addresses.length >= 10, addresses.join(", "));
    // The kernel writes 127.0.0.1 so.
    assert.deepEqual(
      addresses.filter((address) => !address.endsWith(" 0100007F")),
      [],
    );

    const again = await start(a);
    assert.equal(again.server, first.server, "a second start finds it up");

    await stopSandbox(a);
    assert.deepEqual(running(a), []);
    assert.ok(running(b).length > 0, "the other one is left alone");
    await stopSandbox(b);
    assert.deepEqual(running(b), []);
  });
});

/** The API server that a context of a stack's kubeconfig leads to, and which of its namespaces has this name. */
async function ask(here: Layout, sandbox: Sandbox, context: string, namespace: string) {
  const tool = { env: sandboxEnvironment(here, sandbox), cwd: here.dir };
  const jsonpath = "--output=jsonpath={.clusters[0].cluster.server}";
  return {
    server: await succeed("kubectl", ["config", "view", "--minify", `--context=${context}`, jsonpath], tool),
    namespace: await succeed(
      "kubectl",
      ["get", "namespace", namespace, `--context=${context}`, "--ignore-not-found", "--output=name"],
      tool,
    ),
  };
}

describe("a sandbox for several stacks", () => {
  it("gets a cluster for a further stack while the others run on", async () => {
    const here = fresh();
    const dev = await start(here);
    const before = running(here).map(({ pid }) => pid);

    // A start that is interrupted midway leaves the sandbox as it was.
    const abort = new AbortController();
    const interrupted = (line: string) => {
      log(line);
      if (line.includes("etcd ready (acme-prod)")) abort.abort(new Error("interrupted"));
    };
    const { signal } = abort;
    await assert.rejects(start(here, { stacks: ["prod"], log: interrupted, signal }), /interrupted/);
    assert.deepEqual(
      running(here).map(({ pid }) => pid),
      before,
    );

    const prod = await start(here, { stacks: ["prod"] });
    assert.equal(prod.stack, "prod");
    assert.notEqual(prod.server, dev.server);
    assert.equal(prod.dopplerUrl, dev.dopplerUrl);
    const now = running(here).map(({ pid }) => pid);
    assert.deepEqual(
      before.filter((pid) => !now.includes(pid)),
      [],
    );
    assert.equal(running(here).filter(({ name }) => name === "operator-follower").length, 2);

    const tool = { env: sandboxEnvironment(here, prod), cwd: here.dir };
    await succeed("kubectl", ["create", "namespace", "only-in-prod"], tool);
    assert.deepEqual(await ask(here, dev, "acme-prod", "only-in-prod"), {
      server: prod.server,
      namespace: "namespace/only-in-prod\n",
    });
    assert.deepEqual(await ask(here, dev, "acme-dev", "only-in-prod"), { server: dev.server, namespace: "" });

    await stopSandbox(here);
    assert.deepEqual(running(here), []);
    await assert.rejects(start(here, { stacks: ["dev", "prod"], clusters: "one" }), /clusters of their own/);
    const again = await start(here, { stacks: ["dev", "prod"] });
    assert.equal((await ask(here, again, "acme-prod", "only-in-prod")).namespace, "namespace/only-in-prod\n");
    assert.equal((await ask(here, again, "acme-dev", "only-in-prod")).namespace, "");
    await stopSandbox(here);
  });

  it("has them in one cluster if it is told to", async () => {
    const here = fresh();
    const { server } = await start(here);
    const both = await start(here, { stacks: ["dev", "prod"], clusters: "one" });
    assert.equal(running(here).filter(({ name }) => name === "kube-apiserver").length, 1);
    for (const context of ["acme-dev", "acme-prod"]) {
      const answer = await ask(here, both, context, "default");
      assert.deepEqual(answer, { server, namespace: "namespace/default\n" });
    }
    await stopSandbox(here);
  });

  it("is none for a stack that there is not", async () => {
    const here = fresh();
    await assert.rejects(start(here, { stacks: ["dev", "staging"] }), /there is no Pulumi\.staging\.yaml/);
    assert.deepEqual(running(here), []);
  });
});

describe("a start", () => {
  it("that is interrupted ends what it started, and the next one works", async () => {
    const here = fresh();
    const { child, output, ended } = up(here);
    await eventually("the control plane is on its way", 60_000, () =>
      Promise.resolve(/etcd ready/.test(output.text) ? true : undefined),
    );
    child.kill("SIGINT");
    assert.equal(await ended, 1);
    assert.match(output.text, /interrupted/);
    assert.deepEqual(running(here), []);
    await start(here);
    await stopSandbox(here);
  });

  it("that is killed leaves processes that the next down ends", async () => {
    const here = fresh();
    const { child, output, ended } = up(here);
    await eventually("the control plane is on its way", 60_000, () =>
      Promise.resolve(/etcd ready/.test(output.text) ? true : undefined),
    );
    child.kill("SIGKILL");
    await ended;
    const left = running(here);
    assert.ok(left.length > 0);
    await stopSandbox(here);
    assert.deepEqual(left.filter(isRunning), []);
    assert.equal(readSandbox(here), undefined);
  });
});
