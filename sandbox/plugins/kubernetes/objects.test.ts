import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PropertyMap, Secret, UNKNOWN } from "../../providers/base/index.js";
import { adoptFields, forcesConflicts, ignoreField } from "./field-managers.js";
import { assignName, uniqueName } from "./naming.js";
import {
  fromState,
  isNamespacedBuiltIn,
  kindOf,
  kindOfToken,
  markSecrets,
  normalize,
  parseId,
  prune,
  toObject,
  toProperties,
  toState,
} from "./objects.js";
import { redacting, secretTexts } from "./redaction.js";
import { validateObject } from "./schema-validation.js";

const base64 = (value: string): string => Buffer.from(value).toString("base64");

describe("kinds", () => {
  it("are read from type tokens and objects alike", () => {
    const secret = { group: "", version: "v1", kind: "Secret" };
    assert.deepEqual(kindOfToken("kubernetes:core/v1:Secret"), secret);
    assert.deepEqual(kindOf({ apiVersion: "v1", kind: "Secret" }), secret);
    const store = { group: "external-secrets.io", version: "v1", kind: "ClusterSecretStore" };
    assert.deepEqual(kindOfToken("kubernetes:external-secrets.io/v1:ClusterSecretStore"), store);
    assert.deepEqual(kindOf({ apiVersion: "external-secrets.io/v1", kind: "ClusterSecretStore" }), store);
    assert.throws(() => kindOfToken("kubernetes:Secret"), /no Kubernetes type/);
  });

  it("are known to be namespaced or not when they are built in", () => {
    assert.equal(isNamespacedBuiltIn(kindOfToken("kubernetes:core/v1:Secret")), true);
    assert.equal(isNamespacedBuiltIn(kindOfToken("kubernetes:core/v1:Namespace")), false);
    assert.equal(isNamespacedBuiltIn(kindOfToken("kubernetes:ex.example.com/v1:Namespace")), undefined);
  });

  it("have ids with and without a namespace", () => {
    assert.deepEqual(parseId("apps/token"), { namespace: "apps", name: "token" });
    assert.deepEqual(parseId("token"), { namespace: "", name: "token" });
  });
});

describe("normal form", () => {
  it("has a Secret's strings in its data", () => {
    const object = { apiVersion: "v1", kind: "Secret", stringData: { a: "1" }, data: { a: base64("0"), b: "Mg==\n" } };
    assert.deepEqual(normalize(object), { apiVersion: "v1", kind: "Secret", data: { a: base64("1"), b: "Mg==" } });
  });

  it("waits for unknown values", () => {
    const object = { apiVersion: "v1", kind: "Secret", stringData: { a: UNKNOWN } };
    assert.deepEqual(normalize({ ...object }), object);
  });

  it("lacks what only the server writes", () => {
    const object = { apiVersion: "ex.example.com/v1", kind: "W", metadata: { name: "a", uid: "1", generation: 2 } };
    assert.deepEqual(normalize(object)["metadata"], { name: "a" });
  });
});

describe("pruning", () => {
  it("keeps the shape of the model at any depth", () => {
    const live = { a: { b: 1, added: 2 }, list: [{ c: 1, added: 2 }, { d: 1 }], status: {}, other: 3 };
    assert.deepEqual(prune(live, { a: { b: 0, absent: 0 }, list: [{ c: 0 }], other: { x: 1 } }), {
      a: { b: 1 },
      list: [{ c: 1 }],
      other: 3,
    });
  });
});

