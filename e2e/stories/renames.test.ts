import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { askNow, delivered, establish, KEYS, set } from "../support/established.js";
import { story } from "../support/story.js";
import { untouched } from "../support/untouched.js";
import type { User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// An environment gets another name: refused as Pulumi would do it, and done in the way that the refusal says.

describe("another slug for the environment", () => {
  const { step, broken } = story();
  let user: User;

  before(async () => {
    user = await establish({ stacks: ["dev"] });
  });
  after(async () => user?.leave(broken()));

  step("is refused before anything is done, in words", async () => {
    await set(user, "doppler.environment.slug", "development");
    const { code, text } = await untouched([user], () =>
      user.attempt("pulumi", ["up", "--stack=dev", "--yes", "--skip-preview", "--non-interactive"]),
    );
    assert.notEqual(code, 0);
    assert.match(text, /doppler\.environment\.slug is "development"; this stack's Doppler environment is called "dev"/);
    assert.match(text, /Rename it in the Doppler dashboard/);
    assert.doesNotMatch(text, /unhandled|\.[jt]s:\d+/);
  });

  step("comes without losing a value or a moment of delivery, in the way that the refusal says", async () => {
    const watch = await watchSecrets(user, KEYS);
    await user.run("doppler", ["environments", "rename", "dev", "--slug=development", "--project=acme", "--yes"]);
    // The other source has the environment of the main one, in a project of its own.
    await user.run("doppler", [
      "environments",
      "rename",
      "dev",
      "--slug=development",
      "--project=acme-shared",
      "--yes",
    ]);
    await user.pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview");
    await set(user, "sources[0].serviceToken", "external-secrets-renamed");
    await set(user, "doppler.serviceToken", "external-secrets-renamed");
    await set(user, "adopt", "true");
    await user.up();
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "adopt"]);
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
    await askNow(user);
    await delivered(user);
    assert.deepEqual(await watch.end(), []);
  });
});
