import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { V1Deployment } from "@kubernetes/client-node";
import { parse } from "yaml";
import { ProcessRegistry } from "../process/registry.js";
import { startControlPlane } from "./controlPlane.js";
import { ensureCredentials } from "./credentials.js";
import { kubeconfig, mergedKubeconfig } from "./kubeconfig.js";
import { startOperatorFollower } from "./operator.js";
import {
  hostProcessAnnotation,
  hostArgs,
  hostFlags,
  operatorEnv,
  operatorPod,
  type OperatorPod,
} from "./operatorPod.js";

const dir = mkdtempSync(join(tmpdir(), "cluster-test-"));
after(() => rmSync(dir, { recursive: true, force: true }));

describe("kubeconfig", () => {
  it("knows one cluster by every name, the first being current", () => {
    const text = kubeconfig({
      server: "https://127.0.0.1:1",
      ca: "PEM",
      user: "admin",
      auth: { token: "t" },
      contexts: ["acme-dev", "acme-other", "acme-dev"],
    });
    const cluster = { server: "https://127.0.0.1:1", "certificate-authority-data": "UEVN" };
    assert.deepEqual(parse(text), {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "acme-dev",
      clusters: [
        { name: "acme-dev", cluster },
        { name: "acme-other", cluster },
      ],
      contexts: [
        { name: "acme-dev", context: { cluster: "acme-dev", user: "admin" } },
        { name: "acme-other", context: { cluster: "acme-other", user: "admin" } },
      ],
      users: [{ name: "admin", user: { token: "t" } }],
    });
  });

  it("takes the current context of others under its own names", () => {
    const one = (port: number) =>
      kubeconfig({
        server: `https://127.0.0.1:${port}`,
        ca: "PEM",
        user: "admin",
        auth: { token: `t${port}` },
        contexts: ["x", "y"],
      });
    const parts = [
      { context: "acme-dev", text: one(1) },
      { context: "acme-test", text: one(1) },
      { context: "acme-prod", text: one(2) },
      { context: "acme-prod", text: one(2) },
    ];
    const merged = parse(mergedKubeconfig("acme-prod", parts)) as Record<string, unknown>;
    const named = (key: string, of: (port: number, name: string) => unknown) =>
      [[1, "acme-dev"] as const, [1, "acme-test"] as const, [2, "acme-prod"] as const].map(([port, name]) => ({
        name,
        [key]: of(port, name),
      }));
    assert.deepEqual(merged, {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "acme-prod",
      clusters: named("cluster", (port) => ({
        server: `https://127.0.0.1:${port}`,
        "certificate-authority-data": "UEVN",
      })),
      contexts: named("context", (_, name) => ({ cluster: name, user: name })),
      users: named("user", (port) => ({ token: `t${port}` })),
    });
  });
});

describe("ensureCredentials", () => {
  it("makes private files that fit together, and keeps them", () => {
    const pki = join(dir, "pki");
    const made = ensureCredentials(pki);
    for (const file of readdirSync(pki)) assert.equal(statSync(join(pki, file)).mode & 0o777, 0o600, file);
    const tokens = readFileSync(made.tokenFile, "utf8");
    assert.equal(
      tokens,
      `${made.tokens.admin},sandbox-admin,sandbox-admin,"system:masters"\n` +
        `${made.tokens.controllerManager},system:kube-controller-manager,system:kube-controller-manager\n` +
        `${made.tokens.scheduler},system:kube-scheduler,system:kube-scheduler\n`,
    );
    assert.match(made.tokens.admin, /^[0-9a-f]{64}$/);
    const derived = createPublicKey(createPrivateKey(readFileSync(made.serviceAccountKey)));
    assert.equal(derived.export({ type: "spki", format: "pem" }), readFileSync(made.serviceAccountPublicKey, "utf8"));
    const encryption = readFileSync(made.encryptionConfig, "utf8");
    const { resources } = parse(encryption) as {
      resources: [{ resources: string[]; providers: [{ secretbox: { keys: [{ secret: string }] } }] }];
    };
    assert.deepEqual(resources[0].resources, ["secrets"]);
    assert.equal(Buffer.from(resources[0].providers[0].secretbox.keys[0].secret, "base64").length, 32);

    const key = readFileSync(made.serviceAccountKey, "utf8");
    assert.deepEqual(ensureCredentials(pki), made);
    assert.equal(readFileSync(made.tokenFile, "utf8"), tokens);
    assert.equal(readFileSync(made.serviceAccountKey, "utf8"), key);
    assert.equal(readFileSync(made.encryptionConfig, "utf8"), encryption);
  });
});

