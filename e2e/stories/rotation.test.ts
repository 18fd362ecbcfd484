import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { readManagementToken } from "secrets-pipeline-sandbox";
import { establish, KEYS, set } from "../support/established.js";
import { accessLog, failures, type Metrics, operatorMetrics, operatorRequests } from "../support/operator.js";
import { type SlowDoppler, slowDoppler } from "../support/slowDoppler.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// The service token is rotated while the operator reads every second: no request is refused, nothing fails, and no
// Secret is missing at any moment.

let user: User;
let slow: SlowDoppler | undefined;
/** The number in the service token's name. */
let generation = 1;
const { step, broken } = story();

interface ServiceToken {
  readonly name: string;
  readonly slug: string;
}

/** The service tokens that the dev config of a project has. */
async function serviceTokens(project = "acme"): Promise<ServiceToken[]> {
  const response = await fetch(`${user.sandbox.dopplerUrl}/v3/configs/config/tokens?project=${project}&config=dev`, {
    headers: { authorization: `Bearer ${readManagementToken(user.here.doppler)}` },
  });
  return ((await response.json()) as { tokens: ServiceToken[] }).tokens;
}

const syncs = (metrics: Metrics) => metrics.sum("externalsecret_sync_calls_total");

const metrics = () => eventually("the operator serves metrics", 10_000, () => operatorMetrics(user));

/** The operator's metrics when both apps have been synced at least once more. */
async function afterSomeSyncs(): Promise<Metrics> {
  const first = await metrics();
  return eventually("more syncs", 30_000, async () => {
    const now = await metrics();
    return syncs(now) >= syncs(first) + 4 ? now : undefined;
  });
}

/**
 * Gives the token a new name again and again, and asserts that nothing was refused and no Secret was missing meanwhile.
 */
async function rotate(times: number): Promise<void> {
  const before = await afterSomeSyncs();
  const from = accessLog(user).length;
  const watch = await watchSecrets(user, KEYS);
  const seconds: number[] = [];
  const margins: number[] = [];
  let [token] = await serviceTokens();
  for (let n = 0; n < times; n++) {
    const old = token?.slug;
    const name = `external-secrets-${++generation}`;
    const started = Date.now();
    await set(user, "doppler.serviceToken", name);
    await user.up();
    seconds.push((Date.now() - started) / 1000);
    const tokens = await serviceTokens();
    assert.deepEqual(
      tokens.map((one) => one.name),
      [name],
    );
    [token] = tokens;
    assert.notEqual(token?.slug, old);
    const revoked = accessLog(user).findLast(
      ({ method, path }) => method === "DELETE" && path.endsWith("/tokens/token"),
    );
    const lastUsed = operatorRequests(user, from).findLast((request) => request.token === `service:${old}`);
    margins.push(Date.parse(revoked?.time ?? "") - Date.parse(lastUsed?.time ?? ""));
  }
  const done = await afterSomeSyncs();
  // The other project's token is not rotated; its requests must not be refused either.
  const [other] = await serviceTokens("acme-shared");
  const requests = operatorRequests(user, from);
  const own = requests.filter((request) => request.token !== `service:${other?.slug}`);
  assert.ok(own.length < requests.length, "the other token was used");
  const refused = requests.filter(({ status }) => status >= 400);
  console.error(
    `# ${times} rotations, ${(seconds.reduce((a, b) => a + b, 0) / times).toFixed(1)} s each, ` +
      `the longest ${Math.max(...seconds).toFixed(1)} s: ${syncs(done) - syncs(before)} sync calls, ` +
      `${requests.length} requests, ${refused.length} refused; ` +
      `a token was last used ${Math.min(...margins)} ms before it was revoked, or earlier`,
  );
  assert.equal(done.startedAt, before.startedAt, "one operator counted all of it");
  assert.ok(syncs(done) - syncs(before) >= 2 * times, "the operator asked all the while");
  assert.deepEqual(refused, []);
  assert.deepEqual(failures(done), failures(before));
  assert.deepEqual(await watch.end(), []);
  assert.deepEqual([...new Set(own.slice(-4).map((request) => request.token))], [`service:${token?.slug}`]);
}

describe("rotation of the service token", { concurrency: false }, () => {
  before(async () => {
    // Three reads a second are 180 a minute; the Developer plan allows 120.
    user = await establish({ plan: "enterprise" }, () => ({ refreshInterval: "1s" }));
  });
  after(async () => {
    await slow?.close();
    await user?.leave(broken());
  });

  step("refuses nothing, fails nowhere and misses no Secret, twenty times over", () => rotate(20));

  step("does not either where Doppler is far away and a sync is always under way", async () => {
    slow = await slowDoppler(user.sandbox.dopplerUrl, 500);
    await set(user, "operator.values.extraEnv[0].name", "DOPPLER_BASE_URL");
    await set(user, "operator.values.extraEnv[0].value", slow.url);
    const { startedAt } = await metrics();
    await user.up();
    await eventually("an operator with another way to Doppler", 30_000, async () =>
      (await operatorMetrics(user))?.startedAt === startedAt ? undefined : true,
    );
    await rotate(5);
  });

  step("has nothing left to do afterwards", async () => {
    await user.up("--expect-no-changes");
  });
});
