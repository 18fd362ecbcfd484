import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type PropertyMap, Secret, UNKNOWN } from "../../providers/base/index.js";
import { CallError, ProviderClient } from "../../providers/base/testing/client.js";
import { text } from "./objects.js";
import { KubernetesProvider } from "./provider.js";
import { FakeApiServer, status } from "./testing/api-server.js";

const SECRET = "kubernetes:core/v1:Secret";
const CONFIG_MAP = "kubernetes:core/v1:ConfigMap";
const WIDGET = "kubernetes:ex.example.com/v1:Widget";
const TOKEN_PATH = "/api/v1/namespaces/apps/secrets/token";
const WIDGET_PATH = "/apis/ex.example.com/v1/namespaces/apps/widgets/w";

const tokenInputs = (value: string): PropertyMap => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "token", namespace: "apps" },
  stringData: { key: new Secret(value) },
});

const widgetInputs = (spec: PropertyMap, annotations: PropertyMap = {}): PropertyMap => ({
  apiVersion: "ex.example.com/v1",
  kind: "Widget",
  metadata: { name: "w", namespace: "apps", annotations },
  spec,
});

const server = new FakeApiServer();
const warnings: string[] = [];
let client: ProviderClient;

async function start(settings: PropertyMap = {}): Promise<ProviderClient> {
  const log = { warn: (_: string, message: string) => void warnings.push(message), status: () => undefined };
  const provider = new KubernetesProvider({ log, retryDelays: [1, 1, 1] });
  const started = await ProviderClient.start({ name: "kubernetes", version: "0.0.0", provider });
  await started.configure({ kubeconfig: server.kubeconfig, ...settings });
  return started;
}

/** Checks and creates; the inputs must pass. */
async function create(type: string, news: PropertyMap, options: { preview?: boolean; timeout?: number } = {}) {
  const { inputs, failures } = await client.check(type, "thing", news);
  assert.deepEqual(failures, []);
  return { inputs, ...(await client.create(type, "thing", inputs, options)) };
}

function installWidgets(): void {
  server.kinds.set("/apis/ex.example.com/v1", [{ kind: "Widget", plural: "widgets", namespaced: true }]);
}

async function failure(call: Promise<unknown>): Promise<CallError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof CallError);
    return error;
  }
  assert.fail("the call succeeded");
}

before(async () => {
  await server.start();
  client = await start();
});
after(async () => {
  client.close();
  await server.stop();
});
afterEach(() => {
  server.intercept = () => undefined;
  server.objects.clear();
  server.documents.clear();
  server.kinds.delete("/apis/ex.example.com/v1");
  server.requests.length = 0;
  warnings.length = 0;
});

