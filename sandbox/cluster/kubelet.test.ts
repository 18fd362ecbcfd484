import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod, V1PodSpec, V1PodStatus } from "@kubernetes/client-node";
import { type KubeletCluster, playKubelet } from "./kubelet.js";

async function until(what: string, check: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await delay(2);
  }
}

describe("playKubelet", () => {
  let pods: Map<string, V1Pod>;
  let secrets: Map<string, Set<string>>;
  let configMaps: Map<string, Set<string>>;
  let heartbeats: number;
  let looks: number;
  let reports: number;
  let failure: Error | undefined;
  let lines: string[];
  let readies: number;
  let abort: AbortController;
  let playing: Promise<void>;

  const cluster: KubeletCluster = {
    heartbeat() {
      heartbeats++;
      return Promise.resolve();
    },
    pods() {
      looks++;
      if (failure !== undefined) return Promise.reject(failure);
      return Promise.resolve([...pods.values()]);
    },
    report(pod, status) {
      reports++;
      const name = pod.metadata?.name ?? "";
      if (name === "changing") return Promise.reject(Object.assign(new Error("changed"), { code: 409 }));
      if (name === "refused") return Promise.reject(Object.assign(new Error("refused\nheaders"), { code: 422 }));
      pods.set(name, { ...pod, status });
      return Promise.resolve();
    },
    remove(pod) {
      pods.delete(pod.metadata?.name ?? "");
      return Promise.resolve();
    },
    secret: (namespace, name) => Promise.resolve(secrets.get(`${namespace}/${name}`)),
    configMap: (namespace, name) => Promise.resolve(configMaps.get(`${namespace}/${name}`)),
  };

  beforeEach(() => {
    pods = new Map();
    secrets = new Map();
    configMaps = new Map();
    heartbeats = looks = reports = readies = 0;
    failure = undefined;
    lines = [];
    abort = new AbortController();
    playing = playKubelet({
      cluster,
      log: (line) => lines.push(line),
      signal: abort.signal,
      ready: () => readies++,
      intervalMs: 1,
      heartbeatMs: 5,
    });
  });
  afterEach(async () => {
    abort.abort();
    await playing;
  });

  const container = { name: "main", image: "127.0.0.1:5000/main" };
  const add = (name: string, spec: Partial<V1PodSpec> = {}, more: Partial<V1Pod> = {}) =>
    pods.set(name, {
      metadata: { namespace: "shop", name, uid: name },
      spec: { containers: [container], ...spec },
      status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "True" }] },
      ...more,
    });
  const status = (name: string): V1PodStatus | undefined => pods.get(name)?.status;
  const condition = (name: string, type: string) => status(name)?.conditions?.find((one) => one.type === type)?.status;
  const waiting = (name: string) => status(name)?.containerStatuses?.[0]?.state?.waiting;
  /** Until every pod that is there now has been looked at. */
  const looked = async () => {
    const now = looks;
    await until("two more looks", () => looks > now + 1);
  };

  it("says once that the node is ready, and goes on reporting it", async () => {
    await until("three heartbeats", () => heartbeats >= 3);
    assert.equal(readies, 1);
  });

  it("reports a pod as running and ready, each under its own address", async () => {
    add("one", { initContainers: [{ name: "first" }] });
    add("two");
    await until("both run", () => status("one")?.phase === "Running" && status("two")?.phase === "Running");
    for (const type of ["PodScheduled", "Initialized", "ContainersReady", "Ready"]) {
      assert.equal(condition("one", type), "True", type);
    }
    assert.equal(status("one")?.containerStatuses?.[0]?.ready, true);
    assert.notEqual(status("one")?.containerStatuses?.[0]?.state?.running, undefined);
    assert.equal(status("one")?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    assert.notEqual(status("one")?.podIP, undefined);
    assert.notEqual(status("one")?.podIP, status("two")?.podIP);
    const before = reports;
    await looked();
    assert.equal(reports, before, "what runs is not reported again");
  });

  it("reports a pod that is not to be restarted as succeeded", async () => {
    add("job", { restartPolicy: "Never" });
    await until("it has succeeded", () => status("job")?.phase === "Succeeded");
    assert.equal(condition("job", "Ready"), "False");
    assert.equal(status("job")?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0);
  });

  it("removes a pod that is being deleted", async () => {
    add("leaving", {}, { metadata: { namespace: "shop", name: "leaving", deletionTimestamp: new Date() } });
    await until("it is gone", () => !pods.has("leaving"));
  });

  const reference = { name: "credentials", key: "TOKEN" };
  for (const [what, spec, reason, message] of [
    [
      "a Secret of its environment",
      { containers: [{ ...container, env: [{ name: "A", valueFrom: { secretKeyRef: reference } }] }] },
      "CreateContainerConfigError",
      'secret "credentials" not found',
    ],
    [
      "a whole Secret of its environment",
      { containers: [{ ...container, envFrom: [{ secretRef: { name: "credentials" } }] }] },
      "CreateContainerConfigError",
      'secret "credentials" not found',
    ],
    [
      "a Secret of an init container's environment",
      {
        initContainers: [{ ...container, envFrom: [{ secretRef: { name: "credentials" } }] }],
        containers: [container],
      },
      "CreateContainerConfigError",
      'secret "credentials" not found',
    ],
    [
      "a Secret of a volume",
      { containers: [container], volumes: [{ name: "files", secret: { secretName: "credentials" } }] },
      "ContainerCreating",
      'MountVolume.SetUp failed for volume "files" : secret "credentials" not found',
    ],
    [
      "a Secret of a projected volume",
      {
        containers: [container],
        volumes: [{ name: "files", projected: { sources: [{ secret: { name: "credentials" } }] } }],
      },
      "ContainerCreating",
      'MountVolume.SetUp failed for volume "files" : secret "credentials" not found',
    ],
  ] as const satisfies readonly (readonly [string, V1PodSpec, string, string])[]) {
    it(`lets a pod wait for ${what}, and run when it has come`, async () => {
      add("app", spec);
      await until("it waits", () => waiting("app") !== undefined);
      assert.deepEqual(waiting("app"), { reason, message });
      assert.equal(status("app")?.phase, "Pending");
      assert.equal(condition("app", "Ready"), "False");
      const before = reports;
      await looked();
      assert.equal(reports, before, "the same is not reported again");
      secrets.set("shop/credentials", new Set(["TOKEN"]));
      await until("it runs", () => status("app")?.phase === "Running");
      assert.equal(condition("app", "Ready"), "True");
    });
  }

  it("lets a pod wait for a key", async () => {
    secrets.set("shop/credentials", new Set(["OTHER"]));
    add("app", { containers: [{ ...container, env: [{ name: "A", valueFrom: { secretKeyRef: reference } }] }] });
    const items = [{ key: "TOKEN", path: "token" }];
    add("files", { volumes: [{ name: "files", secret: { secretName: "credentials", items } }] });
    await until("both wait", () => waiting("app") !== undefined && waiting("files") !== undefined);
    assert.equal(waiting("app")?.message, "couldn't find key TOKEN in Secret shop/credentials");
    assert.match(waiting("files")?.message ?? "", /references non-existent secret key: TOKEN$/);
  });

  it("asks for ConfigMaps in the same way", async () => {
    add("app", { containers: [{ ...container, envFrom: [{ configMapRef: { name: "settings" } }] }] });
    await until("it waits", () => waiting("app") !== undefined);
    assert.equal(waiting("app")?.message, 'configmap "settings" not found');
    configMaps.set("shop/settings", new Set());
    await until("it runs", () => status("app")?.phase === "Running");
  });

  it("waits for nothing that is optional, nor for a Secret to pull images with", async () => {
    const optional = true;
    add("app", {
      imagePullSecrets: [{ name: "absent" }],
      containers: [
        {
          ...container,
          env: [{ name: "A", valueFrom: { secretKeyRef: { ...reference, optional } } }],
          envFrom: [{ secretRef: { name: "absent", optional } }],
        },
      ],
      volumes: [{ name: "files", secret: { secretName: "absent", optional } }],
    });
    await until("it runs", () => status("app")?.phase === "Running");
  });

  it("gets on with the others when one pod can't be reported", async () => {
    add("refused");
    add("changing");
    add("app");
    await until("the last one runs", () => status("app")?.phase === "Running");
    await looked();
    // A pod that has changed since it was read is looked at again, which is nothing to speak of.
    assert.deepEqual(lines, ["pod shop/refused: refused"]);
  });

  it("says once that the API server is away, and goes on when it is back", async () => {
    failure = new Error("connection refused\nheaders");
    await looked();
    add("app");
    failure = undefined;
    await until("the pod runs", () => status("app")?.phase === "Running");
    assert.deepEqual(lines, ["the API server can't be asked: connection refused", "the API server answers again"]);
  });
});
