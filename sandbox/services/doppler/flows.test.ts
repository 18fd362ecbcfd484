import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Harness, at, textAt } from "./testing.js";

const SECRET = "/v3/configs/config/secret";
const SECRETS = "/v3/configs/config/secrets";
const DOWNLOAD = "/v3/configs/config/secrets/download";
const TOKENS = "/v3/configs/config/tokens";
const CONFIG = "/v3/configs/config";
const dev = { project: "app", config: "dev" };
const DEV = "project=app&config=dev";

describe("what Doppler does", () => {
  let doppler: Harness;

  before(async () => {
    doppler = await Harness.start();
    await doppler.post("/v3/projects", { name: "app", create_default_environments: false });
    await doppler.post("/v3/environments", { project: "app", name: "Development", slug: "dev" });
  });
  after(() => doppler.close());

  const values = async (query: string, token?: string) => (await doppler.get(`${DOWNLOAD}?${query}`, token)).json;
  const one = async (name: string, query = DEV, token?: string) =>
    at((await doppler.get(`${SECRET}?${query}&name=${name}`, token)).json, "value");
  const computed = async (name: string, query = DEV, token?: string) => at(await one(name, query, token), "computed");
  const change = (...change_requests: unknown[]) => doppler.post(SECRETS, { ...dev, change_requests });

  it("takes the token as Bearer or as Basic user", async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
    for (const headers of [
      { authorization: `Bearer ${doppler.token}` },
      basic(`${doppler.token}:`),
      basic(`${doppler.token}:ignored`),
    ]) {
      assert.equal((await doppler.call("GET", "/v3/projects", { token: null, headers })).status, 200);
    }
    const newline = basic(`${doppler.token}\n:`);
    assert.equal((await doppler.call("GET", "/v3/projects", { token: null, headers: newline })).status, 401);
  });

  it("describes a project by its name three times over", async () => {
    const { json } = await doppler.get("/v3/projects/project?project=app");
    const { created_at, ...rest } = at(json, "project") as Record<string, unknown>;
    assert.deepEqual(rest, { id: "app", slug: "app", name: "app", description: "" });
    assert.ok(typeof created_at === "string" && !Number.isNaN(Date.parse(created_at)));
    assert.equal(json["success"], true);
  });

  it("creates default environments unless told not to", async () => {
    const slugs = async (project: string) => {
      const { json } = await doppler.get(`/v3/environments?project=${project}`);
      return (json["environments"] as unknown[]).map((environment) => at(environment, "slug"));
    };
    assert.deepEqual(await slugs("app"), ["dev"]);
    await doppler.post("/v3/projects", { name: "full" });
    assert.deepEqual(await slugs("full"), ["dev", "stg", "prd"]);
    await doppler.ok("DELETE", "/v3/projects/project", { body: { project: "full" } });
  });

  it("renames a project, id and all", async () => {
    await doppler.post("/v3/projects", { name: "before" });
    const { json } = await doppler.post("/v3/projects/project", { project: "before", name: "after", description: "d" });
    assert.deepEqual([at(json, "project", "id"), at(json, "project", "description")], ["after", "d"]);
    assert.equal((await doppler.call("GET", "/v3/projects/project?project=before")).status, 400);
    await doppler.ok("DELETE", "/v3/projects/project?project=after");
  });

  it("lists by pages", async () => {
    for (let n = 10; n < 32; n++)
      await doppler.post("/v3/projects", { name: `page${n}`, create_default_environments: false });
    const count = async (query: string) =>
      ((await doppler.get(`/v3/projects${query}`)).json["projects"] as unknown[]).length;
    assert.deepEqual([await count(""), await count("?page=2"), await count("?page=1&per_page=100")], [20, 3, 23]);
    for (let n = 10; n < 32; n++) await doppler.ok("DELETE", `/v3/projects/project?project=page${n}`);
  });

  it("remembers when a config's secrets were changed, the latest change first, and shows no value", async () => {
    const logs = async () => (await doppler.get(`/v3/configs/config/logs?${DEV}`)).json["logs"] as unknown[];
    const before = (await logs()).length;
    await change({ name: "LOGGED", value: "a-value" });
    const after = await logs();
    assert.equal(after.length, before + 1);
    assert.equal(at(after[0], "created_at"), new Date(doppler.now - 1000).toISOString());
    assert.deepEqual([at(after[0], "project"), at(after[0], "config")], ["app", "dev"]);
    assert.ok(!JSON.stringify(after).includes("a-value"));
    await doppler.ok("DELETE", `${SECRET}?${DEV}&name=LOGGED`);
    assert.equal((await logs()).length, before + 2);
  });

  it("gives an environment a locked root config of its name", async () => {
    const { json } = await doppler.get(`${CONFIG}?${DEV}`);
    const { name, root, locked, environment, project } = at(json, "config") as Record<string, unknown>;
    assert.deepEqual(
      { name, root, locked, environment, project },
      { name: "dev", root: true, locked: true, environment: "dev", project: "app" },
    );
  });

  it("renames an environment with its configs, whose tokens go on working", async () => {
    await doppler.post("/v3/environments", { project: "app", name: "Old", slug: "old" });
    await doppler.post("/v3/configs", { project: "app", environment: "old", name: "old_eu" });
    const { key } = await doppler.serviceToken("app", "old_eu", "reader");
    const { json } = await doppler.ok("PUT", "/v3/environments/environment?project=app&environment=old", {
      body: { name: "New", slug: "new", personal_configs: true },
    });
    assert.deepEqual([at(json, "environment", "slug"), at(json, "environment", "project")], ["new", "app"]);
    assert.equal((await doppler.call("GET", `${CONFIG}?project=app&config=old`)).status, 404);
    assert.equal(at(await values("config=new_eu", key), "DOPPLER_ENVIRONMENT"), "new");
    await doppler.ok("DELETE", "/v3/environments/environment?project=app&environment=new");
    assert.equal((await doppler.call("GET", DOWNLOAD, { token: key })).status, 401);
  });

  it("answers for an absent secret with nulls", async () => {
    const { json } = await doppler.get(`${SECRET}?${DEV}&name=NIX`);
    assert.equal(json["success"], true);
    assert.equal(json["name"], "NIX");
    assert.deepEqual([at(json, "value", "raw"), at(json, "value", "computed")], [null, null]);
  });

  it("sets, renames and deletes by change requests", async () => {
    await change({ originalName: null, name: "ONE", value: "1", shouldDelete: false, visibility: "masked" });
    const first = (await one("ONE")) as Record<string, unknown>;
    assert.deepEqual([first["raw"], first["computed"], first["rawVisibility"]], ["1", "1", "masked"]);
    await change({ originalName: "ONE", name: "TWO", value: "2", visibility: "unmasked" });
    assert.equal(await computed("ONE"), null);
    assert.equal(await computed("TWO"), "2");
    assert.equal(at(await one("TWO"), "rawVisibility"), "unmasked");
    // An update keeps the visibility that it does not mention.
    await change({ originalName: "TWO", name: "TWO", originalValue: "2", value: "3" });
    assert.deepEqual([await computed("TWO"), at(await one("TWO"), "rawVisibility")], ["3", "unmasked"]);
    await change({ originalName: "TWO", name: "TWO", value: null, shouldDelete: true });
    assert.equal(await computed("TWO"), null);
  });

  it("sets and deletes by a map, with project and config in the query too", async () => {
    const { json } = await doppler.post(`${SECRETS}?${DEV}`, { secrets: { EMPTY: "", LINES: "a\nb\n", UTF: "žluť" } });
    assert.equal(at(json, "secrets", "LINES", "computed"), "a\nb\n");
    assert.equal(json["success"], true);
    assert.deepEqual([await computed("EMPTY"), await computed("UTF")], ["", "žluť"]);
    await doppler.post(SECRETS, { ...dev, secrets: { EMPTY: null, LINES: null } });
    await doppler.ok("DELETE", `${SECRET}?${DEV}&name=UTF`);
    assert.deepEqual(await values(DEV), { DOPPLER_CONFIG: "dev", DOPPLER_ENVIRONMENT: "dev", DOPPLER_PROJECT: "app" });
  });

  it("takes a value of exactly 50 KiB and a name of exactly 200 characters", async () => {
    const name = "N".repeat(200);
    await doppler.post(SECRETS, { ...dev, secrets: { [name]: "x".repeat(50 * 1024) } });
    assert.equal(((await computed(name)) as string).length, 50 * 1024);
    await doppler.post(SECRETS, { ...dev, secrets: { [name]: null } });
  });

  it("computes references, of other configs and projects too, and leaves what leads nowhere", async () => {
    await doppler.post("/v3/environments", { project: "app", name: "Staging", slug: "stg" });
    await doppler.post("/v3/projects", { name: "shared" });
    await doppler.post(SECRETS, { project: "app", config: "stg", secrets: { HOST: "stg.example" } });
    await doppler.post(SECRETS, { project: "shared", config: "prd", secrets: { USER: "u" } });
    const secrets = {
      HOST: "db.example",
      URL: "pg://${shared.prd.USER}@${HOST}",
      STG: "${stg.HOST}",
      NEST: "<${URL}>",
      NIX: "${NOT_THERE} ${nix.HOST} ${a.b.C} ${constructor} $HOST",
      LOOP: "a${LOOP_2}",
      LOOP_2: "b${LOOP}",
    };
    await doppler.post(SECRETS, { ...dev, secrets });
    const all = await values(DEV);
    assert.equal(all["URL"], "pg://u@db.example");
    assert.equal(all["STG"], "stg.example");
    assert.equal(all["NEST"], "<pg://u@db.example>");
    assert.equal(all["NIX"], secrets.NIX);
    assert.equal(all["LOOP"], "ab${LOOP}");
    assert.equal(at(await one("URL"), "raw"), secrets.URL);
    await doppler.post(SECRETS, {
      ...dev,
      secrets: Object.fromEntries(Object.keys(secrets).map((name) => [name, null])),
    });
    await doppler.ok("DELETE", "/v3/projects/project?project=shared");
  });

  it("lets a branch config inherit, override, and take references from itself", async () => {
    await doppler.post(SECRETS, { ...dev, secrets: { HOST: "root", URL: "http://${HOST}", KEPT: "k" } });
    await doppler.post("/v3/configs", { project: "app", environment: "dev", name: "dev_eu" });
    const branch = { project: "app", config: "dev_eu" };
    const BRANCH = "project=app&config=dev_eu";
    await doppler.post(SECRETS, { ...branch, secrets: { HOST: "branch" } });
    assert.deepEqual(await values(BRANCH), {
      DOPPLER_CONFIG: "dev_eu",
      DOPPLER_ENVIRONMENT: "dev",
      DOPPLER_PROJECT: "app",
      HOST: "branch",
      KEPT: "k",
      URL: "http://branch",
    });
    assert.equal(at(await values(DEV), "URL"), "http://root");
    await doppler.post(SECRETS, { ...branch, change_requests: [{ name: "KEPT", value: "up", shouldPromote: true }] });
    assert.equal(await computed("KEPT"), "up");
    await doppler.post(SECRETS, { ...branch, change_requests: [{ name: "HOST", value: null, shouldConverge: true }] });
    assert.equal(at(await values(BRANCH), "HOST"), "root");
    const { json } = await doppler.post(CONFIG, { ...branch, name: "dev_us" });
    assert.equal(at(json, "config", "name"), "dev_us");
    await doppler.ok("DELETE", CONFIG, { body: { project: "app", config: "dev_us" } });
    await doppler.post(SECRETS, { ...dev, secrets: { HOST: null, URL: null, KEPT: null } });
  });

  it("shows restricted values to machines only", async () => {
    await change({ name: "CLOSED", value: "hidden", visibility: "restricted" }, { name: "OPEN", value: "1 ${CLOSED}" });
    const { key } = await doppler.serviceToken("app", "dev", "restricted reader");
    assert.deepEqual(await one("CLOSED"), {
      raw: null,
      computed: null,
      note: "",
      rawVisibility: "restricted",
      computedVisibility: "restricted",
      rawValueType: { type: "string" },
      computedValueType: { type: "string" },
    });
    assert.equal(await computed("OPEN"), null);
    const list = (await doppler.get(`${SECRETS}?${DEV}`)).json;
    assert.equal(at(list, "secrets", "CLOSED", "raw"), null);
    assert.equal(await computed("CLOSED", DEV, key), "hidden");
    assert.equal(at(await values("", key), "OPEN"), "1 hidden");
    // One that is restricted keeps neither its name nor the others' values from a user.
    await doppler.post(SECRETS, { ...dev, secrets: { EMPTY: "" } });
    const some = (await doppler.get(`${SECRETS}?${DEV}&secrets=CLOSED,EMPTY`)).json;
    assert.deepEqual(
      Object.entries(at(some, "secrets") as object).map(([name, value]) => [name, at(value, "computed")]),
      [
        ["CLOSED", null],
        ["EMPTY", ""],
      ],
    );
    const names = (await doppler.get(`${SECRETS}/names?${DEV}&include_managed_secrets=false`)).json["names"];
    assert.deepEqual(names, ["CLOSED", "EMPTY", "OPEN"]);
    // What is not restricted may still be downloaded by name.
    assert.deepEqual(await values(`${DEV}&secrets=DOPPLER_CONFIG`), { DOPPLER_CONFIG: "dev" });
    await doppler.post(SECRETS, { ...dev, secrets: { CLOSED: null, OPEN: null, EMPTY: null } });
  });

  it("lists values and names, all or some", async () => {
    await doppler.post(SECRETS, { ...dev, secrets: { A: "a", B: "b" } });
    const names = async (query: string) => (await doppler.get(`${SECRETS}/names?${DEV}${query}`)).json["names"];
    assert.deepEqual(await names(""), ["A", "B", "DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"]);
    assert.deepEqual(await names("&include_managed_secrets=false"), ["A", "B"]);
    // Names can't be chosen among.
    assert.deepEqual(await names("&include_managed_secrets=false&secrets=A"), ["A", "B"]);
    const { json } = await doppler.get(`${SECRETS}?${DEV}&secrets=A,NIX`);
    assert.deepEqual(Object.keys(at(json, "secrets") as object), ["A"]);
    await doppler.post(`${SECRETS}/note`, { project: "app", secret: "A", note: "why" });
    assert.equal(at(await one("A"), "note"), "why");
  });

  it("downloads a flat map of strings, with an ETag that follows the values", async () => {
    const first = await doppler.get(`${DOWNLOAD}?${DEV}`);
    assert.deepEqual(first.json, {
      A: "a",
      B: "b",
      DOPPLER_CONFIG: "dev",
      DOPPLER_ENVIRONMENT: "dev",
      DOPPLER_PROJECT: "app",
    });
    const etag = first.headers.get("etag") ?? "";
    assert.match(etag, /^"[^"]+"$/);
    const again = async (ifNoneMatch: string) => {
      const { status, text, headers } = await doppler.call("GET", `${DOWNLOAD}?${DEV}`, {
        headers: { "if-none-match": ifNoneMatch },
      });
      return { status, empty: text === "", etag: headers.get("etag") };
    };
    assert.deepEqual(await again(etag), { status: 304, empty: true, etag });
    assert.deepEqual(await again(`"x", W/${etag}`), { status: 304, empty: true, etag });
    assert.equal((await again('"x"')).status, 200);
    await doppler.post(SECRETS, { ...dev, secrets: { A: "changed" } });
    const changed = await again(etag);
    assert.equal(changed.status, 200);
    assert.notEqual(changed.etag, etag);
  });

  it("downloads other formats as text", async () => {
    const { text, headers } = await doppler.get(`${DOWNLOAD}?${DEV}&secrets=A,B&format=env&name_transformer=tf-var`);
    assert.equal(text, 'TF_VAR_a="changed"\nTF_VAR_b="b"');
    assert.match(headers.get("content-type") ?? "", /^text\/plain/);
  });

  it("shows a service token's key once", async () => {
    const { json } = await doppler.post(TOKENS, { ...dev, name: "AWS Lambda", access: "read" });
    const key = textAt(json, "token", "key");
    const slug = textAt(json, "token", "slug");
    assert.match(key, /^dp\.st\.dev\.[A-Za-z0-9]{40,44}$/);
    assert.deepEqual(
      ["project", "environment", "config", "access", "expires_at"].map((name) => at(json, "token", name)),
      ["app", "dev", "dev", "read", null],
    );

    const listed = async () => {
      const answer = await doppler.get(`${TOKENS}?${DEV}`);
      assert.ok(!answer.text.includes(key));
      return (answer.json["tokens"] as unknown[]).find((token) => at(token, "slug") === slug) as Record<
        string,
        unknown
      >;
    };
    assert.equal((await listed())["last_seen_at"], null);
    assert.equal((await listed())["token_preview"], `dp.st…${key.slice(-6)}`);
    assert.ok(!("key" in (await listed())));
    await values("", key);
    assert.equal(typeof (await listed())["last_seen_at"], "string");

    await doppler.ok("DELETE", `${TOKENS}/token`, { body: { ...dev, token: key } });
    assert.equal(await listed(), undefined);
    assert.equal((await doppler.call("GET", DOWNLOAD, { token: key })).status, 401);
  });

  it("lets a service token leave its config out, or name it", async () => {
    const { key } = await doppler.serviceToken("app", "dev", "namer");
    for (const query of ["", "project=app", "config=dev", DEV, "project=&config="]) {
      assert.equal(at(await values(query, key), "DOPPLER_CONFIG"), "dev", query);
    }
    assert.equal(await computed("A", "", key), "changed");
    const { json } = await doppler.get("/v3/projects", key);
    assert.deepEqual(
      (json["projects"] as unknown[]).map((project) => at(project, "name")),
      ["app"],
    );
    assert.equal((await doppler.get("/v3/me", key)).json["type"], "service_token");
    assert.equal(at((await doppler.get(CONFIG, key)).json, "config", "name"), "dev");
  });

  it("lets a read/write service token write", async () => {
    const { key } = await doppler.serviceToken("app", "dev", "writer", { access: "read/write" });
    await doppler.post(SECRETS, { change_requests: [{ name: "W", value: "w" }] }, key);
    await doppler.post(SECRETS, { secrets: { V: "v" } }, key);
    await doppler.ok("DELETE", `${SECRET}?name=V`, { token: key });
    assert.equal(await computed("W"), "w");
    assert.equal(await computed("V"), null);
  });

  it("ends a service token at its time", async () => {
    const expire_at = Math.floor(doppler.now / 1000) + 10;
    const { key } = await doppler.serviceToken("app", "dev", "short", { expire_at });
    await values("", key);
    doppler.advance(10);
    assert.equal((await doppler.call("GET", DOWNLOAD, { token: key })).status, 401);
  });

  it("gives service accounts what their role and memberships say", async () => {
    const admin = await doppler.serviceAccount("admin", { identifier: "admin" });
    assert.match(admin.key, /^dp\.sa\.[A-Za-z0-9]{40,44}$/);
    await doppler.post("/v3/projects", { name: "by-admin" }, admin.key);
    await doppler.ok("DELETE", "/v3/projects/project?project=by-admin", { token: admin.key });

    const { key, slug } = await doppler.serviceAccount("viewer", { identifier: "viewer" });
    const seen = async () => ((await doppler.get("/v3/projects", key)).json["projects"] as unknown[]).length;
    assert.equal(await seen(), 0);
    const members = "/v3/projects/project/members";
    await doppler.post(members, {
      project: "app",
      type: "service_account",
      slug,
      role: "viewer",
      environments: ["dev"],
    });
    assert.equal(await seen(), 1);
    assert.equal(at(await values(DEV, key), "A"), "changed");
    await doppler.ok("PATCH", `${members}/member/service_account/${slug}`, {
      body: { project: "app", role: "collaborator" },
    });
    await doppler.post(SECRETS, { ...dev, secrets: { BY_SA: "1" } }, key);
    const { json } = await doppler.get(`${members}/member/service_account/${slug}?project=app`);
    assert.deepEqual(
      [at(json, "member", "role", "identifier"), at(json, "member", "environments")],
      ["collaborator", ["dev"]],
    );
    await doppler.ok("DELETE", `${members}/member/service_account/${slug}?project=app`);
    assert.equal(await seen(), 0);
    await doppler.ok("DELETE", `/v3/workplace/service_accounts/service_account/${slug}`);
    assert.equal((await doppler.call("GET", "/v3/me", { token: key })).status, 401);
  });

  it("loses no write among many at once", async () => {
    doppler.advance(60);
    const names = Array.from({ length: 50 }, (_, n) => `MANY_${n}`);
    const answers = await Promise.all(
      names.map((name) => doppler.callNow("POST", SECRETS, { body: { ...dev, secrets: { [name]: name } } })),
    );
    assert.ok(answers.every(({ status }) => status === 200));
    const all = await values(DEV);
    assert.deepEqual(
      names.filter((name) => all[name] !== name),
      [],
    );
  });
});
