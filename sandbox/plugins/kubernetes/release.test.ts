import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { Asset, type PropertyMap, Secret, UNKNOWN } from "../../providers/base/index.js";
import { CallError, ProviderClient } from "../../providers/base/testing/client.js";
import {
  HelmError,
  type HelmRunner,
  installArguments,
  mergeValues,
  type Release,
  resourceNames,
  runHelm,
  uninstallArguments,
  upgradeArguments,
} from "./helm-cli.js";
import { KubernetesProvider } from "./provider.js";
import { RELEASE_TYPE } from "./release-resources.js";
import { FakeApiServer } from "./testing/api-server.js";

const release = (options: PropertyMap = {}, more: Partial<Release> = {}): Release => ({
  chart: "./chart",
  name: "eso",
  namespace: "ops",
  version: "",
  values: {},
  options,
  ...more,
});

describe("Helm's command line", () => {
  const install = (options: PropertyMap = {}, more: Partial<Release> = {}): string =>
    installArguments(release(options, more)).join(" ");
  const base = "install eso ./chart";
  const tail = "--values - --timeout 300s --wait";

  it("installs and waits unless told not to", () => {
    assert.equal(install(), `${base} ${tail}`);
    assert.equal(install({ skipAwait: true, waitForJobs: true, timeout: 5 }), `${base} --values - --timeout 5s`);
  });

  it("names the chart by path, repository, added repository or registry", () => {
    assert.equal(
      install(
        { repositoryOpts: { repo: "https://charts.test", caFile: "ca.pem" } },
        { chart: "eso", version: "1.2.3" },
      ),
      `install eso eso --repo https://charts.test --version 1.2.3 --ca-file ca.pem ${tail}`,
    );
    assert.equal(install({ repositoryOpts: { repo: "added" } }, { chart: "eso" }), `install eso added/eso ${tail}`);
    assert.equal(
      install({ devel: true }, { chart: "oci://r.test/eso" }),
      `install eso oci://r.test/eso --devel ${tail}`,
    );
  });

  it("hands every option on", () => {
    assert.equal(
      install({
        atomic: true,
        createNamespace: true,
        skipCrds: true,
        disableWebhooks: true,
        disableOpenapiValidation: true,
        replace: true,
        dependencyUpdate: true,
        renderSubchartNotes: true,
        takeOwnership: true,
        waitForJobs: true,
        description: "why",
        postrender: "./render",
      }),
      `${base} ${tail} --wait-for-jobs --atomic --render-subchart-notes --take-ownership --description why ` +
        "--post-renderer ./render --create-namespace --skip-crds --no-hooks --disable-openapi-validation --replace " +
        "--dependency-update",
    );
    const upgrade = upgradeArguments(
      release({
        maxHistory: 3,
        disableCRDHooks: true,
        forceUpdate: true,
        recreatePods: true,
        resetValues: true,
        reuseValues: true,
        cleanupOnFail: true,
      }),
    );
    assert.equal(
      upgrade.join(" "),
      `upgrade eso ./chart ${tail} --history-max 3 --no-hooks --force --recreate-pods --reset-values --reuse-values ` +
        "--cleanup-on-fail",
    );
    assert.equal(uninstallArguments(release()).join(" "), "uninstall eso --wait --timeout 300s");
    assert.equal(uninstallArguments(release({ skipAwait: true })).join(" "), "uninstall eso");
  });

  it("is never told values", () => {
    const args = installArguments(release({}, { values: { token: "t0k3n-value" } }));
    assert.ok(!args.join(" ").includes("t0k3n-value"));
  });
});

describe("manifests and values", () => {
  it("yield the names of their objects by kind", () => {
    const manifest = [
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: ops}",
      "# nothing here",
      "apiVersion: v1\nkind: Secret\nmetadata: {name: z}",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}",
    ].join("\n---\n");
    assert.deepEqual(resourceNames(manifest), { "Deployment.apps/apps/v1": ["a", "ops/b"], "Secret/v1": ["z"] });
  });

  it("are merged map by map", () => {
    assert.deepEqual(mergeValues({ a: { b: 1, c: 1 }, list: [1, 2] }, { a: { c: 2 }, list: [3] }), {
      a: { b: 1, c: 2 },
      list: [3],
    });
  });
});

