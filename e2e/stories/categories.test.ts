import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { argocdReads, ensureTool, succeed } from "secrets-pipeline-sandbox";
import { askNow, changes, delivered, editApps, set } from "../support/established.js";
import { PULUMI_PROJECT } from "../support/project.js";
import { story } from "../support/story.js";
import { untouched } from "../support/untouched.js";
import { eventually, User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// This story follows docs/kinds-of-secrets.md on the checked-in prod stack, which has an example of each kind of
// Secret. Argo CD's own code says how Argo CD reads its Secrets.

const REFRESH_MS = 60_000; // Pulumi.prod.yaml

/** A value with all characters that mean something in a URL or in a template. */
const DB_PASSWORD = `p@s:s/w rd?#%+&=$"'{{ .X }}ü`;
/** A value with all characters that mean something in JSON. */
const DOCKER_TOKEN = 'dckr "quoted" \\ <&> and ü';
const PASSWORDS = { first: randomBytes(12).toString("base64url"), second: randomBytes(12).toString("base64url") };
const SIGNATURE = randomBytes(24).toString("base64");

const VALUES: Record<string, string> = {
  DATABASE_URL: "postgres://bookmarked:e2e-database-password@db.internal/bookmarked",
  JWT_SECRET: "e2e-jwt-signing-key",
  REPORTS_DATABASE_URL: "postgres://reports:e2e-reports-password@db.internal/reports",
  SMTP_PASSWORD: "e2e-smtp-password",
  PAYMENTS_API_KEY: "e2e-payments-api-key",
  BILLING_DB_USER: "billing@acme",
  BILLING_DB_PASSWORD: DB_PASSWORD,
  BACKUP_SSH_KEY: String(generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" })).trim(),
  ARGOCD_DEPLOYMENTS_TOKEN: "e2e-deployments-token",
  ARGOCD_GITHUB_TOKEN: "e2e-github-token-of-argocd",
  RELEASE_DOCKERHUB_USERNAME: "e2e-release-user",
  RELEASE_DOCKERHUB_TOKEN: DOCKER_TOKEN,
  ROBOT_PASSWORD: "e2e-robot-password",
};

interface SecretObject {
  readonly type: string;
  readonly metadata: {
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: unknown;
  };
}

interface Repository {
  readonly url: string;
  readonly type: string;
  readonly username: string;
  readonly password: string;
  readonly sshPrivateKey: string;
}

/** What `argocd-reads` says. */
interface Read {
  readonly serverSignature: boolean;
  readonly admin: boolean[];
  readonly passwordMtime: string | null;
  readonly repositories: Repository[];
  readonly credentials: string[];
  readonly fetched: Repository[];
}

let dev: User;
let user: User;
let reads: string;
/** Hashes and times that were typed. */
const typed: string[] = [];
const { step, broken } = story();

async function object(namespace: string, name: string): Promise<SecretObject> {
  return (await user.object<SecretObject>("secret", name, namespace)) ?? assert.fail(`there is no Secret ${name}`);
}

async function condition(namespace: string, name: string): Promise<string | undefined> {
  const found = await user.object<{ status?: { conditions?: { type: string; status: string; reason?: string }[] } }>(
    "externalsecrets.external-secrets.io",
    name,
    namespace,
  );
  const ready = found?.status?.conditions?.find(({ type }) => type === "Ready");
  return ready && `${ready.status} ${ready.reason ?? ""}`;
}

const URLS = ["https://github.com/acme/deployments.git", "https://github.com/acme/another.git"];

/** Returns what Argo CD's code reads in the cluster. It is not part of the transcript. */
async function argocd(): Promise<Read> {
  const args = [user.env["KUBECONFIG"] ?? "", "argocd", ...URLS];
  const input = Object.values(PASSWORDS).join("\n");
  return JSON.parse(await succeed(reads, args, { env: user.env, cwd: PULUMI_PROJECT.folder, input })) as Read;
}

/** Types a password of Argo CD's admin as docs/kinds-of-secrets.md says: its hash, and the time. */
async function typeAdmin(password: string, since: string): Promise<void> {
  const hash = await succeed(reads, ["bcrypt"], { env: user.env, cwd: PULUMI_PROJECT.folder, input: password });
  typed.push(hash.trim());
  // A value that comes through a pipe ends with a line break.
  await user.type("ARGOCD_ADMIN_PASSWORD_HASH", `${hash.trim()}\n`);
  await user.type("ARGOCD_ADMIN_PASSWORD_MTIME", `${since}\n`);
}

/** Makes the Secret as Argo CD's manifests make it, with the keys that Argo CD's server adds. */
async function makeArgocdSecret(): Promise<void> {
  const manifest = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "argocd-secret",
      namespace: "argocd",
      labels: { "app.kubernetes.io/name": "argocd-secret", "app.kubernetes.io/part-of": "argocd" },
    },
    type: "Opaque",
    stringData: { "server.secretkey": SIGNATURE, "webhook.github.secret": "e2e-webhook-secret" },
  };
  await user.run("kubectl", ["apply", "--filename=-"], JSON.stringify(manifest));
}

