import { complaintOf, externalSecretFacts, objectFacts, operatorFacts } from "../../doctor/gather/clusterObjects";
import { podFacts, waitingReason } from "../../doctor/gather/pods";

// What is taken from Kubernetes objects as the API server gives them.

const at = (time: string) => Date.parse(time);
const META = { name: "x", namespace: "n", creationTimestamp: "2026-01-01T00:00:00Z", resourceVersion: "7" };

it("a Secret's keys and writers come from its metadata", () => {
  const entry = (manager: string, time: string, fieldsV1: object) => ({ manager, time, fieldsV1, operation: "Update" });
  const owner = { kind: "ExternalSecret", name: "web", controller: true };
  const facts = objectFacts({
    metadata: {
      ...META,
      ownerReferences: [{ kind: "Other", name: "o" }, owner],
      managedFields: [
        entry("externalsecrets.external-secrets.io/web", "2026-01-02T00:00:00Z", {
          "f:data": { ".": {}, "f:B": {}, "f:A.b": {} },
        }),
        entry("kubectl-label", "2026-01-03T00:00:00Z", { "f:metadata": { "f:labels": {} } }),
      ],
    },
  });
  expect(facts).toEqual({
    resourceVersion: "7",
    createdAt: at("2026-01-01T00:00:00Z"),
    controller: { kind: "ExternalSecret", name: "web" },
    keys: ["A.b", "B"],
    writers: [
      { manager: "externalsecrets.external-secrets.io/web", at: at("2026-01-02T00:00:00Z"), keys: ["B", "A.b"] },
    ],
  });
});

it("an ExternalSecret's status says what was made of which specification, and when", () => {
  const facts = externalSecretFacts({
    metadata: { ...META, generation: 3 },
    spec: { refreshInterval: "1m0s" },
    status: {
      conditions: [
        { type: "Deleted", status: "False" },
        { type: "Ready", status: "False", reason: "SecretSyncedError", lastTransitionTime: "2026-01-02T00:00:00Z" },
      ],
      refreshTime: "2026-01-01T12:00:00Z",
      syncedResourceVersion: "2-abc",
    },
  });
  expect(facts).toMatchObject({
    generation: 3,
    deleting: false,
    ready: { is: false, since: at("2026-01-02T00:00:00Z"), reason: "SecretSyncedError" },
    refreshedAt: at("2026-01-01T12:00:00Z"),
    refreshedGeneration: 2,
  });
  const { ready, refreshedAt } = externalSecretFacts({ metadata: META });
  expect([ready, refreshedAt]).toEqual([undefined, undefined]);
});

it("the latest warning is the operator's complaint, and its words are not kept", () => {
  const event = (type: string, lastTimestamp: string | null, message: string) => ({
    metadata: { creationTimestamp: "2026-01-01T00:00:00Z" },
    type,
    lastTimestamp,
    message,
  });
  const complaint = complaintOf({
    items: [
      event("Warning", "2026-01-03T00:00:00Z", "Invalid Auth token hunter2"),
      event("Warning", "2026-01-02T00:00:00Z", "secret 'X' not found"),
      event("Normal", "2026-01-04T00:00:00Z", "secret synced"),
      event("Warning", null, "secret 'Y' not found"),
    ],
  });
  expect(complaint).toEqual({ reason: { kind: "refused" }, at: at("2026-01-03T00:00:00Z") });
  expect(complaintOf({ items: [] })).toBeUndefined();
});

describe("the operator's Deployments", () => {
  const deployment = (labels: object, container: object, more: object = {}) => ({
    metadata: { ...META, name: "eso", labels },
    spec: { selector: { matchLabels: { app: "eso" } }, template: { spec: { containers: [container] } }, ...more },
    status: { availableReplicas: 1 },
  });
  const chart = { "helm.sh/chart": "external-secrets-0.20.4" };
  const image = "ghcr.io/external-secrets/external-secrets:v0.20.4";
  it("are told by the chart's labels, whatever they are called", () => {
    const items = [
      deployment(chart, { image }),
      deployment(chart, { image, args: ["webhook", "--port=1"] }),
      deployment({ "app.kubernetes.io/name": "nginx" }, { image: "nginx:1.2.3" }),
    ];
    expect(operatorFacts({ items })).toEqual([
      { namespace: "n", name: "eso", version: "0.20.4", wanted: 1, available: 1, pods: { app: "eso" } },
    ]);
  });
  it("have a version by their label where the image's tag is none", () => {
    const labels = { ...chart, "app.kubernetes.io/version": "v1.2.3" };
    const [found] = operatorFacts({ items: [deployment(labels, { image: "x@sha256:1" }, { replicas: 0 })] });
    expect([found?.version, found?.wanted]).toEqual(["v1.2.3", 0]);
  });
});