describe("secret marks", () => {
  it("are carried over as deep as objects go, to whole lists, and to all data of a Secret", () => {
    const outputs: PropertyMap = { a: { b: "1", c: "2" }, list: ["1", "2"], other: "3" };
    markSecrets(outputs, { a: { b: new Secret("1") }, list: ["1", new Secret("2")], absent: new Secret("4") });
    assert.deepEqual(outputs, { a: { b: new Secret("1"), c: "2" }, list: new Secret(["1", "2"]), other: "3" });
    const plain: PropertyMap = { kind: "Secret", data: { a: "1" } };
    markSecrets(plain, {});
    assert.deepEqual(plain["data"], new Secret({ a: "1" }));
  });

  it("survive the way into the state and back", () => {
    const marked = { kind: "W", spec: { token: new Secret("t0k3n") } };
    const inputs = toObject(marked);
    const state = toState(
      { ...inputs, status: { ok: true } },
      { inputs, marked, initialApiVersion: "v1", fieldManager: "m" },
    );
    assert.deepEqual(state["spec"], { token: new Secret("t0k3n") });
    assert.deepEqual(state["__inputs"], marked);
    assert.deepEqual(fromState(state), {
      inputs,
      live: { ...inputs, status: { ok: true } },
      initialApiVersion: "v1",
      fieldManager: "m",
    });
  });

  it("keep values out of errors, plain and in base64", async () => {
    const properties = { data: new Secret({ key: base64("hunter22") }), plain: "visible" };
    assert.ok(secretTexts(properties).includes("hunter22"));
    assert.ok(secretTexts({ plain: new Secret("hunter22") }).includes(base64("hunter22")));
    await assert.rejects(
      redacting(properties, () => Promise.reject(new Error(`hunter22 ${base64("hunter22")} visible`))),
      /^Error: \[secret\] \[secret\] visible$/,
    );
  });
});

it("spells a CRD's extensions as the API does, and as SDKs do", () => {
  const properties = { spec: [{ x_kubernetes_preserve_unknown_fields: true }] };
  const object = { spec: [{ "x-kubernetes-preserve-unknown-fields": true }] };
  assert.deepEqual(toObject(properties), object);
  assert.deepEqual(toProperties(object), properties);
});

describe("names", () => {
  const request = { name: "res", randomSeed: new Uint8Array([1]) };

  it("end in eight hexadecimal digits, the same for the same seed", () => {
    assert.match(uniqueName("a-"), /^a-[0-9a-f]{8}$/);
    assert.equal(uniqueName("a-", new Uint8Array([1])), uniqueName("a-", new Uint8Array([1])));
    assert.notEqual(uniqueName("a-", new Uint8Array([1])), uniqueName("a-", new Uint8Array([2])));
  });

  it("are left alone when given, and follow the engine's wishes when not", () => {
    const named: PropertyMap = { metadata: { name: "mine" } };
    assignName(named, {}, request);
    assert.deepEqual(named, { metadata: { name: "mine" } });
    const proposed: PropertyMap = {};
    assignName(proposed, {}, { ...request, autonaming: { proposedName: "theirs", mode: "propose" } });
    assert.equal((proposed["metadata"] as PropertyMap)["name"], "theirs");
    assert.throws(
      () => assignName({}, {}, { ...request, autonaming: { proposedName: "", mode: "disable" } }),
      /autonaming is disabled/,
    );
  });
});