describe("startControlPlane", () => {
  it("leaves nothing running when a part does not come up, and says which and why", async () => {
    const registry = new ProcessRegistry(join(dir, "processes"));
    const etcd = "/bin/ls";
    const toolchain = { etcd, kubeApiserver: "", kubeControllerManager: "", kubeScheduler: "" };
    await assert.rejects(
      startControlPlane({ dir: join(dir, "failing"), registry, toolchain, contexts: ["x"] }),
      /^NotReadyError: etcd ended with exit code \d\n {2}\| .*option/,
    );
    assert.deepEqual(registry.list(), []);
  });

  it("ends the parts that came up when a later one does not", async () => {
    const registry = new ProcessRegistry(join(dir, "processes-later"));
    const etcd = join(dir, "etcd");
    writeFileSync(
      etcd,
      `#!${process.execPath}
const url = process.argv.find((arg) => arg.startsWith("--listen-client-urls=")).split("=")[1];
require("http").createServer((_, response) => response.end("{}")).listen(new URL(url).port, "127.0.0.1");
`,
    );
    chmodSync(etcd, 0o755);
    const toolchain = { etcd, kubeApiserver: "/bin/ls", kubeControllerManager: "", kubeScheduler: "" };
    const lines: string[] = [];
    await assert.rejects(
      startControlPlane({
        dir: join(dir, "later"),
        registry,
        toolchain,
        contexts: ["x"],
        log: (line) => lines.push(line),
      }),
      /kube-apiserver ended with exit code/,
    );
    assert.deepEqual(lines, ["etcd ready"]);
    assert.deepEqual(registry.list(), []);
  });

  it("does not start a second time", async () => {
    const registry = new ProcessRegistry(join(dir, "running"));
    registry.add("etcd", process.pid);
    const toolchain = { etcd: "", kubeApiserver: "", kubeControllerManager: "", kubeScheduler: "" };
    await assert.rejects(
      startControlPlane({ dir: join(dir, "second"), registry, toolchain, contexts: ["x"] }),
      /the control plane is running already \(etcd\); stop it first/,
    );
  });
});

/** The chart's Deployment, as it is installed. */
function deployment(change: (deployment: V1Deployment) => void = () => undefined): V1Deployment {
  const value: V1Deployment = {
    metadata: {
      name: "external-secrets",
      namespace: "eso",
      uid: "u1",
      labels: { "app.kubernetes.io/name": "external-secrets", "helm.sh/chart": "external-secrets-0.20.4" },
    },
    spec: {
      replicas: 1,
      selector: {},
      template: {
        spec: {
          serviceAccountName: "eso-account",
          containers: [{ name: "external-secrets", args: ["--concurrent=3", "--metrics-addr=:8080"] }],
        },
      },
    },
  };
  change(value);
  return value;
}

const container = (value: V1Deployment) => {
  const [first] = value.spec?.template.spec?.containers ?? [];
  assert.ok(first);
  return first;
};

function wanted(change?: (deployment: V1Deployment) => void): OperatorPod {
  const pod = operatorPod(deployment(change));
  assert.ok(pod);
  return pod;
}