describe("pods", () => {
  const started = (name: string, startedAt: string) => ({ name, state: { running: { startedAt } } });
  const pod = (spec: object, statuses: object[], more: object = {}) => ({
    metadata: {
      ...META,
      name: "web-5d-x",
      labels: { "pod-template-hash": "5d" },
      ownerReferences: [{ kind: "ReplicaSet", name: "web-5d", controller: true }],
      ...more,
    },
    spec,
    status: { phase: "Running", containerStatuses: statuses },
  });
  const secrets = new Set(["s"]);
  const EARLY = "2026-01-01T00:00:00Z";
  const LATE = "2026-01-02T00:00:00Z";
  const volume = { name: "v", secret: { secretName: "s" } };
  const mounting = (mount: object) => ({
    containers: [{ name: "a", volumeMounts: [{ name: "v", ...mount }] }],
    volumes: [volume],
  });

  it.each([
    ["a variable", { containers: [{ name: "a", env: [{ valueFrom: { secretKeyRef: { name: "s", key: "K" } } }] }] }],
    ["all variables", { containers: [{ name: "a", envFrom: [{ secretRef: { name: "s" } }] }] }],
    ["a file by its path", mounting({ subPath: "K" })],
  ])("read a Secret at the start as %s", (_how, spec) => {
    expect(podFacts({ items: [pod(spec, [started("a", EARLY)])] }, secrets)).toEqual([
      { name: "web-5d-x", workload: "Deployment web", startedWith: { s: at(EARLY) }, mounted: [] },
    ]);
  });
  it.each([
    ["a volume", mounting({})],
    [
      "a projected volume",
      { ...mounting({}), volumes: [{ name: "v", projected: { sources: [{ secret: { name: "s" } }] } }] },
    ],
  ])("have the files of %s kept up to date", (_how, spec) => {
    expect(podFacts({ items: [pod(spec, [started("a", EARLY)])] }, secrets)).toMatchObject([
      { startedWith: {}, mounted: ["s"] },
    ]);
  });
  it("are as old as their oldest container that read the Secret", () => {
    const containers = ["a", "b", "c"].map((name) => ({
      name,
      envFrom: [{ secretRef: { name: name === "c" ? "t" : "s" } }],
    }));
    const statuses = [started("a", LATE), started("b", EARLY), started("c", "2025-01-01T00:00:00Z")];
    expect(podFacts({ items: [pod({ containers }, statuses)] }, secrets)[0]?.startedWith).toEqual({ s: at(EARLY) });
  });
  it("don't count where they are being deleted, or use no such Secret", () => {
    const spec = { containers: [{ name: "a", envFrom: [{ secretRef: { name: "s" } }] }] };
    const statuses = [started("a", EARLY)];
    const other = { containers: [{ name: "a", envFrom: [{ secretRef: { name: "other" } }] }] };
    const items = [pod(spec, statuses, { deletionTimestamp: LATE }), pod(other, statuses)];
    expect(podFacts({ items }, secrets)).toEqual([]);
  });
  it("belong to whatever made them", () => {
    const spec = { containers: [{ name: "a", envFrom: [{ secretRef: { name: "s" } }] }] };
    const of = (more: object) => podFacts({ items: [pod(spec, [started("a", EARLY)], more)] }, secrets)[0]?.workload;
    expect(of({ ownerReferences: [] })).toBe("Pod web-5d-x");
    expect(of({ ownerReferences: [{ kind: "StatefulSet", name: "db", controller: true }] })).toBe("StatefulSet db");
  });
  it("say why they don't come up", () => {
    const waiting = [{ name: "a", state: { waiting: { reason: "ImagePullBackOff" } } }];
    expect(waitingReason({ items: [pod({ containers: [] }, waiting)] })).toBe("ImagePullBackOff");
  });
});