describe("field managers", () => {
  const entry = (manager: string, operation: string, fieldsV1: PropertyMap): PropertyMap => ({
    manager,
    operation,
    fieldsV1,
  });
  const live = (...managedFields: PropertyMap[]): PropertyMap => ({
    spec: { a: 1, b: 2 },
    metadata: { managedFields },
  });

  it("take over what a plain create and kubectl wrote, and nothing else", () => {
    const operator = entry("operator", "Update", { "f:status": {} });
    const adopted = adoptFields(
      live(
        operator,
        entry("pulumi-kubernetes", "Update", { "f:spec": { ".": {}, "f:a": {} } }),
        entry("kubectl-client-side-apply", "Update", { "f:spec": { "f:b": {} } }),
      ),
      "pulumi-kubernetes-1",
    );
    assert.deepEqual(adopted, [
      operator,
      entry("pulumi-kubernetes-1", "Apply", { "f:spec": { ".": {}, "f:a": {}, "f:b": {} } }),
    ]);
    assert.equal(
      adoptFields(live(operator, entry("pulumi-kubernetes-1", "Apply", {})), "pulumi-kubernetes-1"),
      undefined,
    );
  });

  it("keep a map in the set when only one side names its fields", () => {
    const adopted = adoptFields(
      live(entry("me", "Apply", { "f:spec": {} }), entry("kubectl", "Update", { "f:spec": { "f:a": {} } })),
      "me",
    );
    assert.deepEqual(adopted, [entry("me", "Apply", { "f:spec": { ".": {}, "f:a": {} } })]);
  });

  it("leave ignored fields of others out, and send their own as they are", () => {
    const object: PropertyMap = { spec: { a: 9, b: 9 } };
    const owned = live(
      entry("me", "Apply", { "f:spec": { "f:a": {} } }),
      entry("op", "Update", { "f:spec": { "f:b": {} } }),
    );
    ignoreField(object, owned, "me", ["spec", "a"]);
    ignoreField(object, owned, "me", ["spec", "b"]);
    assert.deepEqual(object, { spec: { a: 1 } });
  });

  const up = { enablePatchForce: false, preview: false };
  const cases: [string, PropertyMap, PropertyMap | undefined, typeof up, boolean][] = [
    ["not on an update", {}, live(entry("op", "Update", {})), up, false],
    [
      "when the annotation says so",
      { metadata: { annotations: { "pulumi.com/patchForce": "true" } } },
      live(entry("op", "Update", {})),
      up,
      true,
    ],
    ["when the provider says so", {}, live(entry("op", "Update", {})), { ...up, enablePatchForce: true }, true],
    [
      "in a preview before the fields of a create are taken over",
      {},
      live(entry("pulumi-kubernetes", "Update", {})),
      { ...up, preview: true },
      true,
    ],
    ["not in any other preview", {}, live(entry("op", "Update", {})), { ...up, preview: true }, false],
    ["on objects that nobody manages", {}, live(), up, true],
  ];
  for (const [what, object, subject, options, expected] of cases) {
    it(`override others ${what}`, () => {
      assert.equal(forcesConflicts(object, subject, options), expected);
    });
  }
});

describe("validation by the server's schema", () => {
  const document: PropertyMap = {
    components: {
      schemas: {
        Widget: {
          type: "object",
          "x-kubernetes-group-version-kind": [{ group: "ex.example.com", version: "v1", kind: "Widget" }],
          properties: {
            spec: { allOf: [{ $ref: "#/components/schemas/Spec" }] },
            free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
          },
        },
        Spec: {
          type: "object",
          required: ["size", "mode"],
          properties: {
            size: { type: "integer" },
            mode: { type: "string", enum: ["a", "b"], default: "a" },
            port: { "x-kubernetes-int-or-string": true },
            labels: { type: "object", additionalProperties: { type: "string" } },
            items: { type: "array", items: { type: "object", properties: { name: { type: "string" } } } },
          },
        },
      },
    },
  };
  const kind = { group: "ex.example.com", version: "v1", kind: "Widget" };
  const cases: [PropertyMap, string[]][] = [
    [{ spec: { size: 1 } }, []],
    [{ spec: { size: 1, port: "http", labels: { any: "x" }, items: [{ name: "a" }] }, free: { any: 1 } }, []],
    [{ spec: {} }, ["spec.size: missing required field"]],
    [{ spec: { size: null } }, ["spec.size: missing required field"]],
    [{ spec: { size: 1.5 } }, ["spec.size: expected integer, got number"]],
    [{ spec: { size: 1, colour: "red" } }, ["spec.colour: unknown field"]],
    [{ spec: { size: 1, mode: "c" } }, ['spec.mode: expected one of "a", "b"']],
    [{ spec: { size: 1, port: true } }, ["spec.port: expected an integer or a string, got boolean"]],
    [{ spec: { size: 1, labels: { a: 1 } } }, ["spec.labels.a: expected string, got number"]],
    [{ spec: { size: 1, items: [{ nme: "a" }] } }, ["spec.items[0].nme: unknown field"]],
    [{ specs: {} }, ["specs: unknown field"]],
  ];
  for (const [object, expected] of cases) {
    it(`of ${JSON.stringify(object)}: ${expected.join() || "fine"}`, () => {
      const failures = validateObject(document, kind, object);
      assert.deepEqual(
        failures.map(({ property, reason }) => `${property}: ${reason}`),
        expected,
      );
    });
  }
});
