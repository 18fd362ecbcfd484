import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { FastifyInstance } from "fastify";
import { createServer, openSecret, type ScopeRef } from "../../services/github/index.js";
import { type PropertyMap, reveal, secret, Secret, UNKNOWN } from "../base/index.js";
import { CallError, ProviderClient } from "../base/testing/client.js";
import { sdkFunctionInputs, sdkSurface, sdkVersion, tableSurface } from "../base/testing/sdk.js";
import { configurationSpec } from "./configuration.js";
import { functions, GithubProvider, resources } from "./provider.js";

const PACKAGE = "@pulumi/github";
const ACTIONS_SECRET = "github:index/actionsSecret:ActionsSecret";
const ENVIRONMENT_SECRET = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret";
const ORGANIZATION_SECRET = "github:index/actionsOrganizationSecret:ActionsOrganizationSecret";
const DEPENDABOT_SECRET = "github:index/dependabotSecret:DependabotSecret";
const DEPENDABOT_ORGANIZATION_SECRET = "github:index/dependabotOrganizationSecret:DependabotOrganizationSecret";
const ORGANIZATION_SECRET_REPOSITORIES =
  "github:index/actionsOrganizationSecretRepositories:ActionsOrganizationSecretRepositories";
const DEPENDABOT_ORGANIZATION_SECRET_REPOSITORIES =
  "github:index/dependabotOrganizationSecretRepositories:DependabotOrganizationSecretRepositories";
const ENVIRONMENT = "github:index/repositoryEnvironment:RepositoryEnvironment";

const VALUE = "correct horse battery staple";

/** A copy without some properties. */
function without(properties: PropertyMap, ...names: string[]): PropertyMap {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
}

describe("property tables agree with the SDK:", () => {
  for (const [token, { spec }] of Object.entries(resources)) {
    const [, module = "", className = ""] = /^github:index\/(\w+):(\w+)$/.exec(token) ?? [];
    it(className, () => assert.deepEqual(tableSurface(spec), sdkSurface(PACKAGE, module, className)));
  }
  for (const [token, { spec }] of Object.entries(functions)) {
    if (Object.keys(spec.properties).length === 0) continue; // It takes no arguments, so there is no type of them.
    const [, module = ""] = /^github:index\/(\w+):\w+$/.exec(token) ?? [];
    const name = `${module[0]?.toUpperCase()}${module.slice(1)}Args`;
    it(module, () => assert.deepEqual(tableSurface(spec).inputs, sdkFunctionInputs(PACKAGE, module, name)));
  }
  it("Provider", () =>
    assert.deepEqual(tableSurface(configurationSpec).inputs, sdkSurface(PACKAGE, "provider", "Provider").inputs));
  it("and the version is the SDK's", () => {
    const main = readFileSync(join(import.meta.dirname, "main.js"), "utf8");
    assert.ok(main.includes(`version: "${sdkVersion(PACKAGE)}"`));
  });
});

/** A GitHub stand-in with a clock that tests set, and providers that speak to it. */
class World {
  readonly dataDir = mkdtempSync(join(tmpdir(), "github-plugin-"));
  now = new Date("2026-01-02T03:04:05Z");
  url = "";
  token = "";
  readonly #clients: ProviderClient[] = [];
  #app: FastifyInstance | undefined;

