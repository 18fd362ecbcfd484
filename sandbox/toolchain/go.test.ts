import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { compareVersions, goEnv, passingNetworkFailure, readGoMod, requireGo, runGo } from "./go.js";

const dir = mkdtempSync(join(tmpdir(), "go-test-"));
after(() => rmSync(dir, { recursive: true, force: true }));

/** PATH on which `go` is this shell script. */
function go(script: string): { PATH: string } {
  const bin = mkdtempSync(join(dir, "bin-"));
  writeFileSync(join(bin, "go"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "go"), 0o755);
  return { PATH: bin };
}

const run = (script: string, more: object = {}) => {
  const env = go(script);
  return runGo({
    args: ["build", "./..."],
    cwd: dir,
    env,
    logFile: join(env.PATH, "go.log"),
    retryDelayMs: 1,
    ...more,
  });
};

describe("runGo", () => {
  it("answers with the standard output", async () => {
    assert.equal(await run(`echo "$1 $2"; echo noise >&2`), "build ./...\n");
  });

  it("shows the last lines, the exit code and where all of it is", async () => {
    const env = go(`echo "x.go:1: undefined: y" >&2; exit 2`);
    const logFile = join(env.PATH, "go.log");
    await assert.rejects(runGo({ args: ["build", "x"], cwd: dir, env, logFile }), {
      message: `go build x failed (exit code 2):\n  | x.go:1: undefined: y\nThe whole output: ${logFile}`,
    });
    assert.equal(readFileSync(logFile, "utf8"), "$ go build x\nx.go:1: undefined: y\n");
  });

  it("tries again when the network fails", async () => {
    const marker = join(dir, "attempts");
    const reasons: string[] = [];
    const script = `echo x >> ${marker}
      read -r all < ${marker}; n=0; while read -r line; do n=$((n+1)); done < ${marker}
      if [ $n -lt 3 ]; then echo "Get https://proxy: net/http: TLS handshake timeout" >&2; exit 1; fi; echo done`;
    assert.equal(await run(script, { onRetry: (reason: string) => reasons.push(reason) }), "done\n");
    assert.deepEqual(reasons, ["TLS handshake timeout", "TLS handshake timeout"]);
  });

  it("gives up on the network in the end, saying what to look at", async () => {
    let retries = 0;
    await assert.rejects(
      run(`echo "dial tcp: i/o timeout" >&2; exit 1`, { onRetry: () => retries++ }),
      /could not be reached after 4 attempts: i\/o timeout\. Check the network, GOPROXY/,
    );
    assert.equal(retries, 3);
  });

  it("does not try again for another reason", async () => {
    let retries = 0;
    await assert.rejects(
      run(`echo "checksum mismatch" >&2; exit 1`, { onRetry: () => retries++ }),
      /checksum mismatch/,
    );
    assert.equal(retries, 0);
  });

  it("starts nothing when told before", async () => {
    const marker = join(dir, "not-started");
    await assert.rejects(
      run(`echo > ${marker}`, { signal: AbortSignal.abort(new Error("interrupted")) }),
      /interrupted/,
    );
    assert.equal(existsSync(marker), false);
  });

  it("ends a running command when told to", async () => {
    const abort = new AbortController();
    const running = run(`echo "unreachable: i/o timeout" >&2; while :; do :; done`, {
      signal: abort.signal,
    });
    abort.abort(new Error("interrupted"));
    await assert.rejects(running, /interrupted/);
  });
});

describe("passingNetworkFailure", () => {
  for (const line of [
    "dial tcp 127.0.0.1:1: connect: connection refused",
    "read tcp: connection reset by peer",
    "lookup proxy.example.com: no such host",
    "reading https://proxy/x.zip: 502 Bad Gateway",
    "unexpected EOF",
    "stream error: stream ID 3; INTERNAL_ERROR",
  ]) {
    it(`knows ${line}`, () => assert.notEqual(passingNetworkFailure(line), undefined));
  }
  for (const line of [
    "reading https://proxy/x.mod: 404 Not Found",
    "verifying module: checksum mismatch",
    "x.go:502: undefined: y",
    "no required module provides package",
  ]) {
    it(`leaves ${line}`, () => assert.equal(passingNetworkFailure(line), undefined));
  }
});

