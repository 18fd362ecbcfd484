import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { command, ensureTool, openSecret, pulumiYaml } from "secrets-pipeline-sandbox";
import { changes } from "../support/established.js";
import { PULUMI_PROJECT } from "../support/project.js";
import { story } from "../support/story.js";
import { eventually, User } from "../support/user.js";

// Other programs use the components under the real engine. examples/yaml is a whole pipeline, with the component
// provider and the released language host for YAML; examples/typescript has the components as a package.

const VALUES = {
  DATABASE_URL: "postgres://bookmarked:e2e-database-password@db.internal/bookmarked",
  BOOKMARKED_JWT_SECRET: "e2e-jwt-signing-key",
};
/** The values of the team with a TypeScript program. */
const REPORTS = {
  REPORTS_DATABASE_URL: "postgres://reports:e2e-reports-password@db.internal/reports",
  SMTP_PASSWORD: "e2e-smtp-password",
};
const DOCKERHUB = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };

let user: User;
/** The project in YAML. */
let project: string;
let transcript = "";
const { step, broken } = story();

/** A tool in another folder than the program's. */
async function attempt(cwd: string, program: string, ...args: string[]) {
  const { code, stdout, stderr } = await command(program, args, { env: user.env, cwd });
  transcript += stdout + stderr;
  return { code, stdout, text: `${stdout}\n${stderr}` };
}

async function run(cwd: string, program: string, ...args: string[]) {
  const result = await attempt(cwd, program, ...args);
  assert.equal(result.code, 0, result.text);
  return result;
}

const pulumi = (...args: string[]) => run(project, "pulumi", ...args, "--non-interactive", "--color", "never");
const up = (...args: string[]) => pulumi("up", "--yes", "--skip-preview", ...args);

