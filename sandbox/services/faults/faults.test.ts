import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { readManagementToken, startDopplerStandIn } from "../doppler/index.js";
import { createServer } from "../github/index.js";
import { clearFault, countRequests, type Fault, faultHit, Faults, requestsCounted, setFault } from "./faults.js";

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
      assert.equal(faults.next("GET"), "answer");
      setFault(data, { request: 2, when: "after" });
      assert.equal(faults.next("GET"), "answer");
      assert.equal(faultHit(data), false);
      assert.deepEqual([faults.next("GET"), faults.next("PUT"), faults.next("GET")], ["after", "before", "before"]);
      assert.equal(faultHit(data), true);
      setFault(data, { request: 2, when: "before" });
      assert.equal(faultHit(data), false);
      assert.deepEqual([faults.next("GET"), faults.next("GET")], ["answer", "before"]);
      clearFault(data);
      assert.equal(faultHit(data), false);
      assert.equal(faults.next("GET"), "answer");
    }));

  it("may be for what changes something, and stops the rest with it", () =>
    withFolder((data) => {
      const faults = new Faults(data);
      setFault(data, { request: 2, when: "before", of: "writes" });
      const verdicts = ["GET", "POST", "GET", "DELETE", "GET"].map((method) => faults.next(method));
      assert.deepEqual(verdicts, ["answer", "answer", "answer", "before", "before"]);
    }));

  it("counts from when it was set, whether or not it comes", () =>
    withFolder((data) => {
      const faults = new Faults(data);
      faults.next("GET");
      assert.equal(requestsCounted(data), 0);
      countRequests(data);
      for (let n = 0; n < 3; n++) assert.equal(faults.next("GET"), "answer");
      assert.equal(requestsCounted(data), 3);
      assert.equal(faultHit(data), false);
      setFault(data, { request: 1, when: "before" });
      assert.equal(requestsCounted(data), 0);
      faults.next("GET");
      faults.next("GET");
      assert.equal(requestsCounted(data), 2);
    }));
});

/** A stand-in that runs on a data folder, and a change to it. */
interface Service {
  readonly change: (signal?: AbortSignal) => Promise<Response>;
  /** Whether the change was made, as its API says. */
  readonly changed: (signal?: AbortSignal) => Promise<boolean>;
  readonly close: () => Promise<unknown>;
}

interface Sent {
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const send = (url: string, authorization: string, method: string, { body, signal }: Sent = {}) =>
  fetch(url, {
    method,
    headers: { authorization, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });

/** Asks what is not to be answered, and gives up some time after the stand-in has heard of it. */
async function unanswered(data: string, ask: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const before = requestsCounted(data);
  let answered = false;
  const asked = ask(abort.signal).then(
    () => (answered = true),
    () => undefined,
  );
  while (requestsCounted(data) === before && !answered) await delay(5);
  await Promise.race([asked, delay(300)]);
  abort.abort();
  await asked;
  assert.equal(answered, false, "it is answered");
}

const services: Readonly<Record<string, (data: string) => Promise<Service>>> = {
  Doppler: async (data) => {
    const standIn = await startDopplerStandIn({ data });
    const { url } = standIn;
    const authorization = `Basic ${Buffer.from(`${readManagementToken(data)}:`).toString("base64")}`;
    return {
      change: (signal) => send(`${url}/v3/projects`, authorization, "POST", { body: { name: "acme" }, signal }),
      changed: async (signal) =>
        (await send(`${url}/v3/projects/project?project=acme`, authorization, "GET", { signal })).ok,
      close: () => standIn.close(),
    };
  },
  GitHub: async (data) => {
    const app = createServer({ dataDir: data, repositories: ["acme/app"] });
    const url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/api/v3/repos/acme/app/environments/production`;
    const authorization = `Bearer ${readFileSync(join(data, "token"), "utf8").trim()}`;
    return {
      change: (signal) => send(url, authorization, "PUT", { body: {}, signal }),
      changed: async (signal) => (await send(url, authorization, "GET", { signal })).ok,
      close: () => app.close(),
    };
  },
};

for (const [name, start] of Object.entries(services)) {
  describe(`${name}, when it stops answering`, () => {
    const stopped: [Fault["when"], boolean][] = [
      ["before", false],
      ["after", true],
    ];
    for (const [when, done] of stopped) {
      it(`${when} the work of a request, has ${done ? "" : "not "}done it`, () =>
        withFolder(async (data) => {
          const service = await start(data);
          try {
            setFault(data, { request: 1, when });
            await unanswered(data, service.change);
            await unanswered(data, service.changed);
            assert.equal(requestsCounted(data), 2);
            clearFault(data);
            assert.equal(await service.changed(), done);
            await service.change();
            assert.equal(await service.changed(), true);
          } finally {
            await service.close();
          }
        }));
    }

    it("has stored what it did, for the next start", () =>
      withFolder(async (data) => {
        const first = await start(data);
        setFault(data, { request: 1, when: "after" });
        try {
          await unanswered(data, first.change);
        } finally {
          clearFault(data);
          await first.close();
        }
        const second = await start(data);
        try {
          assert.equal(await second.changed(), true);
        } finally {
          await second.close();
        }
      }));
  });
}

it("a cluster's requests are neither counted nor stopped", () =>
  withFolder(async (data) => {
    const standIn = await startDopplerStandIn({ data });
    const { url } = standIn;
    const basic = (token: string) => `Basic ${Buffer.from(`${token}:`).toString("base64")}`;
    const mine = basic(readManagementToken(data));
    try {
      await send(`${url}/v3/projects`, mine, "POST", { body: { name: "acme" } });
      const environment = { project: "acme", name: "Development", slug: "dev" };
      await send(`${url}/v3/environments`, mine, "POST", { body: environment });
      const cluster = { project: "acme", config: "dev", name: "cluster", access: "read" };
      const made = await send(`${url}/v3/configs/config/tokens`, mine, "POST", { body: cluster });
      const { token } = (await made.json()) as { token: { key: string } };
      setFault(data, { request: 1, when: "before" });
      const signal = AbortSignal.timeout(10_000);
      const read = await send(`${url}/v3/configs/config/secrets/download`, basic(token.key), "GET", { signal });
      assert.equal(read.status, 200);
      assert.equal(requestsCounted(data), 0);
    } finally {
      await standIn.close();
    }
  }));
