import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { parseDocument } from "yaml";
import { override } from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "../support/project.js";
import { checkPullRequest } from "../support/pullRequest.js";
import { story } from "../support/story.js";
import { User } from "../support/user.js";

// The check of a pull request runs with the commands of the workflows: from the stack before the change to the comment.

/** The checked-in file of the dev stack. It plays the changed file; the file before the change is derived from it. */
const file = () => readFileSync(join(PULUMI_PROJECT.folder, "Pulumi.dev.yaml"), "utf8");

interface App {
  name: string;
  namespace: string;
  secretName?: string;
  refreshInterval?: string;
  keys: string[] | Record<string, string>;
}

/** The checked-in stack file with other apps. */
function withApps(source: string, edit: (apps: App[]) => App[]): string {
  const document = parseDocument(source);
  const path = ["config", "secrets-pipeline:apps"];
  const { config } = document.toJS() as { config: { "secrets-pipeline:apps": App[] } };
  document.setIn(path, document.createNode(edit(config["secrets-pipeline:apps"])));
  return document.toString();
}

let user: User;
const { step, broken } = story();

async function check(base: string) {
  const log = (line: string) => console.error(`# ${line}`);
  return checkPullRequest(user.here, user.sandbox, { base: new Map([["dev", base]]), stacks: ["dev"], log });
}

/** All values in Doppler, which the check itself typed, and all tokens in use. */
async function values(): Promise<string[]> {
  const typed = JSON.parse(await user.quietly("doppler", ["secrets", "--json"])) as Record<
    string,
    { computed: string }
  >;
  const token = await user.secret("external-secrets", "doppler-token-auth");
  return [
    ...Object.entries(typed).flatMap(([name, { computed }]) => (name.startsWith("DOPPLER_") ? [] : [computed])),
    ...Object.values(token ?? {}),
    user.env["DOPPLER_TOKEN"] ?? "",
    user.env["GITHUB_TOKEN"] ?? "",
  ];
}

describe("the check of a pull request", { concurrency: false }, () => {
  before(async () => {
    user = await User.arrive({ stacks: ["dev"] });
  });
  after(() => user?.leave(broken()));

  step("tells what a change does to keys, Secrets and polling", async () => {
    // Before the change, `old` was there as well, `bookmarked` was read less often, and `reports` had a Secret of
    // another name.
    const base = withApps(file(), (apps) => [
      { name: "old", namespace: "default", keys: ["JWT_SECRET"] },
      ...apps.map((app) =>
        app.name === "bookmarked"
          ? { ...app, refreshInterval: "2m", keys: ["DATABASE_URL", "LEGACY_KEY"] }
          : { ...app, secretName: "reports-old" },
      ),
    ]);
    const { comment, failed } = await check(base);
    console.error(comment);
    assert.deepEqual(failed, []);
    for (const expected of [
      "| `dev` | ✅ | ",
      "- `bookmarked`, Secret `default/bookmarked-secrets`: gains `JWT_SECRET`\n",
      "- `bookmarked`, Secret `default/bookmarked-secrets`: loses `LEGACY_KEY`\n",
      "- `old`, Secret `default/old-secrets` is no longer made: loses `JWT_SECRET`\n",
      "- `reports`, Secret `reports/reports-credentials` is new: gains `database-url` (from `REPORTS_DATABASE_URL`)",
      "- ⚠️ **Pods miss a Secret:** Secret default/old-secrets is gone for good: its ExternalSecret is deleted\n",
      "- ⚠️ **Pods miss a Secret:** Secret reports/reports-old is gone for good: its ExternalSecret is deleted\n",
      // Reads a minute before: 1 for old, 0.5 for bookmarked (every 2 minutes), 1 for reports. After: 1 for each app. In
      // the other project reports reads as often as before.
      "| `dev` | store `doppler-secret-store`, with its token | 2.5 | 2 | 2 % |",
      "| `dev` | store `doppler-secret-store-shared`, with its token | 1 | 1 | 1 % |",
      "| `dev` | the cluster, from its IP address, with 3 for a run of the program | 6.5 | 6 | 5 % |",
      "3 reads a minute for all stacks together, 3.5 before",
      "| delete | `secrets-pipeline:index:AppSecrets` | `old` |",
    ]) {
      assert.ok(comment.includes(expected), `${expected}\nis not in\n${comment}`);
    }
  });

  step("finds nothing to say of a change that changes nothing", async () => {
    const { comment, failed } = await check(file());
    assert.deepEqual(failed, []);
    assert.match(comment, /\| `dev` \| ✅ \| as before \| none \| 3 \|/);
    assert.match(comment, /Every app and every repository has the keys that it had\./);
    assert.match(comment, /No Secret disappears, not even for a moment\./);
    assert.doesNotMatch(comment, /<details>/);
  });

  step("fails where a policy is broken, and says which", async () => {
    const { pulumi } = user.sandbox.engine;
    const script = join(PULUMI_PROJECT.folder, "prcheck", "preview.sh");
    const reports = join(user.here.dir, "broken");
    // The sandbox's copy is changed as if the change were checked in. A sync keeps the copy while the checked-in file
    // stays the same.
    const target = join(user.here.project, "Pulumi.dev.yaml");
    const greedy = withApps(file(), (apps) => apps.map((app) => ({ ...app, refreshInterval: "1s" })));
    writeFileSync(target, override(greedy, readFileSync(target, "utf8"), user.sandbox.overrides));
    const { code, stderr } = await user.attempt(script, ["dev", reports]);
    assert.notEqual(code, 0, `${pulumi} ${stderr}`);
    const { stdout } = await user.run(join(PULUMI_PROJECT.folder, "prcheck", "comment.sh"), [reports, "dev"]);
    assert.match(stdout, /\| `dev` \| ❌ 2 broken \|/);
    assert.match(
      stdout,
      /- ❌ `refresh-interval` at `bookmarked[^`]*`: expected a spec\.refreshInterval of at least 30s/,
    );
  });

  step("lets no value out, neither into the comment nor into what it is made from", async () => {
    const secrets = await values();
    assert.ok(secrets.length >= 8, "there are values to look for");
    assert.deepEqual(user.filesWith(secrets), []);
    for (const value of secrets) assert.ok(!user.transcript.includes(value), "a value was shown");
  });
});
