import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { it } from "node:test";

const MAIN = join(import.meta.dirname, "main.js");

it("says its address in one line, serves, and ends at SIGTERM", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "github-stand-in-"));
  const child = spawn(process.execPath, [MAIN, "--data", dataDir, "--repository", "acme/app"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines: string[] = [];
  const reader = createInterface(child.stdout).on("line", (line) => lines.push(line));
  await once(reader, "line");
  const { url } = JSON.parse(lines[0] ?? "") as { url: string };
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const authorization = `Bearer ${readFileSync(join(dataDir, "token"), "utf8").trim()}`;
  const response = await fetch(`${url}/api/v3/repos/acme/app`, { headers: { authorization } });
  assert.equal(((await response.json()) as { full_name: string }).full_name, "acme/app");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  assert.equal(lines.length, 1);
  rmSync(dataDir, { recursive: true });
});

for (const [args, problem] of [
  [[], "--data is required"],
  [["--data", "x", "--port", "http"], "--port http is not a port number"],
  [["--data", "x", "--fast"], "Unknown option '--fast'"],
] as const) {
  it(`refuses the arguments ${JSON.stringify(args)}`, async () => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 2);
    assert.ok(stderr.includes(problem) && stderr.includes("usage:"), stderr);
  });
}
