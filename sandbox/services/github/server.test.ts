import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FastifyInstance } from "fastify";
import sodium from "libsodium-wrappers";
import { createServer, openSecret, readState } from "./index.js";

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

type Requester = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string | undefined>,
) => Promise<Answer>;

interface StandIn {
  app: FastifyInstance;
  url: string;
  dataDir: string;
  token: string;
  request: Requester;
  clock: { now: Date };
  stop(): Promise<void>;
}

async function start(dataDir = mkdtempSync(join(tmpdir(), "github-stand-in-"))): Promise<StandIn> {
  const clock = { now: new Date("2026-01-02T03:04:05.678Z") };
  const app = createServer({
    dataDir,
    repositories: ["acme/app", "acme/other", "someone/personal"],
    user: "someone",
    now: () => clock.now,
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const token = readFileSync(join(dataDir, "token"), "utf8").trim();
  const request: Requester = async (method, path, body, headers = {}) => {
    const all: Record<string, string | undefined> = { authorization: `Bearer ${token}`, ...headers };
    const response = await fetch(`${url}/api/v3${path}`, {
      method,
      redirect: "manual",
      headers: Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  };
  return { app, url, dataDir, token, request, clock, stop: () => app.close() };
}

async function seal(standIn: StandIn, scopePath: string, value: string): Promise<Record<string, unknown>> {
  await sodium.ready;
  const { body } = await standIn.request("GET", `${scopePath}/public-key`);
  const key = Buffer.from(String(body["key"]), "base64");
  const box = sodium.crypto_box_seal(Buffer.from(value), key);
  return { key_id: body["key_id"], encrypted_value: Buffer.from(box).toString("base64") };
}

const REPO_SECRETS = "/repos/acme/app/actions/secrets";
const VALUE = "correct horse battery staple";

describe("GitHub stand-in", () => {
  let standIn: StandIn;
  before(async () => {
    standIn = await start();
  });
  after(async () => {
    await standIn.stop();
    rmSync(standIn.dataDir, { recursive: true });
  });

  describe("refuses", () => {
    interface Refusal {
      what: string;
      method: string;
      path: string;
      body?: unknown;
      headers?: Record<string, string | undefined>;
      status: number;
      message: string | RegExp;
    }
    const sealed = { encrypted_value: "c2VhbGVk", key_id: "1" };
    const refusals: Refusal[] = [
      ...["/user", REPO_SECRETS, "/orgs/acme", "/no/such/route"].flatMap((path): Refusal[] => [
        {
          what: `no token at ${path}`,
          method: "GET",
          path,
          headers: { authorization: undefined },
          status: 401,
          message: "Requires authentication",
        },
        {
          what: `another token at ${path}`,
          method: "GET",
          path,
          headers: { authorization: "Bearer ghp_another" },
          status: 401,
          message: "Bad credentials",
        },
      ]),
      {
        what: "the token in the wrong part of basic credentials",
        method: "GET",
        path: "/user",
        headers: { authorization: `Basic ${Buffer.from("ghp_x:").toString("base64")}` },
        status: 401,
        message: "Bad credentials",
      },
      ...[
        ["GET", "/no/such/route"],
        ["GET", "/repos/acme/absent"],
        ["GET", "/repos/absent/app"],
        ["GET", "/repositories/1"],
        ["GET", "/users/absent"],
        ["GET", "/orgs/absent"],
        ["GET", "/orgs/someone"],
        ["GET", "/orgs/someone/actions/secrets"],
        ["GET", "/repos/acme/absent/actions/secrets/public-key"],
        ["PUT", "/repos/acme/absent/actions/secrets/NAME"],
        ["GET", `${REPO_SECRETS}/ABSENT`],
        ["DELETE", `${REPO_SECRETS}/ABSENT`],
        ["DELETE", "/orgs/acme/actions/secrets/ABSENT"],
        ["DELETE", "/repos/acme/app/dependabot/secrets/ABSENT"],
        ["GET", "/repos/acme/app/environments/absent"],
        ["DELETE", "/repos/acme/app/environments/absent"],
        ["GET", "/repos/acme/app/environments/absent/secrets"],
        ["GET", "/repos/acme/app/environments/absent/secrets/public-key"],
        ["PUT", "/repos/acme/app/environments/absent/secrets/NAME"],
        ["GET", "/repos/acme/app/actions/variables/ABSENT"],
        ["PATCH", "/repos/acme/app/actions/variables/ABSENT"],
      ].map(([method = "", path = ""]): Refusal => ({
        what: `${method} ${path}`,
        method,
        path,
        ...(method === "PUT" ? { body: sealed } : {}),
        status: 404,
        message: "Not Found",
      })),
      ...["1ST", "WITH-DASH", "WITH%20SPACE", "W%C3%96RD", "public-key"].map((name): Refusal => ({
        what: `the secret name ${name}`,
        method: "PUT",
        path: `${REPO_SECRETS}/${name}`,
        body: sealed,
        status: 422,
        message: /^Secret names can only contain alphanumeric characters/,
      })),
      ...["GITHUB_TOKEN", "github_x", "Github_"].map((name): Refusal => ({
        what: `the secret name ${name}`,
        method: "PUT",
        path: `${REPO_SECRETS}/${name}`,
        body: sealed,
        status: 422,
        message: "Secret names must not start with GITHUB_.",
      })),
      {
        what: "a body that is no JSON",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: "{",
        status: 400,
        message: "Problems parsing JSON",
      },
      {
        what: "a body that is no object",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: [1],
        status: 400,
        message: "Body should be a JSON object",
      },
      {
        what: "a PUT without a value",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: { key_id: "1" },
        status: 422,
        message: 'Invalid request.\n\n"encrypted_value" wasn\'t supplied.',
      },
      {
        what: "a PUT without a key_id",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: { encrypted_value: "c2VhbGVk" },
        status: 422,
        message: 'Invalid request.\n\n"key_id" wasn\'t supplied.',
      },
      {
        what: "a key_id that is a number",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: { encrypted_value: "c2VhbGVk", key_id: 1 },
        status: 422,
        message: "Invalid request.\n\nFor 'properties/key_id', the value is not a string.",
      },
      {
        what: "the key_id of another key",
        method: "PUT",
        path: `${REPO_SECRETS}/NAME`,
        body: sealed,
        status: 422,
        message: "Bad request - key_id is not the ID of the current public key",
      },
      {
        what: "an organization secret without visibility",
        method: "PUT",
        path: "/orgs/acme/actions/secrets/NAME",
        body: sealed,
        status: 422,
        message: 'Invalid request.\n\n"visibility" wasn\'t supplied.',
      },
      {
        what: "an unknown visibility",
        method: "PUT",
        path: "/orgs/acme/actions/secrets/NAME",
        body: { ...sealed, visibility: "public" },
        status: 422,
        message: /Must be one of the following: all, private, selected\.$/,
      },
      {
        what: "selected repositories for a secret that all may use",
        method: "PUT",
        path: "/orgs/acme/actions/secrets/NAME",
        body: { ...sealed, visibility: "all", selected_repository_ids: [1] },
        status: 422,
        message: /can only be given when the visibility is selected/,
      },
      {
        what: "a selected repository that is not the organization's",
        method: "PUT",
        path: "/orgs/acme/actions/secrets/NAME",
        body: { ...sealed, visibility: "selected", selected_repository_ids: [1] },
        status: 422,
        message: /no such repository in this organization: 1$/,
      },
      {
        what: "selected repositories that are no list",
        method: "PUT",
        path: "/orgs/acme/actions/secrets/NAME",
        body: { ...sealed, visibility: "selected", selected_repository_ids: "all" },
        status: 422,
        message: /properties\/selected_repository_ids', the value is not a array/,
      },
      ...[
        [{ wait_timer: 43_201 }, "Validation Failed"],
        [{ wait_timer: -1 }, "Validation Failed"],
        [{ wait_timer: "5" }, /properties\/wait_timer/],
        [{ can_admins_bypass: "yes" }, /properties\/can_admins_bypass/],
        [{ reviewers: [{ type: "Team", id: 7 }] }, "Validation Failed"],
        [{ reviewers: [{ type: "User" }] }, /properties\/reviewers\/items/],
        [{ deployment_branch_policy: { protected_branches: true } }, /required booleans/],
        [{ deployment_branch_policy: { protected_branches: true, custom_branch_policies: true } }, "Validation Failed"],
      ].map(([body, message]): Refusal => ({
        what: `an environment with ${JSON.stringify(body)}`,
        method: "PUT",
        path: "/repos/acme/app/environments/refused",
        body,
        status: 422,
        message: message as string | RegExp,
      })),
      {
        what: "a repository name that is taken",
        method: "POST",
        path: "/orgs/acme/repos",
        body: { name: "App" },
        status: 422,
        message: "Repository creation failed.",
      },
      {
        what: "a variable named like GitHub's own",
        method: "POST",
        path: "/repos/acme/app/actions/variables",
        body: { name: "GITHUB_X", value: "1" },
        status: 422,
        message: "Variable names must not start with GITHUB_.",
      },
    ];
    for (const { what, method, path, body, headers, status, message } of refusals) {
      it(`${what} (${status})`, async () => {
        const answer = await standIn.request(method, path, body, headers);
        assert.equal(answer.status, status);
        if (typeof message === "string") {
          assert.equal(answer.body["message"], message);
        } else {
          assert.match(String(answer.body["message"]), message);
        }
        assert.equal(answer.body["status"], String(status));
        assert.ok(answer.body["documentation_url"]);
      });
    }

    it("a value that is no base64, without repeating it", async () => {
      const answer = await standIn.request("PUT", `${REPO_SECRETS}/NAME`, { encrypted_value: VALUE, key_id: "1" });
      assert.equal(answer.status, 422);
      assert.match(String(answer.body["message"]), /^Invalid request\.\n\n.*does not match/);
      assert.ok(!JSON.stringify(answer.body).includes(VALUE));
    });

    it("a box that was sealed to another key or is no box", async () => {
      const mine = await seal(standIn, REPO_SECRETS, VALUE);
      const others = await seal(standIn, "/repos/acme/other/actions/secrets", VALUE);
      const dependabots = await seal(standIn, "/repos/acme/app/dependabot/secrets", VALUE);
      for (const box of [others["encrypted_value"], dependabots["encrypted_value"], "c2VhbGVk", "AAAA"]) {
        const answer = await standIn.request("PUT", `${REPO_SECRETS}/NAME`, { ...mine, encrypted_value: box });
        assert.equal(answer.status, 422);
        assert.equal(answer.body["message"], "Bad request - validation failed due to an improperly encrypted secret");
      }
    });

    it("a value over 48 KB, and takes one of 48 KB", async () => {
      const large = await seal(standIn, REPO_SECRETS, "x".repeat(48 * 1024));
      assert.equal((await standIn.request("PUT", `${REPO_SECRETS}/LARGE`, large)).status, 201);
      const tooLarge = await seal(standIn, REPO_SECRETS, "x".repeat(48 * 1024 + 1));
      const answer = await standIn.request("PUT", `${REPO_SECRETS}/LARGE`, tooLarge);
      assert.equal(answer.status, 422);
      assert.match(String(answer.body["message"]), /48 KB/);
    });

    it("the 101st secret of a repository", async () => {
      const path = "/repos/acme/other/actions/secrets";
      const box = await seal(standIn, path, VALUE);
      for (let count = 1; count <= 100; count++) {
        assert.equal((await standIn.request("PUT", `${path}/S${count}`, box)).status, 201);
      }
      const answer = await standIn.request("PUT", `${path}/S101`, box);
      assert.equal(answer.status, 422);
      assert.match(String(answer.body["message"]), /No more than 100/);
      assert.equal((await standIn.request("PUT", `${path}/S100`, box)).status, 204);
    });
  });

  describe("keeps a secret of", () => {
    const scopes = [
      { what: "a repository", path: REPO_SECRETS, ref: { app: "actions", repository: "acme/app" } },
      {
        what: "a repository, for Dependabot",
        path: "/repos/acme/app/dependabot/secrets",
        ref: { app: "dependabot", repository: "acme/app" },
      },
      {
        what: "an environment",
        path: "/repos/acme/app/environments/prod%2Feu/secrets",
        ref: { app: "actions", repository: "acme/app", environment: "prod/eu" },
      },
      { what: "an organization", path: "/orgs/acme/actions/secrets", ref: { app: "actions", organization: "acme" } },
      {
        what: "an organization, for Dependabot",
        path: "/orgs/acme/dependabot/secrets",
        ref: { app: "dependabot", organization: "acme" },
      },
    ] as const;
    before(async () => {
      assert.equal((await standIn.request("PUT", "/repos/acme/app/environments/prod%2Feu", {})).status, 200);
    });

    for (const { what, path, ref } of scopes) {
      it(what, async () => {
        const access = "organization" in ref ? { visibility: "private" } : {};
        const put = async (value: string) =>
          standIn.request("PUT", `${path}/kept_Secret`, { ...(await seal(standIn, path, value)), ...access });

        const created = await put(VALUE);
        assert.equal(created.status, 201);
        assert.deepEqual(created.body, {});
        assert.equal(await openSecret(standIn.dataDir, ref, "KEPT_SECRET"), VALUE);

        standIn.clock.now = new Date("2026-01-02T03:04:09.999Z");
        const updated = await put("another value, ünïcode");
        standIn.clock.now = new Date("2026-01-02T03:04:05.678Z");
        assert.equal(updated.status, 204);
        assert.equal(await openSecret(standIn.dataDir, ref, "kept_secret"), "another value, ünïcode");

        const read = await standIn.request("GET", `${path}/Kept_secret`);
        assert.deepEqual(read.body, {
          name: "KEPT_SECRET",
          created_at: "2026-01-02T03:04:05Z",
          updated_at: "2026-01-02T03:04:09Z",
          ...access,
        });
        const list = await standIn.request("GET", path);
        assert.ok((list.body["secrets"] as { name: string }[]).some((secret) => secret.name === "KEPT_SECRET"));

        assert.equal((await standIn.request("DELETE", `${path}/KEPT_SECRET`)).status, 204);
        assert.equal((await standIn.request("GET", `${path}/KEPT_SECRET`)).status, 404);
        assert.equal((await standIn.request("DELETE", `${path}/KEPT_SECRET`)).status, 404);
        await assert.rejects(openSecret(standIn.dataDir, ref, "KEPT_SECRET"), /no secret KEPT_SECRET/);
      });
    }

    it("an environment, by the repository's id too", async () => {
      const repository = await standIn.request("GET", "/repos/acme/app");
      const byId = `/repositories/${String(repository.body["id"])}/environments/prod%2Feu/secrets`;
      assert.equal((await standIn.request("PUT", `${byId}/BY_ID`, await seal(standIn, byId, VALUE))).status, 201);
      const byName = "/repos/ACME/App/environments/prod%2Feu/secrets";
      assert.equal((await standIn.request("GET", `${byName}/BY_ID`)).status, 200);
      assert.deepEqual(
        (await standIn.request("GET", `${byId}/public-key`)).body,
        (await standIn.request("GET", `${byName}/public-key`)).body,
      );
    });

    it("an organization, for selected repositories", async () => {
      const path = "/orgs/acme/actions/secrets";
      const ids = await Promise.all(
        ["app", "other"].map(async (name) => (await standIn.request("GET", `/repos/acme/${name}`)).body["id"]),
      );
      const put = async (access: object) =>
        standIn.request("PUT", `${path}/SELECTED`, { ...(await seal(standIn, path, VALUE)), ...access });
      assert.equal((await put({ visibility: "selected", selected_repository_ids: [ids[0]] })).status, 201);
      const listed = async () => {
        const { body } = await standIn.request("GET", `${path}/SELECTED/repositories?per_page=100`);
        return (body["repositories"] as { id: number }[]).map((repo) => repo.id);
      };
      assert.deepEqual(await listed(), [ids[0]]);
      assert.equal(
        (await standIn.request("PUT", `${path}/SELECTED/repositories`, { selected_repository_ids: ids })).status,
        204,
      );
      assert.deepEqual(await listed(), ids);
      const first = await standIn.request("GET", `${path}/SELECTED/repositories?per_page=1`);
      assert.match(first.headers.get("link") ?? "", /page=2>; rel="next"/);
      assert.equal((await put({ visibility: "selected" })).status, 204);
      assert.deepEqual(await listed(), [], "a write without the list empties it");
      assert.equal((await put({ visibility: "all" })).status, 204);
      assert.equal((await standIn.request("GET", `${path}/SELECTED/repositories`)).status, 409);
    });

    it("an organization, for repositories whose numbers are texts, where it is Dependabot's", async () => {
      const id = String((await standIn.request("GET", "/repos/acme/app")).body["id"]);
      const put = async (path: string) =>
        standIn.request("PUT", `${path}/AS_TEXT`, {
          ...(await seal(standIn, path, VALUE)),
          visibility: "selected",
          selected_repository_ids: [id],
        });
      assert.equal((await put("/orgs/acme/dependabot/secrets")).status, 201);
      assert.equal((await put("/orgs/acme/actions/secrets")).status, 422);
    });
  });

  it("takes the token in each form GitHub takes", async () => {
    const basic = Buffer.from(`x-access-token:${standIn.token}`).toString("base64");
    for (const authorization of [`token ${standIn.token}`, `bearer ${standIn.token}`, `Basic ${basic}`]) {
      const answer = await standIn.request("GET", "/user", undefined, { authorization });
      assert.equal(answer.status, 200);
      assert.equal(answer.body["login"], "someone");
    }
  });

  it("tells organizations from users", async () => {
    assert.equal((await standIn.request("GET", "/orgs/ACME")).body["login"], "acme");
    assert.equal((await standIn.request("GET", "/users/acme")).body["type"], "Organization");
    assert.equal((await standIn.request("GET", "/users/someone")).body["type"], "User");
  });

  it("sends rate-limit headers that never stop a client", async () => {
    const { headers } = await standIn.request("GET", "/user");
    assert.equal(headers.get("x-ratelimit-limit"), "5000");
    assert.ok(Number(headers.get("x-ratelimit-remaining")) > 0);
    assert.ok(Number(headers.get("x-ratelimit-reset")) > standIn.clock.now.getTime() / 1000);
    assert.match(headers.get("content-type") ?? "", /^application\/json/);
  });

  it("keeps an environment's rules and, with it, deletes its secrets", async () => {
    const path = "/repos/acme/app/environments/rules";
    const user = (await standIn.request("GET", "/user")).body["id"];
    const put = await standIn.request("PUT", path, {
      wait_timer: 5,
      reviewers: [{ type: "User", id: user }],
      prevent_self_review: true,
      can_admins_bypass: false,
      deployment_branch_policy: { protected_branches: true, custom_branch_policies: false },
    });
    assert.equal(put.status, 200);
    const { body } = await standIn.request("GET", path);
    assert.deepEqual(body, put.body);
    assert.equal(body["can_admins_bypass"], false);
    assert.deepEqual(
      (body["protection_rules"] as { type: string }[]).map((rule) => rule.type),
      ["wait_timer", "required_reviewers", "branch_policy"],
    );
    const reset = await standIn.request("PUT", path, {
      wait_timer: 0,
      reviewers: null,
      deployment_branch_policy: null,
    });
    assert.equal(reset.body["can_admins_bypass"], true);
    assert.deepEqual(reset.body["protection_rules"], []);
    assert.equal(reset.body["deployment_branch_policy"], null);

    await standIn.request("PUT", `${path}/secrets/GONE`, await seal(standIn, `${path}/secrets`, VALUE));
    assert.equal((await standIn.request("DELETE", path)).status, 204);
    assert.equal((await standIn.request("PUT", path, {})).status, 200);
    assert.equal((await standIn.request("GET", `${path}/secrets/GONE`)).status, 404);
  });

  it("redirects from a repository's former name and keeps its id and secrets", async () => {
    const created = await standIn.request("POST", "/orgs/acme/repos", { name: "before", private: true });
    assert.equal(created.status, 201);
    const id = String(created.body["id"]);
    const secrets = "/repos/acme/before/actions/secrets";
    await standIn.request("PUT", `${secrets}/KEPT`, await seal(standIn, secrets, VALUE));
    assert.equal((await standIn.request("PATCH", "/repos/acme/before", { name: "after" })).status, 200);

    const moved = await standIn.request("GET", `${secrets}/KEPT`);
    assert.equal(moved.status, 301);
    assert.equal(moved.headers.get("location"), `${standIn.url}/api/v3/repositories/${id}/actions/secrets/KEPT`);
    assert.equal((await standIn.request("DELETE", `${secrets}/KEPT`)).status, 307);
    assert.equal((await standIn.request("GET", `/repositories/${id}/actions/secrets/KEPT`)).status, 200);
    assert.equal(await openSecret(standIn.dataDir, { app: "actions", repository: "acme/after" }, "KEPT"), VALUE);

    assert.equal((await standIn.request("DELETE", "/repos/acme/after")).status, 204);
    assert.equal((await standIn.request("GET", `/repositories/${id}`)).status, 404);
  });

  it("keeps variables in clear", async () => {
    const path = "/repos/acme/app/actions/variables";
    assert.equal((await standIn.request("POST", path, { name: "region", value: "eu" })).status, 201);
    assert.equal((await standIn.request("POST", path, { name: "REGION", value: "us" })).status, 409);
    assert.equal((await standIn.request("PATCH", `${path}/region`, { name: "REGION", value: "us" })).status, 204);
    const { body } = await standIn.request("GET", `${path}/REGION`);
    assert.equal(body["value"], "us");
    assert.ok(body["created_at"] && body["updated_at"]);
    assert.equal((await standIn.request("DELETE", `${path}/REGION`)).status, 204);
  });
});

describe("the GitHub stand-in's data folder", () => {
  it("survives a restart", async () => {
    const first = await start();
    const box = await seal(first, REPO_SECRETS, VALUE);
    await first.request("PUT", `${REPO_SECRETS}/KEPT`, box);
    const repository = await first.request("GET", "/repos/acme/app");
    await first.stop();

    const second = await start(first.dataDir);
    assert.equal(second.token, first.token);
    assert.equal((await second.request("GET", "/repos/acme/app")).body["id"], repository.body["id"]);
    assert.equal((await second.request("GET", `${REPO_SECRETS}/public-key`)).body["key_id"], box["key_id"]);
    assert.equal((await second.request("PUT", `${REPO_SECRETS}/KEPT`, box)).status, 204);
    await second.stop();
    assert.equal(await openSecret(first.dataDir, { app: "actions", repository: "acme/app" }, "KEPT"), VALUE);
    assert.equal(await openSecret(readState(first.dataDir), { app: "actions", repository: "acme/app" }, "KEPT"), VALUE);
    rmSync(first.dataDir, { recursive: true });
  });

  it("takes another token from its owner, and the old one no more", async () => {
    const standIn = await start();
    assert.equal((await standIn.request("GET", "/repos/acme/app")).status, 200);
    writeFileSync(join(standIn.dataDir, "token"), "ghp_another\n");
    assert.equal((await standIn.request("GET", "/repos/acme/app")).status, 401);
    const headers = { authorization: "Bearer ghp_another" };
    assert.equal((await standIn.request("GET", "/repos/acme/app", undefined, headers)).status, 200);
    await standIn.stop();

    const second = await start(standIn.dataDir);
    assert.equal(second.token, "ghp_another");
    await second.stop();
    rmSync(standIn.dataDir, { recursive: true });
  });

  it("is for the owner's eyes, holds no value, and its log no token", async () => {
    const standIn = await start();
    assert.match(standIn.token, /^ghp_[A-Za-z0-9]{36}$/);
    await standIn.request("PUT", `${REPO_SECRETS}/NAME`, await seal(standIn, REPO_SECRETS, VALUE));
    await standIn.request("PUT", `${REPO_SECRETS}/NAME`, { encrypted_value: VALUE, key_id: "1" });
    await standIn.request("GET", `/repos/acme/app?access_token=${standIn.token}`);
    await standIn.request("GET", "/repos/acme/absent", undefined, { authorization: "Bearer ghp_wrong" });
    await standIn.stop();

    assert.deepEqual(readdirSync(standIn.dataDir).sort(), ["requests.jsonl", "state.json", "token"]);
    for (const file of readdirSync(standIn.dataDir)) {
      const path = join(standIn.dataDir, file);
      assert.equal(statSync(path).mode & 0o777, 0o600, file);
      assert.ok(!readFileSync(path, "utf8").includes(VALUE), file);
    }
    const log = readFileSync(join(standIn.dataDir, "requests.jsonl"), "utf8");
    assert.ok(!log.includes(standIn.token));
    assert.ok(!log.includes("ghp_wrong"));
    assert.deepEqual(
      log
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown)
        .slice(1),
      [
        { method: "PUT", path: `/api/v3${REPO_SECRETS}/NAME`, status: 201, token: "user:someone" },
        { method: "PUT", path: `/api/v3${REPO_SECRETS}/NAME`, status: 422, token: "user:someone" },
        { method: "GET", path: "/api/v3/repos/acme/app?access_token=[token]", status: 200, token: "user:someone" },
        { method: "GET", path: "/api/v3/repos/acme/absent", status: 401, token: "invalid" },
      ].map((entry) => ({ time: "2026-01-02T03:04:05.678Z", ...entry })),
    );
    rmSync(standIn.dataDir, { recursive: true });
  });

  it("is refused when it holds something else", () => {
    const dataDir = mkdtempSync(join(tmpdir(), "github-stand-in-"));
    for (const content of ["{", "[]", '{"version":2}']) {
      writeFileSync(join(dataDir, "state.json"), content);
      assert.throws(() => createServer({ dataDir, repositories: [] }), /state\.json .*delete the folder/);
    }
    rmSync(dataDir, { recursive: true });
    assert.throws(() => createServer({ dataDir, repositories: ["app"] }), /"app" is not of the form owner\/name/);
  });
});
