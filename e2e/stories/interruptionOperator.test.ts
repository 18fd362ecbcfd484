import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { configure, type Cut, type End, identity, interrupt, run, stateOf } from "../support/interruption.js";
import { recover } from "../support/recovery.js";
import { operatorMetrics } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, User } from "../support/user.js";

// Runs are cut off while the operator's Helm release is installed, upgraded and uninstalled, in each way in which a run
// can end. Then the test does what the runs say, and the stack must end up as if nothing had happened.

const ENDS: readonly End[] = ["power failure", "SIGKILL", "SIGINT"];

let dev: User;
let revision = 0;

interface Release {
  readonly name: string;
  readonly status: string;
}

/** All releases in the cluster, whatever their status. */
async function releases(): Promise<string[]> {
  const list = JSON.parse(
    await dev.quietly("helm", ["list", "--all", "--all-namespaces", "--output=json"]),
  ) as Release[];
  return list.map(({ name, status }) => `${name} ${status}`);
}

/** The labels of the operator's pods, which the last upgrade changes. */
async function revisionInCluster(): Promise<string | undefined> {
  const deployment = await dev.object<{ spec: { template: { metadata: { labels: Record<string, string> } } } }>(
    "deployment",
    "external-secrets",
    "external-secrets",
  );
  return deployment?.spec.template.metadata.labels["revision"];
}

/** The state's resources, without what differs from run to run. */
async function resources(): Promise<string[]> {
  const { resources, pending } = await stateOf(dev);
  assert.deepEqual(pending, [], "Pulumi knows what became of everything");
  const text = (value: unknown) => JSON.stringify(value).replaceAll(/dp\.st\.[.\w]+|ZHAuc3Q[\w=]+/g, "(a token)");
  return resources.map((resource) => text(identity(resource))).sort();
}

function upgrade(): void {
  revision += 1;
  configure(dev, "dev", { operator: { values: { podLabels: { revision: String(revision) } } } });
}

/** Asserts that the stack is up as its configuration says, and that another run changes nothing. */
async function isUp(): Promise<void> {
  assert.deepEqual(await releases(), ["external-secrets deployed"]);
  assert.equal(await revisionInCluster(), String(revision));
  const { code, text } = await run(dev, ["up", "--expect-no-changes"]);
  assert.equal(code, 0, text);
  await eventually("the operator runs", 60_000, () => operatorMetrics(dev));
}

describe("an operator whose release is cut off", { concurrency: false }, () => {
  const { step, broken } = story();
  let reference: string[];
  let tried = 0;

  before(async () => {
    dev = await User.arrive({ stacks: ["dev"] });
    await dev.run("pulumi", ["stack", "init", "dev", "--non-interactive"]);
  });
  after(() => dev.leave(broken()));

  async function cutOff(args: readonly string[], status: (Cut & { at: "release" })["status"], how: End): Promise<void> {
    const { reached, by, text } = await interrupt(dev, args, { at: "release", status }, how);
    assert.ok(reached, `the release was not seen ${status}: ${text}`);
    tried += 1;
    const left = await releases();
    const done = await recover(dev, args);
    console.error(
      `# ${status}, ended by ${by}; left: ${left.join() || "nothing"}; done: ${done.join() || "run again"}`,
    );
  }

  step("is measured uninterrupted first", async () => {
    upgrade();
    await dev.up();
    await isUp();
    reference = (await resources()).map(withoutRevision);
    const { code, text } = await run(dev, ["destroy", "--run-program"]);
    assert.equal(code, 0, text);
    assert.deepEqual(await resources(), []);
  });

  for (const how of ENDS) {
    step(`while it is installed, by ${how}, is installed after the next run`, async () => {
      await cutOff(["up"], "pending-install", how);
      await isUp();
      assert.deepEqual((await resources()).map(withoutRevision), reference);
    });

    step(`while it is upgraded, by ${how}, is upgraded after the next run`, async () => {
      upgrade();
      await cutOff(["up"], "pending-upgrade", how);
      await isUp();
      assert.deepEqual((await resources()).map(withoutRevision), reference);
    });

    step(`while it is uninstalled, by ${how}, is gone after the next run`, async () => {
      await cutOff(["destroy", "--run-program"], "uninstalling", how);
      assert.deepEqual(await releases(), []);
      assert.deepEqual(await resources(), []);
      assert.notEqual(await dev.object("namespace", "external-secrets"), undefined, "the namespace stays");
    });
  }

  step("was cut off in each way", () => {
    console.error(`# ${tried} places tried`);
    assert.equal(tried, 3 * ENDS.length);
    return Promise.resolve();
  });
});

const withoutRevision = (resource: string) => resource.replaceAll(/"revision":"\d+"/g, '"revision":""');