describe("requireGo", () => {
  const answer = (version: string, toolchain: string) => go(`echo ${version}; echo ${toolchain}`);

  it("takes a version that is new enough", async () => {
    assert.equal(await requireGo("1.25.11", answer("go1.26.0", "local")), "go1.26.0");
    assert.equal(await requireGo("1.26.0", answer("go1.26", "local")), "go1.26");
  });

  it("takes an older one that may fetch the right one", async () => {
    assert.equal(await requireGo("1.26.0", answer("go1.24.1", "auto")), "go1.24.1");
  });

  it("refuses an older one, saying what to do", async () => {
    await assert.rejects(requireGo("1.26.0", answer("go1.25.1", "local")), {
      message:
        "go1.25.1 is too old for the sandbox's tools. Install Go 1.26.0 or later from https://go.dev/dl/ and put its bin folder on PATH, or allow Go to fetch it with GOTOOLCHAIN=auto.",
    });
    await assert.rejects(requireGo("1.26.0", answer("go1.19", "auto")), /go1\.19 is too old.*Install Go 1\.26\.0/);
  });

  it("says that there is none", async () => {
    await assert.rejects(requireGo("1.26.0", { PATH: dir }), /none runs.*Install Go 1\.26\.0 or later/);
  });
});

describe("goEnv", () => {
  it("keeps what concerns Go and the way to its proxy, and nothing else", () => {
    const env = goEnv({
      PATH: "/bin",
      GOPROXY: "https://proxy.example.com",
      HTTPS_PROXY: "http://proxy.example.com",
      GOFLAGS: "-mod=vendor",
      GOOS: "windows",
      GITHUB_TOKEN: "secret",
      KUBECONFIG: "/home/x/.kube/config",
    });
    assert.deepEqual(env, {
      PATH: "/bin",
      GOPROXY: "https://proxy.example.com",
      HTTPS_PROXY: "http://proxy.example.com",
      GOFLAGS: "-mod=readonly -trimpath -buildvcs=false",
      GOWORK: "off",
      CGO_ENABLED: "0",
      GOGC: "400",
    });
  });

  it("keeps compiled packages where it is told to, whatever the caller's own place is", () => {
    assert.equal(goEnv({ GOCACHE: "/theirs" }, "/ours")["GOCACHE"], "/ours");
    assert.equal(goEnv({ GOCACHE: "/theirs" })["GOCACHE"], undefined);
  });
});

describe("readGoMod", () => {
  it("finds the version a module is pinned to, in a block or alone", () => {
    assert.deepEqual(readGoMod("module x\n\ngo 1.25.0\n\nrequire (\n\ta.b/c v1.2.3 // indirect\n)\n", "a.b/c"), {
      go: "1.25.0",
      version: "v1.2.3",
    });
    assert.equal(readGoMod("go 1.25.0\nrequire a.b/c v1.0.0\n", "a.b/c").version, "v1.0.0");
  });

  it("does not take a longer path for it", () => {
    assert.throws(() => readGoMod("go 1.25.0\nrequire a.b/c/v2 v2.0.0\n", "a.b/c"), /does not pin a\.b\/c/);
  });
});

describe("compareVersions", () => {
  it("compares by number", () => {
    assert.ok(compareVersions("1.9", "1.10") < 0);
    assert.ok(compareVersions("1.26.1", "1.26") > 0);
    assert.equal(compareVersions("1.26", "1.26.0"), 0);
    assert.equal(compareVersions("1.26rc1", "1.26.0"), 0);
  });
});