describe("operatorPod", () => {
  it("is what the chart's Deployment asks for", () => {
    const pod = wanted((value) => {
      container(value).env = [{ name: "A", value: "1" }, { name: "B" }];
    });
    assert.equal(pod.namespace, "eso");
    assert.equal(pod.deployment, "external-secrets");
    assert.equal(pod.serviceAccount, "eso-account");
    assert.deepEqual(pod.env, { A: "1", B: "" });
    assert.deepEqual(pod.args, ["--concurrent=3"]);
    assert.deepEqual(pod.notes, []);
  });

  it("is found by the chart where its name was overridden", () => {
    const labels = { "app.kubernetes.io/name": "eso", "helm.sh/chart": "external-secrets-0.20.4" };
    assert.ok(operatorPod(deployment((value) => void (value.metadata = { ...value.metadata, labels }))));
  });

  for (const [what, change] of [
    [
      "another chart's",
      (value) => void (value.metadata = { ...value.metadata, labels: { "app.kubernetes.io/name": "x" } }),
    ],
    ["the webhook's", (value) => void (container(value).name = "webhook")],
    ["one that runs the webhook", (value) => void (container(value).args = ["webhook", "--port=1"])],
    ["one that runs the certificate controller", (value) => void (container(value).args = ["certcontroller"])],
    ["one scaled to nothing", (value) => void (value.spec = { ...deployment().spec!, replicas: 0 })],
    ["one being deleted", (value) => void (value.metadata = { ...value.metadata, deletionTimestamp: new Date() })],
  ] as const satisfies readonly (readonly [string, (value: V1Deployment) => void])[]) {
    it(`is none for ${what}`, () => assert.equal(operatorPod(deployment(change)), undefined));
  }

  it("is one that is scaled to nothing where it is marked to run as a host process", () => {
    const change = (value: V1Deployment) => {
      value.spec = { ...deployment().spec!, replicas: 0 };
      value.metadata = { ...value.metadata, annotations: { [hostProcessAnnotation]: "true" } };
    };
    assert.notEqual(operatorPod(deployment(change)), undefined);
  });

  for (const [image, version] of [
    ["oci.external-secrets.io/external-secrets/external-secrets:v0.20.4", "0.20.4"],
    ["127.0.0.1:5000/external-secrets:0.17.0-ubi", "0.17.0"],
    ["127.0.0.1:5000/external-secrets", undefined],
    ["external-secrets:main", undefined],
    [undefined, undefined],
  ] as const) {
    it(`is of version ${version ?? "(none)"} with the image ${image ?? "(none)"}`, () => {
      const tagged = (value: V1Deployment) => void (image !== undefined && (container(value).image = image));
      assert.equal(wanted(tagged).version, version);
    });
  }

  it("says what it could not take over", () => {
    const { env, notes } = wanted((value) => {
      container(value).env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "x", key: "y" } } }];
      container(value).envFrom = [{ configMapRef: { name: "x" } }];
    });
    assert.deepEqual(env, {});
    assert.match(notes.join("\n"), /env TOKEN is left out.*\nenvFrom is left out/);
  });

  it("has a new revision when its pods would be replaced, and the same when scaled", () => {
    const { revision } = wanted();
    assert.equal(wanted((value) => void (value.spec = { ...deployment().spec!, replicas: 2 })).revision, revision);
    assert.notEqual(wanted((value) => void (container(value).args = [])).revision, revision);
    assert.notEqual(wanted((value) => void (value.metadata = { ...value.metadata, uid: "u2" })).revision, revision);
  });
});

describe("hostArgs", () => {
  for (const [given, kept] of [
    [["--live-addr=0.0.0.0:8082", "--loglevel=info"], ["--loglevel=info"]],
    [
      ["--metrics-addr", ":8080", "--loglevel", "debug"],
      ["--loglevel", "debug"],
    ],
    [["--enable-leader-election", "--concurrent=1"], ["--concurrent=1"]],
    [["--metrics-secure=true", "--metrics-cert-dir=/x", "--metrics-cert-name=a", "--metrics-key-name=b"], []],
    [
      ["--namespace=apps", "--store-requeue-interval=30s"],
      ["--namespace=apps", "--store-requeue-interval=30s"],
    ],
  ] as const) {
    it(`keeps [${kept.join(" ")}] of [${given.join(" ")}]`, () => {
      assert.deepEqual(hostArgs(given), kept);
    });
  }
});

