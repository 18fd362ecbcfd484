import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { withLock } from "./lock.js";

const dir = mkdtempSync(join(tmpdir(), "lock-test-"));
after(() => rmSync(dir, { recursive: true, force: true }));

describe("withLock", () => {
  it("lets one in at a time", async () => {
    const file = join(dir, "one");
    let inside = 0;
    let most = 0;
    const body = async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    };
    await Promise.all([1, 2, 3, 4].map(() => withLock(file, body)));
    assert.equal(most, 1);
    assert.equal(existsSync(file), false);
  });

  it("is given back when the body fails, and its result passed on", async () => {
    const file = join(dir, "failing");
    await assert.rejects(
      withLock(file, () => Promise.reject(new Error("no"))),
      /no/,
    );
    assert.equal(await withLock(file, () => Promise.resolve(7)), 7);
    assert.deepEqual(
      readdirSync(dir).filter((name) => name.startsWith("failing")),
      [],
    );
  });

  it("is taken over from a holder that was killed", async () => {
    const file = join(dir, "killed");
    const module = new URL("./lock.js", import.meta.url).href;
    const script = `import { withLock } from ${JSON.stringify(module)};
      await withLock(${JSON.stringify(file)}, () => { console.log("held"); return new Promise(() => setInterval(() => {}, 1e6)); });`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    let waitedFor: number | undefined;
    const entered = withLock(file, () => Promise.resolve("in"), {
      onWait: ({ pid }) => {
        waitedFor = pid;
        holder.kill("SIGKILL");
      },
    });
    assert.equal(await entered, "in");
    assert.equal(waitedFor, holder.pid);
  });

  it("is taken over from one that names nobody", async () => {
    const file = join(dir, "torn");
    writeFileSync(file, "");
    assert.equal(await withLock(file, () => Promise.resolve("in")), "in");
  });

  it("gives up waiting when told to", async () => {
    const file = join(dir, "abort");
    const abort = new AbortController();
    await withLock(file, async () => {
      const waiting = withLock(file, () => Promise.resolve(), {
        signal: abort.signal,
        onWait: () => abort.abort(new Error("enough")),
      });
      await assert.rejects(waiting, { name: "AbortError" });
      assert.ok(existsSync(file));
    });
  });
});
