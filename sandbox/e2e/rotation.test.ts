import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { readManagementToken } from "../doppler/index.js";
import { establish, KEYS, set } from "./established.js";
import { accessLog, failures, type Metrics, operatorMetrics, operatorRequests } from "./operator.js";
import { story } from "./story.js";
import { eventually, type User } from "./user.js";
import { watchSecrets } from "./watch.js";

// Token rotation under an operator that asks every second: nothing is refused, nothing fails, no Secret is missing.

const ROTATIONS = 20;

let user: User;
const { step, broken } = story();

interface ServiceToken {
  readonly name: string;
  readonly slug: string;
}

/** The service tokens that the dev config has. */
async function serviceTokens(): Promise<ServiceToken[]> {
  const response = await fetch(`${user.sandbox.dopplerUrl}/v3/configs/config/tokens?project=acme&config=dev`, {
    headers: { authorization: `Bearer ${readManagementToken(user.here.doppler)}` },
  });
  return ((await response.json()) as { tokens: ServiceToken[] }).tokens;
}

const syncs = (metrics: Metrics) => metrics.sum("externalsecret_sync_calls_total");

/** The operator's metrics when it has synced both apps at least twice more than before. */
async function afterSomeSyncs(): Promise<Metrics> {
  const first = await metrics();
  return eventually("more syncs", 30_000, async () => {
    const now = await metrics();
    return syncs(now) >= syncs(first) + 4 ? now : undefined;
  });
}

const metrics = () => eventually("the operator serves metrics", 10_000, () => operatorMetrics(user));

describe("rotation of the service token", { concurrency: false }, () => {
  before(async () => {
    // Four keys a second are 240 reads a minute, just what the Team plan allows.
    user = await establish({ plan: "enterprise" }, () => ({ refreshInterval: "1s" }));
  });
  after(() => user?.leave(broken()));

  step(`refuses nothing, fails nowhere and misses no Secret, ${ROTATIONS} times over`, async () => {
    const before = await afterSomeSyncs();
    const failuresBefore = failures(before);
    const from = accessLog(user).length;
    const watch = await watchSecrets(user, KEYS);
    const seconds: number[] = [];
    let [token] = await serviceTokens();
    for (let n = 2; n <= ROTATIONS + 1; n++) {
      const started = Date.now();
      await set(user, "doppler.serviceToken", `external-secrets-${n}`);
      await user.up();
      seconds.push((Date.now() - started) / 1000);
      const tokens = await serviceTokens();
      assert.deepEqual(
        tokens.map(({ name }) => name),
        [`external-secrets-${n}`],
      );
      assert.notEqual(tokens[0]?.slug, token?.slug);
      token = tokens[0];
    }
    const done = await afterSomeSyncs();
    const requests = operatorRequests(user, from);
    const refused = requests.filter(({ status }) => status >= 400);
    const average = seconds.reduce((a, b) => a + b, 0) / seconds.length;
    console.error(
      `# ${ROTATIONS} rotations, ${average.toFixed(1)} s each (longest ${Math.max(...seconds).toFixed(1)} s): ` +
        `${syncs(done) - syncs(before)} syncs, ${requests.length} requests, ${refused.length} refused`,
    );
    assert.equal(done.startedAt, before.startedAt, "one operator counted all of it");
    assert.ok(syncs(done) - syncs(before) >= 2 * ROTATIONS, "the operator asked all the while");
    assert.deepEqual(refused, []);
    assert.deepEqual(failures(done), failuresBefore);
    assert.deepEqual(await watch.end(), []);
    assert.deepEqual(new Set(requests.slice(-4).map((request) => request.token)), new Set([`service:${token?.slug}`]));
  });

  step("has nothing left to do afterwards", async () => {
    await user.up("--expect-no-changes");
  });
});