describe("check", () => {
  it("fills in apiVersion, kind, name and the context's namespace", async () => {
    const { inputs } = await client.check(CONFIG_MAP, "settings", { data: { a: "b" } });
    assert.equal(inputs["apiVersion"], "v1");
    assert.equal(inputs["kind"], "ConfigMap");
    const metadata = inputs["metadata"] as PropertyMap;
    assert.match(text(metadata["name"]), /^settings-[0-9a-f]{8}$/);
    assert.equal(metadata["namespace"], "apps");
    assert.deepEqual(metadata["annotations"], { "pulumi.com/autonamed": "true" });
    const again = await client.check(CONFIG_MAP, "settings", { data: { a: "c" } }, inputs);
    assert.equal((again.inputs["metadata"] as PropertyMap)["name"], metadata["name"]);
  });

  it("leaves a name alone that is not known yet", async () => {
    const { inputs } = await client.check(CONFIG_MAP, "settings", { metadata: { name: UNKNOWN } });
    assert.equal((inputs["metadata"] as PropertyMap)["name"], UNKNOWN);
  });

  it("turns stringData into secret data", async () => {
    const { inputs } = await client.check(SECRET, "token", tokenInputs("hunter22"));
    assert.equal(inputs["stringData"], undefined);
    assert.deepEqual(inputs["data"], new Secret({ key: Buffer.from("hunter22").toString("base64") }));
  });

  it("refuses what the server's schema refuses, and what could never be awaited", async () => {
    server.documents.set("/api/v1", {
      components: {
        schemas: {
          ConfigMap: {
            type: "object",
            "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "ConfigMap" }],
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              data: { type: "object", additionalProperties: { type: "string" } },
            },
          },
        },
      },
    });
    const { failures } = await client.check(CONFIG_MAP, "settings", {
      metadata: { name: "a", annotations: { "pulumi.com/waitFor": "Ready" } },
      data: { a: 1 },
      dta: {},
    });
    assert.deepEqual(failures.map(({ property }) => property).sort(), ["data.a", "dta", "metadata.annotations"]);
  });

  const refused: [string, string, PropertyMap, RegExp][] = [
    ["a list", "kubernetes:core/v1:SecretList", { items: [] }, /create its items instead/],
    ["a patch", "kubernetes:core/v1:SecretPatch", { kind: "Secret" }, /not implemented/],
    ["a chart", "kubernetes:helm.sh/v4:Chart", {}, /not implemented/],
    ["a type that is none", "kubernetes:nonsense", {}, /not implemented/],
    ["another kind than the type's", SECRET, { apiVersion: "v1", kind: "ConfigMap" }, /does not match/],
    ["a generated name", SECRET, { metadata: { generateName: "a-" } }, /generateName/],
  ];
  for (const [what, type, inputs, message] of refused) {
    it(`refuses ${what}`, async () => {
      assert.match((await failure(client.check(type, "thing", inputs))).message, message);
    });
  }
});

describe("diff", () => {
  async function diffSecret(settings: PropertyMap, change: (news: PropertyMap) => void) {
    const own = await start(settings);
    server.objects.clear();
    try {
      const created = await create(SECRET, tokenInputs("one"));
      const { inputs } = await client.check(SECRET, "token", tokenInputs("one"), created.inputs);
      change(inputs);
      return await own.diff(SECRET, "token", created.id, created, inputs);
    } finally {
      own.close();
    }
  }
  const newValue = (news: PropertyMap): void => {
    news["data"] = new Secret({ key: "dHdv" });
  };

  it("sees no change where there is none", async () => {
    const diff = await diffSecret({}, () => undefined);
    assert.equal(diff.changes, "none");
    assert.deepEqual(diff.detailed, {});
  });

  it("replaces a changed Secret, deleting it first, unless Secrets are mutable", async () => {
    const replaced = await diffSecret({}, newValue);
    assert.deepEqual(replaced.replaces, ["data.key"]);
    assert.equal(replaced.deleteBeforeReplace, true);
    const updated = await diffSecret({ enableSecretMutable: "true" }, newValue);
    assert.deepEqual(updated.detailed, { "data.key": "UPDATE" });
    assert.deepEqual(updated.replaces, []);
  });

  it("replaces a mutable Secret on another type, and an immutable one on another value", async () => {
    const retyped = await diffSecret({ enableSecretMutable: true }, (news) => {
      news["type"] = "example.com/other";
    });
    assert.deepEqual(retyped.replaces, ["type"]);
    const immutable = await diffSecret({ enableSecretMutable: true }, (news) => {
      newValue(news);
      news["immutable"] = true;
    });
    assert.deepEqual(immutable.replaces, ["data.key"]);
  });

  it("does not delete first when the object moves", async () => {
    const moved = await diffSecret({}, (news) => {
      news["metadata"] = { name: "token", namespace: "elsewhere" };
    });
    assert.deepEqual(moved.replaces, ["metadata.namespace"]);
    assert.equal(moved.deleteBeforeReplace, false);
  });

  it("does not delete first when the object gets another name", async () => {
    const renamed = await diffSecret({}, (news) => {
      news["metadata"] = { name: "other", namespace: "apps" };
    });
    assert.deepEqual(renamed.replaces, ["metadata.name"]);
    assert.equal(renamed.deleteBeforeReplace, false);
  });

  it("passes over ignored changes", async () => {
    const created = await create(CONFIG_MAP, { metadata: { name: "c" }, data: { a: "1", b: "1" } });
    const news = { ...created.inputs, data: { a: "2", b: "2" } };
    const diff = await client.diff(CONFIG_MAP, "thing", created.id, created, news, ["data.a"]);
    assert.deepEqual(Object.keys(diff.detailed), ["data.b"]);
  });
});

