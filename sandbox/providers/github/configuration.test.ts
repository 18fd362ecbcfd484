import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chosenOwner, restUrl } from "./configuration.js";

describe("base URL", () => {
  for (const [given, expected] of [
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3/"],
    ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v3/"],
    ["http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/api/v3/"],
    ["http://127.0.0.1:8080/api/v3/", "http://127.0.0.1:8080/api/v3/"],
    ["http://127.0.0.1:8080/gh", "http://127.0.0.1:8080/gh/api/v3/"],
    ["https://github.com", "https://api.github.com/"],
    ["https://api.github.com/", "https://api.github.com/"],
    ["https://acme.ghe.com", "https://api.acme.ghe.com/"],
  ] as const) {
    it(`${given} means ${expected}`, () => assert.equal(restUrl(given), expected));
  }
  for (const [given, problem] of [
    ["127.0.0.1", /must be absolute/],
    ["http://api.github.com/", /must use the https scheme/],
    ["https://api.github.com/api/v3/", /must not contain a path, got \/api\/v3\//],
  ] as const) {
    it(`${given} is refused`, () => assert.throws(() => restUrl(given), problem));
  }
});

describe("owner", () => {
  const all = { GITHUB_ORGANIZATION: "org-env", GITHUB_OWNER: "owner-env" };
  for (const [config, environment, expected] of [
    [{ organization: "org", owner: "owner" }, all, "org"],
    [{ owner: "owner" }, all, "org-env"],
    [{ owner: "owner" }, { GITHUB_OWNER: "owner-env" }, "owner-env"],
    [{ owner: "owner" }, { GITHUB_OWNER: "" }, "owner"],
    [{}, {}, ""],
  ] as const) {
    it(`of ${JSON.stringify(config)} with ${JSON.stringify(environment)} is ${JSON.stringify(expected)}`, () =>
      assert.equal(chosenOwner(config, environment), expected));
  }
});
