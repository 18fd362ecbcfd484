import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { type PropertyMap, revealAll, Secret, secret, UNKNOWN } from "../base/index.js";
import { CallError, ProviderClient } from "../base/testing/client.js";
import { sdkFunctionInputs, sdkSurface, sdkVersion, tableSurface } from "../base/testing/sdk.js";
import { DopplerProvider, VERSION } from "./provider.js";
import { CONFIGURATION, GET_SECRETS, RESOURCES } from "./resources.js";

const TOKEN = "dp.pt.0123456789";
const PROJECT = "doppler:index/project:Project";
const ENVIRONMENT = "doppler:index/environment:Environment";
const CONFIG = "doppler:index/branchConfig:BranchConfig";
const SECRET = "doppler:index/secret:Secret";
const SERVICE_TOKEN = "doppler:index/serviceToken:ServiceToken";

interface Seen {
  line: string;
  body: unknown;
  authorization: string | undefined;
}

interface Answer {
  status?: number;
  headers?: http.OutgoingHttpHeaders;
  body?: unknown;
  /** Sent as it is, and not as JSON. */
  text?: string;
}

/** Answers each request with the next prepared answer and remembers what was asked. */
class Stub {
  readonly seen: Seen[] = [];
  answers: Answer[] = [];
  #onRequest = (): void => undefined;
  readonly #server = http.createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      this.seen.push({
        line: `${request.method} ${request.url}`,
        body: text === "" ? undefined : JSON.parse(text),
        authorization: request.headers.authorization,
      });
      this.#onRequest();
      const answer = this.answers.shift() ?? { status: 500, text: "no answer prepared" };
      const type = answer.text === undefined ? "application/json; charset=utf-8" : "text/html";
      response.writeHead(answer.status ?? 200, { "content-type": type, ...answer.headers });
      response.end(answer.text ?? JSON.stringify({ success: true, ...(answer.body as object) }));
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }

  /** Prepares answers and forgets what was asked before. */
  expect(...answers: Answer[]): void {
    this.answers = answers;
    this.seen.length = 0;
  }

  /** Waits for the next request to arrive. */
  nextRequest(): Promise<void> {
    return new Promise((resolve) => (this.#onRequest = resolve));
  }

  get lines(): string[] {
    return this.seen.map(({ line }) => line);
  }
}

function failure(status: number, message: string, data?: object): Answer {
  return { status, body: { success: false, messages: [message], data } };
}

const PROJECT_BODY = { project: { id: "app", name: "app", slug: "app", description: "" } };
const SECRET_BODY = { name: "A", value: { raw: "v1", computed: "v1", rawVisibility: "masked" } };

const stub = new Stub();
let client: ProviderClient;
let host: string;

before(async () => {
  host = await stub.start();
  client = await ProviderClient.start({ name: "doppler", version: VERSION, provider: new DopplerProvider({}) });
  await client.configure({ host, dopplerToken: secret(TOKEN) });
});
after(() => {
  client.close();
  stub.stop();
});
beforeEach(() => stub.expect());

async function checked(type: string, news: PropertyMap): Promise<PropertyMap> {
  const { inputs, failures } = await client.check(type, "x", news);
  assert.deepEqual(failures, []);
  return inputs;
}

async function reasons(type: string, news: PropertyMap): Promise<string[]> {
  return (await client.check(type, "x", news)).failures.map(({ reason }) => reason);
}

describe("the tables", () => {
  const modules: Record<string, [module: string, className: string]> = {
    [PROJECT]: ["project", "Project"],
    [ENVIRONMENT]: ["environment", "Environment"],
    [CONFIG]: ["branchConfig", "BranchConfig"],
    [SECRET]: ["secret", "Secret"],
    [SERVICE_TOKEN]: ["serviceToken", "ServiceToken"],
    "doppler:index/serviceAccount:ServiceAccount": ["serviceAccount", "ServiceAccount"],
    "doppler:index/serviceAccountToken:ServiceAccountToken": ["serviceAccountToken", "ServiceAccountToken"],
    "doppler:projectMember/serviceAccount:ServiceAccount": ["projectmember/serviceAccount", "ServiceAccount"],
  };
  it("stand in for the version of the SDK that is installed", () => {
    assert.equal(VERSION, sdkVersion("@pulumiverse/doppler"));
  });
  it("cover every resource type there is a module for", () => {
    assert.deepEqual(Object.keys(RESOURCES).sort(), Object.keys(modules).sort());
  });
  for (const [token, [module, className]] of Object.entries(modules)) {
    it(`say of ${className} (${module}) what the SDK says`, () => {
      const resource = RESOURCES[token];
      assert.ok(resource);
      assert.deepEqual(tableSurface(resource.spec), sdkSurface("@pulumiverse/doppler", module, className));
    });
  }
  it("say of the provider and of getSecrets what the SDK says", () => {
    const provider = sdkSurface("@pulumiverse/doppler", "provider", "Provider");
    assert.deepEqual(tableSurface(CONFIGURATION).inputs, provider.inputs);
    assert.deepEqual(provider.secretOutputs, []);
    const inputs = sdkFunctionInputs("@pulumiverse/doppler", "getSecrets", "GetSecretsArgs");
    assert.deepEqual(tableSurface(GET_SECRETS).inputs, inputs);
  });
});

describe("check", () => {
  it("fills in defaults and records them", async () => {
    const inputs = await checked(ENVIRONMENT, { name: "Dev", slug: "dev", project: "app" });
    assert.deepEqual(inputs, {
      name: "Dev",
      slug: "dev",
      project: "app",
      personalConfigs: false,
      __defaults: ["personalConfigs"],
    });
  });
  it("marks what the schema calls secret", async () => {
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v" });
    assert.ok(inputs["value"] instanceof Secret);
    assert.equal(inputs["visibility"], "masked");
  });
  it("keeps the secret mark of any input", async () => {
    const inputs = await checked(PROJECT, { name: secret("app") });
    assert.ok(inputs["name"] instanceof Secret);
  });
  it("names a branch config after the resource, and keeps that name", async () => {
    const news = { environment: "dev", project: "app" };
    const inputs = await checked(CONFIG, news);
    assert.ok(typeof inputs["name"] === "string");
    assert.match(inputs["name"], /^x-[0-9a-f]{7}$/);
    const again = await client.check(CONFIG, "x", news, { ...inputs, name: "x-earlier" });
    assert.equal(again.inputs["name"], "x-earlier");
  });
  it("refuses missing and null arguments in the bridge's words", async () => {
    const expected = [
      'Missing required argument. The argument "name" is required, but no definition was found.. ' +
        "Examine values at 'x.name'.",
    ];
    assert.deepEqual(await reasons(PROJECT, {}), expected);
    assert.deepEqual(await reasons(PROJECT, { name: null }), expected);
  });
  it("refuses properties that there are not, and outputs given as inputs", async () => {
    assert.deepEqual(await reasons(PROJECT, { name: "app", slug: "app" }), [
      "Invalid or unknown key. Examine values at 'x.slug'.",
    ]);
    const inputs = { project: "app", config: "dev", name: "t", key: "dp.st.x" };
    assert.match((await reasons(SERVICE_TOKEN, inputs))[0] ?? "", /unconfigurable attribute/);
  });
  it("refuses values of the wrong type or outside the list, without showing a secret", async () => {
    const [type] = await reasons(SECRET, { project: "app", config: "dev", name: "A", value: secret(["hunter2"]) });
    assert.match(type ?? "", /expected type 'string', got a list/);
    assert.doesNotMatch(type ?? "", /hunter2/);
    const [access] = await reasons(SERVICE_TOKEN, { project: "app", config: "dev", name: "t", access: "write" });
    assert.equal(
      access,
      'expected access to be one of ["read" "read/write"], got write. Examine values at \'x.access\'.',
    );
  });
  it("accepts unknowns anywhere", async () => {
    const inputs = await checked(SECRET, { project: UNKNOWN, config: UNKNOWN, name: "A", value: secret(UNKNOWN) });
    assert.equal(inputs["project"], UNKNOWN);
  });
  it("wants exactly one kind of role for a service account", async () => {
    const type = "doppler:index/serviceAccount:ServiceAccount";
    assert.equal((await reasons(type, { name: "ci" })).length, 2);
    assert.equal((await reasons(type, { name: "ci", workplaceRole: "viewer", workplacePermissions: [] })).length, 2);
    assert.deepEqual(await reasons(type, { name: "ci", workplaceRole: "viewer" }), []);
  });
});

describe("the provider's own configuration", () => {
  it("needs a token, which the environment may supply", async () => {
    const missing = await client.checkConfig({ host });
    assert.match(missing.failures[0]?.reason ?? "", /try `pulumi config set doppler:dopplerToken`/);
    const other = await ProviderClient.start({
      name: "doppler",
      version: VERSION,
      provider: new DopplerProvider({ DOPPLER_TOKEN: TOKEN, DOPPLER_API_HOST: host }),
    });
    try {
      const { failures, inputs } = await other.checkConfig({ version: "0.9.0" });
      assert.deepEqual(failures, []);
      assert.deepEqual(inputs, { version: "0.9.0" }, "the environment's values are not kept in the state");
      await other.configure({});
      stub.expect({ body: PROJECT_BODY });
      assert.equal((await other.read(PROJECT, "x", "app"))?.id, "app");
    } finally {
      other.close();
    }
  });
  it("refuses what it does not know", async () => {
    const { failures } = await client.checkConfig({ dopplerToken: TOKEN, token: "x" });
    assert.match(failures[0]?.reason ?? "", /^could not validate provider configuration: Invalid or unknown key/);
  });
  it("belongs to one instance", async () => {
    const other = await ProviderClient.start({ name: "doppler", version: VERSION, provider: new DopplerProvider({}) });
    try {
      await other.configure({ host, dopplerToken: "dp.pt.other" });
      stub.expect({ body: PROJECT_BODY }, { body: PROJECT_BODY });
      await other.read(PROJECT, "x", "app");
      await client.read(PROJECT, "x", "app");
      const basic = (token: string) => `Basic ${Buffer.from(`${token}:`).toString("base64")}`;
      assert.deepEqual(
        stub.seen.map(({ authorization }) => authorization),
        [basic("dp.pt.other"), basic(TOKEN)],
      );
    } finally {
      other.close();
    }
  });
  it("changes in place", async () => {
    const diff = await client.diffConfig({ host, dopplerToken: "a" }, { host, dopplerToken: "b" });
    assert.deepEqual(diff.detailed, { dopplerToken: "UPDATE" });
    assert.deepEqual(diff.replaces, []);
  });
  it("makes no request by itself", async () => {
    await client.configure({ host, dopplerToken: secret(TOKEN) });
    assert.deepEqual(stub.seen, []);
  });
});

describe("create", () => {
  it("of a project sends no description when there is none", async () => {
    stub.expect({ body: PROJECT_BODY });
    const { id, outputs } = await client.create(PROJECT, "x", await checked(PROJECT, { name: "app" }));
    assert.equal(id, "app");
    assert.deepEqual(outputs, { id: "app", name: "app" });
    assert.deepEqual(
      stub.seen.map(({ line, body }) => [line, body]),
      [["POST /v3/projects", { name: "app", create_default_environments: false }]],
    );
  });
  it("of an environment and a config takes the id from the answer", async () => {
    stub.expect(
      { body: { environment: { project: "app", slug: "dev" } } },
      { body: { config: { project: "app", environment: "dev", name: "dev_ci" } } },
    );
    const environment = await checked(ENVIRONMENT, { name: "Dev", slug: "dev", project: "app" });
    assert.equal((await client.create(ENVIRONMENT, "x", environment)).id, "app.dev");
    const config = await checked(CONFIG, { name: "dev_ci", environment: "dev", project: "app" });
    assert.equal((await client.create(CONFIG, "x", config)).id, "app.dev.dev_ci");
    assert.deepEqual(stub.seen[0]?.body, { project: "app", name: "Dev", slug: "dev", personal_configs: false });
    assert.deepEqual(stub.seen[1]?.body, { project: "app", environment: "dev", name: "dev_ci" });
  });
  it("of a secret writes and reads it back", async () => {
    stub.expect({ body: {} }, { body: SECRET_BODY });
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    const { id, outputs } = await client.create(SECRET, "x", inputs);
    assert.equal(id, "app.dev.A");
    assert.ok(outputs["computed"] instanceof Secret && outputs["value"] instanceof Secret);
    assert.deepEqual(stub.lines, [
      "POST /v3/configs/config/secrets",
      "GET /v3/configs/config/secret?config=dev&name=A&project=app",
    ]);
    assert.deepEqual(stub.seen[0]?.body, {
      project: "app",
      config: "dev",
      change_requests: [{ originalName: "A", name: "A", value: "v1", shouldDelete: false, visibility: "masked" }],
    });
  });
  it("of a secret that cannot be read back leaves it in the state", async () => {
    stub.expect(
      { body: {} },
      { body: { name: "A", value: { raw: null, computed: null, rawVisibility: "restricted" } } },
    );
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    await assert.rejects(client.create(SECRET, "x", inputs), (error) => {
      assert.ok(error instanceof CallError && error.partial);
      assert.equal(error.partial.id, "app.dev.A");
      assert.match(error.partial.reasons[0] ?? "", /One or more secret fields are restricted: \[raw computed\]\./);
      assert.ok(error.partial.properties["value"] instanceof Secret);
      return true;
    });
  });
  it("of a service token returns its key as a secret", async () => {
    stub.expect({ body: { token: { project: "app", config: "dev", slug: "slug-1", key: "dp.st.dev.k" } } });
    const inputs = await checked(SERVICE_TOKEN, { project: "app", config: "dev", name: "eso" });
    const { id, outputs } = await client.create(SERVICE_TOKEN, "x", inputs);
    assert.equal(id, "app.dev.slug-1");
    assert.ok(outputs["key"] instanceof Secret);
    assert.deepEqual(stub.seen[0]?.body, { project: "app", config: "dev", access: "read", name: "eso" });
  });
  it("in a preview asks nothing, and knows what it cannot know", async () => {
    const inputs = await checked(SERVICE_TOKEN, { project: "app", config: "dev", name: "eso" });
    const { id, outputs } = await client.create(SERVICE_TOKEN, "x", inputs, { preview: true });
    assert.equal(id, "");
    assert.equal(outputs["id"], UNKNOWN);
    assert.ok(outputs["key"] instanceof Secret);
    assert.equal(outputs["key"].value, UNKNOWN);
    assert.equal(outputs["access"], "read");
    assert.deepEqual(stub.seen, []);
  });
  it("that is refused says what Doppler said, and keeps the token to itself", async () => {
    stub.expect(failure(400, "This project already exists"));
    const inputs = await checked(PROJECT, { name: "app" });
    await assert.rejects(client.create(PROJECT, "x", inputs), (error) => {
      assert.ok(error instanceof CallError);
      assert.equal(error.message, "1 error occurred:\n\t* Doppler Error: This project already exists\n\n");
      assert.equal(error.partial, undefined);
      assert.doesNotMatch(error.message, /dp\.pt/);
      return true;
    });
    assert.equal(stub.seen.length, 1, "an ordinary error is not tried again");
  });
});

describe("read", () => {
  it("takes 404, and only 404, for gone", async () => {
    stub.expect(failure(404, "Could not find requested project 'app'"));
    assert.equal(await client.read(PROJECT, "x", "app", { name: "app" }), undefined);
    stub.expect({ status: 404, text: "nothing here" });
    assert.equal(await client.read(PROJECT, "x", "app", { name: "app" }), undefined);
    stub.expect(failure(400, "This token does not have access to requested project 'app'"));
    await assert.rejects(client.read(PROJECT, "x", "app", { name: "app" }), /does not have access/);
  });
  it("does not take a secret with null values for gone", async () => {
    stub.expect({ body: { name: "A", value: { raw: null, computed: null } } });
    await assert.rejects(client.read(SECRET, "x", "app.dev.A", { value: secret("v1") }), /fields are restricted/);
  });
  it("finds drift, which the next diff shows", async () => {
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    stub.expect({ body: {} }, { body: SECRET_BODY });
    const { id, outputs } = await client.create(SECRET, "x", inputs);
    stub.expect({ body: { name: "A", value: { raw: "v2", computed: "v2", rawVisibility: "masked" } } });
    const found = await client.read(SECRET, "x", id, outputs, inputs);
    assert.ok(found);
    assert.deepEqual(revealAll(found.inputs["value"] ?? null), "v2");
    assert.ok(found.outputs["value"] instanceof Secret);
    const diff = await client.diff(SECRET, "x", id, found, inputs);
    assert.deepEqual(diff.detailed, { value: "UPDATE" });
    assert.deepEqual((await client.diff(SECRET, "x", id, { inputs, outputs }, inputs)).detailed, {});
  });
  it("matches a service token by slug, keeps its key, and misses one that is not listed", async () => {
    const tokens = [{ project: "app", config: "dev", slug: "slug-1", access: "read", name: "eso" }];
    const state = { project: "app", config: "dev", name: "eso", access: "read", key: secret("dp.st.dev.k") };
    stub.expect({ body: { tokens } });
    const found = await client.read(SERVICE_TOKEN, "x", "app.dev.slug-1", state, state);
    assert.ok(found?.outputs["key"] instanceof Secret);
    assert.equal(found.outputs["key"].value, "dp.st.dev.k");
    assert.deepEqual(stub.lines, ["GET /v3/configs/config/tokens?config=dev&project=app"]);
    stub.expect({ body: { tokens } });
    assert.equal(await client.read(SERVICE_TOKEN, "x", "app.dev.slug-2", state, state), undefined);
  });
  it("imports a service token without key and name, so that the next update replaces it", async () => {
    stub.expect({ body: { tokens: [{ project: "app", config: "dev", slug: "s", access: "read", name: "eso" }] } });
    const found = await client.read(SERVICE_TOKEN, "x", "app.dev.s");
    assert.ok(found);
    assert.equal(found.outputs["key"], undefined);
    assert.equal(found.inputs["name"], undefined);
    const news = await checked(SERVICE_TOKEN, { project: "app", config: "dev", name: "eso" });
    const diff = await client.diff(SERVICE_TOKEN, "x", found.id, found, news);
    assert.deepEqual(diff.detailed, { name: "ADD_REPLACE" });
  });
  it("imports the others clean", async () => {
    const cases: [type: string, id: string, body: object, news: PropertyMap][] = [
      [PROJECT, "app", PROJECT_BODY, { name: "app" }],
      [
        ENVIRONMENT,
        "app.dev",
        { environment: { project: "app", slug: "dev", name: "Dev" } },
        { project: "app", slug: "dev", name: "Dev" },
      ],
      [
        CONFIG,
        "app.dev.dev_ci",
        { config: { project: "app", environment: "dev", name: "dev_ci" } },
        { project: "app", environment: "dev", name: "dev_ci" },
      ],
      [SECRET, "app.dev.A", SECRET_BODY, { project: "app", config: "dev", name: "A", value: "v1" }],
    ];
    for (const [type, id, body, news] of cases) {
      stub.expect({ body });
      const found = await client.read(type, "x", id);
      assert.ok(found);
      const inputs = await checked(type, found.inputs);
      assert.deepEqual(revealAll(inputs), revealAll(await checked(type, news)));
      assert.deepEqual((await client.diff(type, "x", id, found, inputs)).detailed, {}, type);
    }
  });
  it("refuses an id of another form", async () => {
    await assert.rejects(client.read(ENVIRONMENT, "x", "app"), /invalid environment ID/);
  });
});

describe("diff and update", () => {
  it("replace what cannot move", async () => {
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    const old = { inputs, outputs: inputs };
    const news = await checked(SECRET, { project: "app", config: "prd", name: "B", value: "v1" });
    const diff = await client.diff(SECRET, "x", "app.dev.A", old, news);
    assert.deepEqual(diff.detailed, { config: "UPDATE_REPLACE", name: "UPDATE" });
    assert.deepEqual(diff.replaces, ["config"]);
    assert.equal(diff.deleteBeforeReplace, false);
    const ignored = await client.diff(SECRET, "x", "app.dev.A", old, news, ["config"]);
    assert.deepEqual(ignored.replaces, []);
  });
  it("replace a service token for any change", async () => {
    const outputs = { project: "app", config: "dev", name: "eso", access: "read", key: secret("k") };
    for (const change of [{ name: "b" }, { access: "read/write" }, { config: "prd" }, { project: "b" }]) {
      const news = { ...outputs, ...change } as PropertyMap;
      delete news["key"];
      const { replaces } = await client.diff(SERVICE_TOKEN, "x", "app.dev.s", { inputs: {}, outputs }, news);
      assert.deepEqual(replaces, Object.keys(change));
    }
  });
  it("take an unknown for a change", async () => {
    const outputs = { project: "app", config: "dev", name: "eso", access: "read" };
    const news = { ...outputs, project: UNKNOWN };
    const diff = await client.diff(SERVICE_TOKEN, "x", "app.dev.s", { inputs: outputs, outputs }, news);
    assert.deepEqual(diff.detailed, { project: "UPDATE_REPLACE" });
  });
  it("write a renamed secret under its old name's place", async () => {
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    const outputs = { ...inputs, computed: secret("v1"), id: "app.dev.A" };
    const news = await checked(SECRET, { project: "app", config: "dev", name: "B", value: "v2" });
    stub.expect({ body: {} }, { body: { name: "B", value: { raw: "v2", computed: "v2!", rawVisibility: "masked" } } });
    const updated = await client.update(SECRET, "x", "app.dev.A", { inputs, outputs }, news);
    assert.equal((updated["computed"] as Secret).value, "v2!");
    const body = stub.seen[0]?.body as { change_requests: object[] };
    assert.deepEqual(body.change_requests, [
      { originalName: "A", name: "B", value: "v2", shouldDelete: false, visibility: "masked" },
    ]);
  });
  it("preview the computed value of a secret as unknown when its value changes", async () => {
    const inputs = await checked(SECRET, { project: "app", config: "dev", name: "A", value: "v1" });
    const outputs = { ...inputs, computed: secret("v1") };
    const changed = { ...inputs, value: secret("v2") };
    const options = { preview: true };
    const value = await client.update(SECRET, "x", "app.dev.A", { inputs, outputs }, changed, options);
    assert.equal((value["computed"] as Secret).value, UNKNOWN);
    const shown = { ...inputs, visibility: "unmasked" };
    const visibility = await client.update(SECRET, "x", "app.dev.A", { inputs, outputs }, shown, options);
    assert.equal((visibility["computed"] as Secret).value, "v1");
    assert.deepEqual(stub.seen, []);
  });
  it("that fail leave the wanted values in the state, to be tried again", async () => {
    const inputs = await checked(PROJECT, { name: "app" });
    stub.expect(failure(400, "no"));
    const update = client.update(PROJECT, "x", "app", { inputs, outputs: inputs }, { ...inputs, description: "d" });
    await assert.rejects(update, (error) => {
      assert.ok(error instanceof CallError && error.partial);
      assert.equal(error.partial.properties["description"], "d");
      assert.match(error.partial.reasons[0] ?? "", /^updating urn:.*Doppler Error: no/s);
      return true;
    });
  });
  it("send the right requests", async () => {
    const environment = { name: "Dev", slug: "dev", project: "app", personalConfigs: false };
    stub.expect(
      { body: PROJECT_BODY },
      { body: { environment: { project: "app", slug: "dev2" } } },
      { body: { config: { project: "app", environment: "dev", name: "dev_b" } } },
    );
    await client.update(PROJECT, "x", "app", { inputs: {}, outputs: { name: "app" } }, { name: "app" });
    const news = { ...environment, slug: "dev2", personalConfigs: true };
    await client.update(ENVIRONMENT, "x", "app.dev", { inputs: {}, outputs: environment }, news);
    const config = { name: "dev_b", environment: "dev", project: "app" };
    await client.update(CONFIG, "x", "app.dev.dev_a", { inputs: {}, outputs: config }, config);
    assert.deepEqual(
      stub.seen.map(({ line, body }) => [line, body]),
      [
        ["POST /v3/projects/project", { project: "app", name: "app", description: "" }],
        [
          "PUT /v3/environments/environment?environment=dev&project=app",
          { slug: "dev2", name: "Dev", personal_configs: true },
        ],
        ["POST /v3/configs/config", { project: "app", config: "dev_a", name: "dev_b" }],
      ],
    );
  });
});

describe("delete", () => {
  it("sends the right requests", async () => {
    stub.expect({ body: {} }, { body: {} }, { body: {} }, { body: {} }, { body: {} });
    await client.delete(PROJECT, "x", "app", {});
    await client.delete(ENVIRONMENT, "x", "app.dev", {});
    await client.delete(CONFIG, "x", "app.dev.dev_a", {});
    await client.delete(SECRET, "x", "app.dev.A", {});
    await client.delete(SERVICE_TOKEN, "x", "app.dev.s", {});
    assert.deepEqual(
      stub.seen.map(({ line, body }) => [line, body]),
      [
        ["DELETE /v3/projects/project", { project: "app" }],
        ["DELETE /v3/environments/environment?environment=dev&project=app", undefined],
        ["DELETE /v3/configs/config", { project: "app", config: "dev_a" }],
        [
          "POST /v3/configs/config/secrets",
          {
            project: "app",
            config: "dev",
            change_requests: [{ originalName: "A", name: "A", value: null, shouldDelete: true }],
          },
        ],
        ["DELETE /v3/configs/config/tokens/token", { project: "app", config: "dev", slug: "s" }],
      ],
    );
  });
  it("of something gone is an error", async () => {
    stub.expect(failure(404, "Could not find requested project 'app'"));
    await assert.rejects(client.delete(PROJECT, "x", "app", {}), /^Error: deleting urn:.*Could not find requested/s);
  });
});

describe("requests", () => {
  it("are tried again when the server asks for it, ten times in all", async () => {
    stub.expect(
      { ...failure(429, "slow down"), headers: { "retry-after": "0" } },
      failure(409, "busy", { isRetryable: true }),
      failure(503, "wait", { isRetryableAfterSec: 0.4 }),
      { body: PROJECT_BODY },
    );
    assert.equal((await client.read(PROJECT, "x", "app"))?.id, "app");
    assert.equal(stub.seen.length, 4);
    stub.expect(...Array.from({ length: 12 }, () => failure(409, "busy", { isRetryable: true })));
    await assert.rejects(client.read(PROJECT, "x", "app"), /busy/);
    assert.equal(stub.seen.length, 10);
  });
  it("are not tried again otherwise", async () => {
    for (const answer of [failure(503, "down"), failure(401, "Invalid Auth token"), { status: 429, text: "slow" }]) {
      stub.expect(answer);
      await assert.rejects(client.read(PROJECT, "x", "app"), CallError);
      assert.equal(stub.seen.length, 1);
    }
  });
  it("end when the engine cancels", async () => {
    const other = await ProviderClient.start({ name: "doppler", version: VERSION, provider: new DopplerProvider({}) });
    try {
      await other.configure({ host, dopplerToken: TOKEN });
      stub.expect({ ...failure(429, "slow down"), headers: { "retry-after": "600" } });
      const asked = stub.nextRequest();
      const reading = assert.rejects(other.read(PROJECT, "x", "app"), CallError);
      await asked;
      await other.cancel();
      await reading;
      assert.equal(stub.seen.length, 1);
    } finally {
      other.close();
    }
  });
  it("whose answer is no JSON object fail without quoting it", async () => {
    stub.expect({ text: "hunter2" });
    await assert.rejects(client.read(PROJECT, "x", "app"), (error) => {
      assert.ok(error instanceof CallError);
      assert.match(error.message, /the answer is not JSON/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  });
});

describe("getSecrets", () => {
  const token = "doppler:index/getSecrets:getSecrets";
  it("answers the computed values, not marked as secret", async () => {
    stub.expect({ body: { A: "1", success: "yes" } });
    const { result } = await client.invoke(token, { project: "app", config: "dev" }, true);
    assert.deepEqual(result["map"], { A: "1", success: "yes" });
    assert.equal(result["project"], "app");
    assert.ok(typeof result["id"] === "string");
    assert.match(result["id"], /^[0-9a-f]{64}$/);
    assert.deepEqual(stub.lines, ["GET /v3/configs/config/secrets/download?config=dev&project=app"]);
  });
  it("fails on an error, a value that is no string, and an unknown function", async () => {
    stub.expect(failure(404, "Could not find requested config 'dev'"));
    await assert.rejects(client.invoke(token, { project: "app", config: "dev" }), /Could not find requested config/);
    stub.expect({ body: { A: "1" } });
    await assert.rejects(client.invoke(token, {}), /the value of "success" is no string/);
    await assert.rejects(client.invoke("doppler:index/getUser:getUser", {}), /unrecognized data function/);
  });
});
