import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { askNow, delivered, editApps, set } from "../support/established.js";
import { story } from "../support/story.js";
import { untouched } from "../support/untouched.js";
import { eventually, type Run, User } from "../support/user.js";

// Two stacks in two clusters read two branch configs of one Doppler environment. One of them owns the environment, and
// the other only uses it.

const ENVIRONMENT = "dev";
const CONFIGS = { dev: "dev_us", prod: "dev_eu" };
type Stack = keyof typeof CONFIGS;

let owner: User;
let other: User;
const { step, broken } = story();

/** Types a value into a config of the environment. */
const type = (config: string, name: string, value: string) =>
  owner.run("doppler", ["secrets", "set", name, "--silent", "--project=acme", `--config=${config}`], value);

/** The configs of the project, by name. */
async function configs(): Promise<string[]> {
  const { stdout } = await owner.run("doppler", ["configs", "--project=acme", "--json"]);
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name).sort();
}

/** All values of a config, without the names that Doppler itself sets. */
async function valuesOf(config: string): Promise<Record<string, string>> {
  const download = ["secrets", "download", "--no-file", "--format=json", "--project=acme", `--config=${config}`];
  const all = Object.entries(JSON.parse(await owner.quietly("doppler", download)) as Record<string, string>);
  return Object.fromEntries(all.filter(([name]) => !name.startsWith("DOPPLER_")));
}

/** What a stack has in Doppler, by its state. */
async function inDoppler(user: User): Promise<string[]> {
  const state = await user.quietly("pulumi", ["stack", "export", "--stack", user.stack]);
  const { deployment } = JSON.parse(state) as { deployment: { resources?: { type: string; urn: string }[] } };
  return (deployment.resources ?? [])
    .filter(({ type }) => type.startsWith("doppler:"))
    .map(({ urn }) => urn.split("::")[3] ?? "")
    .sort();
}

function refused({ code, text }: Run, ...reasons: RegExp[]): void {
  assert.notEqual(code, 0, "it is refused");
  for (const reason of reasons) assert.match(text, reason);
}

const COMMON = "e2e-typed-once-for-both";
const OWN = (stack: Stack) => `e2e-database-of-${stack}`;
const secretOf = (stack: Stack) => ({
  "default/bookmarked-secrets": { DATABASE_URL: OWN(stack), JWT_SECRET: COMMON },
});

