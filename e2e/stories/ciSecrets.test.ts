import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { openSecret, type ScopeRef } from "secrets-pipeline-sandbox";
import { github, secretNames, setInDoppler, setSecret } from "../support/byHand.js";
import { begin, changes, set } from "../support/established.js";
import { story } from "../support/story.js";
import type { User } from "../support/user.js";

// CI's secrets are an organisation's here: for all its repositories, the private ones, or a list; and Dependabot's
// beside them. The program writes them once, keeps them, and mends what somebody changed. The steps build on each
// other.

const FIRST = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };
const ROTATED = "e2e-dockerhub-token-after-rotation";
const BY_HAND = "e2e-typed-on-the-web";
const NAMES = Object.keys(FIRST);
const APPS = ["actions", "dependabot"] as const;
type App = (typeof APPS)[number];

let user: User;
const { step, broken } = story();

const ofOrganization = (app: App) => `orgs/acme/${app}/secrets`;
const ofRepository = (app: App, repository: string) => `repos/acme/${repository}/${app}/secrets`;

const secretOf = async (app: App, name: string) =>
  (await github(user, "GET", `${ofOrganization(app)}/${name}`)) as { visibility: string; updated_at: string };

/** The repositories that may read an organisation's secret. */
async function readers(app: App, name: string): Promise<string[]> {
  const path = `${ofOrganization(app)}/${name}/repositories?per_page=100`;
  const { repositories } = (await github(user, "GET", path)) as { repositories: { name: string }[] };
  return repositories.map((repository) => repository.name).sort();
}

async function hold(scope: (app: App) => ScopeRef, values: Readonly<Record<string, string>>): Promise<void> {
  for (const app of APPS) {
    for (const [name, value] of Object.entries(values)) {
      assert.equal(await openSecret(user.here.github, scope(app), name), value, `${app} ${name}`);
    }
  }
}
const organization = (app: App): ScopeRef => ({ app, organization: "acme" });
const repository = (app: App): ScopeRef => ({ app, repository: "acme/reports" });

/** The steps and the warnings of a preview. */
async function preview(): Promise<{ steps: string[]; warnings: string }> {
  const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
  const { diagnostics = [] } = JSON.parse(stdout) as { diagnostics?: { severity: string; message: string }[] };
  const warnings = diagnostics.filter(({ severity }) => severity === "warning").map(({ message }) => message);
  return { steps: changes(stdout), warnings: warnings.join("\n") };
}

/** The names of the resources for the organisation's secrets. */
const resources = (op: string, ...secrets: string[]) =>
  secrets
    .flatMap((name) => [`${op} github-organization-${name}`, `${op} github-organization-dependabot-${name}`])
    .sort();
const lists = (op: string, ...secrets: string[]) => resources(op, ...secrets.map((name) => `${name}-repositories`));

/** Runs `up`, then runs it again and asserts that the second run changes nothing. */
async function settle(): Promise<string> {
  const { text } = await user.up();
  await user.up("--expect-no-changes");
  return text;
}