describe("create", () => {
  it("posts strictly, as the provider's client-side manager, and keeps the apply manager for later", async () => {
    const { id, outputs } = await create(SECRET, tokenInputs("hunter22"));
    assert.equal(id, "apps/token");
    const post = server.requests.find(({ method }) => method === "POST");
    assert.equal(post?.query.get("fieldManager"), "pulumi-kubernetes");
    assert.equal(post?.query.get("fieldValidation"), "Strict");
    assert.match(text(outputs["__fieldManager"]), /^pulumi-kubernetes-[0-9a-f]{8}$/);
    assert.ok(outputs["data"] instanceof Secret);
    assert.ok((outputs["__inputs"] as PropertyMap)["data"] instanceof Secret);
  });

  it("refuses an object that is there already, unless told to take it", async () => {
    server.put(TOKEN_PATH, { apiVersion: "v1", kind: "Secret", metadata: { name: "token", namespace: "apps" } });
    const { message, partial } = await failure(create(SECRET, tokenInputs("hunter22")));
    assert.match(message, /already exists/);
    assert.match(message, /pulumi import/);
    assert.equal(partial, undefined);
    const upserting = await start({ upsertExistingObjects: true });
    const { id } = await upserting.create(SECRET, "token", tokenInputs("hunter22"));
    upserting.close();
    assert.equal(id, "apps/token");
  });

  it("writes nothing in a preview, and lets pass what only the preview lacks", async () => {
    const dry = await create(SECRET, tokenInputs("one"), { preview: true });
    assert.equal(dry.id, "");
    assert.equal(server.objects.size, 0);
    assert.equal(server.requests.find(({ method }) => method === "POST")?.query.get("dryRun"), "All");

    const posted = (): number => server.requests.filter(({ method }) => method === "POST").length;
    const before = posted();
    await create(SECRET, { ...tokenInputs("one"), stringData: { key: UNKNOWN } }, { preview: true });
    await create(WIDGET, widgetInputs({}), { preview: true });
    assert.equal(posted(), before);

    server.intercept = ({ method }) =>
      method === "POST"
        ? status(404, "NotFound", 'namespaces "apps" not found', { kind: "namespaces", name: "apps" })
        : undefined;
    const { outputs } = await create(SECRET, tokenInputs("one"), { preview: true });
    assert.deepEqual(outputs["metadata"], { name: "token", namespace: "apps" });
    assert.equal(posted(), before + 1);
  });

  it("tries again while the kind is not served yet", async () => {
    let lookups = 0;
    server.intercept = ({ path }) => {
      if (path === "/apis/ex.example.com/v1" && ++lookups === 5) {
        installWidgets();
      }
      return undefined;
    };
    const { id } = await create(WIDGET, widgetInputs({ size: 1 }));
    assert.equal(id, "apps/w");
    assert.ok(lookups >= 5);
  });

  it("looks again for a kind that was not served before", async () => {
    const provider = new KubernetesProvider({ retryDelays: [] });
    const own = await ProviderClient.start({ name: "kubernetes", version: "0.0.0", provider });
    await own.configure({ kubeconfig: server.kubeconfig });
    server.kinds.set("/apis/ex.example.com/v1", [{ kind: "Gadget", plural: "gadgets", namespaced: true }]);
    await own.check(WIDGET, "w", widgetInputs({ size: 1 }));
    installWidgets();
    const { id } = await own.create(WIDGET, "w", widgetInputs({ size: 1 }));
    own.close();
    assert.equal(id, "apps/w");
  });

  it("promises no status in a preview", async () => {
    server.intercept = ({ method, body }) =>
      method === "POST" ? { code: 200, body: { ...(body as PropertyMap), status: { phase: "Active" } } } : undefined;
    const { outputs } = await create(SECRET, tokenInputs("one"), { preview: true });
    assert.equal(outputs["status"], undefined);
    assert.ok(outputs["data"] instanceof Secret);
  });

  it("gives up in the end, and says what may be missing", async () => {
    const own = await start();
    const { message } = await failure(own.create(WIDGET, "w", widgetInputs({ size: 1 })));
    own.close();
    assert.match(message, /custom resource definition/);
    assert.match(message, /no matches for kind "Widget" in version "ex.example.com\/v1"/);
  });

  it("does not try again when an admission webhook cannot be called", async () => {
    installWidgets();
    server.intercept = ({ method }) =>
      method === "POST"
        ? status(500, "InternalError", "Internal error occurred: failed calling webhook: connect: connection refused")
        : undefined;
    const { message, partial } = await failure(create(WIDGET, widgetInputs({ size: 1 })));
    assert.match(message, /failed calling webhook/);
    assert.equal(partial, undefined);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 1);
  });

  it("keeps secret inputs out of error texts", async () => {
    server.intercept = ({ method }) =>
      method === "POST" ? status(422, "Invalid", 'data: Invalid value: "hunter22", aHVudGVyMjI=') : undefined;
    const { message } = await failure(create(SECRET, tokenInputs("hunter22")));
    assert.match(message, /Invalid value: "\[secret\]", \[secret\]/);
  });
});