describe("two stacks on two configs of one environment, each in its own cluster", { concurrency: false }, () => {
  before(async () => {
    owner = await User.arrive({ stacks: ["dev", "prod"], clusters: "each" });
    other = owner.on("prod");
    for (const user of [owner, other]) {
      await user.run("pulumi", ["stack", "init", user.stack, "--non-interactive"]);
      for (const section of ["sources", "githubActions", "argocd", "pullSecrets"]) {
        await user.attempt("pulumi", ["config", "rm", section, "--stack", user.stack]);
      }
      editApps<{ name: string }>(user, (apps) => apps.filter(({ name }) => name === "bookmarked"));
      await set(user, "doppler.config", CONFIGS[user.stack as Stack]);
    }
    await set(other, "doppler.environment.slug", ENVIRONMENT);
    await set(other, "protect", "false");
  });
  after(() => owner?.leave(broken()));

  step("an environment of two owners is refused, with the setting that names one", async () => {
    refused(
      await untouched([owner, other], () => other.tries("up")),
      /doppler\.environment\.slug: stack "dev" .* has the same environment; .* with environment\.ownedBy/,
    );
    await set(owner, "doppler.environment.ownedBy", "dev");
    await set(other, "doppler.environment.ownedBy", "dev");
  });

  step("one branch config of two stacks is refused", async () => {
    await set(other, "doppler.config", CONFIGS.dev);
    refused(
      await untouched([owner, other], () => other.tries("up")),
      /doppler\.config: stack "dev" .* has the same branch config/,
    );
    await set(other, "doppler.config", CONFIGS.prod);
  });

  step("the user can't come before the environment's owner, and says who that is", async () => {
    await owner.run("doppler", ["projects", "create", "acme"]);
    await owner.run("doppler", ["environments", "delete", ENVIRONMENT, "--project=acme", "--yes"]);
    refused(
      await untouched([owner, other], () => other.tries("up")),
      /Doppler environment "dev" of project "acme" does not exist/,
      /Stack "dev" makes it: run pulumi up --stack dev first/,
    );
    await owner.run("doppler", ["projects", "delete", "acme", "--yes"]);
  });

  step("both come up, the owner first, and the user makes its config and its token alone", async () => {
    await owner.up();
    await other.up();
    assert.deepEqual(await configs(), [ENVIRONMENT, CONFIGS.prod, CONFIGS.dev].sort());
    assert.deepEqual(await inDoppler(owner), [
      ...["doppler-config", "doppler-environment", "doppler-project", "doppler-token"],
    ]);
    assert.deepEqual(await inDoppler(other), ["doppler-config", "doppler-token"]);
  });

  step("each gets what is typed for both, and its own", async () => {
    await type(ENVIRONMENT, "JWT_SECRET", COMMON);
    for (const [stack, config] of Object.entries(CONFIGS)) await type(config, "DATABASE_URL", OWN(stack as Stack));
    for (const user of [owner, other]) await askNow(user);
    await delivered(owner, secretOf("dev"));
    await delivered(other, secretOf("prod"));
  });

  step("a second up of each changes nothing, nor does a refresh", async () => {
    for (const user of [owner, other]) {
      await untouched([owner, other], () => user.up("--expect-no-changes"));
      await user.pulumi("preview", "--stack", user.stack, "--refresh", "--expect-no-changes");
    }
  });

  step("the owner can't be destroyed while the user is there, nor hand the environment over", async () => {
    const both = <T>(body: () => Promise<T>) => untouched([owner, other], body);
    refused(
      await both(() => owner.tries("destroy", "--run-program")),
      /Doppler environment "dev" of project "acme", still in use by config "dev_eu" of project "acme", stack "prod"/,
      /Nothing was deleted/,
    );
    refused(await both(() => owner.tries("destroy")), /pulumi destroy --run-program/);
    await set(owner, "doppler.environment.ownedBy", "prod");
    await set(other, "doppler.environment.ownedBy", "prod");
    // prod's file names itself as owner now, so that only the state knows who has made the environment.
    await set(owner, "doppler.project.ownedBy", "prod");
    await set(other, "doppler.project.ownedBy", "prod");
    refused(
      await both(() => owner.tries("up")),
      /doppler\.environment\.ownedBy names another owner of Doppler environment "dev" of project "acme", which this stack made/,
      /Set doppler\.environment\.ownedBy back to "dev"/,
    );
    for (const user of [owner, other]) {
      for (const what of ["project", "environment"]) await set(user, `doppler.${what}.ownedBy`, "dev");
    }
    await both(() => owner.up("--expect-no-changes"));
  });

  step("destroying the user leaves the owner's values and Secrets", async () => {
    const before = { root: await valuesOf(ENVIRONMENT), own: await valuesOf(CONFIGS.dev) };
    assert.deepEqual(before.own, { DATABASE_URL: OWN("dev"), JWT_SECRET: COMMON });
    await untouched([owner], () => other.pulumi("destroy", "--stack", "prod", "--yes", "--skip-preview"), "clusters");
    assert.deepEqual(await inDoppler(other), []);
    assert.deepEqual(await configs(), [ENVIRONMENT, CONFIGS.dev].sort());
    assert.deepEqual({ root: await valuesOf(ENVIRONMENT), own: await valuesOf(CONFIGS.dev) }, before);
    assert.deepEqual(
      await owner.secret("default", "bookmarked-secrets"),
      secretOf("dev")["default/bookmarked-secrets"],
    );
    await eventually("the user's Secret is gone", 30_000, async () =>
      (await other.secret("default", "bookmarked-secrets")) === undefined ? true : undefined,
    );
    await untouched([owner], () => owner.up("--expect-no-changes"));
    await type(CONFIGS.dev, "DATABASE_URL", "e2e-typed-after-the-user-was-gone");
    await askNow(owner);
    await delivered(owner, {
      "default/bookmarked-secrets": { DATABASE_URL: "e2e-typed-after-the-user-was-gone", JWT_SECRET: COMMON },
    });
  });

  step("then the owner can go", async () => {
    await owner.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    const projects = JSON.parse((await owner.run("doppler", ["projects", "--json"])).stdout) as unknown[] | null;
    assert.deepEqual(projects ?? [], []);
  });
});
