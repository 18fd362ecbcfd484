import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { editApps, establish } from "../support/established.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";

// The operator takes its finalizer off an ExternalSecret that is deleted. While the operator does not run, a deletion
// waits: it must end, say what it waited for, and be done by the next run that finds the operator at work.

describe("an operator that does not run", () => {
  const { step, broken } = story();
  let user: User;

  before(async () => {
    user = await establish({});
  });
  after(async () => user?.leave(broken()));

  const scale = (replicas: number) =>
    user.kubectl("scale", "deployment/external-secrets", "--namespace=external-secrets", `--replicas=${replicas}`);
  const available = async () => {
    const { stdout } = await user.kubectl(
      "get",
      "deployment/external-secrets",
      "--namespace=external-secrets",
      "--output=jsonpath={.status.availableReplicas}",
    );
    return stdout.trim();
  };

  step("lets an app's deletion end within its five minutes, with words about the finalizer", async () => {
    await scale(0);
    await eventually("the operator has ended", 60_000, async () => ((await available()) === "" ? true : undefined));
    editApps<{ name: string }>(user, (apps) => apps.filter(({ name }) => name !== "bookmarked"));
    const started = performance.now();
    const { code, text } = await user.attempt("pulumi", ["up", "--stack=dev", "--yes", "--skip-preview"]);
    const seconds = (performance.now() - started) / 1000;
    assert.notEqual(code, 0);
    assert.match(text, /finalizers might be preventing deletion[^\n]*externalsecrets\.external-secrets\.io/);
    assert.ok(seconds > 240 && seconds < 420, `the run ended after ${Math.round(seconds)} s`);
    const left = await user.object("externalsecrets.external-secrets.io", "bookmarked-secrets", "default");
    assert.ok(left, "the ExternalSecret has its finalizer, and so is still there");
    assert.ok(await user.secret("reports", "reports-credentials"), "another app's Secret is as it was");
  });

  step("is no obstacle to the next run once it works again", async () => {
    await scale(1);
    await eventually("the operator runs", 60_000, async () => ((await available()) === "1" ? true : undefined));
    await user.up();
    assert.equal(await user.object("externalsecrets.external-secrets.io", "bookmarked-secrets", "default"), undefined);
    assert.equal(await user.secret("default", "bookmarked-secrets"), undefined);
    assert.ok(await user.secret("reports", "reports-credentials"));
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  });
});
