import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { exportsFor, isForeign, shellExports, toolEnvironment } from "./exports.js";
import { layout } from "./layout.js";

const here = layout(mkdtempSync(join(tmpdir(), "sandbox's environment-")));
mkdirSync(here.doppler);
mkdirSync(here.github);
writeFileSync(join(here.doppler, "token"), "dp.pt.sandbox\n");
writeFileSync(join(here.github, "token"), "ghp_sandbox\n");
after(() => rmSync(here.dir, { recursive: true }));

const endpoints = {
  dopplerUrl: "http://127.0.0.1:4001",
  githubUrl: "http://127.0.0.1:4002",
  kubeconfig: "/sandbox/kubeconfig",
  server: "https://127.0.0.1:4003",
};

/** What a caller may have set, with real accounts behind it. */
const caller = {
  PATH: "/usr/bin:/bin",
  HOME: "/home/someone",
  DOPPLER_TOKEN: "dp.pt.real",
  DOPPLER_API_HOST: "https://api.doppler.com",
  DOPPLER_ENVIRONMENT: "prd",
  GITHUB_TOKEN: "ghp_real",
  GITHUB_OWNER: "real-owner",
  GITHUB_APP_PEM_FILE: "real",
  GH_TOKEN: "real",
  PULUMI_ACCESS_TOKEN: "pul-real",
  PULUMI_CONFIG_PASSPHRASE: "real",
  PULUMI_BACKEND_URL: "s3://real",
  KUBECONFIG: "/home/someone/.kube/config",
  HELM_KUBECONTEXT: "real",
  HTTPS_PROXY: "http://proxy.example",
  no_proxy: "x",
};

describe("the environment of a tool", () => {
  const env = toolEnvironment(here, exportsFor(here, endpoints, { project: "acme", config: "dev" }), caller);

  it("has the sandbox's accounts and places", () => {
    assert.equal(env["DOPPLER_TOKEN"], "dp.pt.sandbox");
    assert.equal(env["DOPPLER_API_HOST"], endpoints.dopplerUrl);
    assert.equal(env["GITHUB_TOKEN"], "ghp_sandbox");
    assert.equal(env["GITHUB_BASE_URL"], endpoints.githubUrl);
    assert.equal(env["KUBECONFIG"], endpoints.kubeconfig);
    assert.equal(env["PULUMI_BACKEND_URL"], `file://${here.backend}`);
    assert.equal(env["PATH"], `${here.bin}:/usr/bin:/bin`);
  });

  it("has nothing that leads to a real account", () => {
    for (const name of ["DOPPLER_ENVIRONMENT", "GITHUB_OWNER", "GITHUB_APP_PEM_FILE", "GH_TOKEN", "HELM_KUBECONTEXT"]) {
      assert.equal(name in env, false, name);
    }
    for (const name of ["PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "HTTPS_PROXY", "no_proxy"]) {
      assert.equal(name in env, false, name);
    }
    assert.doesNotMatch(JSON.stringify(env), /real|api\.doppler\.com|\.kube\/config/);
    assert.equal(env["HOME"], "/home/someone");
    assert.equal(isForeign("GOPROXY"), false, "the Go module proxy is no proxy of ours to drop");
  });
});

describe("an endpoint that is not this machine's", () => {
  const table: [keyof typeof endpoints, string][] = [
    ["dopplerUrl", "https://api.doppler.com"],
    ["dopplerUrl", "http://10.0.0.7:4001"],
    ["dopplerUrl", "http://127.0.0.1"],
    ["githubUrl", "https://github.example.com"],
    ["githubUrl", "http://127.0.0.1.example.com:4002"],
    ["server", "https://prod.cluster.example:6443"],
    ["server", "https://0.0.0.0:6443"],
  ];
  for (const [endpoint, url] of table) {
    it(`${endpoint} ${url} is refused`, () => {
      assert.throws(() => exportsFor(here, { ...endpoints, [endpoint]: url }, {}), /not this machine|explicit port/);
    });
  }
});

describe("the exports for a shell", () => {
  const script = shellExports(here, exportsFor(here, endpoints, {}), caller);

  it("hold no token", () => {
    assert.doesNotMatch(script, /dp\.pt\.|ghp_/);
  });

  it("make a shell's environment that of a tool, whatever it was", () => {
    const { stdout, status } = spawnSync("sh", ["-c", `${script}\n${script}\nenv`], { env: caller, encoding: "utf8" });
    assert.equal(status, 0);
    const lines = stdout.split("\n");
    assert.ok(lines.includes("DOPPLER_TOKEN=dp.pt.sandbox"));
    assert.ok(lines.includes(`PATH=${here.bin}:/usr/bin:/bin`), "evaluated twice, the folder is on PATH once");
    assert.doesNotMatch(stdout, /real|proxy\.example|\.kube\/config/);
  });
});
