import assert from "node:assert/strict";
import { request } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { buyPlan, PLAN_LIMITS, PLANS } from "./index.js";
import { RateLimiter } from "./rateLimits.js";
import { Harness } from "./testing.js";

const DOWNLOAD = "/v3/configs/config/secrets/download?project=app&config=dev";

describe("rate limits", () => {
  let doppler: Harness;

  beforeEach(async () => {
    doppler = await Harness.start("developer");
    await doppler.post("/v3/projects", { name: "app" });
    doppler.advance(60);
  });
  afterEach(() => doppler.close());

  async function exhaust(method: string, path: string, count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      const { status } = await doppler.callNow(method, path);
      assert.notEqual(status, 429, `request ${n} of ${count}`);
    }
  }

  for (const plan of PLANS) {
    it(`are those of the ${plan} plan`, () => {
      const limits = PLAN_LIMITS[plan];
      const limiter = new RateLimiter({ limits }, () => 0);
      for (const requestClass of ["read", "secret read", "write"] as const) {
        const limit = limits.requestsPerMinute[requestClass];
        for (let n = 1; n <= limit; n++) assert.equal(limiter.count("caller", requestClass).exceeded, undefined);
        assert.equal(limiter.count("caller", requestClass).exceeded?.status, 429);
        assert.equal(limiter.count("another", requestClass).exceeded, undefined);
      }
    });
  }

  it("are those of another plan as soon as it is bought", async () => {
    await exhaust("GET", DOWNLOAD, 120);
    assert.equal((await doppler.callNow("GET", DOWNLOAD)).status, 429);
    buyPlan(doppler.data, "team");
    const { status, headers } = await doppler.callNow("GET", DOWNLOAD);
    assert.notEqual(status, 429);
    assert.equal(headers.get("x-ratelimit-limit"), "240");
    await exhaust("GET", DOWNLOAD, 118);
    assert.equal((await doppler.callNow("GET", DOWNLOAD)).status, 429);
  });

  it("count reads, reads of secrets and writes apart", async () => {
    const secret = "/v3/configs/config/secret?project=app&config=dev&name=A";
    await exhaust("GET", DOWNLOAD, 60);
    await exhaust("GET", secret, 60);
    assert.equal((await doppler.callNow("GET", DOWNLOAD)).status, 429);
    assert.equal((await doppler.callNow("GET", secret)).status, 429);
    assert.equal((await doppler.callNow("GET", "/v3/projects")).status, 200);
    await exhaust("DELETE", "/v3/projects/project", 60);
    assert.equal((await doppler.callNow("POST", "/v3/projects", { body: { name: "more" } })).status, 429);
    assert.equal((await doppler.callNow("GET", "/v3/projects")).status, 200);
  });

  it("tell how long to wait, and end after it", async () => {
    await exhaust("GET", DOWNLOAD, 120);
    doppler.advance(20);
    const { status, headers, json } = await doppler.callNow("GET", DOWNLOAD);
    assert.equal(status, 429);
    assert.equal(headers.get("retry-after"), "40");
    assert.match(headers.get("content-type") ?? "", /^application\/json/);
    assert.deepEqual(json, {
      success: false,
      messages: [
        "Exceeded rate limit of 120 secret read requests within 60 seconds. Retry in 40 seconds. " +
          "Upgrade to the Team plan to increase your limit",
      ],
    });
    doppler.advance(39);
    assert.equal((await doppler.callNow("GET", DOWNLOAD)).status, 429);
    doppler.advance(1);
    assert.equal((await doppler.callNow("GET", DOWNLOAD)).status, 200);
  });

  it("are told with every response", async () => {
    const reset = String(doppler.now / 1000 + 60);
    const quota = ({ headers }: { headers: Headers }) =>
      ["limit", "remaining", "reset"].map((name) => headers.get(`x-ratelimit-${name}`));
    assert.deepEqual(quota(await doppler.callNow("GET", DOWNLOAD)), ["120", "119", reset]);
    assert.deepEqual(quota(await doppler.callNow("GET", DOWNLOAD)), ["120", "118", reset]);
    assert.deepEqual(quota(await doppler.callNow("GET", "/v3/projects")), ["240", "239", reset]);
    assert.deepEqual(quota(await doppler.callNow("GET", "/v3/projects", { token: null })), ["240", "238", reset]);
    assert.deepEqual(quota(await doppler.callNow("GET", "/nix")), ["240", "237", reset]);
    assert.deepEqual(quota(await doppler.callNow("POST", "/v3/projects", { rawBody: "{" })), ["60", "59", reset]);
    await exhaust("GET", DOWNLOAD, 118);
    assert.deepEqual(quota(await doppler.callNow("GET", DOWNLOAD)), ["120", "0", reset]);
  });

  it("hold for an address, whatever the token", async () => {
    const { key } = await doppler.serviceToken("app", "dev", "reader");
    doppler.advance(60);
    await exhaust("GET", DOWNLOAD, 120);
    assert.equal((await doppler.callNow("GET", DOWNLOAD, { token: key })).status, 429);
    assert.equal((await doppler.callNow("GET", DOWNLOAD, { token: "wrong" })).status, 429);
  });

  it(
    "hold for a token, whatever the address",
    { skip: process.platform !== "linux" && "needs 127.0.0.2" },
    async () => {
      const { key } = await doppler.serviceToken("app", "dev", "reader");
      doppler.advance(60);
      await exhaust("GET", DOWNLOAD, 120);
      assert.equal(await statusFrom("127.0.0.2", doppler.token), 429);
      assert.equal(await statusFrom("127.0.0.2", key), 200);
    },
  );

  /** A request from another address of this machine. */
  function statusFrom(localAddress: string, token: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      request(doppler.url + DOWNLOAD, { localAddress, headers }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode));
      })
        .on("error", reject)
        .end();
    });
  }
});