/** A Helm that keeps releases in memory, records its calls, and fails as it is told to. */
class FakeHelm {
  readonly calls: { args: string[]; input: string; kubeconfig: string | undefined; mode: string | undefined }[] = [];
  readonly releases = new Map<string, PropertyMap>();
  /** The error of the next installs and upgrades; those that start with "refuse" leave nothing behind. */
  failing = "";

  readonly run: HelmRunner = (args, { input }) => {
    const flag = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
    const kubeconfig = flag("--kubeconfig");
    const mode = kubeconfig && (statSync(kubeconfig).mode & 0o777).toString(8);
    this.calls.push({ args, input, kubeconfig, mode });
    return Promise.resolve(this.answer(args, input, flag("--namespace") ?? ""));
  };

  private answer(args: string[], input: string, namespace: string): string {
    const named = (name: string | undefined): PropertyMap => {
      const found = this.releases.get(`${namespace}/${name}`);
      if (found === undefined) {
        throw new HelmError("release: not found");
      }
      return found;
    };
    switch (args[0]) {
      case "show":
        if (args[2] === "missing") {
          throw new HelmError('path "missing" not found');
        }
        return "name: eso\nversion: 1.2.3";
      case "template":
        return [
          "apiVersion: apiextensions.k8s.io/v1",
          "kind: CustomResourceDefinition",
          "spec: { group: chart.test, names: { kind: Store }, scope: Cluster }",
        ].join("\n");
      case "install":
      case "upgrade": {
        if (!this.failing.startsWith("refuse")) {
          const key = `${namespace}/${args[1]}`;
          this.put(key, this.failing === "" ? "deployed" : "failed", JSON.parse(input) as PropertyMap);
        }
        if (this.failing !== "") {
          throw new HelmError(this.failing);
        }
        return "";
      }
      case "get": {
        const { values, ...metadata } = named(args[2]);
        const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }";
        return args[1] === "manifest" ? manifest : JSON.stringify(args[1] === "values" ? values : metadata);
      }
      case "uninstall":
        named(args[1]);
        this.releases.delete(`${namespace}/${args[1]}`);
        return 'These resources were kept\nrelease "x" uninstalled\n';
      default:
        throw new HelmError(`unexpected command ${args[0]}`);
    }
  }

  put(key: string, status: string, values: PropertyMap = {}): void {
    const [namespace = "", name = ""] = key.split("/");
    const before = this.releases.get(key)?.["revision"];
    const revision = typeof before === "number" && !status.startsWith("pending") ? before + 1 : 1;
    this.releases.set(key, {
      name,
      namespace,
      chart: "eso",
      version: "1.2.3",
      appVersion: "9",
      revision,
      status,
      values,
    });
  }
}

describe("the child process", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "helm-test-"));
  const oldPath = process.env["PATH"];
  const call = { input: "a: 1", environment: { HELM_DRIVER: "memory" }, signal: new AbortController().signal };
  after(() => {
    process.env["PATH"] = oldPath;
    rmSync(folder, { recursive: true });
  });

  it("gets its input and environment, and its error is told without warnings", async () => {
    const script =
      '#!/bin/sh\necho "$1 $HELM_DRIVER $(cat)"\ntest "$1" = fine && exit\necho "WARN: x\nError: no" >&2\nexit 1\n';
    writeFileSync(path.join(folder, "helm"), script, { mode: 0o755 });
    process.env["PATH"] = `${folder}:${oldPath}`;
    assert.equal(await runHelm(["fine"], call), "fine memory a: 1\n");
    await assert.rejects(runHelm(["other"], call), /^HelmError: no$/);
  });

  it("is asked to stop when the operation is cancelled", async () => {
    const controller = new AbortController();
    const started = path.join(folder, "started");
    const script = `#!/bin/sh\ntrap 'echo "Error: interrupted" >&2; exit 1' TERM\ntouch ${started}\nwhile :; do sleep 0.05; done\n`;
    writeFileSync(path.join(folder, "helm"), script, { mode: 0o755 });
    const watcher = watch(folder, (_, name) => void (name === "started" && controller.abort()));
    await assert.rejects(runHelm(["wait"], { ...call, signal: controller.signal }), /interrupted/);
    watcher.close();
  });

  it("is missed by name", async () => {
    process.env["PATH"] = folder;
    rmSync(path.join(folder, "helm"));
    await assert.rejects(runHelm(["fine"], call), /no `helm` on PATH/);
    process.env["PATH"] = oldPath;
  });
});