  async start(): Promise<this> {
    this.#app = createServer({
      dataDir: this.dataDir,
      repositories: ["acme/app", "acme/other", "someone/personal"],
      user: "someone",
      now: () => this.now,
    });
    this.url = await this.#app.listen({ host: "127.0.0.1", port: 0 });
    this.token = readFileSync(join(this.dataDir, "token"), "utf8").trim();
    return this;
  }

  async stop(): Promise<void> {
    this.closeClients();
    await this.#app?.close();
    rmSync(this.dataDir, { recursive: true });
  }

  closeClients(): void {
    this.#clients.splice(0).forEach((client) => client.close());
  }

  /** A provider that is not configured yet. */
  async unconfigured(environment: Record<string, string> = {}): Promise<ProviderClient> {
    const client = await ProviderClient.start({
      name: "github",
      version: "6.15.0",
      provider: new GithubProvider(environment),
    });
    this.#clients.push(client);
    return client;
  }

  async provider(args: PropertyMap = {}, environment: Record<string, string> = {}): Promise<ProviderClient> {
    const client = await this.unconfigured(environment);
    await client.configure({ baseUrl: this.url, token: secret(this.token), owner: "acme", ...args });
    return client;
  }

  async request(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}/api/v3${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    const text = await response.text();
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  /** Requests logged since the last call, as `METHOD path status`. */
  requests(): string[] {
    const lines = readFileSync(join(this.dataDir, "requests.jsonl"), "utf8").split("\n").slice(0, -1);
    const fresh = lines.slice(this.#seen);
    this.#seen = lines.length;
    return fresh.map((line) => {
      const { method, path, status } = JSON.parse(line) as { method: string; path: string; status: number };
      return `${method} ${path.replace("/api/v3", "")} ${status}`;
    });
  }
  #seen = 0;
}

let world: World;
before(async () => {
  world = await new World().start();
});
afterEach(() => world.closeClients());
after(() => world.stop());

describe("configure", () => {
  it("looks the owner up as an organization, once", async () => {
    world.requests();
    await world.provider();
    assert.deepEqual(world.requests(), ["GET /orgs/acme 200"]);
  });

  it("takes an owner who is no organization for a user", async () => {
    world.requests();
    const provider = await world.provider({ owner: "someone" });
    assert.deepEqual(world.requests(), ["GET /orgs/someone 404"]);
    const { result } = await provider.invoke("github:index/getRepository:getRepository", { name: "personal" });
    assert.equal(result["fullName"], "someone/personal");
  });

  it("asks whose token it is when no owner is given", async () => {
    world.requests();
    const client = await world.unconfigured();
    await client.configure({ baseUrl: world.url, token: world.token });
    assert.deepEqual(world.requests(), ["GET /user 200", "GET /orgs/someone 404"]);
  });

  it("lets GITHUB_OWNER beat the owner property", async () => {
    world.requests();
    await world.provider({ owner: "acme" }, { GITHUB_OWNER: "someone" });
    assert.deepEqual(world.requests(), ["GET /orgs/someone 404"]);
  });

  it("takes URL and token from the environment", async () => {
    world.requests();
    const client = await world.unconfigured({ GITHUB_BASE_URL: world.url, GITHUB_TOKEN: world.token });
    await client.configure({ owner: "acme" });
    assert.deepEqual(world.requests(), ["GET /orgs/acme 200"]);
  });

  it("fails on anything but success and 404, without the token in the text", async () => {
    for (const token of ["ghp_wrong", undefined]) {
      const client = await world.unconfigured();
      await assert.rejects(
        client.configure({ baseUrl: world.url, owner: "acme", ...(token === undefined ? {} : { token }) }),
        (error: Error) => {
          assert.equal(
            error.message,
            `1 error occurred:\n\t* failed to lookup organization "acme": GET ${world.url}/api/v3/orgs/acme: 401 ` +
              `${token === undefined ? "Requires authentication" : "Bad credentials"} []\n\n`,
          );
          return true;
        },
      );
    }
    const client = await world.unconfigured();
    await assert.rejects(
      client.configure({ baseUrl: world.url, token: "ghp_wrong" }),
      /owner cannot be found by token: GET .*\/user: 401 Bad credentials \[\]/,
    );
  });

  it("prefers the credentials of a GitHub App over a token", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const app = { GITHUB_APP_ID: "1", GITHUB_APP_INSTALLATION_ID: "2", GITHUB_APP_PEM_FILE: privateKey };
    await assert.rejects(world.provider({}, app), /failed to create OAuth token from GitHub App/);
    await assert.rejects(world.provider({ owner: "" }, app), /owner must be set for github app authentication/);
    await assert.rejects(world.provider({}, { ...app, GITHUB_APP_PEM_FILE: "none" }), /no decodeable PEM data found/);
    await assert.rejects(
      world.provider({ appAuth: JSON.stringify([{ id: "1" }]) }),
      /app_auth block is set but required fields are missing/,
    );
  });

  it("reads settings that come as JSON text", async () => {
    await world.provider({ maxRetries: "0", parallelRequests: "true", writeDelayMs: "0", retryableErrors: "[500]" });
    await assert.rejects(world.provider({ maxRetries: "many" }), /maxRetries is not JSON/);
    await assert.rejects(world.provider({ legacyClient: "false" }), /legacyClient false is not covered/);
  });
});

describe("checkConfig", () => {
  it("marks the token as secret", async () => {
    const client = await world.unconfigured();
    const { inputs, failures } = await client.checkConfig({ token: "ghp_x", owner: "acme", version: "6.15.0" });
    assert.deepEqual(failures, []);
    assert.ok(inputs["token"] instanceof Secret);
    assert.equal(inputs["owner"], "acme");
  });

  it("refuses what it does not know", async () => {
    const client = await world.unconfigured();
    const { failures } = await client.checkConfig({ onwer: "acme", writeDelayMs: "-1", token: UNKNOWN });
    assert.deepEqual(
      failures.map((failure) => failure.reason),
      [
        "could not validate provider configuration: Invalid or unknown key. Examine values at 'provider.onwer'.",
        "could not validate provider configuration: expected write_delay_ms to be at least (0), got -1. " +
          "Examine values at 'provider.writeDelayMs'.",
      ],
    );
  });
});

