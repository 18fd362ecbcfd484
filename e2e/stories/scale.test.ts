import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { begin, set } from "../support/established.js";
import { allSynced, countReads, inWords, manyApps, median, readsBetween, settle } from "../support/scale.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";

// A hundred apps of ten keys each, at a refresh interval of one minute, on Doppler's smallest plan: what the operator
// reads in each form, counted by Doppler, and what that does to a run of the program.

const APPS = 100;
const COUNTED_MS = 180_000;
/** A run that waits for Doppler waits up to a minute. Runs of the same kind differ by this much on a machine at work. */
const TOLERANCE = { factor: 1.3, ms: 3_000 };

describe("a hundred apps", { concurrency: false }, () => {
  const { step, broken } = story();
  let user: User;
  /** How long runs took that had nothing to do, in milliseconds. */
  const atWork: number[] = [];

  before(async () => {
    user = await begin({ plan: "developer" });
    await user.up();
    await settle(user, manyApps(APPS));
  });
  after(async () => user?.leave(broken()));

  const unset = (path: string) => user.run("pulumi", ["config", "rm", "--stack", user.stack, "--path", path]);

  async function timed(): Promise<number> {
    const started = performance.now();
    await user.up("--expect-no-changes");
    return performance.now() - started;
  }

  async function scale(replicas: number): Promise<void> {
    const deployment = ["deployment/external-secrets", "--namespace=external-secrets"];
    await user.kubectl("scale", ...deployment, `--replicas=${replicas}`);
    const available = replicas === 0 ? "" : String(replicas);
    await eventually(`${replicas} operators run`, 60_000, async () => {
      const { stdout } = await user.kubectl("get", ...deployment, "--output=jsonpath={.status.availableReplicas}");
      return stdout.trim() === available ? true : undefined;
    });
  }

  step("are refused in a form that reads more than the plan allows, before anything is changed", async () => {
    await set(user, "doppler.plan", "developer");
    await set(user, "fetch", "perKey");
    const { code, text } = await user.tries("up");
    assert.notEqual(code, 0);
    assert.match(text, /can't be run\. Nothing was created or changed\./);
    assert.match(text, /store doppler-secret-store, with its token: 1000 \(834 %\)/);
    assert.match(text, /fetch: perApp, for all Secrets: 102 \(85 %\)/);
    assert.match(text, /fetch: mirror, for all Secrets: 3\.5 \(3 %\)/);
    assert.equal(await user.object("externalsecrets.external-secrets.io", "app-000-secrets", "default"), undefined);
    await unset("fetch");
  });

  step("need a hundred reads a minute by default, counted for three minutes", async () => {
    const { text } = await user.up();
    assert.match(
      text,
      /the cluster, from its IP address: 102 \(85 %\): 100 for stack dev, 2 for a run of this program/,
    );
    await allSynced(user, APPS, 180_000);
    const from = Date.now();
    while (Date.now() < from + COUNTED_MS) atWork.push(await timed());
    const reads = readsBetween(user, from, from + COUNTED_MS);
    console.error(`# perApp: ${inWords(reads)}`);
    assert.ok(reads.perMinute <= 100 && reads.perMinute > 80, inWords(reads));
    assert.equal(reads.refused, 0);
  });

  step("do not make a run take longer than it takes while the operator is stopped", async () => {
    await scale(0);
    const stopped: number[] = [];
    while (stopped.length < atWork.length) stopped.push(await timed());
    await scale(1);
    const seconds = (values: number[]) => values.map((ms) => (ms / 1000).toFixed(1)).join(", ");
    const words = `at work ${seconds(atWork)} s; stopped ${seconds(stopped)} s`;
    console.error(`# no-op up: ${words}`);
    assert.ok(median(atWork) <= TOLERANCE.factor * median(stopped) + TOLERANCE.ms, words);
  });

  step("need two reads a minute at most from a mirror, counted for three minutes", async () => {
    await set(user, "fetch", "mirror");
    const started = Date.now();
    await user.up();
    const all = await allSynced(user, APPS, 180_000, started);
    assert.deepEqual([...new Set(all.map(({ store }) => store))], ["doppler-secret-store-mirror"]);
    const reads = await countReads(user, COUNTED_MS);
    console.error(`# mirror: ${inWords(reads)}`);
    assert.ok(reads.perMinute <= 2 && reads.perMinute > 0.5, inWords(reads));
    assert.equal(reads.refused, 0);
  });

  step("run into the limit in the form of one read per key, where the stack does not say its plan", async () => {
    await unset("doppler.plan");
    await set(user, "fetch", "perKey");
    const { text } = await user.up();
    assert.match(text, /store doppler-secret-store, with its token: 1000 \(834 %\)/);
    const reads = await countReads(user, COUNTED_MS);
    console.error(`# perKey: ${inWords(reads)}`);
    assert.ok(reads.refused > 0, inWords(reads));
    // Doppler's minute and this one need not begin together.
    assert.ok(reads.perMinute * 3 - reads.refused <= 4 * 120, inWords(reads));
  });

  step("recover at once when the form is one of fewer reads again", async () => {
    await unset("fetch");
    const started = Date.now();
    const { text } = await user.up();
    await allSynced(user, APPS, 180_000, started);
    console.error(`# all synced ${((Date.now() - started) / 1000).toFixed(0)} s after the run began`);
    for (const line of text.split("\n").filter((l) => l.includes("Waiting for Doppler")))
      console.error(`# ${line.trim()}`);
  });
});