describe("hostFlags", () => {
  it("let the metrics alone listen, on this machine only", () => {
    assert.deepEqual(hostFlags("0.20.4", 4001), [
      "--metrics-addr=127.0.0.1:4001",
      "--live-addr=0",
      "--enable-leader-election=false",
    ]);
  });

  it("leave out what an earlier program does not know", () => {
    assert.deepEqual(hostFlags("0.19.2", 4001), ["--metrics-addr=127.0.0.1:4001", "--enable-leader-election=false"]);
  });
});

describe("operatorEnv", () => {
  const options = {
    kubeconfig: "/d/kubeconfig",
    home: "/d",
    dopplerBaseUrl: "http://127.0.0.1:4000",
    apiServerProxy: "http://127.0.0.1:4001",
  };
  const withUrl = (url: string) =>
    wanted((value) => void (container(value).env = [{ name: "DOPPLER_BASE_URL", value: url }]));

  it("is the Deployment's, and the stand-in's address and the API server's", () => {
    const pod = wanted((value) => {
      container(value).env = [
        { name: "A", value: "1" },
        { name: "KUBECONFIG", value: "/elsewhere" },
        { name: "https_proxy", value: "http://proxy.example:3128" },
        { name: "NO_PROXY", value: ".svc" },
      ];
    });
    assert.deepEqual(operatorEnv(pod, options), {
      PATH: "/usr/bin:/bin",
      HOME: "/d",
      KUBECONFIG: "/d/kubeconfig",
      A: "1",
      HTTPS_PROXY: "http://127.0.0.1:4001",
      DOPPLER_BASE_URL: "http://127.0.0.1:4000",
    });
  });

  it("leaves another address on this machine to the Deployment", () => {
    assert.equal(operatorEnv(withUrl("http://127.0.0.1:5000"), options)["DOPPLER_BASE_URL"], "http://127.0.0.1:5000");
  });

  for (const [url, message] of [
    ["https://api.doppler.com", /DOPPLER_BASE_URL of Deployment eso\/external-secrets leads to api\.doppler\.com/],
    ["http://127.0.0.1", /DOPPLER_BASE_URL of Deployment eso\/external-secrets needs an explicit port/],
    ["", /is not a URL/],
  ] as const) {
    it(`refuses ${url === "" ? "an empty address" : url}`, () => {
      assert.throws(() => operatorEnv(withUrl(url), options), message);
    });
  }
});

describe("startOperatorFollower", () => {
  it("starts nothing for a Doppler that is not on this machine", async () => {
    const registry = new ProcessRegistry(join(dir, "follower"));
    const options = { kubeconfig: "/x", operators: [{ version: "0.20.4", program: "/x" }] as const, dir, registry };
    await assert.rejects(
      startOperatorFollower({ ...options, dopplerBaseUrl: "https://api.doppler.com:443" }),
      /the Doppler stand-in's URL leads to api\.doppler\.com/,
    );
    assert.deepEqual(registry.list(), []);
  });

  it("says that the cluster can't be reached", async () => {
    const registry = new ProcessRegistry(join(dir, "follower"));
    const kubeconfigFile = join(dir, "no-such-kubeconfig");
    await assert.rejects(
      startOperatorFollower({
        kubeconfig: kubeconfigFile,
        operators: [{ version: "0.20.4", program: "/x" }],
        dir,
        registry,
        dopplerBaseUrl: "http://127.0.0.1:1",
      }),
      /operator-follower ended with exit code 1\n.*no-such-kubeconfig/,
    );
  });
});
