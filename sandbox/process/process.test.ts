import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { NotReadyError, startProcess, type ProcessSpec, type Readiness } from "./child.js";
import { identify, isRunning, type ProcessIdentity } from "./identity.js";
import { freePorts, PortTakenError, withFreePorts } from "./ports.js";
import { announcedUrl, both, httpReady, jsonLine, logLine } from "./readiness.js";
import { ProcessRegistry } from "./registry.js";
import { stopProcess } from "./stop.js";

const dir = mkdtempSync(join(tmpdir(), "process-test-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

/** A Node process that runs a script and has printed "up". */
async function node(script: string): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ["-e", `${script}; console.log("up"); setInterval(() => {}, 1e6)`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout, "data");
  const identity = identify(child.pid ?? 0);
  assert.ok(identity);
  return identity;
}

let folders = 0;
const registry = () => new ProcessRegistry(join(dir, `registry-${folders++}`));

/** A process to start, with what a test says of it. */
function spec<T>(script: string, ready: Readiness<T>, more: Partial<ProcessSpec<T>> = {}): ProcessSpec<T> {
  return {
    name: "part",
    command: process.execPath,
    args: ["-e", script],
    env: {},
    logFile: join(dir, `logs-${folders++}`, "part.log"),
    registry: registry(),
    ready,
    ...more,
  };
}

describe("identity", () => {
  it("is the same for one process and none for a process that has ended", async () => {
    const identity = await node("");
    assert.deepEqual(identify(identity.pid), identity);
    assert.ok(isRunning(identity));
    await stopProcess(identity);
    assert.equal(identify(identity.pid), undefined);
  });

  it(
    "is none for a process that has ended and only waits to be reaped",
    { skip: process.platform !== "linux" },
    async () => {
      // The shell becomes a program that never asks how its child ended.
      const parent = spawn("/bin/sh", ["-c", "sleep 0 & echo $!; exec sleep 1000"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(parent);
      const [line] = (await once(parent.stdout, "data")) as [Buffer];
      const pid = Number(line.toString());
      const state = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2];
      while (state() !== "Z") await new Promise(setImmediate);
      assert.equal(identify(pid), undefined);
    },
  );

  it("is another for a later process with the same pid", () => {
    assert.equal(isRunning({ pid: process.pid, startedAt: "an earlier one" }), false);
  });
});

describe("stopProcess", () => {
  it("lets a process end by itself", async () => {
    const file = join(dir, "ended-by-itself");
    const identity = await node(
      `process.on("SIGTERM", () => { require("fs").writeFileSync(${JSON.stringify(file)}, "yes"); process.exit() })`,
    );
    await stopProcess(identity);
    assert.equal(readFileSync(file, "utf8"), "yes");
  });

  it("kills one that takes no notice", async () => {
    const identity = await node(`process.on("SIGTERM", () => {})`);
    await stopProcess(identity, { graceMs: 100 });
    assert.equal(isRunning(identity), false);
  });

  it("leaves another process alone that has the pid by now", async () => {
    const identity = await node("");
    await stopProcess({ ...identity, startedAt: "an earlier one" }, { graceMs: 50 });
    assert.ok(isRunning(identity));
  });
});

describe("ProcessRegistry", () => {
  it("ends what was written down, last started first, also when read by another", async () => {
    const mine = registry();
    const first = await node("");
    const second = await node("");
    mine.add("first", first.pid);
    mine.add("second", second.pid);
    const theirs = new ProcessRegistry(mine.dir);
    assert.deepEqual(
      theirs.list().map((entry) => entry.name),
      ["first", "second"],
    );
    assert.deepEqual(await theirs.stop(), ["second", "first"]);
    assert.equal(isRunning(first), false);
    assert.equal(isRunning(second), false);
    assert.deepEqual(readdirSync(mine.dir), []);
  });

  it("ends only what is asked for", async () => {
    const mine = registry();
    const kept = await node("");
    mine.add("kept", kept.pid);
    mine.add("ended", (await node("")).pid);
    assert.deepEqual(await mine.stop((entry) => entry.name === "ended"), ["ended"]);
    assert.ok(isRunning(kept));
    assert.deepEqual(
      mine.list().map((entry) => entry.name),
      ["kept"],
    );
  });

  it("ends no process that only has the pid of one written down", async () => {
    const mine = registry();
    const stranger = await node("");
    const entry = mine.add("gone", stranger.pid);
    writeFileSync(join(mine.dir, `${stranger.pid}.json`), JSON.stringify({ ...entry, startedAt: "an earlier one" }));
    assert.deepEqual(mine.list(), []);
    assert.deepEqual(await mine.stop(), []);
    assert.ok(isRunning(stranger));
  });

  it("writes down nothing for a process that has ended", async () => {
    const identity = await node("");
    await stopProcess(identity);
    assert.equal(registry().add("gone", identity.pid), undefined);
  });

  it("has nothing to end when its folder is gone", async () => {
    const mine = registry();
    rmSync(mine.dir, { recursive: true });
    assert.deepEqual(await mine.stop(), []);
  });
});

describe("startProcess", () => {
  const forever = "setInterval(() => {}, 1e6);";

  it("returns when a log line says so, with the process written down", async () => {
    const wanted = spec(
      `${forever} console.error("starting"); console.error("ready at 7")`,
      logLine(/^ready at (\d)$/),
    );
    const started = await startProcess(wanted);
    assert.equal(started.value[1], "7");
    assert.deepEqual(
      wanted.registry.list().map(({ name, pid }) => ({ name, pid })),
      [{ name: "part", pid: started.pid }],
    );
    assert.equal(statSync(wanted.logFile).mode & 0o777, 0o600);
    await started.stop();
    assert.deepEqual(await started.exited, { code: null, signal: "SIGTERM" });
    assert.deepEqual(wanted.registry.list(), []);
  });

  it("reads what the process says about itself on its standard output", async () => {
    const wanted = spec(
      `${forever} console.error("a log line"); console.log(JSON.stringify({url: "http://127.0.0.1:1"}))`,
      jsonLine(announcedUrl),
      { stdoutFile: join(dir, "out") },
    );
    const started = await startProcess(wanted);
    assert.equal(started.value, "http://127.0.0.1:1");
    await started.stop();
  });

  it("does not take an earlier start's lines for this one's", async () => {
    const wanted = spec(`console.error("not me")`, logLine(/^ready$/));
    rmSync(join(wanted.logFile, ".."), { recursive: true, force: true });
    const first = await startProcess({ ...wanted, args: ["-e", `${forever} console.error("ready")`] });
    await first.stop();
    await assert.rejects(startProcess(wanted), /ended with exit code 0/);
    assert.equal(readFileSync(wanted.logFile, "utf8"), "ready\nnot me\n");
  });

  it("says how it ended and what it wrote last when it doesn't come up", async () => {
    const wanted = spec(`console.error("no such flag: --x"); process.exit(3)`, logLine(/never/));
    await assert.rejects(startProcess(wanted), (error) => {
      assert.ok(error instanceof NotReadyError);
      assert.equal(
        error.message,
        `part ended with exit code 3\n  | no such flag: --x\nThe whole log: ${wanted.logFile}`,
      );
      return true;
    });
  });

  it("ends one that is not ready in time", async () => {
    const wanted = spec(`${forever} console.error(process.pid)`, logLine(/never/), { deadlineMs: 300 });
    await assert.rejects(
      startProcess(wanted),
      /part was not ready within 0.3 s, waiting for a log line like \/never\//,
    );
    assert.deepEqual(wanted.registry.list(), []);
    const pid = Number(readFileSync(wanted.logFile, "utf8"));
    assert.equal(pid > 0 ? identify(pid) : undefined, undefined);
  });

  it("ends one whose condition can't come true any more", async () => {
    const wanted = spec(`${forever} console.log("hello")`, jsonLine(announcedUrl));
    await assert.rejects(startProcess(wanted), /part did not become ready: .* not JSON\n {2}\| hello/);
    assert.deepEqual(wanted.registry.list(), []);
  });

  it("ends one when told to give up", async () => {
    const abort = new AbortController();
    const ready = {
      description: "nothing",
      check: () => {
        abort.abort(new Error("given up"));
        return undefined;
      },
    };
    const wanted = spec(forever, ready, { signal: abort.signal });
    await assert.rejects(startProcess(wanted), { name: "AbortError" });
    assert.deepEqual(wanted.registry.list(), []);
  });

  it("says so of one that ends at once, when nothing else keeps the program alive", async () => {
    const script = `
      import { startProcess } from ${JSON.stringify(new URL("./child.js", import.meta.url).href)};
      import { ProcessRegistry } from ${JSON.stringify(new URL("./registry.js", import.meta.url).href)};
      const registry = new ProcessRegistry(process.argv[1]);
      // Not identified in time, as when it has ended before it could be written down.
      registry.add = () => undefined;
      const ready = { description: "nothing", check: () => undefined };
      const logFile = process.argv[1] + "/log";
      await startProcess({ name: "part", command: "/bin/sh", args: ["-c", "exit 4"], env: {}, logFile, registry, ready })
        .catch((error) => console.log(error.message.split("\\n")[0]));`;
    const program = spawn(process.execPath, ["--input-type=module", "-e", script, registry().dir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(program);
    let said = "";
    program.stdout.on("data", (text: Buffer) => (said += text.toString()));
    const [code] = (await once(program, "close")) as [number];
    assert.equal(said, "part ended with exit code 4\n");
    assert.equal(code, 0);
  });

  it("says what can't be started", async () => {
    await assert.rejects(
      startProcess({ ...spec("", logLine(/x/)), command: join(dir, "missing") }),
      /part could not be started: spawn .*missing ENOENT/,
    );
  });

  it("passes on no variable but those given", async () => {
    const wanted = spec(
      `console.log(JSON.stringify(process.env)); ${forever}`,
      jsonLine((value) => value),
      {
        env: { ONLY: "this" },
      },
    );
    const started = await startProcess(wanted);
    assert.deepEqual(started.value, { ONLY: "this" });
    await started.stop();
  });
});

describe("readiness", () => {
  const process = { pid: 0, log: () => "", stdout: () => "" };

  it("of a server is an answer in the 200s", async () => {
    let status = 503;
    const server = createServer((_, response) => response.writeHead(status).end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const ready = httpReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    assert.equal(await ready.check(process), undefined);
    status = 204;
    assert.equal(await ready.check(process), true);
    server.close();
    await once(server, "close");
    assert.equal(await ready.check(process), undefined);
  });

  it("of two asks the second once the first is met, and the first no more", async () => {
    const asked: string[] = [];
    const ready = (name: string, answers: boolean[]): Readiness<true> => ({
      description: name,
      check: () => {
        asked.push(name);
        return answers.shift() === true ? true : undefined;
      },
    });
    const all = both(ready("a", [false, true]), ready("b", [false, true]));
    assert.equal(all.description, "a and b");
    assert.equal(await all.check(process), undefined);
    assert.equal(await all.check(process), undefined);
    assert.equal(await all.check(process), true);
    assert.deepEqual(asked, ["a", "a", "b", "b"]);
  });

  it("of a line waits for its end", async () => {
    const ready = logLine(/^ready/);
    assert.equal(await ready.check({ ...process, log: () => "ready" }), undefined);
    assert.ok(await ready.check({ ...process, log: () => "x\nready\n" }));
  });
});

describe("ports", () => {
  it("are free, distinct and on loopback", async () => {
    const ports = await freePorts(5);
    assert.equal(new Set(ports).size, 5);
    for (const port of ports) {
      const server = createTcpServer().listen(port, "127.0.0.1");
      await once(server, "listening");
      server.close();
      await once(server, "close");
    }
  });

  it("are chosen again when one was taken, and only then", async () => {
    const tried: number[][] = [];
    const got = await withFreePorts(1, (ports) => {
      tried.push([...ports]);
      return tried.length < 3 ? Promise.reject(new PortTakenError("taken")) : Promise.resolve("started");
    });
    assert.equal(got, "started");
    assert.equal(tried.length, 3);
    let calls = 0;
    await assert.rejects(
      withFreePorts(1, () => {
        calls++;
        return Promise.reject(new Error("another reason"));
      }),
      /another reason/,
    );
    assert.equal(calls, 1);
  });

  it("are those of last time first", async () => {
    const tried: (readonly number[])[] = [];
    await withFreePorts(
      2,
      (ports) => {
        tried.push(ports);
        return tried.length < 2 ? Promise.reject(new PortTakenError("taken")) : Promise.resolve();
      },
      { first: [1, 2] },
    );
    assert.deepEqual(tried[0], [1, 2]);
    assert.notDeepEqual(tried[1], [1, 2]);
  });

  it("are given up in the end", async () => {
    let calls = 0;
    const start = () => {
      calls++;
      return Promise.reject(new PortTakenError("taken"));
    };
    await assert.rejects(withFreePorts(1, start, { attempts: 2 }), PortTakenError);
    assert.equal(calls, 2);
  });
});
