import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import languageProto from "@pulumi/pulumi/proto/language_pb.js";
import type * as pb from "@pulumi/pulumi/proto/language_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import { VERSION } from "./host.js";
import { parseOptions, splitWords } from "./options.js";
import { directDependencies, requiredPackages } from "./packages.js";
import { runProgram } from "./program.js";

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "language-host-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const full = join(folder, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, text);
  return full;
}

/** A project whose SDK is one script in the place of the launcher. */
function makeProject(name: string, launcher: string): string {
  write(`${name}/package.json`, JSON.stringify({ name, main: "index.js" }));
  write(
    `${name}/node_modules/@pulumi/pulumi/package.json`,
    JSON.stringify({ name: "@pulumi/pulumi", version: "3.1.0" }),
  );
  write(`${name}/node_modules/@pulumi/pulumi/cmd/run/index.js`, launcher);
  return join(folder, name);
}

/** Plays the engine: something that listens, and can go away. */
async function startEngine(): Promise<{ address: string; stop: () => void }> {
  const server = new grpc.Server();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

interface Host {
  process: ChildProcess;
  client: InstanceType<typeof languageGrpc.LanguageRuntimeClient>;
  /** Lines of standard output after the port. */
  lines: string[];
  /** Waits for a line that begins with a text. */
  line: (start: string) => Promise<string>;
}

async function startHost(engine: string): Promise<Host> {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const child = spawn(process.execPath, [main, engine], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const waiting: { start: string; found: (line: string) => void }[] = [];
  const reader = createInterface({ input: child.stdout });
  const port = new Promise<string>((resolve) => reader.once("line", resolve));
  reader.on("line", (line) => {
    lines.push(line);
    for (const wait of waiting) {
      if (line.startsWith(wait.start)) {
        wait.found(line);
      }
    }
  });
  const address = `127.0.0.1:${await port}`;
  lines.shift();
  return {
    process: child,
    client: new languageGrpc.LanguageRuntimeClient(address, grpc.credentials.createInsecure()),
    lines,
    line: (start) =>
      new Promise((found) => {
        const line = lines.find((candidate) => candidate.startsWith(start));
        if (line === undefined) {
          waiting.push({ start, found });
        } else {
          found(line);
        }
      }),
  };
}

function call<Response>(send: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown) {
  return new Promise<Response>((resolve, reject) => {
    send((error, response) => (error ? reject(error) : resolve(response)));
  });
}

function programInfo(
  programDirectory: string,
  options: Record<string, structProto.JavaScriptValue> = {},
): pb.ProgramInfo {
  const info = new languageProto.ProgramInfo();
  info.setRootDirectory(programDirectory);
  info.setProgramDirectory(programDirectory);
  info.setEntryPoint(".");
  info.setOptions(structProto.Struct.fromJavaScript(options));
  return info;
}

function runRequest(programDirectory: string, options?: Record<string, structProto.JavaScriptValue>): pb.RunRequest {
  const request = new languageProto.RunRequest();
  request.setInfo(programInfo(programDirectory, options));
  request.setProject("shop");
  request.setStack("test");
  request.setOrganization("organization");
  request.setMonitorAddress("127.0.0.1:1");
  request.setParallel(4);
  request.setDryrun(true);
  request.getConfigMap().set("shop:token", "hunter2").set("doppler:host", "http://x");
  request.setConfigsecretkeysList(["shop:token"]);
  return request;
}

function run(host: Host, request: pb.RunRequest): Promise<pb.RunResponse> {
  return call((done) => host.client.run(request, done));
}

/** Tells whether a process is there. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and was not yet waited for by its new parent counts as gone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("the language host", { timeout: 60_000 }, () => {
  let engine: Awaited<ReturnType<typeof startEngine>>;
  let host: Host;
  beforeEach(async () => {
    engine = await startEngine();
    host = await startHost(engine.address);
  });
  afterEach(async () => {
    host.client.close();
    if (host.process.exitCode === null && host.process.signalCode === null) {
      const ended = once(host.process, "exit");
      host.process.kill("SIGKILL");
      await ended;
    }
    engine.stop();
  });

  const DUMP = `
    const { PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS, PULUMI_NODEJS_TYPESCRIPT, PULUMI_NODEJS_TSCONFIG_PATH } = process.env;
    console.log("dump " + JSON.stringify({
      argv: process.argv.slice(2), execArgv: process.execArgv,
      config: JSON.parse(PULUMI_CONFIG), secretKeys: JSON.parse(PULUMI_CONFIG_SECRET_KEYS),
      typescript: PULUMI_NODEJS_TYPESCRIPT, tsconfig: PULUMI_NODEJS_TSCONFIG_PATH,
    }));`;

  it("starts the SDK's launcher with what the engine gave, secrets by environment alone", async () => {
    const project = makeProject("dump", DUMP);
    const result = await run(
      host,
      runRequest(project, { nodeargs: "--no-deprecation --title='a b'", tsconfig: "ts.json" }),
    );
    assert.deepEqual([result.getError(), result.getBail()], ["", false]);
    // All output is there by the time the run is answered.
    const dump = JSON.parse((await host.line("dump ")).slice(5)) as Record<string, unknown>;
    assert.deepEqual(dump, {
      argv: [
        ...["--monitor", "127.0.0.1:1", "--engine", engine.address, "--organization", "organization"],
        ...["--project", "shop", "--root-directory", project, "--stack", "test", "--pwd", project],
        ...["--parallel", "4", "--dry-run", "."],
      ],
      execArgv: ["--no-deprecation", "--title=a b"],
      config: { "shop:config:token": "hunter2", "doppler:config:host": "http://x" },
      secretKeys: ["shop:token"],
      typescript: "true",
      tsconfig: "ts.json",
    });
  });

  it("leaves TypeScript off when the project says so", async () => {
    await run(host, runRequest(makeProject("javascript", DUMP), { typescript: false }));
    assert.equal((JSON.parse((await host.line("dump ")).slice(5)) as { typescript?: string }).typescript, undefined);
  });

  it("tells an error already shown from one that is not", async () => {
    const shown = await run(host, runRequest(makeProject("shown", "process.exit(32)")));
    assert.deepEqual([shown.getError(), shown.getBail()], ["", true]);
    const other = await run(host, runRequest(makeProject("other", "process.exit(3)")));
    assert.deepEqual([other.getError(), other.getBail()], ["Program exited with non-zero exit code: 3", false]);
    const killed = await run(host, runRequest(makeProject("killed", "process.kill(process.pid, 'SIGKILL')")));
    assert.deepEqual([killed.getError(), killed.getBail()], ["Program ended by SIGKILL", false]);
  });

  it("says what to do when the SDK is not installed or an option is wrong", async () => {
    write("empty/package.json", "{}");
    const missing = await run(host, runRequest(join(folder, "empty")));
    assert.match(missing.getError(), /Pulumi SDK has not been installed. Have you run pulumi install\?/);
    const wrong = await run(host, runRequest(makeProject("wrong", ""), { typescript: "yes" }));
    assert.equal(wrong.getError(), "typescript option must be a boolean");
  });

  const WAIT = `console.log("pid " + process.pid); setInterval(() => {}, 1000);`;
  const STUBBORN = `process.on("SIGINT", () => console.log("interrupted"));${WAIT}`;

  async function startWaiting(name: string, script: string): Promise<{ pid: number; result: Promise<pb.RunResponse> }> {
    const result = run(host, runRequest(makeProject(name, script)));
    // The test looks at the result only if it needs one; a host that was killed has none.
    result.catch(() => undefined);
    return { pid: Number((await host.line("pid ")).slice(4)), result };
  }

  it("interrupts the program on Cancel", async () => {
    const { pid, result } = await startWaiting("cancelled", WAIT);
    await call((done) => host.client.cancel(new emptyProto.Empty(), done));
    assert.equal((await result).getError(), "Program ended by SIGINT");
    assert.equal(isAlive(pid), false);
  });

  it("interrupts the program when the engine drops the call", async () => {
    const project = makeProject("dropped", WAIT);
    const request = host.client.run(runRequest(project), () => undefined);
    const pid = Number((await host.line("pid ")).slice(4));
    request.cancel();
    await untilGone(pid);
    assert.equal(host.process.exitCode, null);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`leaves no program behind when ended by ${signal}`, async () => {
      const { pid } = await startWaiting(`ended-${signal}`, STUBBORN);
      const ended = once(host.process, "exit");
      host.process.kill(signal);
      await ended;
      await untilGone(pid);
    });
  }

  it("ends, and the program with it, when the engine goes away", async () => {
    const { pid } = await startWaiting("engine", STUBBORN);
    const ended = once(host.process, "exit");
    engine.stop();
    await ended;
    await untilGone(pid);
  });

  describe("runs a plugin", () => {
    const PLUGIN = `
      const { argv, cwd, env } = process;
      console.log(JSON.stringify({
        argv: argv.slice(2), cwd: cwd(),
        env: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("PULUMI_") || name === "WITH_SIGN")),
      }));
      console.error("told");`;

    function makePlugin(name: string, launcher: string, script: string): string {
      const project = makeProject(name, "");
      write(`${name}/node_modules/@pulumi/pulumi/cmd/${launcher}/index.js`, script);
      return project;
    }

    function pluginRequest(programDirectory: string, kind: string): pb.RunPluginRequest {
      const request = new languageProto.RunPluginRequest();
      request.setInfo(programInfo(programDirectory));
      request.setKind(kind);
      request.setPwd(folder);
      request.setArgsList([engine.address]);
      request.setEnvList([`PATH=${process.env["PATH"]}`, "WITH_SIGN=a=b"]);
      return request;
    }

    /** What it wrote to either stream, and the error with which the call ended. */
    async function output(request: pb.RunPluginRequest): Promise<{ stdout: string; stderr: string; error?: string }> {
      const stream = host.client.runPlugin(request);
      let [stdout, stderr] = ["", ""];
      stream.on("data", (response: pb.RunPluginResponse) => {
        stdout += Buffer.from(response.getStdout_asU8()).toString();
        stderr += Buffer.from(response.getStderr_asU8()).toString();
      });
      const error = await new Promise<grpc.ServiceError | undefined>((resolve) => {
        stream.on("error", resolve);
        stream.on("end", () => resolve(undefined));
      });
      return { stdout, stderr, ...(error && { error: error.details }) };
    }

    it("that is a policy pack, in its own folder and named last", async () => {
      const pack = makePlugin("pack", "run-policy-pack", PLUGIN);
      const { stdout, stderr, error } = await output(pluginRequest(pack, "analyzer"));
      assert.deepEqual(JSON.parse(stdout), {
        argv: [engine.address, pack],
        cwd: pack,
        env: { PULUMI_NODEJS_TYPESCRIPT: "true", WITH_SIGN: "a=b" },
      });
      assert.deepEqual([stderr, error], ["told\n", undefined]);
    });

    it("that is a provider, in the engine's folder and named first", async () => {
      const provider = makePlugin("provider", "run-plugin", PLUGIN);
      const { stdout } = await output(pluginRequest(provider, "resource"));
      const { argv, cwd } = JSON.parse(stdout) as { argv: string[]; cwd: string };
      assert.deepEqual([argv, cwd], [[provider, engine.address], folder]);
    });

    it("and says how it ended, or why it never began", async () => {
      const failing = makePlugin("failing", "run-policy-pack", "process.exit(3)");
      assert.equal(
        (await output(pluginRequest(failing, "analyzer"))).error,
        "Program exited with non-zero exit code: 3",
      );
      write("no-sdk/package.json", "{}");
      assert.match(
        (await output(pluginRequest(join(folder, "no-sdk"), "analyzer"))).error ?? "",
        /has not been installed/,
      );
    });

    it("until the engine drops the call", async () => {
      const pack = makePlugin("waiting", "run-policy-pack", WAIT);
      const stream = host.client.runPlugin(pluginRequest(pack, "analyzer"));
      stream.on("error", () => undefined);
      const [response] = (await once(stream, "data")) as [pb.RunPluginResponse];
      const pid = Number(Buffer.from(response.getStdout_asU8()).toString().slice(4));
      stream.cancel();
      await untilGone(pid);
      assert.equal(host.process.exitCode, null);
    });
  });

  it("answers the smaller questions", async () => {
    const project = makeProject("about", "");
    write("about/node_modules/typescript/package.json", JSON.stringify({ name: "typescript", version: "5.0.1" }));
    const info = await call<{ getVersion(): string }>((done) =>
      host.client.getPluginInfo(new emptyProto.Empty(), done),
    );
    assert.equal(info.getVersion(), VERSION);
    const aboutRequest = new languageProto.AboutRequest();
    aboutRequest.setInfo(programInfo(project));
    const about = await call<pb.AboutResponse>((done) => host.client.about(aboutRequest, done));
    assert.equal(about.getVersion(), process.version);
    assert.equal(about.getMetadataMap().get("typescriptVersion"), "5.0.1");
    const prompts = await call<pb.RuntimeOptionsResponse>((done) =>
      host.client.runtimeOptionsPrompts(new languageProto.RuntimeOptionsRequest(), done),
    );
    assert.deepEqual(prompts.getPromptsList(), []);
    const plugins = call((done) => host.client.getRequiredPlugins(new languageProto.GetRequiredPluginsRequest(), done));
    await assert.rejects(plugins, { code: grpc.status.UNIMPLEMENTED });
  });

  it("lists required packages the way the engine wants them", async () => {
    const project = makeProject("listed", "");
    const manifest = { name: "@pulumi/random", version: "4.0.0", pulumi: { resource: true, name: "random" } };
    write("listed/node_modules/@pulumi/random/package.json", JSON.stringify(manifest));
    const request = new languageProto.GetRequiredPackagesRequest();
    request.setInfo(programInfo(project));
    const response = await call<pb.GetRequiredPackagesResponse>((done) =>
      host.client.getRequiredPackages(request, done),
    );
    const [found] = response.getPackagesList();
    assert.deepEqual(
      [found?.getName(), found?.getKind(), found?.getVersion(), found?.getServer()],
      ["random", "resource", "v4.0.0", ""],
    );
  });
});

