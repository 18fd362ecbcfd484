import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readManagementToken, startDopplerStandIn } from "../doppler/index.js";
import { clearFault, faultHit, Faults, setFault } from "./faults.js";

async function withFolder(body: (data: string) => void | Promise<void>): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "faults-"));
  try {
    await body(data);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

describe("a fault", () => {
  it("comes at its request and stays", () =>
    withFolder((data) => {
      const faults = new Faults(data);
      assert.equal(faults.next(), "answer");
      setFault(data, { request: 2, when: "after" });
      assert.equal(faults.next(), "answer");
      assert.equal(faultHit(data), false);
      assert.deepEqual([faults.next(), faults.next(), faults.next()], ["after", "before", "before"]);
      assert.equal(faultHit(data), true);
      setFault(data, { request: 1, when: "before" });
      assert.equal(faultHit(data), false);
      assert.equal(faults.next(), "before");
      clearFault(data);
      assert.equal(faults.next(), "answer");
    }));

  for (const when of ["before", "after"] as const) {
    it(`${when} the work of a request: no answer, and the work is ${when === "after" ? "" : "not "}done`, () =>
      withFolder(async (data) => {
        const standIn = await startDopplerStandIn({ data });
        const ask = (path: string, body?: unknown) =>
          fetch(`${standIn.url}${path}`, {
            method: body === undefined ? "GET" : "POST",
            headers: {
              authorization: `Basic ${Buffer.from(`${readManagementToken(data)}:`).toString("base64")}`,
              "content-type": "application/json",
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            signal: AbortSignal.timeout(1_000),
          });
        try {
          setFault(data, { request: 1, when });
          await assert.rejects(ask("/v3/projects", { name: "acme" }), { name: "TimeoutError" });
          clearFault(data);
          const { status } = await ask("/v3/projects/project?project=acme");
          assert.equal(status === 200, when === "after");
        } finally {
          await standIn.close();
        }
      }));
  }
});