describe("the components on their own", { concurrency: false }, () => {
  before(async () => {
    user = await User.arrive({ stacks: ["dev"] });
    const tool = await ensureTool(pulumiYaml, { progress: (line) => console.error(`# ${line}`) });
    symlinkSync(join(tool, "pulumi-language-yaml"), join(user.here.bin, "pulumi-language-yaml"));
    // A copy, since Pulumi writes a stack file beside it; it names the components by where they are.
    project = join(user.here.dir, "team");
    cpSync(join(PULUMI_PROJECT.folder, "examples", "yaml"), project, { recursive: true });
    edit((text) => text.replace(/^( {2}secrets-pipeline:) \S+$/m, `$1 ${join(PULUMI_PROJECT.folder, "components")}`));

    await pulumi("stack", "init", "dev");
    const settings = { chart: user.sandbox.toolchain.operator.chart, "github:owner": "acme" };
    for (const [name, value] of Object.entries(settings)) await pulumi("config", "set", name, value);
    await pulumi("config", "set", "dockerhubUsername", DOCKERHUB.DOCKERHUB_USERNAME);
    await pulumi("config", "set", "--secret", "dockerhubToken", DOCKERHUB.DOCKERHUB_TOKEN);
  });
  after(() => user?.leave(broken()));

  /** Changes the team's program. */
  function edit(change: (text: string) => string): void {
    const file = join(project, "Pulumi.yaml");
    const before = readFileSync(file, "utf8");
    const after = change(before);
    assert.notEqual(after, before);
    writeFileSync(file, after);
  }

  step("have a schema in which everything is described", async () => {
    const { stdout } = await pulumi("package", "get-schema", join(PULUMI_PROJECT.folder, "components"));
    const schema = JSON.parse(stdout) as { name: string; resources: Record<string, unknown> };
    assert.equal(schema.name, "secrets-pipeline");
    assert.deepEqual(
      Object.keys(schema.resources).sort(),
      [
        ...["AppSecrets", "DopplerMirror", "DopplerProject", "DopplerSecretStore", "ExternalSecretsOperator"],
        ...["GithubActionsSecrets", "GithubOrganizationSecrets"],
      ].map((name) => `secrets-pipeline:index:${name}`),
    );
  });

  step("make what they make in TypeScript", async () => {
    const { stdout } = await pulumi("preview", "--json");
    assert.deepEqual(changes(stdout), [
      "create bookmarked",
      "create bookmarked-default-bookmarked-secrets",
      "create bookmarked-secrets-dev",
      "create ci",
      "create ci-DOCKERHUB_TOKEN",
      "create ci-DOCKERHUB_USERNAME",
      "create doppler",
      "create doppler-environment",
      "create doppler-project",
      "create doppler-token",
      "create operator",
      "create operator-namespace",
      "create operator-release",
      "create store",
      "create store-store",
      "create store-token",
    ]);
  });

  step("come up, and deliver what is typed", async () => {
    await up();
    for (const [name, value] of Object.entries(VALUES)) await user.type(name, value);
    // After refusals the operator asks again with growing pauses, here two minutes at the most.
    const secret = await eventually("bookmarked has its Secret", 180_000, () =>
      user.secret("default", "bookmarked-secrets"),
    );
    assert.deepEqual(secret, { DATABASE_URL: VALUES.DATABASE_URL, JWT_SECRET: VALUES.BOOKMARKED_JWT_SECRET });
    for (const [name, value] of Object.entries(DOCKERHUB)) {
      assert.equal(await openSecret(user.here.github, { app: "actions", repository: "acme/bookmarked" }, name), value);
    }
  });

  step("leave nothing to do at a second up, nor after a refresh", async () => {
    await up("--expect-no-changes");
    await pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  });

  step("give a team the Secret's reference, and keep every value and the service token to themselves", async () => {
    const { stdout: outputs } = await pulumi("stack", "output", "--json", "--show-secrets");
    const ofKey = (key: string) => ({
      [key]: { name: key, valueFrom: { secretKeyRef: { name: "bookmarked-secrets", key } } },
    });
    assert.deepEqual(JSON.parse(outputs), {
      bookmarked: {
        secretName: "bookmarked-secrets",
        namespace: "default",
        keys: ["DATABASE_URL", "JWT_SECRET"],
        envFrom: { secretRef: { name: "bookmarked-secrets" } },
        env: { ...ofKey("DATABASE_URL"), ...ofKey("JWT_SECRET") },
      },
      dopplerConfig: "dev",
    });
    const { stdout: state } = await pulumi("stack", "export");
    const { deployment } = JSON.parse(state) as {
      deployment: { resources: { type: string; outputs?: Record<string, unknown> }[] };
    };
    const token = deployment.resources.find(({ type }) => type === "doppler:index/serviceToken:ServiceToken");
    assert.ok(token?.outputs?.["key"] instanceof Object && "ciphertext" in token.outputs["key"]);
    const held = (await user.secret("external-secrets", "doppler-token-auth"))?.["dopplerToken"] ?? "";
    assert.match(held, /^dp\.st\./);
    const secrets = [...Object.values(VALUES), DOCKERHUB.DOCKERHUB_TOKEN, held];
    const base64 = secrets.map((secret) => Buffer.from(secret).toString("base64").replace(/=+$/, ""));
    for (const needle of [...secrets, ...base64]) {
      assert.ok(!state.includes(needle), "a secret is in clear in the state");
      assert.ok(!(transcript + user.transcript).includes(needle), "a secret is in clear in what a tool wrote");
    }
    assert.deepEqual(user.filesWith([...secrets, ...base64]), []);
  });

  step("rotate the service token by its name", async () => {
    const before = await user.secret("external-secrets", "doppler-token-auth");
    edit((text) => text.replaceAll("serviceTokenName: external-secrets", "serviceTokenName: external-secrets-2"));
    await up();
    const after = await user.secret("external-secrets", "doppler-token-auth");
    assert.notEqual(after?.["dopplerToken"], before?.["dopplerToken"]);
    await up("--expect-no-changes");
  });

  step("say what they can't take: an output where a name has to be known, a store that is open to all", async () => {
    const good = readFileSync(join(project, "Pulumi.yaml"), "utf8");
    for (const [from, to, reason] of [
      ["namespace: default", "namespace: ${operator.namespace}", /namespace: expected a value that is known before/],
      [
        "admittedNamespaces: [default]",
        "admittedNamespaces: []",
        /admittedNamespaces .*expected at least one namespace/,
      ],
    ] as const) {
      edit((text) => text.replace(from, to));
      const { code, text } = await attempt(project, "pulumi", "preview", "--non-interactive");
      assert.notEqual(code, 0);
      assert.match(text, reason);
      edit(() => good);
    }
  });

  step("can be had as a package by another TypeScript program", async () => {
    const { folder: program } = PULUMI_PROJECT;
    const { dir } = user.here;
    const team = join(dir, "typescript");
    cpSync(join(program, "examples", "typescript"), team, { recursive: true });
    // What npm would install, without a registry: the packed files, and the packages that they want beside them.
    const modules = join(team, "node_modules");
    const own = join(modules, "secrets-pipeline");
    mkdirSync(own, { recursive: true });
    await run(program, "npm", "pack", "--pack-destination", dir);
    await run(dir, "tar", "-xzf", "secrets-pipeline-0.1.0.tgz", "--strip-components=1", "-C", own);
    for (const name of ["@pulumi", "@pulumiverse", "@types", "typescript"]) {
      symlinkSync(join(program, "node_modules", name), join(modules, name));
    }

    // Pulumi checks the types as the team's tsconfig.json has it; this is the other way of finding packages.
    const tsc = join(program, "node_modules", "typescript", "bin", "tsc");
    await run(team, process.execPath, tsc, "--module", "commonjs", "--moduleResolution", "node10");
    const inTeam = (...args: string[]) => run(team, "pulumi", ...args, "--stack", "dev", "--non-interactive");
    await run(team, "pulumi", "stack", "init", "dev");
    await inTeam("config", "set", "namespace", "default");
    const preview = await inTeam("preview", "--json");
    assert.deepEqual(changes(preview.stdout), [
      "create reports",
      "create reports-default-reports-credentials",
      "create reports-secrets-dev",
    ]);
    for (const [name, value] of Object.entries(REPORTS)) await user.type(name, value, "acme");
    await inTeam("up", "--yes", "--skip-preview");
    const secret = await eventually("reports has its Secret", 60_000, () =>
      user.secret("default", "reports-credentials"),
    );
    assert.deepEqual(secret, {
      "database-url": REPORTS.REPORTS_DATABASE_URL,
      "smtp-password": REPORTS.SMTP_PASSWORD,
    });
    const { stdout } = await inTeam("stack", "output", "--json");
    assert.deepEqual(JSON.parse(stdout), { envFrom: { secretRef: { name: "reports-credentials" } } });
    await inTeam("destroy", "--yes", "--skip-preview");
  });

  step("can be destroyed, and leave nothing of their own", async () => {
    await pulumi("destroy", "--yes", "--skip-preview");
    for (const kind of ["externalsecrets.external-secrets.io", "clustersecretstores.external-secrets.io", "secrets"]) {
      const { stdout } = await user.kubectl("get", kind, "--all-namespaces", "--output=name");
      assert.doesNotMatch(stdout, /bookmarked|doppler/, `left of ${kind}`);
    }
    const { stdout } = await user.run("doppler", ["projects", "--json"]);
    assert.deepEqual(JSON.parse(stdout) ?? [], []);
  });
});
