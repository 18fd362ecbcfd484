import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { parse, stringify } from "yaml";
import { begin, set, VALUES } from "../support/established.js";
import { PULUMI_PROJECT } from "../support/project.js";
import { story } from "../support/story.js";
import type { User } from "../support/user.js";

// The life of the shipped workflows: each run has a kubeconfig at another path, the nightly check has other tokens than
// the deployment, and tokens are replaced. What of all that gets into the state?

const DOCKERHUB = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };

let user: User;
/** Every credential that a run was given. */
const given: string[] = [];
const { step, broken } = story();

/** A token of a new service account that may manage everything, as a workflow has it. */
async function serviceAccountToken(name: string): Promise<{ key: string; revoke: () => Promise<void> }> {
  const accounts = "v3/workplace/service_accounts";
  const made = await doppler("POST", accounts, { name, workplace_role: { identifier: "admin" } });
  const { slug } = made["service_account"] as { slug: string };
  const tokens = `${accounts}/service_account/${slug}/tokens`;
  const token = await doppler("POST", tokens, { name: "workflow" });
  const { slug: tokenSlug } = token["api_token"] as { slug: string };
  const key = token["api_key"] as string;
  given.push(key);
  return { key, revoke: async () => void (await doppler("DELETE", `${tokens}/token/${tokenSlug}`)) };
}