type App = Readonly<Record<string, unknown>>;

/** The templates of the app `billing`. */
function billingTemplate(): unknown {
  let found: unknown;
  editApps<App>(user, (apps) => {
    found = apps.find(({ name }) => name === "billing")?.["values"];
    return apps;
  });
  return found;
}

/** Gives apps other settings, by name. */
const change = (settings: Readonly<Record<string, App>>) =>
  editApps<App>(user, (apps) => apps.map((app) => ({ ...app, ...settings[String(app["name"])] })));

const billing = () => ({
  PAYMENTS_API_KEY: VALUES["PAYMENTS_API_KEY"] ?? "",
  DATABASE_URL: `postgres://billing%40acme:${encodeURIComponent(DB_PASSWORD).replaceAll("'", "%27")}@db.internal/billing`,
});
const bookmarked = () => ({ DATABASE_URL: VALUES["DATABASE_URL"] ?? "", JWT_SECRET: VALUES["JWT_SECRET"] ?? "" });

describe("each kind of Secret", { concurrency: false }, () => {
  before(async () => {
    const log = (line: string) => console.error(`# ${line}`);
    reads = join(await ensureTool(argocdReads, { progress: log }), "argocd-reads");
    dev = await User.arrive({ stacks: ["dev", "prod"], clusters: "each" });
    user = dev.on("prod");
    for (const { stack } of [dev, user]) await dev.run("pulumi", ["stack", "init", stack, "--non-interactive"]);
  });
  after(() => dev?.leave(broken()));

  step("comes up under the policies while nothing is typed, and Argo CD's Secret is not there yet", async () => {
    await dev.up();
    await user.kubectl("delete", "secret", "argocd-secret", "--namespace=argocd");
    const policies = join(PULUMI_PROJECT.folder, "policy");
    const config = join(policies, "config", "prod.json");
    const { text } = await user.up("--policy-pack", policies, "--policy-pack-config", config);
    for (const line of [
      "  BILLING_DB_PASSWORD (app billing)",
      "  ARGOCD_ADMIN_PASSWORD_HASH (Secret argocd/argocd-secret)",
      "  ARGOCD_GITHUB_TOKEN (Secret argocd/repo-creds-acme)",
      "  RELEASE_DOCKERHUB_TOKEN (Secret default/dockerhub; CI of releases)",
    ]) {
      assert.ok(text.includes(line), `${line} is not in\n${text}`);
    }
  });

  step("keys arrive as they are: database credentials, API keys, JWT signing keys", async () => {
    for (const [name, value] of Object.entries(VALUES)) await user.type(name, value);
    await typeAdmin(PASSWORDS.first, "2026-01-02T03:04:05Z");
    await askNow(user);
    await delivered(user, { "default/bookmarked-secrets": bookmarked(), "default/billing-secrets": billing() });
  });

  step("a value of several is whole: its parts come out of it as they were typed, and are not beside it", async () => {
    const held = (await user.secret("default", "billing-secrets")) ?? {};
    assert.deepEqual(Object.keys(held).sort(), ["DATABASE_URL", "PAYMENTS_API_KEY"]);
    const url = new URL(held["DATABASE_URL"] ?? "");
    assert.equal(decodeURIComponent(url.username), VALUES["BILLING_DB_USER"]);
    assert.equal(decodeURIComponent(url.password), DB_PASSWORD);
    assert.equal(`${url.host}${url.pathname}`, "db.internal/billing");
  });

  step("a pull Secret is one for the kubelet, in each of its namespaces", async () => {
    for (const namespace of ["default", "reports"]) {
      const held = await eventually(`${namespace} has its pull Secret`, 60_000, () =>
        user.secret(namespace, "dockerhub"),
      );
      assert.equal((await object(namespace, "dockerhub")).type, "kubernetes.io/dockerconfigjson");
      assert.deepEqual(Object.keys(held), [".dockerconfigjson"]);
      const { auths } = JSON.parse(held[".dockerconfigjson"] ?? "") as { auths: Record<string, { auth: string }> };
      const auth = Buffer.from(`e2e-release-user:${DOCKER_TOKEN}`).toString("base64");
      assert.deepEqual(auths, {
        "https://index.docker.io/v1/": { username: "e2e-release-user", password: DOCKER_TOKEN, auth },
      });
    }
  });

  step("a type and labels are what the Secret's reader asks for", async () => {
    await delivered(user, { "default/backup-secrets": { "ssh-privatekey": VALUES["BACKUP_SSH_KEY"] ?? "" } });
    const { type, metadata } = await object("default", "backup-secrets");
    assert.equal(type, "kubernetes.io/ssh-auth");
    assert.equal(metadata.labels?.["app.kubernetes.io/part-of"], "backup");
  });

  step("Argo CD's own Secret is waited for, and made by nobody else", async () => {
    await eventually("the operator has found that it is missing", 60_000, async () =>
      (await condition("argocd", "argocd-admin")) === "True SecretMissing" ? true : undefined,
    );
    assert.equal(await user.secret("argocd", "argocd-secret"), undefined);
    await makeArgocdSecret();
    const made = Date.now();
    await eventually("the hash is in it", REFRESH_MS + 10_000, async () =>
      (await user.secret("argocd", "argocd-secret"))?.["admin.password"] === typed[0] ? true : undefined,
    );
    console.error(`# the hash was there after ${((Date.now() - made) / 1000).toFixed(1)} s`);
    assert.deepEqual(await user.secret("argocd", "argocd-secret"), {
      "server.secretkey": SIGNATURE,
      "webhook.github.secret": "e2e-webhook-secret",
      "admin.password": typed[0],
      "admin.passwordMtime": "2026-01-02T03:04:05Z",
    });
    const { metadata } = await object("argocd", "argocd-secret");
    assert.equal(metadata.ownerReferences, undefined);
    assert.equal(metadata.labels?.["app.kubernetes.io/part-of"], "argocd");
  });

  step("Argo CD takes the admin's password, and finds its repositories", async () => {
    const read = await argocd();
    assert.deepEqual([read.serverSignature, read.admin], [true, [true, false]]);
    assert.equal(Date.parse(read.passwordMtime ?? ""), Date.parse("2026-01-02T03:04:05Z"));
    const own = { username: "acme-deploy", password: "e2e-deployments-token", sshPrivateKey: "" };
    const common = { username: "acme-deploy", password: "e2e-github-token-of-argocd", sshPrivateKey: "" };
    assert.deepEqual(read.repositories, [{ url: URLS[0], type: "git", ...own }]);
    assert.deepEqual(read.credentials, ["https://github.com/acme"]);
    // A registered repository has credentials of its own; one whose URL only begins so has the common ones.
    assert.deepEqual(
      read.fetched.map(({ url, username, password, sshPrivateKey }) => ({ url, username, password, sshPrivateKey })),
      [
        { url: URLS[0], ...own },
        { url: URLS[1], ...common },
      ],
    );
  });

  step("Argo CD takes a new password within the refresh interval, and the old one no more", async () => {
    const before = await object("argocd", "argocd-secret");
    await typeAdmin(PASSWORDS.second, "2026-02-03T04:05:06Z");
    const since = Date.now();
    await eventually("the new hash is in it", REFRESH_MS + 10_000, async () => {
      const { admin, passwordMtime, serverSignature } = await argocd();
      assert.ok(serverSignature);
      const there = admin[1] === true && Date.parse(passwordMtime ?? "") === Date.parse("2026-02-03T04:05:06Z");
      return there && admin[0] === false ? true : undefined;
    });
    console.error(`# the new password was good after ${((Date.now() - since) / 1000).toFixed(1)} s`);
    assert.equal((await object("argocd", "argocd-secret")).metadata.uid, before.metadata.uid);
    assert.equal((await user.secret("argocd", "argocd-secret"))?.["server.secretkey"], SIGNATURE);
  });

  step("a second up changes nothing, nor one after a refresh", async () => {
    // The first of these runs writes the release's credentials to GitHub.
    await user.up();
    await untouched([user], () => user.up("--expect-no-changes"));
    await user.pulumi("refresh", "--stack", "prod", "--yes", "--skip-preview", "--expect-no-changes");
    await untouched([user], () => user.up("--expect-no-changes"));
  });

  step("a TLS certificate is refused, and whose it is is said; so is a template that can't be right", async () => {
    const template = billingTemplate();
    const tls = { type: "kubernetes.io/tls", keys: { "tls.crt": "WEB_CERT", "tls.key": "WEB_PRIVATE_KEY" } };
    editApps<App>(user, (apps) => [...apps, { name: "web", namespace: "default", ...tls }]);
    change({
      billing: { values: { DATABASE_URL: "postgres://{{ .BILLING_DB_USER }}:e2e-literal@db.internal/{ .X }}" } },
    });
    const { code, text } = await untouched([user], () => user.tries("up"));
    assert.notEqual(code, 0);
    assert.match(text, /apps\[4\]\.type: a Secret of type kubernetes\.io\/tls belongs to cert-manager/);
    assert.match(text, /apps\[2\]\.values\.DATABASE_URL: expected as many closing braces as opening ones/);
    assert.match(text, /apps\[2\]\.values\.DATABASE_URL: is, or looks like, a URL with a password in clear/);
    assert.doesNotMatch(text, /e2e-literal/);
    editApps<App>(user, (apps) => apps.filter(({ name }) => name !== "web"));
    change({ billing: { values: template } });
    await user.up("--expect-no-changes");
  });

  step("a value of several goes and comes in place, and no other key of the Secret is missing meanwhile", async () => {
    const keys = {
      "default/billing-secrets": ["PAYMENTS_API_KEY"],
      "default/bookmarked-secrets": ["DATABASE_URL", "JWT_SECRET"],
    };
    const watch = await watchSecrets(user, keys);
    const template = billingTemplate();
    change({
      billing: { values: undefined },
      bookmarked: { values: { GREETING: "{{ .JWT_SECRET | upper }} {{ .ROBOT_PASSWORD }}" } },
    });
    const { stdout } = await user.pulumi("preview", "--stack", "prod", "--json");
    assert.deepEqual(changes(stdout), [
      "update billing-default-billing-secrets",
      "update bookmarked-default-bookmarked-secrets",
    ]);
    await user.up();
    const greeting = "E2E-JWT-SIGNING-KEY e2e-robot-password";
    await delivered(user, {
      "default/billing-secrets": { PAYMENTS_API_KEY: VALUES["PAYMENTS_API_KEY"] ?? "" },
      "default/bookmarked-secrets": { ...bookmarked(), GREETING: greeting },
    });
    change({ billing: { values: template }, bookmarked: { values: undefined } });
    await user.up();
    await delivered(user, { "default/bookmarked-secrets": bookmarked(), "default/billing-secrets": billing() });
    assert.deepEqual(await watch.end(), []);
    await user.up("--expect-no-changes");
  });

  step("any other type can be had, with what its reader prescribes", async () => {
    const robot = {
      type: "kubernetes.io/basic-auth",
      annotations: { "tekton.dev/git-0": "https://github.com" },
      values: { username: "acme-robot" },
      keys: { password: "ROBOT_PASSWORD" },
    };
    editApps<App>(user, (apps) => [...apps, { name: "robot", namespace: "default", ...robot }]);
    await user.up();
    await delivered(user, { "default/robot-secrets": { username: "acme-robot", password: "e2e-robot-password" } });
    assert.equal((await object("default", "robot-secrets")).type, "kubernetes.io/basic-auth");
  });

  step("no value is in the state, in what the tools wrote, or in a file", async () => {
    const secrets = [...Object.values(VALUES), ...Object.values(PASSWORDS), ...typed].filter(
      (value) => value !== VALUES["BILLING_DB_USER"] && value !== VALUES["RELEASE_DOCKERHUB_USERNAME"],
    );
    const { stdout: state } = await user.pulumi("stack", "export", "--stack", "prod");
    for (const secret of secrets) {
      assert.ok(!state.includes(JSON.stringify(secret).slice(1, -1)), "a value is in clear in the state");
      assert.ok(!user.transcript.includes(secret), "a value is in clear in what a tool wrote");
    }
    assert.deepEqual(user.filesWith(secrets), []);
  });

  step("a destroy takes all of it, and leaves Argo CD its Secret", async () => {
    const before = await object("argocd", "argocd-secret");
    const held = await user.secret("argocd", "argocd-secret");
    await set(user, "protect", "false");
    await user.up();
    await user.pulumi("destroy", "--stack", "prod", "--yes", "--skip-preview");
    await eventually("the others are gone", 30_000, async () => {
      const { stdout } = await user.kubectl("get", "secrets", "--all-namespaces", "--output=name");
      const left = stdout.trim().split("\n");
      return left.join() === "secret/argocd-secret" ? true : undefined;
    });
    assert.deepEqual(await user.secret("argocd", "argocd-secret"), held);
    assert.equal(held?.["server.secretkey"], SIGNATURE);
    assert.equal((await object("argocd", "argocd-secret")).metadata.uid, before.metadata.uid);
  });
});