describe("waiting", () => {
  const ready = (value: string): PropertyMap => ({
    ...widgetInputs({ size: 1 }, { "pulumi.com/waitFor": "condition=Ready" }),
    status: { conditions: [{ type: "Ready", status: value }] },
  });

  it("goes on when the condition comes true", async () => {
    installWidgets();
    const created = create(WIDGET, widgetInputs({ size: 1 }, { "pulumi.com/waitFor": "condition=Ready" }));
    server.intercept = ({ query }) => {
      if (query.get("watch") === "true") {
        setImmediate(() => server.put(WIDGET_PATH, ready("True")));
      }
      return undefined;
    };
    const { outputs } = await created;
    assert.deepEqual((outputs["status"] as PropertyMap)["conditions"], [{ type: "Ready", status: "True" }]);
  });

  it("fails after the time given, keeping the object", async () => {
    installWidgets();
    server.intercept = ({ query }) => {
      if (query.get("watch") === "true") {
        setImmediate(() => server.put(WIDGET_PATH, ready("False")));
      }
      return undefined;
    };
    const inputs = widgetInputs({ size: 1 }, { "pulumi.com/waitFor": "condition=Ready" });
    const { message, partial } = await failure(create(WIDGET, inputs, { timeout: 0.3 }));
    assert.match(message, /timed out waiting for the condition/);
    assert.equal(partial?.id, "apps/w");
    const outputs = partial?.properties ?? {};
    assert.deepEqual((outputs["status"] as PropertyMap)["conditions"], [{ type: "Ready", status: "False" }]);
  });

  it("is over when the engine cancels", async () => {
    installWidgets();
    const own = await start();
    server.intercept = ({ query }) => {
      if (query.get("watch") === "true") {
        setImmediate(() => void own.cancel());
      }
      return undefined;
    };
    const inputs = widgetInputs({ size: 1 }, { "pulumi.com/waitFor": "condition=Ready" });
    const { message, partial } = await failure(own.create(WIDGET, "w", inputs));
    own.close();
    assert.match(message, /cancelled/);
    assert.equal(partial?.id, "apps/w");
  });

  it("does not take place under pulumi.com/skipAwait, nor for custom resources by default", async () => {
    installWidgets();
    await create(WIDGET, widgetInputs({ size: 1 }));
    server.put(WIDGET_PATH, undefined);
    await create(
      WIDGET,
      widgetInputs({ size: 1 }, { "pulumi.com/waitFor": "condition=Ready", "pulumi.com/skipAwait": "true" }),
    );
    assert.equal(server.requests.filter(({ query }) => query.has("watch")).length, 0);
  });
});

