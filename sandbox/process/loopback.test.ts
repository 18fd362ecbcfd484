import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertLoopback } from "./loopback.js";

describe("assertLoopback", () => {
  for (const url of [
    "http://127.0.0.1:8080",
    "https://127.8.9.10:1/path",
    "http://localhost:80",
    "http://LOCALHOST:80",
    "http://[::1]:8080/x",
  ]) {
    it(`takes ${url}`, () => {
      assert.ok(assertLoopback(url, "the URL", { explicitPort: true }));
    });
  }

  for (const [url, message] of [
    ["https://api.doppler.com", /the URL leads to api\.doppler\.com, which is not this machine/],
    ["http://10.0.0.1:8080", /not this machine/],
    ["http://0.0.0.0:8080", /not this machine/],
    ["http://128.0.0.1:80", /not this machine/],
    ["http://127.0.0.1.example.com:80", /not this machine/],
    ["http://localhost.example.com:80", /not this machine/],
    ["http://[::2]:80", /not this machine/],
    ["http://127.0.0.1:80@example.com:80", /must not carry credentials/],
    ["http://user:password@127.0.0.1:80", /must not carry credentials/],
    ["ftp://127.0.0.1:80", /must begin with http/],
    ["127.0.0.1:80", /is not a URL|must begin with http/],
    ["", /is not a URL/],
    ["http://127.0.0.1", /needs an explicit port/],
    ["https://localhost/", /needs an explicit port/],
    ["http://127.0.0.1/:80", /needs an explicit port/],
    ["http://[::1]/", /needs an explicit port/],
  ] as const) {
    it(`refuses ${url === "" ? "an empty one" : url}`, () => {
      assert.throws(() => assertLoopback(url, "the URL", { explicitPort: true }), message);
    });
  }

  it("never repeats credentials", () => {
    assert.throws(
      () => assertLoopback("http://user:hunter2@example.com", "the URL"),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });
});