describe("check", () => {
  const oneOf = "`encrypted_value,plaintext_value,value,value_encrypted`";
  const place = { repository: "app", secretName: "NAME" };
  const refusals: { what: string; type?: string; inputs: PropertyMap; reasons: (string | RegExp)[] }[] = [
    {
      what: "no value at all",
      inputs: place,
      reasons: [
        ["value", "value"],
        ["value_encrypted", "valueEncrypted"],
        ["encrypted_value", "encryptedValue"],
        ["plaintext_value", "plaintextValue"],
      ].map(
        ([argument, property]) =>
          `Invalid combination of arguments. "${argument}": one of ${oneOf} must be specified. ` +
          `Examine values at 'name.${property}'.`,
      ),
    },
    {
      what: "two values",
      inputs: { ...place, value: secret("a"), plaintextValue: secret("b") },
      reasons: Array<RegExp>(4).fill(/only one of `.*` can be specified, but `plaintext_value,value` were specified\./),
    },
    {
      what: "a value that is a null",
      inputs: { ...place, value: null },
      reasons: Array<RegExp>(4).fill(/must be specified/),
    },
    {
      what: "a name that starts with a digit",
      inputs: { ...place, secretName: "1ST", value: secret(VALUE) },
      reasons: [
        "Error. secret names can only contain alphanumeric characters or underscores and must not start with a number. " +
          "Examine values at 'name.secretName'.",
      ],
    },
    {
      what: "a name that starts with GITHUB_",
      inputs: { ...place, secretName: "github_token", value: secret(VALUE) },
      reasons: ["Error. secret names must not start with the GITHUB_ prefix. Examine values at 'name.secretName'."],
    },
    {
      what: "no repository",
      inputs: { secretName: "NAME", value: secret(VALUE) },
      reasons: [/The argument "repository" is required/],
    },
    {
      what: "an unknown property",
      inputs: { ...place, value: secret(VALUE), visibility: "all" },
      reasons: ["Invalid or unknown key. Examine values at 'name.visibility'."],
    },
    {
      what: "an output as input",
      inputs: { ...place, value: secret(VALUE), createdAt: "now" },
      reasons: [/Can't configure a value for "created_at"/],
    },
    {
      what: "an encrypted value that is no base64",
      inputs: { ...place, valueEncrypted: secret(VALUE) },
      reasons: ["expected \"value_encrypted\" to be a base64 string. Examine values at 'name.valueEncrypted'."],
    },
    {
      what: "a key for a plain value",
      inputs: { ...place, value: secret(VALUE), keyId: "1" },
      reasons: [/"key_id": conflicts with value/, /"key_id": all of `key_id,value_encrypted` must be specified/],
    },
    {
      what: "a visibility that GitHub doesn't know",
      type: ORGANIZATION_SECRET,
      inputs: { secretName: "NAME", visibility: "public", value: secret(VALUE) },
      reasons: [/expected visibility to be one of \["all" "private" "selected"\], got public/],
    },
    {
      what: "an environment secret without environment",
      type: ENVIRONMENT_SECRET,
      inputs: { ...place, value: secret(VALUE) },
      reasons: [/The argument "environment" is required/],
    },
    {
      what: "a wait of more than 30 days",
      type: ENVIRONMENT,
      inputs: { repository: "app", environment: "prod", waitTimer: 43_201 },
      reasons: [/expected wait_timer to be in the range \(0 - 43200\), got 43201/],
    },
  ];
  for (const { what, type = ACTIONS_SECRET, inputs, reasons } of refusals) {
    it(`refuses ${what}`, async () => {
      const provider = await world.unconfigured();
      const { failures } = await provider.check(type, "name", inputs);
      assert.equal(failures.length, reasons.length, JSON.stringify(failures));
      failures.forEach(({ reason }, index) => {
        const expected = reasons[index] ?? "";
        if (typeof expected === "string") {
          assert.equal(reason, expected);
        } else {
          assert.match(reason, expected);
        }
        assert.ok(!reason.includes(VALUE));
      });
    });
  }

  it("accepts an unknown value, an empty one and one that another language left unmarked, which it marks", async () => {
    const provider = await world.unconfigured();
    for (const value of [secret(UNKNOWN), secret(""), "plain"]) {
      const { inputs, failures } = await provider.check(ACTIONS_SECRET, "name", { ...place, value });
      assert.deepEqual(failures, []);
      assert.ok(inputs["value"] instanceof Secret);
    }
  });

  it("fills in an environment's defaults", async () => {
    const provider = await world.unconfigured();
    const { inputs } = await provider.check(ENVIRONMENT, "name", { repository: "app", environment: "prod" });
    assert.equal(inputs["canAdminsBypass"], true);
    assert.equal(inputs["preventSelfReview"], false);
  });

  it("says which types it does not cover", async () => {
    const provider = await world.provider();
    await assert.rejects(
      provider.check("github:index/team:Team", "name", {}),
      /stand-in: the resource type github:index\/team:Team is not covered/,
    );
    await assert.rejects(provider.invoke("github:index/getUser:getUser", {}), /getUser is not covered/);
  });
});

/** A secret type with what it takes to make one of them. */
const KINDS: {
  type: string;
  inputs: PropertyMap;
  id: string;
  scope: ScopeRef;
  path: string;
  keyPath: string;
  looksUpRepository: boolean;
}[] = [
  {
    type: ACTIONS_SECRET,
    inputs: { repository: "app", secretName: "NAME" },
    id: "app:NAME",
    scope: { app: "actions", repository: "acme/app" },
    path: "/repos/acme/app/actions/secrets/NAME",
    keyPath: "/repos/acme/app/actions/secrets/public-key",
    looksUpRepository: true,
  },
  {
    type: DEPENDABOT_SECRET,
    inputs: { repository: "app", secretName: "NAME" },
    id: "app:NAME",
    scope: { app: "dependabot", repository: "acme/app" },
    path: "/repos/acme/app/dependabot/secrets/NAME",
    keyPath: "/repos/acme/app/dependabot/secrets/public-key",
    looksUpRepository: true,
  },
  {
    type: ENVIRONMENT_SECRET,
    inputs: { repository: "app", environment: "prod/eu:1", secretName: "NAME" },
    id: "app:prod/eu??1:NAME",
    scope: { app: "actions", repository: "acme/app", environment: "prod/eu:1" },
    path: "/repositories/ID/environments/prod%2Feu:1/secrets/NAME",
    keyPath: "/repositories/ID/environments/prod%2Feu:1/secrets/public-key",
    looksUpRepository: true,
  },
  {
    type: ORGANIZATION_SECRET,
    inputs: { secretName: "NAME", visibility: "private" },
    id: "NAME",
    scope: { app: "actions", organization: "acme" },
    path: "/orgs/acme/actions/secrets/NAME",
    keyPath: "/orgs/acme/actions/secrets/public-key",
    looksUpRepository: false,
  },
  {
    type: DEPENDABOT_ORGANIZATION_SECRET,
    inputs: { secretName: "NAME", visibility: "all" },
    id: "NAME",
    scope: { app: "dependabot", organization: "acme" },
    path: "/orgs/acme/dependabot/secrets/NAME",
    keyPath: "/orgs/acme/dependabot/secrets/public-key",
    looksUpRepository: false,
  },
];

for (const { type, inputs: place, id, scope, path: pathPattern, keyPath: keyPattern, looksUpRepository } of KINDS) {
  describe(type.split(":")[2] ?? type, () => {
    let provider: ProviderClient;
    let repositoryId = 0;
    let path = "";
    let keyPath = "";
    let lookups: string[] = [];
    const STARTED = new Date("2026-01-02T03:04:05Z");
    before(async () => {
      await world.request("PUT", "/repos/acme/app/environments/prod%2Feu%3A1", {});
      repositoryId = Number((await world.request("GET", "/repos/acme/app"))["id"]);
      path = pathPattern.replace("ID", String(repositoryId));
      keyPath = keyPattern.replace("ID", String(repositoryId));
      lookups = looksUpRepository ? ["GET /repos/acme/app 200"] : [];
    });
    const open = async (given: PropertyMap = place) => {
      provider = await world.provider();
      world.now = STARTED;
      world.requests();
      const { inputs } = await provider.check(type, "name", { ...given, value: secret(VALUE) });
      return inputs;
    };

    it("is created, read, updated and deleted", async () => {
      const inputs = await open();
      const created = await provider.create(type, "name", inputs);
      assert.equal(created.id, id);
      assert.deepEqual(world.requests(), [...lookups, `GET ${keyPath} 200`, `PUT ${path} 201`, `GET ${path} 200`]);
      assert.equal(await openSecret(world.dataDir, scope, "NAME"), VALUE);
      const { keyId, value, ...rest } = created.outputs;
      assert.ok(typeof keyId === "string" && /^\d{18,19}$/.test(keyId));
      assert.ok(value instanceof Secret && reveal(value) === VALUE);
      assert.deepEqual(rest, {
        ...place,
        id,
        ...(looksUpRepository ? { repositoryId } : {}),
        createdAt: "2026-01-02 03:04:05 +0000 UTC",
        updatedAt: "2026-01-02 03:04:05 +0000 UTC",
        remoteUpdatedAt: "2026-01-02 03:04:05 +0000 UTC",
      });

      const state = { inputs, outputs: created.outputs };
      assert.equal((await provider.diff(type, "name", id, state, inputs)).changes, "none");
      assert.deepEqual(world.requests(), []);

      const read = await provider.read(type, "name", id, created.outputs, inputs);
      assert.deepEqual(world.requests(), [`GET ${path} 200`]);
      assert.deepEqual(read, { id, outputs: created.outputs, inputs });

      const { inputs: news } = await provider.check(type, "name", { ...place, value: secret("another") }, inputs);
      const diff = await provider.diff(type, "name", id, state, news);
      assert.deepEqual([diff.changes, diff.replaces, diff.detailed], ["some", [], { value: "UPDATE" }]);
      world.now = new Date("2026-01-02T04:00:00Z");
      const updated = await provider.update(type, "name", id, state, news);
      assert.deepEqual(world.requests(), [`GET ${keyPath} 200`, `PUT ${path} 204`, `GET ${path} 200`]);
      assert.equal(await openSecret(world.dataDir, scope, "NAME"), "another");
      assert.deepEqual(updated, {
        ...created.outputs,
        value: secret("another"),
        updatedAt: "2026-01-02 04:00:00 +0000 UTC",
        remoteUpdatedAt: "2026-01-02 04:00:00 +0000 UTC",
      });

      const older = { ...place, plaintextValue: secret(VALUE) };
      const { inputs: renamed } = await provider.check(type, "name", older, news);
      const moved = await provider.diff(type, "name", id, { inputs: news, outputs: updated }, renamed);
      assert.deepEqual([moved.replaces, moved.detailed], [[], { plaintextValue: "ADD", value: "DELETE" }]);
      const rewritten = await provider.update(type, "name", id, { inputs: news, outputs: updated }, renamed);
      assert.deepEqual(rewritten, { ...updated, value: secret(""), plaintextValue: secret(VALUE) });
      assert.equal(await openSecret(world.dataDir, scope, "NAME"), VALUE);
      const settled = { inputs: renamed, outputs: rewritten };
      assert.equal((await provider.diff(type, "name", id, settled, renamed)).changes, "none");
      world.requests();

      await provider.delete(type, "name", id, updated, news);
      assert.deepEqual(world.requests(), [`DELETE ${path} 204`]);
      assert.equal(await provider.read(type, "name", id, updated, news), undefined);
    });

    it("previews without a request", async () => {
      const inputs = await open();
      const created = await provider.create(type, "name", inputs, { preview: true });
      assert.equal(created.id, "");
      assert.equal(created.outputs["createdAt"], UNKNOWN);
      assert.equal(created.outputs["keyId"], UNKNOWN);
      assert.deepEqual(created.outputs["value"], secret(VALUE));
      const unknown = await provider.check(type, "name", { ...place, value: secret(UNKNOWN) });
      const preview = await provider.create(type, "name", unknown.inputs, { preview: true });
      assert.deepEqual(preview.outputs["value"], secret(UNKNOWN));
      assert.deepEqual(world.requests(), []);
    });

    it("is imported without its value, which the next update then sets", async () => {
      const inputs = await open();
      await provider.create(type, "name", inputs);
      world.requests();
      const imported = await provider.read(type, "name", id);
      assert.deepEqual(world.requests(), [...lookups, `GET ${path} 200`, `GET ${path} 200`]);
      assert.equal(imported?.id, id);
      assert.deepEqual(without(imported.inputs, "__defaults"), place);
      assert.equal(imported.outputs["value"], undefined);
      const diff = await provider.diff(type, "name", id, imported, inputs);
      assert.deepEqual([diff.changes, diff.detailed], ["some", { value: "ADD" }]);
      assert.ok((await provider.update(type, "name", id, imported, inputs))["keyId"]);
      await provider.delete(type, "name", id, imported.outputs);
      await assert.rejects(provider.read(type, "name", id), {
        message: `GET ${world.url}/api/v3${path}: 404 Not Found []`,
      });
    });

    it("cannot be deleted when it is gone", async () => {
      const inputs = await open();
      const { outputs } = await provider.create(type, "name", inputs);
      await world.request("DELETE", path);
      await assert.rejects(provider.delete(type, "name", id, outputs, inputs), {
        message:
          `deleting ${ProviderClient.urn(type, "name")}: 1 error occurred:\n` +
          `\t* DELETE ${world.url}/api/v3${path}: 404 Not Found []\n\n`,
      });
    });

    it("records a change made elsewhere on refresh, and plans nothing against it", async () => {
      const inputs = await open();
      const { outputs } = await provider.create(type, "name", inputs);
      world.now = new Date("2026-01-03T00:00:00Z");
      const other = await world.provider();
      await other.update(type, "name", id, { inputs, outputs }, { ...inputs, value: secret("by hand") });

      const refreshed = await provider.read(type, "name", id, outputs, inputs);
      assert.deepEqual(refreshed?.outputs, { ...outputs, remoteUpdatedAt: "2026-01-03 00:00:00 +0000 UTC" });
      const diff = await provider.diff(type, "name", id, { inputs, outputs: refreshed.outputs }, inputs);
      assert.equal(diff.changes, "none");
      assert.equal(await openSecret(world.dataDir, scope, "NAME"), "by hand");
      await provider.delete(type, "name", id, outputs, inputs);
    });

    it("is replaced when its name changes", async () => {
      const inputs = await open();
      const { outputs } = await provider.create(type, "name", inputs);
      const { inputs: news } = await provider.check(
        type,
        "name",
        { ...place, secretName: "RENAMED", value: secret(VALUE) },
        inputs,
      );
      const diff = await provider.diff(type, "name", id, { inputs, outputs }, news);
      assert.deepEqual(diff.detailed, { secretName: "UPDATE_REPLACE" });
      assert.deepEqual(diff.replaces, ["secretName"]);
      assert.equal(diff.deleteBeforeReplace, type === ENVIRONMENT_SECRET);
      await provider.delete(type, "name", id, outputs, inputs);
    });

    it("keeps the resource, as failed, when an update fails", async () => {
      const inputs = await open();
      const { outputs } = await provider.create(type, "name", inputs);
      const { inputs: news } = await provider.check(type, "name", {
        ...place,
        valueEncrypted: secret("c2VhbGVk"),
        keyId: "1",
      });
      await assert.rejects(provider.update(type, "name", id, { inputs, outputs }, news), (error: CallError) => {
        assert.equal(error.partial?.id, id);
        assert.deepEqual(error.partial.properties, {
          ...without(outputs, "value"),
          valueEncrypted: secret("c2VhbGVk"),
          keyId: "1",
        });
        assert.match(error.partial.reasons[0] ?? "", /^updating urn:.*: 1 error occurred:\n\t\* PUT .*: 422 /);
        assert.ok(!error.message.includes("c2VhbGVk"));
        return true;
      });
      assert.equal(await openSecret(world.dataDir, scope, "NAME"), VALUE);
      await provider.delete(type, "name", id, outputs, inputs);
    });

    it("takes an empty value, and one in the deprecated form", async () => {
      await open();
      for (const value of [{ value: secret("") }, { plaintextValue: secret("old form") }]) {
        const { inputs } = await provider.check(type, "name", { ...place, ...value });
        const { outputs } = await provider.create(type, "name", inputs);
        assert.equal(await openSecret(world.dataDir, scope, "NAME"), reveal(Object.values(value)[0] ?? ""));
        assert.equal((await provider.diff(type, "name", id, { inputs, outputs }, inputs)).changes, "none");
        await provider.delete(type, "name", id, outputs, inputs);
      }
    });

    it("passes an encrypted value on, asking for a key only if none is named", async () => {
      const inputs = await open();
      const { outputs } = await provider.create(type, "name", inputs);
      const state = JSON.parse(readFileSync(join(world.dataDir, "state.json"), "utf8")) as {
        scopes: Record<string, { keyId: string; secrets: Record<string, { ciphertext: string }> }>;
      };
      const stored = Object.values(state.scopes).find((one) => one.keyId === outputs["keyId"]);
      const encrypted = secret(stored?.secrets["NAME"]?.ciphertext ?? "");

      // Without a key of its own, an update takes the value to be encrypted with the key in the state.
      const { inputs: news } = await provider.check(type, "name", { ...place, valueEncrypted: encrypted });
      world.requests();
      await provider.update(type, "name", id, { inputs, outputs }, news);
      assert.deepEqual(world.requests(), [`PUT ${path} 204`, `GET ${path} 200`]);
      await provider.delete(type, "name", id, outputs, inputs);
      world.requests();
      for (const [given, asksForKey] of [
        [{ valueEncrypted: encrypted, keyId: stored?.keyId ?? "" }, false],
        [{ valueEncrypted: encrypted }, true],
        [{ encryptedValue: encrypted }, true],
      ] as const) {
        const checked = await provider.check(type, "name", { ...place, ...given });
        assert.deepEqual(checked.failures, []);
        const created = await provider.create(type, "name", checked.inputs);
        assert.equal(await openSecret(world.dataDir, scope, "NAME"), VALUE);
        assert.equal(world.requests().includes(`GET ${keyPath} 200`), asksForKey);
        await provider.delete(type, "name", id, created.outputs, checked.inputs);
      }
    });
  });
}

describe("a secret whose repository changes", () => {
  const inputs = { repository: "moving", secretName: "NAME", value: secret(VALUE) };
  let provider: ProviderClient;
  let outputs: PropertyMap;

  it("asks GitHub whether it is another repository", async () => {
    await world.request("POST", "/orgs/acme/repos", { name: "moving", private: true });
    provider = await world.provider();
    ({ outputs } = await provider.create(ACTIONS_SECRET, "name", inputs));
    const diffTo = async (repository: string, olds = outputs) => {
      world.requests();
      const diff = await provider.diff(
        ACTIONS_SECRET,
        "name",
        "moving:NAME",
        { inputs, outputs: olds },
        { ...inputs, repository },
      );
      return [diff.detailed["repository"], ...world.requests()];
    };
    assert.deepEqual(await diffTo("other"), ["UPDATE_REPLACE", "GET /repos/acme/other 200"]);
    assert.deepEqual(await diffTo("absent"), ["UPDATE", "GET /repos/acme/absent 404"]);
    assert.deepEqual(await diffTo("other", without(outputs, "repositoryId")), ["UPDATE_REPLACE"]);
    await world.request("PATCH", "/repos/acme/moving", { name: "moved" });
    assert.deepEqual(await diffTo("moved"), ["UPDATE", "GET /repos/acme/moved 200"]);
  });
});

describe("an organization secret's selected repositories", () => {
  it("are a set, force a new secret when changed, and need the visibility to be selected", async () => {
    const provider = await world.provider();
    const [first = 0, second = 0] = await Promise.all(
      ["app", "other"].map(async (name) => Number((await world.request("GET", `/repos/acme/${name}`))["id"])),
    );
    const place = { secretName: "SELECTED", visibility: "selected", value: secret(VALUE) };
    const inputs = { ...place, selectedRepositoryIds: [second, first] };
    const { id, outputs } = await provider.create(ORGANIZATION_SECRET, "name", inputs);
    const diff = (news: PropertyMap) => provider.diff(ORGANIZATION_SECRET, "name", id, { inputs, outputs }, news);
    assert.equal((await diff({ ...place, selectedRepositoryIds: [first, second] })).changes, "none");
    assert.deepEqual((await diff({ ...place, selectedRepositoryIds: [first] })).replaces, ["selectedRepositoryIds[1]"]);
    await assert.rejects(
      diff({ ...inputs, visibility: "all" }),
      /cannot use selected_repository_ids without visibility being set to selected/,
    );
    const imported = await provider.read(ORGANIZATION_SECRET, "name", id);
    assert.deepEqual(imported?.outputs["selectedRepositoryIds"], [first, second]);
    assert.equal(imported.outputs["visibility"], "selected");
    await provider.delete(ORGANIZATION_SECRET, "name", id, outputs, inputs);
  });
});

for (const [app, secretType, type] of [
  ["actions", ORGANIZATION_SECRET, ORGANIZATION_SECRET_REPOSITORIES],
  ["dependabot", DEPENDABOT_ORGANIZATION_SECRET, DEPENDABOT_ORGANIZATION_SECRET_REPOSITORIES],
] as const) {
  describe(type.split(":")[2] ?? type, () => {
    const place = { secretName: "LISTED", visibility: "selected", value: secret(VALUE) };
    const path = `/orgs/acme/${app}/secrets/LISTED`;
    const numbers = async () =>
      Promise.all(
        ["app", "other"].map(async (name) => Number((await world.request("GET", `/repos/acme/${name}`))["id"])),
      );

    it("are written, read, changed in place and emptied beside the secret, whose own writes empty them too", async () => {
      const provider = await world.provider();
      const [first = 0, second = 0] = await numbers();
      const made = await provider.create(secretType, "name", place);
      const listed = { secretName: "LISTED", selectedRepositoryIds: [second, first] };
      const { inputs } = await provider.check(type, "name", listed);
      world.requests();
      const { id, outputs } = await provider.create(type, "name", inputs);
      assert.deepEqual(world.requests(), [`PUT ${path}/repositories 204`]);
      assert.deepEqual([id, outputs], ["LISTED", { ...listed, id }]);
      const state = { inputs, outputs };
      const read = () => provider.read(type, "name", id, outputs, inputs);
      assert.deepEqual(await read(), { id, ...state });
      const diff = (news: PropertyMap) => provider.diff(type, "name", id, state, news);
      assert.equal((await diff({ ...inputs, selectedRepositoryIds: [first, second] })).changes, "none");
      const changed = await diff({ ...inputs, selectedRepositoryIds: [second] });
      assert.deepEqual([changed.changes, changed.replaces], ["some", []]);
      assert.deepEqual((await diff({ ...inputs, secretName: "OTHER" })).replaces, ["secretName"]);
      const news = { ...inputs, selectedRepositoryIds: [second] };
      const updated = { ...listed, selectedRepositoryIds: [second] };
      assert.deepEqual(await provider.update(type, "name", id, state, news), { ...updated, id });
      const imported = await provider.read(type, "name", id);
      assert.deepEqual(without(imported?.inputs ?? {}, "__defaults"), updated);

      await provider.update(secretType, "name", made.id, { inputs: place, outputs: made.outputs }, place);
      assert.deepEqual((await read())?.outputs["selectedRepositoryIds"], []);
      await provider.update(type, "name", id, state, inputs);
      await provider.delete(type, "name", id, outputs, inputs);
      assert.deepEqual((await read())?.outputs["selectedRepositoryIds"], []);
      const all = { ...place, visibility: "all" };
      await provider.update(secretType, "name", made.id, { inputs: place, outputs: made.outputs }, all);
      await assert.rejects(provider.delete(type, "name", id, outputs, inputs), /409/);
      await provider.delete(secretType, "name", made.id, made.outputs, place);
      await assert.rejects(read(), /404 Not Found/);
    });

    it("are an organization's only", async () => {
      const provider = await world.provider({ owner: "someone" });
      await assert.rejects(
        provider.create(type, "name", { secretName: "LISTED", selectedRepositoryIds: [] }),
        /can only be used in the context of an organization, "someone" is a user/,
      );
    });
  });
}

describe("RepositoryEnvironment", () => {
  const path = "/repos/acme/app/environments/stage%2F1";

  it("is created, read, updated, imported and deleted, twice if need be", async () => {
    const provider = await world.provider();
    const place = { repository: "app", environment: "stage/1" };
    const { inputs } = await provider.check(ENVIRONMENT, "name", place);
    world.requests();
    const { id, outputs } = await provider.create(ENVIRONMENT, "name", inputs);
    assert.equal(id, "app:stage/1");
    assert.deepEqual(world.requests(), [`PUT ${path} 200`, "GET /repos/acme/app 200"]);
    assert.equal(typeof outputs["repositoryId"], "number");

    const read = await provider.read(ENVIRONMENT, "name", id, outputs, inputs);
    assert.deepEqual(read?.outputs, outputs);
    const state = { inputs, outputs };
    assert.equal((await provider.diff(ENVIRONMENT, "name", id, state, inputs)).changes, "none");

    const user = Number((await world.request("GET", "/user"))["id"]);
    const checked = await provider.check(ENVIRONMENT, "name", {
      ...place,
      waitTimer: 5,
      canAdminsBypass: false,
      reviewers: [{ users: [user] }],
      deploymentBranchPolicy: { protectedBranches: true, customBranchPolicies: false },
    });
    assert.deepEqual(checked.failures, []);
    assert.equal((await provider.diff(ENVIRONMENT, "name", id, state, checked.inputs)).changes, "some");
    await provider.update(ENVIRONMENT, "name", id, state, checked.inputs);
    const imported = await provider.read(ENVIRONMENT, "name", id);
    assert.deepEqual(without(imported?.inputs ?? {}, "__defaults"), {
      ...place,
      waitTimer: 5,
      canAdminsBypass: false,
      reviewers: [{ teams: [], users: [user] }],
      deploymentBranchPolicy: { protectedBranches: true, customBranchPolicies: false },
    });

    await provider.delete(ENVIRONMENT, "name", id, outputs, inputs);
    await provider.delete(ENVIRONMENT, "name", id, outputs, inputs);
    assert.equal(await provider.read(ENVIRONMENT, "name", id, outputs, inputs), undefined);
    assert.equal(await provider.read(ENVIRONMENT, "name", id), undefined);
    await assert.rejects(
      provider.read(ENVIRONMENT, "name", "app"),
      /invalid id \(app\), expected format <repository>:<environment>/,
    );
  });

  it("sees changes made elsewhere", async () => {
    const provider = await world.provider();
    const { inputs } = await provider.check(ENVIRONMENT, "name", { repository: "app", environment: "drift" });
    const { id, outputs } = await provider.create(ENVIRONMENT, "name", inputs);
    await world.request("PUT", "/repos/acme/app/environments/drift", { can_admins_bypass: false, wait_timer: 3 });
    const refreshed = await provider.read(ENVIRONMENT, "name", id, outputs, inputs);
    const diff = await provider.diff(ENVIRONMENT, "name", id, { inputs, outputs: refreshed?.outputs ?? {} }, inputs);
    assert.deepEqual(diff.detailed, { canAdminsBypass: "UPDATE", waitTimer: "DELETE" });
    await provider.delete(ENVIRONMENT, "name", id, outputs, inputs);
  });

  it("refuses more than six reviewers when it changes", async () => {
    const provider = await world.provider();
    const inputs = { repository: "app", environment: "x", reviewers: [{ teams: [1, 2, 3], users: [1, 2, 3, 4] }] };
    await assert.rejects(
      provider.diff(ENVIRONMENT, "name", "app:x", { inputs: {}, outputs: inputs }, inputs),
      /a maximum of 6 reviewers/,
    );
  });
});

describe("functions", () => {
  const GET_REPOSITORY = "github:index/getRepository:getRepository";

  it("getRepository answers by name and by full name, and with nothing for an absent one", async () => {
    const provider = await world.provider();
    const byName = await provider.invoke(GET_REPOSITORY, { name: "app" });
    assert.equal(byName.result["fullName"], "acme/app");
    assert.equal(byName.result["defaultBranch"], "main");
    assert.equal(typeof byName.result["repoId"], "number");
    assert.equal(byName.result["id"], "app");
    const byFullName = await provider.invoke(GET_REPOSITORY, { fullName: "someone/personal" });
    assert.equal(byFullName.result["name"], "personal");
    assert.deepEqual(await provider.invoke(GET_REPOSITORY, { name: "absent" }), { result: {}, failures: [] });
    await assert.rejects(provider.invoke(GET_REPOSITORY, {}), /one of "full_name" or "name" has to be provided/);
    await assert.rejects(provider.invoke(GET_REPOSITORY, { fullName: "app" }), /unexpected full name format \("app"\)/);
  });

  it("getRepository has every result the SDK declares", async () => {
    const provider = await world.provider();
    const { result } = await provider.invoke(GET_REPOSITORY, { name: "app" });
    const declarations = createRequire(import.meta.url).resolve(`${PACKAGE}/getRepository.d.ts`);
    const [, members = ""] = readFileSync(declarations, "utf8").split("interface GetRepositoryResult");
    const declared = [...members.matchAll(/^ {4}readonly (\w+)\??:/gm)].map(([, name]) => name);
    assert.ok(declared.includes("topics"));
    assert.deepEqual(Object.keys(result).sort(), declared.sort());
  });

  it("lists the names, times and visibility of secrets, and no value", async () => {
    const provider = await world.provider();
    world.now = new Date("2026-01-02T03:04:05Z");
    const at = "2026-01-02 03:04:05 +0000 UTC";
    const value = secret(VALUE);
    for (const [type, list, args, place, visibility] of [
      [ACTIONS_SECRET, "getActionsSecrets", { name: "other" }, { repository: "other" }, {}],
      [DEPENDABOT_SECRET, "getDependabotSecrets", { fullName: "acme/other" }, { repository: "other" }, {}],
      [ORGANIZATION_SECRET, "getActionsOrganizationSecrets", {}, { visibility: "all" }, { visibility: "all" }],
      [
        DEPENDABOT_ORGANIZATION_SECRET,
        "getDependabotOrganizationSecrets",
        {},
        { visibility: "private" },
        { visibility: "private" },
      ],
    ] as const) {
      const inputs = { ...place, secretName: "LOOKED_AT", value };
      const { id, outputs } = await provider.create(type, "name", inputs);
      const { result } = await provider.invoke(`github:index/${list}:${list}`, args);
      const secrets = (result["secrets"] as PropertyMap[]).filter(({ name }) => name === "LOOKED_AT");
      assert.deepEqual(secrets, [{ name: "LOOKED_AT", createdAt: at, updatedAt: at, ...visibility }], list);
      await provider.delete(type, "name", id, outputs, inputs);
    }
  });

  it("getActionsPublicKey answers with the key that secrets are sealed to", async () => {
    const provider = await world.provider();
    const token = "github:index/getActionsPublicKey:getActionsPublicKey";
    const { result } = await provider.invoke(token, { repository: "app" });
    const key = await world.request("GET", "/repos/acme/app/actions/secrets/public-key");
    assert.deepEqual(result, { id: key["key_id"], keyId: key["key_id"], key: key["key"], repository: "app" });
    assert.equal((await provider.invoke(token, {})).failures.length, 1);
    await assert.rejects(
      provider.invoke(token, { repository: "absent" }),
      /^Error: invoking github:index\/getActionsPublicKey:getActionsPublicKey: 1 error occurred:\n\t\* GET .*: 404 Not Found \[\]/,
    );
  });
});
