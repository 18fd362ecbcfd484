import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { buyPlan } from "secrets-pipeline-sandbox";
import { begin, editApps, set } from "../support/established.js";
import { operatorRequests } from "../support/operator.js";
import { allSynced, inWords, manyApps, readsBetween, settle, type Sync, syncs } from "../support/scale.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";

// Apps that want more reads than the plan allows: which of them are served, and how they recover when there is room again.
// The operator's own back-off decides both.

const APPS = 40;
const WATCHED_MS = 600_000;
/** The longest that the operator waits before it tries an ExternalSecret again, and the time to do so. */
const LONGEST_BACK_OFF_MS = 420_000 + 60_000;

describe("apps beyond the limit", { concurrency: false }, () => {
  const { step, broken } = story();
  let user: User;

  before(async () => {
    user = await begin({ plan: "developer" });
    await user.up();
    await settle(user, manyApps(APPS));
    await set(user, "fetch", "perKey");
    await user.up();
  });
  after(async () => user?.leave(broken()));

  step("are each served in turn, and none starves", async () => {
    const from = Date.now();
    const served = new Map<string, Set<number>>();
    const note = ({ name, refreshed }: Sync) => {
      if (refreshed >= from) served.set(name, (served.get(name) ?? new Set()).add(refreshed));
    };
    while (Date.now() < from + WATCHED_MS) {
      (await syncs(user)).forEach(note);
      await delay(5_000);
    }
    const reads = readsBetween(user, from, from + WATCHED_MS);
    console.error(`# at the limit: ${inWords(reads)}`);
    const all = (await syncs(user)).map(({ name }) => served.get(name)?.size ?? 0).sort((a, b) => a - b);
    console.error(`# refreshes of each app in ${WATCHED_MS / 60_000} minutes: ${all.join(" ")}`);
    for (const [name, times] of served) {
      const moments = [...times].sort((a, b) => a - b).map((time) => Math.round((time - from) / 1000));
      console.error(`#   ${name}: ${moments.join(" ")}`);
    }
    assert.ok(reads.refused > 0, inWords(reads));
    assert.ok(
      all.every((count) => count > 0),
      `each app was served: ${all.join(" ")}`,
    );
  });

  step("recover by themselves as soon as there is room", async () => {
    buyPlan(user.here.doppler, "enterprise");
    const from = Date.now();
    await allSynced(user, APPS, LONGEST_BACK_OFF_MS, from);
    console.error(`# all apps were synced ${((Date.now() - from) / 1000).toFixed(0)} s after there was room`);
  });

  step("are read each minute from then on", async () => {
    const from = Date.now();
    await allSynced(user, APPS, 90_000, from);
    const reads = readsBetween(user, from, Date.now());
    console.error(`# after it: ${inWords(reads)}`);
    assert.equal(reads.refused, 0);
  });

  step("are tried often at first and rarely later where a value is missing", async () => {
    const [app] = manyApps(1);
    editApps<object>(user, (apps) => [...apps, { ...app, name: "late", keys: ["NOT_TYPED"] }]);
    await user.up();
    const tries = () =>
      operatorRequests(user)
        .filter(({ path }) => path.includes("name=NOT_TYPED"))
        .map(({ time }) => Date.parse(time));
    const first = await eventually("the operator has tried it", 60_000, () => Promise.resolve(tries()[0]));
    await delay(first + 240_000 - Date.now());
    const within = (from: number, to: number) =>
      tries().filter((time) => time >= first + from && time < first + to).length;
    const [firstMinute, later] = [within(0, 60_000), within(60_000, 240_000)];
    console.error(`# without a value: ${firstMinute} reads in the first minute, ${later} in the three after it`);
    assert.ok(firstMinute >= 5 && firstMinute <= 9, `${firstMinute} reads in the first minute`);
    assert.ok(later <= 3, `${later} reads in the three minutes after it`);
  });
});