describe("a program", () => {
  it("that does not heed an interrupt is killed", async () => {
    const mark = join(folder, "interrupted");
    const script = `
      const { writeFileSync } = require("node:fs");
      process.on("SIGINT", () => writeFileSync(${JSON.stringify(mark)}, "yes"));
      writeFileSync(${JSON.stringify(mark)}, "ready");
      setInterval(() => {}, 1000);`;
    const project = makeProject("stubborn", script);
    const abort = new AbortController();
    const watcher = watch(folder, (_event, name) => {
      if (name === "interrupted" && readFileSync(mark, "utf8") === "ready") {
        abort.abort();
      }
    });
    try {
      const result = await runProgram(
        {
          ...{
            rootDirectory: project,
            programDirectory: project,
            entryPoint: ".",
            options: parseOptions({}),
            args: [],
          },
          ...{ project: "p", stack: "s", organization: "", dryRun: false, parallel: 1 },
          ...{ engineAddress: "127.0.0.1:1", monitorAddress: "127.0.0.1:1", config: {}, configSecretKeys: [] },
        },
        abort.signal,
        200,
      );
      assert.deepEqual(result, { error: "Program ended by SIGKILL", bail: false });
      assert.equal(readFileSync(mark, "utf8"), "yes");
    } finally {
      watcher.close();
    }
  });
});

