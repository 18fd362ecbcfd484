import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { changes, delivered, establish, KEYS, SECRETS, set } from "../support/established.js";
import { failures, type Metrics, operatorMetrics } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { type SecretWatch, watchSecrets } from "../support/watch.js";

// The operator's version is changed in the stack's configuration, up, down and up again. The Secrets that it made stay.

/** The oldest version that the program supports. */
const EARLIER = "0.17.0";
const REFRESH_SECONDS = 5;

let user: User;
let watch: SecretWatch;
const { step, broken } = story();

interface Named {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid: string;
    readonly managedFields?: readonly { readonly manager: string; readonly time: string }[];
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface Crd extends Named {
  readonly spec: { readonly versions: readonly { readonly name: string; readonly schema: unknown }[] };
}

async function list<T extends Named>(kind: string): Promise<T[]> {
  const { stdout } = await user.kubectl("get", kind, "--all-namespaces", "--output=json", "--show-managed-fields");
  return (JSON.parse(stdout) as { items: T[] }).items;
}

/**
 * What must not change: the UIDs of the objects, and when Pulumi wrote them last. Their generations may change, since the
 * CRDs of another version have defaults for more fields.
 */
async function untouched(): Promise<string[]> {
  const objects = [
    ...(await list("externalsecrets.external-secrets.io")),
    ...(await list("clustersecretstores.external-secrets.io")),
    ...(await list("secrets")).filter(({ metadata }) => `${metadata.namespace}/${metadata.name}` in SECRETS),
  ];
  return objects
    .map(({ metadata: { name, uid, managedFields = [] } }) => {
      const written = managedFields.filter(({ manager }) => manager.startsWith("pulumi")).map(({ time }) => time);
      return `${name} ${uid} ${written.join()}`;
    })
    .sort();
}

const crd = (name: string) => user.object<Crd>("customresourcedefinition", name);

/** Whether the CRD knows a field of ExternalSecret that came with 0.20. */
async function knowsPriorityPolicy(): Promise<boolean> {
  const { spec } = (await crd("externalsecrets.external-secrets.io")) ?? assert.fail("there is no such CRD");
  return JSON.stringify(spec.versions.find(({ name }) => name === "v1")).includes('"priorityPolicy"');
}

/** A CRD that the earlier version does not have. */
const LATER_CRD = "mfas.generators.external-secrets.io";

const crdUids = async () =>
  new Map((await list<Crd>("customresourcedefinitions")).map(({ metadata }) => [metadata.name, metadata.uid]));

/** The version that the operator's Deployment asks for, and the one that runs. */
async function versions(): Promise<{ image: string | undefined; chart: string | undefined; running: boolean }> {
  const { stdout } = await user.kubectl(
    "get",
    "deployment",
    "external-secrets",
    "--namespace=external-secrets",
    "--output=json",
  );
  const { metadata, spec } = JSON.parse(stdout) as {
    metadata: { labels: Record<string, string> };
    spec: { template: { spec: { containers: { image: string }[] } } };
  };
  return {
    image: spec.template.spec.containers[0]?.image.split(":").at(-1),
    chart: metadata.labels["helm.sh/chart"],
    running: (await operatorMetrics(user)) !== undefined,
  };
}

/** Changes the operator's version as a person does, and asserts what that changes and what it does not. */
async function changeTo(version: string, chart: string): Promise<void> {
  const objects = await untouched();
  const crds = await crdUids();
  const { startedAt } = (await operatorMetrics(user)) ?? { startedAt: 0 };

  await set(user, "operator.chart", chart);
  const preview = await user.pulumi("preview", "--stack", "dev", "--json");
  assert.deepEqual(changes(preview.stdout), ["update external-secrets-release"]);
  const started = Date.now();
  await user.up();
  const after = Date.now();

  const { image, chart: label } = await versions();
  assert.equal(image, `v${version}`);
  assert.equal(label, `external-secrets-${version}`);
  const now = await crdUids();
  for (const [name, uid] of crds) assert.equal(now.get(name), uid, `${name} is the same`);

  const metrics = await eventually<Metrics>("the other operator has synced both apps", 60_000, async () => {
    const metrics = await operatorMetrics(user);
    if (metrics === undefined || metrics.startedAt === startedAt) return undefined;
    const synced = ["bookmarked-secrets", "reports-credentials"].every(
      (name) => metrics.sum("externalsecret_sync_calls_total", { name }) > 0,
    );
    return synced ? metrics : undefined;
  });
  assert.deepEqual(
    Object.values(failures(metrics)).filter((count) => count > 0),
    [],
    JSON.stringify(failures(metrics)),
  );
  assert.deepEqual(await untouched(), objects);
  console.error(
    `# ${version}: up ${((after - started) / 1000).toFixed(1)} s, synced ${((Date.now() - after) / 1000).toFixed(1)} s after it`,
  );
}

/** Types another value and waits until the Secret has it. */
async function deliverAnother(value: string): Promise<void> {
  await user.type("JWT_SECRET", value);
  const bookmarked = { ...SECRETS["default/bookmarked-secrets"], JWT_SECRET: value };
  await delivered(user, { ...SECRETS, "default/bookmarked-secrets": bookmarked });
}

describe("the operator's version", { concurrency: false }, () => {
  before(async () => {
    user = await establish({ earlierOperators: [EARLIER] }, ({ sandbox }) => ({
      "operator.chart": sandbox.earlier[0]?.chart ?? "",
      refreshInterval: `${REFRESH_SECONDS}s`,
    }));
    watch = await watchSecrets(user, KEYS);
  });
  after(async () => {
    await user?.leave(broken());
  });

  step("is an earlier one at first", async () => {
    assert.deepEqual(await versions(), { image: `v${EARLIER}`, chart: `external-secrets-${EARLIER}`, running: true });
    assert.equal(await knowsPriorityPolicy(), false);
    assert.equal(await crd(LATER_CRD), undefined);
    await user.up("--expect-no-changes");
  });

  step("goes up, and its CRDs with it", async () => {
    const { version, chart } = user.sandbox.toolchain.operator;
    await changeTo(version, chart);
    assert.equal(await knowsPriorityPolicy(), true);
    assert.ok(await crd(LATER_CRD));
    await deliverAnother("e2e-after-the-upgrade");
  });

  step("goes down again, and its CRDs with it", async () => {
    const { version, chart } = user.sandbox.earlier[0] ?? assert.fail();
    await changeTo(version, chart);
    assert.equal(await knowsPriorityPolicy(), false);
    await deliverAnother("e2e-after-the-downgrade");
  });

  step("goes up once more, over the CRDs that only the later version has", async () => {
    const { version, chart } = user.sandbox.toolchain.operator;
    await changeTo(version, chart);
    assert.equal(await knowsPriorityPolicy(), true);
  });

  step("never left an app without its Secret or a key of it", async () => {
    console.error(`# ${watch.writes} writes to the apps' Secrets`);
    assert.deepEqual(await watch.end(), []);
  });

  step("leaves nothing to do", async () => {
    await user.up("--expect-no-changes");
    await user.pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes");
  });
});