describe("CI's secrets", { concurrency: false }, () => {
  before(async () => {
    user = await begin();
    await github(user, "POST", "orgs/acme/repos", { name: "tools", private: true });
  });
  after(() => user?.leave(broken()));

  step("of an organisation wait for their values as any others", async () => {
    await set(user, "githubActions.organization.visibility", "selected");
    const { text } = await user.up();
    assert.match(text, /DOCKERHUB_TOKEN \(CI of organisation acme\)/);
    for (const app of APPS) assert.deepEqual(await secretNames(user, ofOrganization(app)), []);
  });

  step("are written once, for the selected repositories and for Dependabot", async () => {
    for (const [name, value] of Object.entries(FIRST)) await user.type(name, value);
    assert.deepEqual((await preview()).steps, [...resources("create", ...NAMES), ...lists("create", ...NAMES)].sort());
    await settle();
    await hold(organization, FIRST);
    for (const app of APPS) {
      assert.deepEqual(await secretNames(user, ofRepository(app, "bookmarked")), []);
      for (const name of NAMES) {
        assert.equal((await secretOf(app, name)).visibility, "selected");
        assert.deepEqual(await readers(app, name), ["bookmarked", "reports"]);
      }
    }
    await user.pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes");
    await user.up("--expect-no-changes");
  });

  step("of a user, who is no organisation, are refused, and those for a repository that is not there", async () => {
    await set(user, "githubActions.repositories[1]", "absent");
    const absent = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(absent.code, 0);
    assert.match(absent.text, /githubActions\.repositories: acme has no repository "absent", or this token may not/);
    await set(user, "githubActions.repositories[1]", "reports");
    await set(user, "githubActions.owner", "sandbox-user");
    const personal = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(personal.code, 0);
    assert.match(
      personal.text,
      /githubActions\.organization: "sandbox-user" is no organisation, or this token may not/,
    );
    await set(user, "githubActions.owner", "acme");
  });

  step("go to other repositories without being written", async () => {
    const before = await Promise.all(APPS.map((app) => secretOf(app, "DOCKERHUB_TOKEN")));
    await set(user, "githubActions.repositories[1]", "tools");
    assert.deepEqual((await preview()).steps, lists("update", ...NAMES));
    await settle();
    for (const app of APPS) assert.deepEqual(await readers(app, "DOCKERHUB_TOKEN"), ["bookmarked", "tools"]);
    assert.deepEqual(await Promise.all(APPS.map((app) => secretOf(app, "DOCKERHUB_TOKEN"))), before);
  });

  step("follow a value that was changed in Doppler, alone, and their readers stay", async () => {
    await user.type("DOCKERHUB_TOKEN", ROTATED);
    const { steps } = await preview();
    for (const change of resources("update", "DOCKERHUB_TOKEN")) assert.ok(steps.includes(change), steps.join(", "));
    assert.deepEqual(
      steps.filter((change) => !change.includes("DOCKERHUB_TOKEN")),
      [],
    );
    await settle();
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    for (const app of APPS) {
      for (const name of NAMES) assert.deepEqual(await readers(app, name), ["bookmarked", "tools"]);
    }
  });

  step(
    "are seen and mended where somebody overwrote them and opened them to all, as often as that happens",
    async () => {
      for (let time = 1; time <= 2; time++) {
        for (const app of APPS)
          await setSecret(user, ofOrganization(app), "DOCKERHUB_TOKEN", BY_HAND, { visibility: "all" });
        const { steps, warnings } = await preview();
        for (const change of resources("update", "DOCKERHUB_TOKEN"))
          assert.ok(steps.includes(change), steps.join(", "));
        assert.match(warnings, /Actions secret DOCKERHUB_TOKEN of organisation acme was overwritten by somebody else/);
        assert.match(warnings, /Dependabot secret DOCKERHUB_TOKEN of organisation acme was overwritten/);
        await settle();
        await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
        for (const app of APPS) assert.deepEqual(await readers(app, "DOCKERHUB_TOKEN"), ["bookmarked", "tools"]);
      }
    },
  );

  step("are seen and mended where somebody deleted them", async () => {
    for (const app of APPS) await github(user, "DELETE", `${ofOrganization(app)}/DOCKERHUB_USERNAME`);
    assert.match((await preview()).warnings, /Dependabot secret DOCKERHUB_USERNAME of organisation acme was deleted/);
    await settle();
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    for (const app of APPS) assert.deepEqual(await readers(app, "DOCKERHUB_USERNAME"), ["bookmarked", "tools"]);
  });

  step("stay as they are where Doppler has no value for them, whatever the reason, and the run says so", async () => {
    const written = await Promise.all(APPS.map((app) => secretOf(app, "DOCKERHUB_TOKEN")));
    const lacks: [RegExp, () => Promise<unknown>][] = [
      [
        /DOCKERHUB_TOKEN has no value in Doppler[^\n]*doppler secrets set DOCKERHUB_TOKEN --project acme --config dev/,
        () => user.run("doppler", ["secrets", "delete", "DOCKERHUB_TOKEN", "--yes", "--silent"]),
      ],
      [/DOCKERHUB_TOKEN is empty in Doppler/, () => setInDoppler(user, "DOCKERHUB_TOKEN", "")],
      [
        /DOCKERHUB_TOKEN is restricted in Doppler/,
        () => setInDoppler(user, "DOCKERHUB_TOKEN", "e2e-restricted", "restricted"),
      ],
    ];
    for (const [said, happens] of lacks) {
      await happens();
      const { steps, warnings } = await preview();
      assert.deepEqual(steps, []);
      assert.match(warnings, said);
      assert.match(warnings, /GitHub keeps what was written last[^]*of organisation acme/);
      await user.up("--expect-no-changes");
    }
    assert.deepEqual(await Promise.all(APPS.map((app) => secretOf(app, "DOCKERHUB_TOKEN"))), written);
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    for (const app of APPS) assert.deepEqual(await readers(app, "DOCKERHUB_TOKEN"), ["bookmarked", "tools"]);
  });

  step("stay as they are while their config is still to be made, and follow it once it is", async () => {
    await user.run("doppler", ["secrets", "delete", "DOCKERHUB_TOKEN", "--yes", "--silent"]);
    await user.type("DOCKERHUB_TOKEN", ROTATED);
    await set(user, "doppler.config", "dev_eu");
    const { steps, warnings } = await preview();
    assert.deepEqual(
      steps.filter((change) => change.includes("github-") || change.startsWith("delete ")),
      [],
    );
    assert.match(warnings, /could not be read: config "dev_eu" of project "acme" is still to be made/);
    await user.up();
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    // The new config inherits the values.
    await user.up("--expect-no-changes");
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "doppler.config"]);
    await settle();
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
  });

  step("go to all private repositories, to all there are, and back to some", async () => {
    const { repositories } = JSON.parse(
      await user.quietly("pulumi", ["config", "get", "githubActions", "--stack", "dev"]),
    ) as { repositories: string[] };
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "githubActions.repositories"]);
    for (const visibility of ["private", "all"]) {
      await set(user, "githubActions.organization.visibility", visibility);
      const gone = visibility === "private" ? lists("delete", ...NAMES) : [];
      assert.deepEqual((await preview()).steps, [...gone, ...resources("update", ...NAMES)].sort());
      await settle();
      for (const app of APPS)
        for (const name of NAMES) assert.equal((await secretOf(app, name)).visibility, visibility);
    }
    for (const [index, name] of repositories.entries()) await set(user, `githubActions.repositories[${index}]`, name);
    await set(user, "githubActions.organization.visibility", "selected");
    await settle();
    for (const app of APPS) assert.deepEqual(await readers(app, "DOCKERHUB_TOKEN"), ["bookmarked", "tools"]);
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
  });

  step("that somebody else set are not overwritten, unless the stack says so", async () => {
    await set(user, "githubActions.repositories[1]", "reports");
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "githubActions.organization"]);
    for (const app of APPS) await setSecret(user, ofRepository(app, "reports"), "DOCKERHUB_TOKEN", BY_HAND);
    const refused = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.text,
      /Nothing was created or changed\.[^]*Actions secret DOCKERHUB_TOKEN of reports\s[^]*Dependabot secret DOCKERHUB_TOKEN of reports\s[^]*pulumi config set adopt true --stack dev/,
    );
    assert.doesNotMatch(refused.text, /secret \w+ of bookmarked/);
    assert.notEqual((await user.tries("up")).code, 0);
    await hold(repository, { DOCKERHUB_TOKEN: BY_HAND });
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });

    await set(user, "adopt", "true");
    const { warnings } = await preview();
    assert.match(warnings, /are taken over[^\n]*Actions secret DOCKERHUB_TOKEN of reports; Dependabot secret/);
    await user.up();
    await hold(repository, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "adopt"]);
    await user.up("--expect-no-changes");
  });

  step("become the repositories' own, and the organisation has none any more", async () => {
    await hold(repository, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    for (const app of APPS) assert.deepEqual(await secretNames(user, ofOrganization(app)), []);
  });

  step("of Dependabot in a repository are mended as often as somebody overwrites them", async () => {
    for (let time = 1; time <= 2; time++) {
      await setSecret(user, ofRepository("dependabot", "reports"), "DOCKERHUB_TOKEN", BY_HAND);
      const { steps, warnings } = await preview();
      assert.deepEqual(steps, ["update github-reports-dependabot-DOCKERHUB_TOKEN"]);
      assert.match(warnings, /Dependabot secret DOCKERHUB_TOKEN of reports was overwritten by somebody else/);
      await settle();
      await hold(repository, { DOCKERHUB_TOKEN: ROTATED });
    }
  });

  step("of a GitHub environment are mended likewise, and are none of Dependabot's", async () => {
    await set(user, "githubActions.environment", "production");
    await set(user, "githubActions.createEnvironment", "true");
    const both = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(both.code, 0);
    assert.match(both.text, /githubActions\.dependabot: .* GitHub environments have no Dependabot secrets/);
    await set(user, "githubActions.dependabot", "false");
    await settle();
    for (const app of APPS) assert.deepEqual(await secretNames(user, ofRepository(app, "reports")), []);
    const environment = { app: "actions", repository: "acme/reports", environment: "production" } as const;
    await setSecret(user, "repos/acme/reports/environments/production/secrets", "DOCKERHUB_TOKEN", BY_HAND);
    assert.deepEqual((await preview()).steps, ["update github-reports-DOCKERHUB_TOKEN"]);
    await settle();
    assert.equal(await openSecret(user.here.github, environment, "DOCKERHUB_TOKEN"), ROTATED);
  });

  step("are nowhere in clear", async () => {
    const values = [...Object.values(FIRST), ROTATED];
    const state = (await user.pulumi("stack", "export", "--stack", "dev")).stdout;
    assert.match(state, /github:index\/actionsEnvironmentSecret/);
    for (const value of values) {
      assert.ok(!state.includes(value), "a value is in clear in the state");
      assert.ok(!user.transcript.includes(value), "a value is in clear in what a tool wrote");
    }
    assert.deepEqual(user.filesWith(values), []);
  });

  step("go with the stack, also the organisation's", async () => {
    for (const setting of ["environment", "createEnvironment"])
      await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", `githubActions.${setting}`]);
    await set(user, "githubActions.dependabot", "true");
    await set(user, "githubActions.organization.visibility", "selected");
    await settle();
    await hold(organization, { ...FIRST, DOCKERHUB_TOKEN: ROTATED });
    await user.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    for (const app of APPS) assert.deepEqual(await secretNames(user, ofOrganization(app)), []);
  });
});