/** Asks Doppler's API under the person's own token. */
async function doppler(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(`${user.sandbox.dopplerUrl}/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${readFileSync(join(user.here.doppler, "token"), "utf8").trim()}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** Replaces the GitHub token, as its owner does on GitHub's settings page; the old one is good for nothing any more. */
function replaceGithubToken(name: string): string {
  const token = `ghp_${name.padEnd(36, "0")}`;
  writeFileSync(join(user.here.github, "token"), `${token}\n`);
  given.push(token);
  return token;
}

/** Runs pulumi as the workflows do: the kubeconfig's contents are in a variable, and at another path in each run. */
function workflow(tokens: { doppler: string; github: string }, ...args: string[]) {
  Object.assign(user.variables, {
    DOPPLER_TOKEN: tokens.doppler,
    GITHUB_TOKEN: tokens.github,
    KUBECONFIG: undefined,
    KUBECONFIG_CONTENTS: kubeconfig,
  });
  const script = join(PULUMI_PROJECT.folder, ".github", "with-kubeconfig.sh");
  return user.attempt(script, ["pulumi", ...args, "--stack", "dev", "--non-interactive", "--color", "never"]);
}

const check = (tokens: { doppler: string; github: string }) =>
  workflow(tokens, "preview", "--refresh", "--expect-no-changes");

/** The contents of the sandbox's kubeconfig. */
let kubeconfig: string;

/** Pulumi's mark of an encrypted value. */
const MARK = "4dabf18193072939515e22adb298388d";

/** The paths of what is encrypted in a part of a state. */
function encryptedIn(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (MARK in value) return [path];
  return Object.entries(value).flatMap(([key, below]) => encryptedIn(below, path === "" ? key : `${path}.${key}`));
}

describe("the workflows' life", { concurrency: false }, () => {
  before(async () => {
    user = await begin({ plan: "team" });
    kubeconfig = readFileSync(user.env["KUBECONFIG"] ?? "", "utf8");
  });
  after(() => user?.leave(broken()));

  let deploy: Awaited<ReturnType<typeof serviceAccountToken>>;
  let nightly: typeof deploy;
  let github: string;

  step("begins with an up under the deployment's own tokens", async () => {
    // Two more repositories' secrets are of no use here.
    await set(user, "secrets-pipeline:githubActions.dependabot", "false");
    deploy = await serviceAccountToken("deploy");
    github = replaceGithubToken("deploy");
    const tokens = { doppler: deploy.key, github };
    const first = await workflow(tokens, "up", "--yes", "--skip-preview");
    assert.equal(first.code, 0, first.text);
    for (const [name, value] of Object.entries({ ...VALUES, ...DOCKERHUB })) await user.type(name, value);
    const second = await workflow(tokens, "up", "--yes", "--skip-preview");
    assert.equal(second.code, 0, second.text);
  });

  step("goes on at night with other tokens and a kubeconfig at another path, and nothing has changed", async () => {
    nightly = await serviceAccountToken("nightly");
    github = replaceGithubToken("nightly");
    const { code, text } = await check({ doppler: nightly.key, github });
    assert.equal(code, 0, text);
  });

  step("survives that all of these tokens are revoked", async () => {
    await deploy.revoke();
    await nightly.revoke();
    const refused = await check({ doppler: nightly.key, github });
    assert.notEqual(refused.code, 0, "a revoked token must be refused, or this test shows nothing");

    nightly = await serviceAccountToken("nightly, next year");
    github = replaceGithubToken("nextyear");
    const { code, text } = await check({ doppler: nightly.key, github });
    assert.equal(code, 0, text);
  });

  step("takes a list of kubeconfig files as kubectl does", async () => {
    const [empty, real] = ["empty", "real"].map((name) => join(user.here.dir, `kubeconfig-${name}`)) as [
      string,
      string,
    ];
    writeFileSync(empty, "apiVersion: v1\nkind: Config\n");
    writeFileSync(real, kubeconfig, { mode: 0o600 });
    Object.assign(user.variables, { KUBECONFIG: `${empty}:${real}`, KUBECONFIG_CONTENTS: undefined });
    const args = ["preview", "--refresh", "--expect-no-changes", "--stack", "dev"];
    await user.pulumi(...args);
    rmSync(empty);
    rmSync(real);
  });

  step("signs in to the cluster through a plugin of the kubeconfig, as kubectl does", async () => {
    const config = parse(kubeconfig) as { users: { name: string; user: Record<string, string> }[] };
    const decoded = (text: string | undefined) => Buffer.from(text ?? "", "base64").toString("utf8");
    const answer = (of: Record<string, string>) => ({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: of["token"]
        ? { token: of["token"] }
        : {
            clientCertificateData: decoded(of["client-certificate-data"]),
            clientKeyData: decoded(of["client-key-data"]),
          },
    });
    const users = config.users.map(({ name, user: of }, index) => {
      const file = join(user.here.dir, `exec-credential-${index}.json`);
      writeFileSync(file, JSON.stringify(answer(of)), { mode: 0o600 });
      const apiVersion = "client.authentication.k8s.io/v1";
      return { name, user: { exec: { apiVersion, command: "cat", args: [file], interactiveMode: "Never" } } };
    });
    const file = join(user.here.dir, "kubeconfig-exec");
    writeFileSync(file, stringify({ ...config, users }), { mode: 0o600 });
    Object.assign(user.variables, { KUBECONFIG: file, KUBECONFIG_CONTENTS: undefined });
    await user.pulumi("preview", "--refresh", "--expect-no-changes", "--stack", "dev");
    for (const name of ["kubeconfig-exec", ...users.map((_, index) => `exec-credential-${index}.json`)]) {
      rmSync(join(user.here.dir, name));
    }
  });

  step("leaves no credential in the state but what the stack itself has made", async () => {
    const { stdout: encrypted } = await user.pulumi("stack", "export", "--stack", "dev");
    const clear = await user.quietly("pulumi", ["stack", "export", "--show-secrets", "--stack", "dev"]);
    for (const credential of given) assert.ok(!clear.includes(credential), "a credential of a run is in the state");
    const { users } = parse(kubeconfig) as { users: { user: Record<string, string> }[] };
    const ofCluster = users.flatMap((entry) => Object.values(entry.user)).filter((text) => text.length > 20);
    assert.ok(ofCluster.length > 0);
    for (const credential of [...ofCluster, "kubeconfig"]) {
      assert.ok(!clear.includes(credential), "a kubeconfig, or the path of one, is in the state");
    }
    for (const value of [...Object.values(VALUES), ...Object.values(DOCKERHUB)]) assert.ok(!encrypted.includes(value));

    const { deployment } = JSON.parse(encrypted) as {
      deployment: { resources: { type: string; inputs?: unknown; outputs?: unknown }[] };
    };
    const held = deployment.resources.flatMap(({ type, inputs, outputs }) =>
      encryptedIn({ inputs, outputs }, "").map((path) => `${type} ${path}`),
    );
    assert.deepEqual([...new Set(held)].sort(), ENCRYPTED);
  });

  step("ends under the last tokens alone", async () => {
    const { code, text } = await workflow({ doppler: nightly.key, github }, "destroy", "--yes", "--run-program");
    assert.equal(code, 0, text);
  });
});

/** What of a stack's state is encrypted: the docs list the same. */
const ENCRYPTED: readonly string[] = [
  "doppler:index/serviceToken:ServiceToken outputs.key",
  "github:index/actionsSecret:ActionsSecret inputs.value",
  "github:index/actionsSecret:ActionsSecret outputs.value",
  "kubernetes:core/v1:Secret inputs.data",
  "kubernetes:core/v1:Secret outputs.__inputs.data",
  "kubernetes:core/v1:Secret outputs.data",
  // The chart's values, among which a stack may have secrets; the provider encrypts them all.
  "kubernetes:helm.sh/v3:Release outputs.__inputs",
];