describe("update", () => {
  it("takes over what its create wrote, then applies", async () => {
    const created = await create(CONFIG_MAP, { metadata: { name: "c" }, data: { a: "1" } });
    const path = "/api/v1/namespaces/apps/configmaps/c";
    const stored = server.objects.get(path) ?? {};
    server.put(path, {
      ...stored,
      metadata: {
        ...(stored["metadata"] as PropertyMap),
        managedFields: [{ manager: "pulumi-kubernetes", operation: "Update", fieldsV1: { "f:data": { "f:a": {} } } }],
      },
    });
    server.requests.length = 0;
    await client.update(CONFIG_MAP, "thing", created.id, created, { ...created.inputs, data: { a: "2" } });
    const [adoption, apply] = server.requests.filter(({ method }) => method === "PATCH");
    assert.equal(adoption?.contentType, "application/json-patch+json");
    const manager = created.outputs["__fieldManager"];
    assert.deepEqual((adoption.body as PropertyMap[])[0]?.["value"], [
      { manager, operation: "Apply", fieldsV1: { "f:data": { "f:a": {} } } },
    ]);
    assert.equal(apply?.contentType, "application/apply-patch+yaml");
    assert.equal(apply.query.get("fieldManager"), manager);
    assert.equal(apply.query.get("force"), "false");
  });

  it("reports a conflict with the manager and the field, and keeps the object", async () => {
    installWidgets();
    const created = await create(WIDGET, widgetInputs({ interval: "1m" }));
    const stored = server.objects.get(WIDGET_PATH) ?? {};
    server.put(WIDGET_PATH, {
      ...stored,
      metadata: {
        ...(stored["metadata"] as PropertyMap),
        managedFields: [{ manager: "operator", operation: "Update" }],
      },
    });
    server.intercept = ({ method, query }) =>
      method === "PATCH" && query.get("force") !== "true"
        ? status(409, "Conflict", 'Apply failed with 1 conflict: conflict with "operator": .spec.interval')
        : undefined;
    const news = { ...created.inputs, spec: { interval: "2m" } };
    const { message, partial } = await failure(client.update(WIDGET, "thing", created.id, created, news));
    assert.match(message, /server-side apply field conflict.*"operator": \.spec\.interval/);
    assert.equal(partial?.id, "apps/w");
    const forced = {
      ...news,
      metadata: { name: "w", namespace: "apps", annotations: { "pulumi.com/patchForce": "true" } },
    };
    await client.update(WIDGET, "thing", created.id, created, forced);
  });
});