describe("required packages", () => {
  it("are found in every node_modules, by the rules of the SDK packages", () => {
    const manifest = (name: string, pulumi: object, version = "1.0.0") => JSON.stringify({ name, version, pulumi });
    const resource = true;
    write("p/node_modules/@pulumi/aws/package.json", manifest("@pulumi/aws", { resource }));
    write(
      "p/node_modules/@x/doppler/package.json",
      manifest("@x/doppler", { resource, name: "doppler", server: "github://x" }, "v0.9.0"),
    );
    write("p/node_modules/@x/nameless/package.json", manifest("@x/nameless", { resource }));
    write("p/node_modules/@pulumi/policy/package.json", manifest("@pulumi/policy", {}));
    write("p/node_modules/broken/package.json", "{");
    write("p/node_modules/a/package.json", "{}");
    write("p/node_modules/a/node_modules/b/package.json", manifest("b", { resource, name: "b", version: "2.0.0" }));
    write("p/node_modules/a/lib/package.json", manifest("inner", { resource, name: "inner" }));
    write("p/sub/node_modules/c/package.json", manifest("c", { resource, name: "c" }));
    write("p/policy/PulumiPolicy.yaml", "runtime: nodejs");
    write("p/policy/node_modules/d/package.json", manifest("d", { resource, name: "d" }));
    symlinkSync(join(folder, "p/node_modules/@pulumi/aws"), join(folder, "p/node_modules/linked"));
    symlinkSync(join(folder, "p"), join(folder, "p/loop"));
    const found = requiredPackages(join(folder, "p")).map(
      ({ name, version, server }) => `${name} ${version} ${server}`,
    );
    assert.deepEqual(found.sort(), ["aws v1.0.0 ", "b v2.0.0 ", "c v1.0.0 ", "doppler v0.9.0 github://x"]);
  });
  it("are told from a program's direct dependencies, which come with the versions installed", () => {
    write("q/package.json", JSON.stringify({ dependencies: { a: "^1" }, devDependencies: { missing: "*" } }));
    write("q/node_modules/a/package.json", JSON.stringify({ name: "a", version: "1.2.3" }));
    assert.deepEqual(directDependencies(join(folder, "q")), [{ name: "a", version: "1.2.3" }]);
  });
});

describe("runtime options", () => {
  it("have the released host's defaults and are checked", () => {
    assert.deepEqual(parseOptions({}), { typescript: true, nodeArgs: [], production: false, packageManager: "auto" });
    assert.throws(() => parseOptions({ nodeargs: 1 }), /nodeargs option must be a string/);
    assert.throws(() => parseOptions({ tsconfig: 1 }), /tsconfigpath option must be a string/);
    assert.throws(() => parseOptions({ production: "no" }), /production option must be a boolean/);
    assert.throws(() => parseOptions({ packagemanager: "make" }), /packagemanager option must be one of/);
  });
  it("split arguments as a shell does", () => {
    assert.deepEqual(splitWords(` --a  "b c"d 'e "f' g\\ h "i \\"j" `), ["--a", "b cd", 'e "f', "g h", 'i "j']);
    assert.deepEqual(splitWords(""), []);
    assert.throws(() => splitWords("'a"), /quote that is not closed/);
  });
});
