import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DetailedDiff, type PropertyMap, UNKNOWN } from "../../providers/base/index.js";
import { mergePatch, patchToDiff, threeWayPatch } from "./patch-diff.js";
import { forceNewPaths, replacesAt } from "./replacement.js";

const mutable = { enableSecretMutable: true, enableConfigMapMutable: true };

/** The differences between two objects as the provider reports them, kinds only. */
function diff(before: PropertyMap, after: PropertyMap, forceNew: string[] = []): Record<string, string> {
  const states = { old: before, newInputs: after, oldInputs: before };
  const detailed: DetailedDiff = patchToDiff(mergePatch(before, after), states, replacesAt(forceNew));
  return Object.fromEntries(Object.entries(detailed).map(([path, { kind }]) => [path, kind]));
}

describe("differences of objects", () => {
  const cases: [what: string, before: PropertyMap, after: PropertyMap, expected: Record<string, string>][] = [
    ["nothing", { a: { b: [1, { c: null }] } }, { a: { b: [1, { c: null }] } }, {}],
    ["an added field", { a: {} }, { a: { b: 1 } }, { "a.b": "add" }],
    ["a removed field", { a: { b: 1 } }, { a: {} }, { "a.b": "delete" }],
    ["a changed field", { a: { b: 1 } }, { a: { b: "1" } }, { "a.b": "update" }],
    ["a changed type", { a: { b: 1 } }, { a: [1] }, { a: "update" }],
    ["an element of a list alone", { a: [1, 2, 3] }, { a: [1, 5, 3] }, { "a[1]": "update" }],
    ["a longer list", { a: [1] }, { a: [1, 2] }, { "a[1]": "add" }],
    ["a shorter list", { a: [1, 2] }, { a: [1] }, { "a[1]": "delete" }],
    ["a field inside a list", { a: [{ b: 1, c: 1 }] }, { a: [{ b: 1 }] }, { "a[0].c": "delete" }],
    ["a name with dots", { a: {} }, { a: { "b.c/d": 1 } }, { 'a["b.c/d"]': "add" }],
    ["an unknown in place of a value", { a: { b: 1 } }, { a: { b: UNKNOWN } }, { "a.b": "update" }],
    ["an unknown in place of an object", { a: { b: 1 } }, { a: UNKNOWN }, { a: "update" }],
    ["a new unknown", {}, { a: UNKNOWN }, { a: "add" }],
  ];
  for (const [what, before, after, expected] of cases) {
    it(`reports ${what}`, () => {
      assert.deepEqual(diff(before, after), expected);
    });
  }

  it("replaces at, beneath and above a listed path", () => {
    const paths = ["spec.template", "list[*].image"];
    assert.deepEqual(diff({ spec: { template: { a: 1 } } }, { spec: { template: { a: 2 } } }, paths), {
      "spec.template.a": "update-replace",
    });
    assert.deepEqual(diff({}, { spec: { template: 1 } }, paths), { spec: "add-replace" });
    assert.deepEqual(diff({}, { spec: { other: 1 } }, paths), { spec: "add" });
    assert.deepEqual(diff({ list: [{ image: "a", name: "b" }] }, { list: [{ image: "c", name: "d" }] }, paths), {
      "list[0].image": "update-replace",
      "list[0].name": "update",
    });
  });
});

describe("three-way patches", () => {
  it("leave alone what others added, and take back what is no longer asked for", () => {
    const patch = threeWayPatch(
      { mine: 1, gone: 1, map: { a: 1, dropped: 1 } },
      { mine: 2, map: { a: 1 } },
      { mine: 1, gone: 1, theirs: 1, map: { a: 1, dropped: 1, theirs: 1 } },
    );
    assert.deepEqual(patch, { gone: null, map: { dropped: null }, mine: 2 });
  });

  it("put back what has drifted", () => {
    assert.deepEqual(threeWayPatch({ a: { b: 1 } }, { a: { b: 1 } }, { a: { b: 2 } }), { a: { b: 1 } });
  });
});

describe("what replaces an object", () => {
  const object = (apiVersion: string, kind: string, more: PropertyMap = {}): PropertyMap => ({
    apiVersion,
    kind,
    ...more,
  });
  const always = ["metadata.name", "metadata.namespace"];
  const cases: [what: string, object: PropertyMap, settings: typeof mutable, paths: string[]][] = [
    ["a custom resource", object("ex.example.com/v1", "Secret"), mutable, []],
    ["a Secret", object("v1", "Secret"), { ...mutable, enableSecretMutable: false }, ["type", "stringData", "data"]],
    ["a mutable Secret", object("v1", "Secret"), mutable, ["type"]],
    ["an immutable Secret", object("v1", "Secret", { immutable: true }), mutable, ["type", "stringData", "data"]],
    ["a ConfigMap", object("v1", "ConfigMap"), { ...mutable, enableConfigMapMutable: false }, ["binaryData", "data"]],
    ["a mutable ConfigMap", object("v1", "ConfigMap"), mutable, []],
    ["a Deployment", object("apps/v1", "Deployment"), mutable, ["spec.selector"]],
    ["a Service", object("v1", "Service"), mutable, ["spec.clusterIP"]],
    ["a RoleBinding", object("rbac.authorization.k8s.io/v1", "RoleBinding"), mutable, ["roleRef"]],
    ["a StorageClass", object("storage.k8s.io/v1", "StorageClass"), mutable, ["parameters", "provisioner"]],
  ];
  for (const [what, subject, settings, paths] of cases) {
    it(`names the fields of ${what}`, () => {
      assert.deepEqual(forceNewPaths(subject, settings), [...always, ...paths]);
    });
  }
});
