import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { type PropertyMap, Secret, UNKNOWN } from "../../providers/base/index.js";
import { loadKubeconfig } from "./kubeconfig.js";
import { checkSettings, diffSettings } from "./settings.js";

const folder = mkdtempSync(path.join(tmpdir(), "settings-test-"));
after(() => rmSync(folder, { recursive: true }));

/** A kubeconfig with two contexts, on servers of the names given. */
function kubeconfig(dev: string, prod: string, current = "dev"): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": current,
    clusters: [
      { name: "dev", cluster: { server: `https://${dev}.test` } },
      { name: "prod", cluster: { server: `https://${prod}.test` } },
    ],
    users: [{ name: "me", user: { token: "t0k3n-value" } }],
    contexts: [
      { name: "dev", context: { cluster: "dev", user: "me", namespace: "apps" } },
      { name: "prod", context: { cluster: "prod", user: "me" } },
    ],
  });
}

function file(name: string, contents: string): string {
  const target = path.join(folder, name);
  writeFileSync(target, contents);
  return target;
}

describe("the kubeconfig", () => {
  const server = (choice: Parameters<typeof loadKubeconfig>[0], environment: NodeJS.ProcessEnv = {}): string =>
    loadKubeconfig(choice, { HOME: folder, ...environment }).kubeConfig.getCurrentCluster()?.server ?? "";

  it("is taken from contents, a path, KUBECONFIG, and the home folder, in this order", () => {
    const environment = { KUBECONFIG: file("env", kubeconfig("environment", "x")) };
    assert.equal(server({ kubeconfig: kubeconfig("contents", "x") }, environment), "https://contents.test");
    assert.equal(server({ kubeconfig: file("given", kubeconfig("path", "x")) }, environment), "https://path.test");
    assert.equal(server({ kubeconfig: "~/given" }, environment), "https://path.test");
    assert.equal(server({}, environment), "https://environment.test");
    assert.equal(server({}, { KUBECONFIG: `/nowhere:${environment.KUBECONFIG}` }), "https://environment.test");
    assert.throws(() => server({}), /no configuration has been provided/);
  });

  it("is reduced to the context and cluster that are chosen", () => {
    const contents = kubeconfig("one", "two");
    assert.equal(server({ kubeconfig: contents, context: "prod" }), "https://two.test");
    assert.equal(server({ kubeconfig: contents, context: "prod", cluster: "dev" }), "https://one.test");
    assert.equal(loadKubeconfig({ kubeconfig: contents }).namespace, "apps");
    assert.equal(loadKubeconfig({ kubeconfig: contents, context: "prod" }).namespace, undefined);
    const exported = loadKubeconfig({
      kubeconfig: contents,
      context: "prod",
      cluster: "dev",
    }).kubeConfig.exportConfig();
    assert.match(exported, /"current-context":"prod"/);
    assert.doesNotMatch(exported, /"namespace":"apps"/);
  });

  it("is refused with what it lacks, and without what it holds", () => {
    const contents = kubeconfig("one", "two");
    assert.throws(() => server({ kubeconfig: contents, context: "stage" }), /context "stage" does not exist/);
    assert.throws(() => server({ kubeconfig: contents, cluster: "stage" }), /cluster "stage" has no server/);
    assert.throws(() => server({ kubeconfig: "/nowhere/config" }), /neither the path/);
    assert.throws(
      () => server({ kubeconfig: "users:\n- token: t0k3n-value\n bad: [" }),
      (error: Error) => /not valid YAML/.test(error.message) && !error.message.includes("t0k3n-value"),
    );
  });
});

describe("the provider's inputs", () => {
  const refused: [PropertyMap, string][] = [
    [{ kubeConfig: "x" }, "kubeConfig"],
    [{ context: 1 }, "context"],
    [{ enableSecretMutable: "yes" }, "enableSecretMutable"],
    [{ enableServerSideApply: "false" }, "enableServerSideApply"],
    [{ renderYamlToDirectory: "out" }, "renderYamlToDirectory"],
    [{ alwaysRender: "true" }, "alwaysRender"],
    [{ helmReleaseSettings: '{"drivers":"memory"}' }, "helmReleaseSettings.drivers"],
    [{ kubeClientSettings: "5" }, "kubeClientSettings"],
  ];
  for (const [inputs, property] of refused) {
    it(`are refused as ${JSON.stringify(inputs)}`, () => {
      assert.deepEqual(
        checkSettings(inputs).map((failure) => failure.property),
        [property],
      );
    });
  }

  it("may be JSON text, unknown, secret, or an object for the kubeconfig", () => {
    const inputs = {
      kubeconfig: new Secret({ clusters: [] }),
      context: UNKNOWN,
      enableServerSideApply: "true",
      enableSecretMutable: true,
      alwaysRender: "false",
      helmReleaseSettings: '{"driver":"memory"}',
      kubeClientSettings: { qps: 5 },
      version: "4.34.2",
    };
    assert.deepEqual(checkSettings(inputs), []);
  });
});

describe("a change of the provider's inputs", () => {
  const base = { kubeconfig: kubeconfig("one", "two"), context: "dev" };
  const cases: [what: string, olds: PropertyMap, news: PropertyMap, changes: string, replaces: string[]][] = [
    ["nothing", base, { ...base, version: "9" }, "none", []],
    ["another flag", base, { ...base, enableSecretMutable: "true" }, "some", []],
    [
      "another context of the same cluster",
      base,
      { ...base, kubeconfig: kubeconfig("one", "one"), context: "prod" },
      "some",
      [],
    ],
    ["another context", base, { ...base, context: "prod" }, "some", ["context"]],
    ["another cluster", base, { ...base, cluster: "prod" }, "some", ["cluster"]],
    [
      "another server in the kubeconfig",
      base,
      { ...base, kubeconfig: kubeconfig("new", "two") },
      "some",
      ["kubeconfig"],
    ],
    ["another server nobody uses", base, { ...base, kubeconfig: kubeconfig("one", "new") }, "some", []],
    ["a kubeconfig not known yet", base, { ...base, kubeconfig: UNKNOWN }, "some", ["kubeconfig"]],
    ["a context of no known kubeconfig", { context: "dev" }, { context: "prod" }, "some", []],
    ["a kubeconfig where there was none", { context: "dev" }, base, "some", []],
    [
      "another identifier",
      { ...base, clusterIdentifier: "a" },
      { ...base, clusterIdentifier: "b" },
      "some",
      ["clusterIdentifier"],
    ],
    ["a new identifier", base, { ...base, clusterIdentifier: "b" }, "some", []],
    [
      "another context under one identifier",
      { ...base, clusterIdentifier: "a" },
      { ...base, context: "prod", clusterIdentifier: "a" },
      "some",
      [],
    ],
  ];
  for (const [what, olds, news, changes, replaces] of cases) {
    it(`to ${what} replaces ${replaces.join() || "nothing"}`, () => {
      const diff = diffSettings(olds, news, {});
      assert.equal(diff.changes, changes);
      assert.deepEqual(diff.replaces, replaces);
    });
  }
});
