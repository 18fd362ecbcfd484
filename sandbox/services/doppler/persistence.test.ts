import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { dopplerPaths, readManagementToken, startDopplerStandIn, type AccessLogEntry } from "./index.js";
import { Harness, at } from "./testing.js";

const SECRETS = "/v3/configs/config/secrets";
const dev = { project: "app", config: "dev" };
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const entries = (data: string) =>
  readFileSync(dopplerPaths(data).requests, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AccessLogEntry);

async function withHarness(test: (doppler: Harness) => Promise<void>): Promise<void> {
  const doppler = await Harness.start();
  try {
    await test(doppler);
  } finally {
    await doppler.close();
  }
}

describe("state", () => {
  it("survives a restart: projects, secrets, tokens", () =>
    withHarness(async (doppler) => {
      const { token } = doppler;
      await doppler.post("/v3/projects", { name: "app" });
      await doppler.post(SECRETS, { ...dev, secrets: { A: "kept", REF: "${A}" } });
      const { key } = await doppler.serviceToken("app", "dev", "reader");
      const before = (await doppler.get(`${SECRETS}/download`, key)).json;
      await doppler.restart();
      assert.equal(doppler.token, token);
      assert.deepEqual((await doppler.get(`${SECRETS}/download`, key)).json, before);
      assert.equal(before["REF"], "kept");
      assert.equal((await doppler.get("/v3/projects")).status, 200);
    }));

  it("is on disk before the answer", () =>
    withHarness(async (doppler) => {
      await doppler.post("/v3/projects", { name: "app" });
      await doppler.post(SECRETS, { ...dev, secrets: { A: "on disk" } });
      // A second stand-in on a copy of the file sees what the first has answered for.
      const copy = mkdtempSync(join(tmpdir(), "doppler-test-"));
      writeFileSync(dopplerPaths(copy).state, readFileSync(dopplerPaths(doppler.data).state));
      writeFileSync(dopplerPaths(copy).token, doppler.token);
      const second = await startDopplerStandIn({ data: copy });
      try {
        const response = await fetch(`${second.url}${SECRETS}/download?project=app&config=dev`, {
          headers: { authorization: `Bearer ${readManagementToken(copy)}` },
        });
        assert.equal(at(await response.json(), "A"), "on disk");
      } finally {
        await second.close();
        rmSync(copy, { recursive: true });
      }
    }));

  it("is the owner's alone, and no temporary file stays", () =>
    withHarness(async (doppler) => {
      await doppler.post("/v3/projects", { name: "app" });
      const paths = dopplerPaths(doppler.data);
      assert.deepEqual([mode(paths.state), mode(paths.token), mode(paths.requests)], ["600", "600", "600"]);
      assert.deepEqual(readdirSync(doppler.data).sort(), ["requests.jsonl", "state.json", "token"]);
    }));

  it("holds no token that could be used", () =>
    withHarness(async (doppler) => {
      await doppler.post("/v3/projects", { name: "app" });
      const { key } = await doppler.serviceToken("app", "dev", "reader");
      const state = readFileSync(dopplerPaths(doppler.data).state, "utf8");
      assert.ok(!state.includes(key) && !state.includes(doppler.token));
    }));

  it("that is not ours is left alone", async () => {
    const data = mkdtempSync(join(tmpdir(), "doppler-test-"));
    try {
      for (const [content, message] of [
        ["{", /state\.json is not JSON\. Move it away/],
        ['{"version":2}', /state\.json was not written by this version\. Move it away/],
      ] as const) {
        writeFileSync(dopplerPaths(data).state, content);
        await assert.rejects(startDopplerStandIn({ data }), message);
        assert.equal(readFileSync(dopplerPaths(data).state, "utf8"), content);
      }
    } finally {
      rmSync(data, { recursive: true });
    }
  });
});

describe("the access log", () => {
  it("names requests, answers and tokens, and no value and no token", () =>
    withHarness(async (doppler) => {
      const value = "v3ry-s3cret-value";
      await doppler.post("/v3/projects", { name: "app" });
      await doppler.post(SECRETS, { ...dev, secrets: { A: value } });
      const { key, slug } = await doppler.serviceToken("app", "dev", "reader");
      await doppler.get(`${SECRETS}/download?config=dev`, key);
      await doppler.call("GET", "/v3/projects", { token: "dp.st.dev.wrong" });
      await doppler.call("GET", "/v3/projects", { token: null });
      await doppler.call("POST", SECRETS, { rawBody: `{"secrets":{"A":"${value}` });
      await doppler.call("GET", `/v3/projects?token=${key}`);
      await doppler.ok("DELETE", "/v3/configs/config/tokens/token", { body: { ...dev, token: key } });

      assert.deepEqual(
        entries(doppler.data).map(({ method, path, status, token }) => [method, path, status, token]),
        [
          ["POST", "/v3/projects", 200, "personal:management"],
          ["POST", SECRETS, 200, "personal:management"],
          ["POST", "/v3/configs/config/tokens", 200, "personal:management"],
          ["GET", `${SECRETS}/download?config=dev`, 200, `service:${slug}`],
          ["GET", "/v3/projects", 401, "invalid"],
          ["GET", "/v3/projects", 401, "none"],
          ["POST", SECRETS, 400, "personal:management"],
          ["GET", "/v3/projects?token=[token]", 200, "personal:management"],
          ["DELETE", "/v3/configs/config/tokens/token", 200, "personal:management"],
        ],
      );
      assert.ok(entries(doppler.data).every(({ time }) => !Number.isNaN(Date.parse(time))));
      const log = readFileSync(dopplerPaths(doppler.data).requests, "utf8");
      for (const secret of [value, key, doppler.token, "dp.st.dev.wrong"]) assert.ok(!log.includes(secret));
    }));

  it("goes on after a restart", () =>
    withHarness(async (doppler) => {
      await doppler.get("/v3/projects");
      await doppler.restart();
      await doppler.get("/v3/projects");
      assert.equal(entries(doppler.data).length, 2);
    }));
});

describe("the command", () => {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));

  it("prints its URL as its only line, and ends on SIGTERM", async () => {
    const data = mkdtempSync(join(tmpdir(), "doppler-test-"));
    const child = spawn(process.execPath, [main, "--data", data, "--plan", "developer"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const lines: string[] = [];
      const reader = createInterface(child.stdout);
      reader.on("line", (line) => lines.push(line));
      await once(reader, "line");
      const { url } = JSON.parse(lines[0] ?? "") as { url: string };
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
      const response = await fetch(`${url}/v3/me`, {
        headers: { authorization: `Bearer ${readManagementToken(data)}` },
      });
      assert.deepEqual([response.status, response.headers.get("x-ratelimit-limit")], [200, "240"]);
      assert.equal(at(await response.json(), "type"), "personal");
      child.kill("SIGTERM");
      assert.deepEqual(await once(child, "exit"), [0, null]);
      assert.equal(lines.length, 1);
    } finally {
      child.kill("SIGKILL");
      rmSync(data, { recursive: true });
    }
  });

  for (const [what, args, message] of [
    ["no folder", [], "--data is required"],
    ["an unknown plan", ["--data", "x", "--plan", "free"], "unknown plan free"],
    ["a port that is none", ["--data", "x", "--port", "99999"], "--port must be a number from 0 to 65535, not 99999"],
    ["an unknown option", ["--nix"], "Unknown option '--nix'"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(child, "close")) as [number];
      assert.equal(code, 2);
      assert.ok(stderr.includes(message), stderr);
      assert.ok(stderr.includes("usage:"));
    });
  }
});
