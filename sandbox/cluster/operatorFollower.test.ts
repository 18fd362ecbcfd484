import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { ProcessRegistry } from "../process/registry.js";
import { followOperators, operatorMetricsUrl, type OperatorCluster } from "./operatorFollower.js";
import type { OperatorPod } from "./operatorPod.js";

const root = mkdtempSync(join(tmpdir(), "follower-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** In the operator's place: says how it was started, and ends when there is a file that says so. */
const operator = join(root, "operator");
writeFileSync(
  operator,
  `#!${process.execPath}
const fs = require("fs");
console.log(JSON.stringify({ pid: process.pid, program: process.argv[1], args: process.argv.slice(2), env: process.env }));
setInterval(() => { if (fs.existsSync(process.env.CRASH)) { fs.rmSync(process.env.CRASH); process.exit(9); } }, 5);
`,
);
chmodSync(operator, 0o755);
/** The same under another name. */
const earlier = join(root, "earlier");
copyFileSync(operator, earlier);

const pod = (more: Partial<OperatorPod> = {}): OperatorPod => ({
  namespace: "eso",
  deployment: "external-secrets",
  serviceAccount: "account",
  version: "0.20.4",
  args: ["--concurrent=2"],
  env: { CRASH: join(root, "crash") },
  notes: [],
  revision: "1",
  ...more,
});

async function until<T>(what: string, check: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const value = check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await delay(5);
  }
}

/** The status with which a proxy answers a CONNECT. */
function connectThrough(proxy: string, to: string): Promise<number | undefined> {
  const { hostname, port } = new URL(proxy);
  return new Promise((resolve, reject) => {
    request({ host: hostname, port, method: "CONNECT", path: to })
      .on("connect", ({ statusCode }, socket) => (socket.destroy(), resolve(statusCode)))
      .on("error", reject)
      .end();
  });
}

describe("followOperators", () => {
  let dir: string;
  let registry: ProcessRegistry;
  let lines: string[];
  let abort: AbortController;
  let pods: OperatorPod[];
  let accounts: Map<string, string>;
  let tokens: number;
  let lifetimeMs: number;
  let down: boolean;
  let looks: number;
  let following: Promise<void>;

  const cluster: OperatorCluster = {
    server: "https://127.0.0.1:1",
    ca: "PEM",
    pods() {
      looks++;
      return down ? Promise.reject(new Error("connection refused\nheaders")) : Promise.resolve([...pods]);
    },
    serviceAccount: (namespace, name) => Promise.resolve(accounts.get(`${namespace}/${name}`)),
    token: (namespace, name) =>
      Promise.resolve({
        token: `${namespace}/${name}#${++tokens}`,
        expiresAt: new Date(Date.now() + lifetimeMs),
      }),
  };

  const follow = () =>
    followOperators({
      cluster,
      operators: [
        { version: "0.20.4", program: operator },
        { version: "0.17.0", program: earlier },
      ],
      dopplerBaseUrl: "http://127.0.0.1:4000",
      dir,
      registry,
      log: (line) => lines.push(line),
      signal: abort.signal,
      intervalMs: 5,
      backoffMs: 1,
    });
  const running = () => registry.list().map(({ name, pid }) => ({ name, pid }));
  /** When the cluster has been looked at a few times more. */
  const aWhile = () => {
    const before = looks;
    return until("some more looks", () => looks > before + 3);
  };
  const one = () => until("one operator", () => (running().length === 1 ? running()[0] : undefined));
  const none = () => until("no operator", () => running().length === 0);
  const another = (pid: number) => until("another operator", () => running().find((entry) => entry.pid !== pid));
  /** How an operator says it was started. */
  const start = (pid: number, name = "eso_external-secrets") =>
    until("its own word", () => {
      const log = join(dir, "logs", `operator_${name}.log`);
      const said = existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [];
      return said
        .map(
          (line) => JSON.parse(line) as { pid: number; program: string; args: string[]; env: Record<string, string> },
        )
        .find((value) => value.pid === pid);
    });

  beforeEach(() => {
    dir = mkdtempSync(join(root, "dir-"));
    registry = new ProcessRegistry(join(dir, "processes"));
    lines = [];
    abort = new AbortController();
    pods = [pod()];
    accounts = new Map([["eso/account", "uid-1"]]);
    tokens = 0;
    lifetimeMs = 3_600_000;
    down = false;
    looks = 0;
    following = follow();
  });
  afterEach(async () => {
    abort.abort();
    await following;
    assert.deepEqual(running(), []);
  });

  it("runs an operator with the Deployment's arguments under its ServiceAccount's token", async () => {
    const { name, pid } = await one();
    assert.equal(name, "operator eso/external-secrets");
    const { args, env } = await start(pid);
    const [given, metrics, ...others] = args;
    assert.equal(given, "--concurrent=2");
    assert.match(metrics ?? "", /^--metrics-addr=127\.0\.0\.1:\d{4,5}$/);
    assert.deepEqual(others, ["--live-addr=0", "--enable-leader-election=false"]);
    assert.equal(env["DOPPLER_BASE_URL"], "http://127.0.0.1:4000");
    assert.deepEqual(Object.keys(env).sort(), [
      ...["CRASH", "DOPPLER_BASE_URL", "HOME", "HTTPS_PROXY", "KUBECONFIG", "PATH"],
    ]);
    const file = env["KUBECONFIG"] ?? "";
    const config = parse(readFileSync(file, "utf8")) as { users: [{ user: { tokenFile: string } }] };
    const { tokenFile } = config.users[0].user;
    assert.equal(readFileSync(tokenFile, "utf8"), "eso/account#1");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
    assert.equal(lines.join("\n").includes("#1"), false);
  });

  it("gives the operator a pod's names for the API server, as long as it follows", async () => {
    const { pid } = await one();
    const { env } = await start(pid);
    // Nothing is at the API server's address here.
    assert.equal(await connectThrough(env["HTTPS_PROXY"] ?? "", "kubernetes.default.svc:443"), 502);
    assert.equal(await connectThrough(env["HTTPS_PROXY"] ?? "", "api.doppler.com:443"), 403);
    abort.abort();
    await following;
    await assert.rejects(connectThrough(env["HTTPS_PROXY"] ?? "", "kubernetes.default.svc:443"), /ECONNREFUSED/);
  });

  it("waits for the ServiceAccount", async () => {
    pods = [];
    await none();
    accounts.clear();
    pods = [pod()];
    await aWhile();
    assert.deepEqual(running(), []);
    accounts.set("eso/account", "uid-2");
    await one();
  });

  it("ends the operator with its Deployment, and removes its token", async () => {
    const { pid } = await one();
    const { env } = await start(pid);
    pods = [];
    await none();
    await until("the token to be gone", () => !existsSync(env["HOME"] ?? ""));
    assert.ok(lines.includes("eso/external-secrets: operator ended"));
  });

  it("starts another under a new token when the ServiceAccount was made anew", async () => {
    const { pid } = await one();
    accounts.set("eso/account", "uid-2");
    const next = await another(pid);
    const { env } = await start(next.pid);
    assert.equal(readFileSync(join(env["HOME"] ?? "", "token"), "utf8"), "eso/account#2");
    assert.equal(running().length, 1);
  });

  it("starts another when the Deployment's pods would be replaced", async () => {
    const { pid } = await one();
    pods = [pod({ revision: "2", args: ["--concurrent=9"] })];
    assert.equal((await start((await another(pid)).pid)).args[0], "--concurrent=9");
  });

  it("starts the program of the version that the Deployment asks for", async () => {
    const { pid } = await one();
    assert.equal((await start(pid)).program, operator);
    pods = [pod({ revision: "2", version: "0.17.0" })];
    const { program, args } = await start((await another(pid)).pid);
    assert.equal(program, earlier);
    assert.equal(args.includes("--live-addr=0"), false);
    assert.equal(lines.filter((line) => line.includes("in its place")).length, 0);
  });

  it("runs the first program where there is none of the version, and says so", async () => {
    const { pid } = await one();
    pods = [pod({ revision: "2", version: "2.9.0" })];
    assert.equal((await start((await another(pid)).pid)).program, operator);
    assert.ok(lines.includes("eso/external-secrets: no program of version 2.9.0 is here; 0.20.4 runs in its place"));
  });

  it("tells where the metrics are while an operator runs", async () => {
    const { pid } = await one();
    const { args } = await start(pid);
    const address = args.find((arg) => arg.startsWith("--metrics-addr="))?.slice("--metrics-addr=".length);
    const url = await until("the address", () => operatorMetricsUrl(dir, "eso", "external-secrets"));
    assert.equal(url, `http://${address}/metrics`);
    pods = [];
    await none();
    await until("no address", () => operatorMetricsUrl(dir, "eso", "external-secrets") === undefined);
  });

  it("starts one that ended by itself again", async () => {
    const { pid } = await one();
    await start(pid);
    writeFileSync(join(root, "crash"), "");
    await another(pid);
    assert.ok(lines.some((line) => line.includes("operator ended with exit code 9; started again in 0 s")));
  });

  it("renews a token before it expires, and lets the operator run", async () => {
    await one();
    pods = [];
    await none();
    lifetimeMs = 600;
    const asked = Date.now();
    pods = [pod()];
    const { pid } = await one();
    await until("a renewal", () => lines.includes("eso/external-secrets: token renewed"));
    assert.ok(Date.now() - asked >= 0.8 * lifetimeMs, "not at once");
    assert.equal((await one()).pid, pid);
    const { env } = await start(pid);
    assert.notEqual(readFileSync(join(env["HOME"] ?? "", "token"), "utf8"), "eso/account#1");
  });

  it("runs one operator for each release", async () => {
    accounts.set("other/account", "uid-3");
    pods = [pod(), pod({ namespace: "other" })];
    await until("two operators", () => running().length === 2);
    pods = [pod({ namespace: "other" })];
    assert.equal((await one()).name, "operator other/external-secrets");
  });

  it("does not run one that would leave this machine, and runs the others", async () => {
    accounts.set("away/account", "uid-3");
    const DOPPLER_BASE_URL = "https://api.doppler.com";
    pods = [pod({ namespace: "away", env: { DOPPLER_BASE_URL } }), pod()];
    assert.equal((await one()).name, "operator eso/external-secrets");
    const refusal = await until("the refusal", () => lines.find((line) => line.startsWith("away/")));
    assert.match(refusal, /DOPPLER_BASE_URL of Deployment away\/external-secrets leads to api\.doppler\.com/);
    assert.equal(readdirSync(join(dir, "operators")).length, 1);
  });

  it("lets operators run while the API server is away, and says so once", async () => {
    const { pid } = await one();
    down = true;
    await until("the outage", () => lines.includes("the API server can't be asked: connection refused"));
    await aWhile();
    assert.equal((await one()).pid, pid);
    down = false;
    await until("the return", () => lines.includes("the API server answers again"));
    assert.equal(lines.filter((line) => line.includes("can't be asked")).length, 1);
  });
});