describe("read and delete", () => {
  it("finds a refreshed object unchanged, and an absent one gone", async () => {
    const created = await create(SECRET, tokenInputs("one"));
    const read = await client.read(SECRET, "thing", created.id, created.outputs, created.inputs);
    assert.deepEqual(read?.inputs, created.inputs);
    server.put(TOKEN_PATH, undefined);
    assert.equal(await client.read(SECRET, "thing", created.id, created.outputs, created.inputs), undefined);
    assert.equal(await client.read(WIDGET, "thing", "apps/w"), undefined);
    await client.delete(SECRET, "thing", created.id, created.outputs, created.inputs);
  });

  it("imports an object without what only the server writes", async () => {
    const created = await create(SECRET, tokenInputs("one"));
    const imported = await client.read(SECRET, "thing", created.id);
    assert.deepEqual(imported?.inputs, created.inputs);
  });

  it("imports of a custom resource only which it is, and takes over what kubectl wrote when it is updated", async () => {
    installWidgets();
    const news = widgetInputs({ interval: "1m0s" });
    const kubectl = { manager: "kubectl-client-side-apply", operation: "Update" };
    const operator = { manager: "operator", operation: "Update", fieldsV1: { "f:spec": { "f:interval": {} } } };
    const metadata = { name: "w", namespace: "apps", labels: { team: "by-hand" }, uid: "u-1" };
    const fieldsV1 = { "f:metadata": { "f:labels": { "f:team": {} } } };
    const managedFields = [{ ...kubectl, fieldsV1 }, operator];
    server.put(WIDGET_PATH, { ...news, metadata: { ...metadata, managedFields } });

    const imported = await client.read(WIDGET, "thing", "apps/w");
    assert.deepEqual(imported?.inputs, {
      apiVersion: "ex.example.com/v1",
      kind: "Widget",
      metadata: { name: "w", namespace: "apps" },
    });
    const { changes, replaces } = await client.diff(WIDGET, "thing", "apps/w", imported, news);
    assert.equal(changes, "some");
    assert.deepEqual(replaces, []);

    server.requests.length = 0;
    await client.update(WIDGET, "thing", "apps/w", imported, news);
    const [adoption, apply] = server.requests.filter(({ method }) => method === "PATCH");
    const manager = imported?.outputs["__fieldManager"];
    assert.deepEqual((adoption?.body as PropertyMap[])[0]?.["value"], [
      operator,
      { manager, operation: "Apply", fieldsV1 },
    ]);
    assert.equal(apply?.query.get("fieldManager"), manager);
  });

  it("deletes in the foreground and waits until the object is gone", async () => {
    const created = await create(SECRET, tokenInputs("one"));
    let finalized = false;
    server.intercept = ({ method, path, query }) => {
      if (query.get("watch") === "true") {
        finalized = true;
        setImmediate(() => server.put(TOKEN_PATH, undefined));
      }
      return method === "DELETE" && path === TOKEN_PATH ? { code: 200, body: {} } : undefined;
    };
    await client.delete(SECRET, "thing", created.id, created.outputs, created.inputs);
    assert.ok(finalized);
    const options = server.requests.find(({ method }) => method === "DELETE")?.body as PropertyMap;
    assert.equal(options["propagationPolicy"], "Foreground");
  });

  it("names the finalizers when the object does not go", async () => {
    const created = await create(SECRET, tokenInputs("one"));
    const live = server.objects.get(TOKEN_PATH) ?? {};
    server.put(TOKEN_PATH, { ...live, metadata: { ...(live["metadata"] as PropertyMap), finalizers: ["ex.com/f"] } });
    server.intercept = ({ method }) => (method === "DELETE" ? { code: 200, body: {} } : undefined);
    const inputs = {
      ...created.inputs,
      metadata: { name: "token", annotations: { "pulumi.com/timeoutSeconds": "1" } },
    };
    const outputs = { ...created.outputs, __inputs: inputs };
    const { message } = await failure(client.delete(SECRET, "thing", created.id, outputs, inputs));
    assert.match(message, /timed out waiting for the condition/);
    assert.match(message, /ex\.com\/f/);
  });
});

describe("a cluster that cannot be reached", () => {
  const unreachable = JSON.stringify({
    "current-context": "x",
    clusters: [{ name: "x", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "x", user: {} }],
    contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
  });

  it("allows previews and nothing else", async () => {
    const own = await start({ kubeconfig: unreachable });
    const { inputs, failures } = await own.check(SECRET, "token", tokenInputs("one"));
    assert.deepEqual(failures, []);
    const { outputs } = await own.create(SECRET, "token", inputs, { preview: true });
    assert.deepEqual(outputs, inputs);
    assert.match((await failure(own.create(SECRET, "token", inputs))).message, /unreachable/);
    assert.match((await failure(own.read(SECRET, "token", "apps/token"))).message, /PULUMI_K8S_DELETE_UNREACHABLE/);
    assert.match((await failure(own.delete(SECRET, "token", "apps/token", inputs))).message, /unreachable/);
    own.close();
  });

  it("drops its resources where that is asked for", async () => {
    const own = await start({ kubeconfig: unreachable, deleteUnreachable: "true" });
    assert.equal(await own.read(SECRET, "token", "apps/token"), undefined);
    await own.delete(SECRET, "token", "apps/token", {});
    own.close();
    assert.equal(warnings.filter((warning) => warning.includes("unreachable")).length, 2);
  });
});

it("refuses functions", async () => {
  assert.match((await failure(client.invoke("kubernetes:yaml:decode", { text: "" }))).message, /not implemented/);
});