describe("a release", () => {
  const server = new FakeApiServer();
  const warnings: string[] = [];
  let helm = new FakeHelm();
  let client: ProviderClient;

  const inputs = (more: PropertyMap = {}): PropertyMap => ({ chart: "eso", name: "eso", namespace: "ops", ...more });
  const check = async (news: PropertyMap, olds: PropertyMap = {}): Promise<PropertyMap> => {
    const result = await client.check(RELEASE_TYPE, "eso", news, olds);
    assert.deepEqual(result.failures, []);
    return result.inputs;
  };
  const create = async (more: PropertyMap = {}) => {
    const checked = await check(inputs(more));
    return { inputs: checked, ...(await client.create(RELEASE_TYPE, "eso", checked)) };
  };
  const failure = async (call: Promise<unknown>): Promise<CallError> => {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof CallError);
    return error;
  };

  before(async () => {
    await server.start();
    const log = { warn: (_: string, text: string) => void warnings.push(text), status: () => undefined };
    const provider = new KubernetesProvider({ log, runHelm: (args, call) => helm.run(args, call) });
    client = await ProviderClient.start({ name: "kubernetes", version: "0.0.0", provider });
    await client.configure({ kubeconfig: server.kubeconfig });
  });
  after(async () => {
    client.close();
    await server.stop();
  });
  beforeEach(() => {
    helm = new FakeHelm();
    warnings.length = 0;
  });

  it("is checked: name, namespace, timeout, version; files under values; no zero values", async () => {
    const file = new Asset({
      "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
      text: "a: 1\nb: 1",
    });
    const news = { chart: "eso", atomic: false, valueYamlFiles: [file], values: { b: new Secret("2") } };
    const checked = await check(news);
    const { name, ...others } = checked;
    assert.match(name as string, /^eso-[0-9a-f]{8}$/);
    assert.deepEqual(others, {
      chart: "eso",
      namespace: "apps",
      timeout: 300,
      version: "1.2.3",
      values: { a: 1, b: new Secret("2") },
    });
    assert.equal((await check(news, checked))["name"], name);
  });

  it("is refused for unknown inputs, wrong types, passwords, and charts that are not there", async () => {
    const properties = async (more: PropertyMap): Promise<string[]> =>
      (await client.check(RELEASE_TYPE, "eso", inputs(more))).failures.map(({ property }) => property);
    assert.deepEqual(await properties({ chartt: "eso" }), ["chartt"]);
    assert.deepEqual(await properties({ skipAwait: "yes" }), ["skipAwait"]);
    assert.deepEqual(await properties({ repositoryOpts: { password: "x" } }), ["repositoryOpts.password"]);
    assert.deepEqual(await properties({ chart: "" }), ["chart"]);
    assert.deepEqual(await properties({ chart: "missing" }), ["chart"]);
    assert.deepEqual(await properties({ values: { a: UNKNOWN }, chart: "missing" }), []);
  });

  it("tells the scope of the custom resources that its chart defines", async () => {
    await check(inputs());
    const { inputs: store } = await client.check("kubernetes:chart.test/v1:Store", "store", {
      metadata: { name: "s" },
    });
    assert.deepEqual(store["metadata"], { name: "s" });
  });

  it("is installed with values on standard input and a private kubeconfig that is removed", async () => {
    const { id, outputs } = await create({ values: { token: new Secret("t0k3n-value") } });
    assert.equal(id, "ops/eso");
    assert.deepEqual(outputs["values"], { token: new Secret("t0k3n-value") });
    assert.ok(outputs["__inputs"] instanceof Secret);
    assert.deepEqual(outputs["resourceNames"], { "ConfigMap/v1": ["c"] });
    assert.equal((outputs["status"] as PropertyMap)["status"], "deployed");
    const install = helm.calls.find(({ args }) => args[0] === "install");
    assert.equal(install?.input, '{"token":"t0k3n-value"}');
    assert.equal(install.mode, "600");
    assert.ok(!existsSync(install.kubeconfig ?? ""));
    assert.ok(helm.calls.every(({ args }) => !args.join(" ").includes("t0k3n-value")));
  });

  it("installs nothing in a preview, and has unknown outputs", async () => {
    const { id, outputs } = await client.create(RELEASE_TYPE, "eso", await check(inputs()), { preview: true });
    assert.equal(id, "");
    assert.equal(outputs["status"], UNKNOWN);
    assert.ok(!helm.calls.some(({ args }) => args[0] === "install"));
  });

  it("is kept when its installation fails halfway, and upgraded by the next update", async () => {
    helm.failing = "INSTALLATION FAILED: timed out";
    const error = await failure(create());
    assert.equal(error.partial?.id, "ops/eso");
    assert.match(error.message, /timed out/);
    assert.equal(((error.partial?.properties ?? {})["status"] as PropertyMap)["status"], "failed");
    assert.match(warnings[0] ?? "", /helm status eso --namespace ops/);
    helm.failing = "";
    const old = { inputs: await check(inputs()), outputs: error.partial?.properties ?? {} };
    const outputs = await client.update(RELEASE_TYPE, "eso", "ops/eso", old, old.inputs);
    assert.equal((outputs["status"] as PropertyMap)["revision"], 2);
  });

  it("is not kept when nothing was installed", async () => {
    helm.failing = "refuse: rendered manifests contain a resource that already exists";
    const error = await failure(create());
    assert.equal(error.partial, undefined);
    assert.match(error.message, /already exists/);
  });

  it("does not take a name in use, and says how to get rid of an interrupted installation", async () => {
    helm.put("ops/eso", "pending-install");
    const error = await failure(create());
    assert.match(error.message, /name is still in use.*pending-install.*helm uninstall eso --namespace ops/);
    assert.equal(error.partial, undefined);
  });

  it("says how to go on after an interrupted upgrade", async () => {
    const created = await create();
    helm.put("ops/eso", "pending-upgrade");
    helm.failing = "refuse: another operation (install/upgrade/rollback) is in progress";
    const error = await failure(client.update(RELEASE_TYPE, "eso", created.id, created, created.inputs));
    assert.match(error.message, /in progress.*pending-upgrade.*helm rollback eso --namespace ops/);
  });

  it("differs by inputs and by drift, and is replaced under another name", async () => {
    const created = await create({ values: { a: 1 } });
    const diff = async (news: PropertyMap, outputs = created.outputs) =>
      client.diff(RELEASE_TYPE, "eso", created.id, { inputs: created.inputs, outputs }, news);
    assert.equal((await diff(created.inputs)).changes, "none");
    assert.deepEqual((await diff({ ...created.inputs, values: { a: 2 } })).detailed, { "values.a": "UPDATE" });
    assert.deepEqual((await diff({ ...created.inputs, name: "other" })).replaces, ["name"]);
    assert.deepEqual((await diff({ ...created.inputs, namespace: "other" })).replaces, ["namespace"]);
    const drifted = { ...created.outputs, values: { a: 7 } };
    assert.deepEqual((await diff(created.inputs, drifted)).detailed, { "values.a": "UPDATE" });
  });

  it("is read, imported, found missing, and uninstalled", async () => {
    const created = await create({ values: { a: 1 } });
    const read = await client.read(RELEASE_TYPE, "eso", created.id, created.outputs, created.inputs);
    assert.deepEqual(read?.outputs, created.outputs);
    assert.deepEqual(read?.inputs, created.inputs);
    const imported = await client.read(RELEASE_TYPE, "eso", "ops/eso");
    assert.deepEqual(imported?.inputs, {
      chart: "eso",
      name: "eso",
      namespace: "ops",
      version: "1.2.3",
      timeout: 300,
      values: { a: 1 },
    });
    await client.delete(RELEASE_TYPE, "eso", created.id, created.outputs, created.inputs);
    assert.match(warnings.join(), /These resources were kept/);
    assert.equal(await client.read(RELEASE_TYPE, "eso", created.id, created.outputs, created.inputs), undefined);
    const again = client.delete(RELEASE_TYPE, "eso", created.id, created.outputs, created.inputs);
    assert.match((await failure(again)).message, /not found.*pulumi refresh/);
  });
});
