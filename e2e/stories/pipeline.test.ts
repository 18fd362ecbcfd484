import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openSecret } from "secrets-pipeline-sandbox";
import { github } from "../support/byHand.js";
import { eventually, User } from "../support/user.js";

// The life of a new environment on the checked-in dev stack, from nothing until it is destroyed. The steps build on
// each other.

const REFRESH_MS = 60_000; // Pulumi.dev.yaml
const VALUES = {
  DATABASE_URL: "postgres://bookmarked:e2e-database-password@db.internal/bookmarked",
  JWT_SECRET: "e2e-jwt-signing-key",
  REPORTS_DATABASE_URL: "postgres://reports:e2e-reports-password@db.internal/reports",
  SMTP_PASSWORD: "e2e-smtp-password",
  DOCKERHUB_USERNAME: "e2e-dockerhub-user",
  DOCKERHUB_TOKEN: "e2e-dockerhub-token",
};
const ROTATED = "e2e-jwt-signing-key-after-rotation";
const ADDED = "e2e-api-key-added-later";
/** A value for the chart that looks like a credential. */
const ENCRYPTED = randomBytes(24).toString("base64url");

let user: User;
/** Every service token the cluster ever had. */
const tokens: string[] = [];

/** The steps of a preview or an update with `--json`, as `<op> <type>::<name>`, without unchanged resources. */
function changes(json: string): string[] {
  const { steps } = JSON.parse(json) as { steps: { op: string; urn: string }[] };
  return steps
    .filter((step) => step.op !== "same" && step.op !== "read")
    .map(({ op, urn }) => `${op} ${urn.split("::")[2]?.split("$").pop()}::${urn.split("::")[3]}`)
    .sort();
}

async function serviceToken(tokenSecret = "doppler-token-auth"): Promise<string> {
  const token = (await user.secret("external-secrets", tokenSecret))?.["dopplerToken"];
  assert.ok(token, "the token Secret has a key dopplerToken");
  return token;
}

/** A request to the Doppler stand-in under a token of the caller's choice. */
function doppler(token: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${user.sandbox.dopplerUrl}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${token}:`).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

interface Conditioned {
  status?: { conditions?: { type: string; status: string; reason?: string }[] };
}

async function ready(namespace: string, name: string): Promise<true | undefined> {
  const object = await user.object<Conditioned>("externalsecrets.external-secrets.io", name, namespace);
  return object?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ? true : undefined;
}

/** A step of the story; once one has failed, those after it say nothing and are skipped. */
let broken: string | undefined;
function step(name: string, body: () => Promise<void>): void {
  it(name, async (t) => {
    if (broken !== undefined) {
      t.skip(`after "${broken}" failed`);
      return;
    }
    try {
      await body();
    } catch (error) {
      broken = name;
      throw error;
    }
  });
}

describe("a new environment", { concurrency: false }, () => {
  before(async () => {
    user = await User.arrive({ stacks: ["dev"] });
    await user.run("pulumi", ["stack", "select", "--create", "dev", "--non-interactive"]);
  });
  after(async () => {
    await user.leave(broken !== undefined);
  });

  step("can be previewed before anything exists", async () => {
    const { text } = await user.pulumi("preview", "--stack", "dev");
    assert.match(text, /bookmarked-default-bookmarked-secrets/);
    assert.match(text, /5 Doppler names need values in project "acme"/);
    assert.match(text, /1 Doppler name needs a value in project "acme-shared"/);
    assert.doesNotMatch(text, /github:index:ActionsSecret/);
  });

  step("is refused plain configuration as a secret, and a credential in clear, and shows none of it", async () => {
    const set = (...args: string[]) => user.run("pulumi", ["config", "set", "--stack", "dev", "--path", ...args]);
    await set("apps[0].keys[2]", "PORT");
    await set("--plaintext", "operator.values.podAnnotations.probePassword", ENCRYPTED);
    const { code, text } = await user.attempt("pulumi", ["preview", "--stack", "dev", "--non-interactive"]);
    assert.notEqual(code, 0);
    assert.match(text, /2 problems in the configuration of stack "dev"/);
    assert.match(text, /apps\[0\]\.keys\[2\]: is plain configuration \(an application's port number\)/);
    assert.match(
      text,
      /operator\.values\.podAnnotations\.probePassword: is, or looks like, a credential, by its name in clear/,
    );
    assert.ok(!text.includes(ENCRYPTED), "the credential is shown");
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "apps[0].keys[2]"]);
    // The encrypted value is let through, and the state does not hold it in clear: the last steps look for it.
    await set("--secret", "operator.values.podAnnotations.probePassword", ENCRYPTED);
  });

  step("comes up while its Doppler config is empty, and says what to type where", async () => {
    const { text } = await user.up();
    assert.match(text, /5 Doppler names need values in project "acme", config "dev"/);
    assert.match(text, /doppler secrets set NAME --project acme --config dev/);
    assert.match(text, /1 Doppler name needs a value in project "acme-shared", config "dev"/);
    assert.match(text, /doppler secrets set NAME --project acme-shared --config dev/);
    assert.equal(await user.secret("default", "bookmarked-secrets"), undefined);
  });

  step("runs the operator under the ServiceAccount that its chart made", async () => {
    const store = await eventually("the store is valid", 60_000, async () => {
      const object = await user.object<Conditioned>("clustersecretstore", "doppler-secret-store");
      return object?.status?.conditions?.find((c) => c.type === "Ready" && c.status === "True");
    });
    assert.equal(store.reason, "Valid");
    const operator = await user.object<{ spec: { template: { metadata: { annotations: Record<string, string> } } } }>(
      "deployment",
      "external-secrets",
      "external-secrets",
    );
    assert.equal(operator?.spec.template.metadata.annotations["probePassword"], ENCRYPTED, "the chart has the value");
    const { stdout } = await user.kubectl("get", "serviceaccount", "--namespace=external-secrets", "--output=name");
    assert.match(stdout, /serviceaccount\/external-secrets$/m);
  });

  step("delivers to the apps what is typed, with no pulumi run", async () => {
    for (const [name, value] of Object.entries(VALUES)) await user.type(name, value);
    // After refusals the operator waits longer each time before it reads again; here, two minutes at most.
    const bookmarked = await eventually("bookmarked has its Secret", 180_000, () =>
      user.secret("default", "bookmarked-secrets"),
    );
    assert.deepEqual(bookmarked, { DATABASE_URL: VALUES.DATABASE_URL, JWT_SECRET: VALUES.JWT_SECRET });
    const reports = await eventually("reports has its Secret", 180_000, () =>
      user.secret("reports", "reports-credentials"),
    );
    assert.deepEqual(reports, { "database-url": VALUES.REPORTS_DATABASE_URL, "smtp-password": VALUES.SMTP_PASSWORD });
    await eventually(
      "both ExternalSecrets are ready",
      60_000,
      async () => (await ready("default", "bookmarked-secrets")) && (await ready("reports", "reports-credentials")),
    );
  });

  step("writes the DockerHub credentials at the next up, and only them", async () => {
    const preview = await user.pulumi("preview", "--stack", "dev", "--json");
    const repositories = ["bookmarked", "reports"];
    assert.deepEqual(
      changes(preview.stdout),
      repositories
        .flatMap((r) =>
          ["DOCKERHUB_TOKEN", "DOCKERHUB_USERNAME"].flatMap((n) => [
            `create github:index/actionsSecret:ActionsSecret::github-${r}-${n}`,
            `create github:index/dependabotSecret:DependabotSecret::github-${r}-dependabot-${n}`,
          ]),
        )
        .sort(),
    );
    const { text } = await user.up();
    assert.doesNotMatch(text, /need values|needs a value/);
    for (const repository of repositories) {
      for (const name of ["DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"] as const) {
        for (const app of ["actions", "dependabot"] as const) {
          const value = await openSecret(user.here.github, { app, repository: `acme/${repository}` }, name);
          assert.equal(value, VALUES[name]);
        }
      }
    }
  });

  step("has nothing to do at a second up, nor after a refresh", async () => {
    await user.up("--expect-no-changes");
    await user.pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes");
    await user.up("--expect-no-changes");
  });

  step("has a token in the cluster that reads its own config and writes nothing", async () => {
    const token = await serviceToken();
    const read = await doppler(token, "/v3/configs/config/secret?project=acme&config=dev&name=JWT_SECRET");
    assert.equal(read.status, 200);
    const write = await doppler(token, "/v3/configs/config/secrets", {
      project: "acme",
      config: "dev",
      secrets: { JWT_SECRET: "x" },
    });
    assert.equal(write.status, 403);
  });

  step("delivers a changed value within the refresh interval, unattended", async () => {
    await user.type("JWT_SECRET", ROTATED);
    const typed = Date.now();
    // The deadline is the refresh interval and some seconds for the operator's own work.
    await eventually("the changed value is in the Secret", REFRESH_MS + 10_000, async () =>
      (await user.secret("default", "bookmarked-secrets"))?.["JWT_SECRET"] === ROTATED ? true : undefined,
    );
    console.error(`# the changed value arrived after ${((Date.now() - typed) / 1000).toFixed(1)} s`);
  });

  step("refuses an ExternalSecret from a namespace that no app has", async () => {
    await user.kubectl("create", "namespace", "intruder");
    const manifest = {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: { name: "loot", namespace: "intruder" },
      spec: {
        refreshInterval: "1m0s",
        secretStoreRef: { name: "doppler-secret-store", kind: "ClusterSecretStore" },
        target: { name: "loot" },
        data: [{ secretKey: "JWT_SECRET", remoteRef: { key: "JWT_SECRET" } }],
      },
    };
    await user.run("kubectl", ["apply", "--filename=-"], JSON.stringify(manifest));
    await eventually("the operator has refused it", 60_000, async () => {
      const { stdout } = await user.kubectl("get", "events", "--namespace=intruder", "--output=json");
      const { items } = JSON.parse(stdout) as { items: { message?: string }[] };
      return items.find((event) => event.message?.includes('is not allowed from namespace "intruder"'));
    });
    assert.equal(await user.secret("intruder", "loot"), undefined);
    await user.kubectl("delete", "namespace", "intruder", "--wait=false");
  });

  step("takes a new key into a Secret that is synced", async () => {
    await user.type("API_KEY", ADDED);
    await user.run("pulumi", ["config", "set", "--stack", "dev", "--path", "apps[0].keys[2]", "API_KEY"]);
    const preview = await user.pulumi("preview", "--stack", "dev", "--json");
    assert.deepEqual(changes(preview.stdout), [
      "update kubernetes:external-secrets.io/v1:ExternalSecret::bookmarked-default-bookmarked-secrets",
    ]);
    await user.up();
    const secret = await eventually("the key has arrived", 60_000, async () => {
      const values = await user.secret("default", "bookmarked-secrets");
      return values?.["API_KEY"] === undefined ? undefined : values;
    });
    assert.deepEqual(secret, { API_KEY: ADDED, DATABASE_URL: VALUES.DATABASE_URL, JWT_SECRET: ROTATED });
  });

  step("replaces the token in place, and revokes the old one", async () => {
    const before = await user.object<{ metadata: { uid: string } }>("secret", "doppler-token-auth", "external-secrets");
    const old = await serviceToken();
    tokens.push(old);
    await user.run("pulumi", [
      "config",
      "set",
      "--stack",
      "dev",
      "--path",
      "doppler.serviceToken",
      "external-secrets-2",
    ]);
    await user.up();
    const now = await serviceToken();
    tokens.push(now);
    assert.notEqual(now, old);
    const after = await user.object<{ metadata: { uid: string } }>("secret", "doppler-token-auth", "external-secrets");
    assert.equal(after?.metadata.uid, before?.metadata.uid, "the Secret is the same object");
    assert.equal((await doppler(old, "/v3/projects")).status, 401);
    await user.up("--expect-no-changes");
  });

  step("shows only the new app in the preview of a new app", async () => {
    await user.run("pulumi", ["config", "set", "--stack", "dev", "--path", "apps[2].name", "worker"]);
    await user.run("pulumi", ["config", "set", "--stack", "dev", "--path", "apps[2].namespace", "default"]);
    await user.run("pulumi", ["config", "set", "--stack", "dev", "--path", "apps[2].keys[0]", "JWT_SECRET"]);
    const preview = await user.pulumi("preview", "--stack", "dev", "--json");
    assert.deepEqual(changes(preview.stdout), [
      "create kubernetes:external-secrets.io/v1:ExternalSecret::worker-default-worker-secrets",
      "create secrets-pipeline:index:AppSecrets::worker",
    ]);
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "apps[2]"]);
  });

  step("gives app teams what they need, and no value", async () => {
    const { stdout } = await user.pulumi("stack", "output", "--json", "--show-secrets", "--stack", "dev");
    const outputs = JSON.parse(stdout) as {
      apps: Record<string, unknown>;
      store: string;
      doppler: unknown;
      sources: unknown;
    };
    const ofKey = (name: string, key: string) => ({
      [key]: { name, valueFrom: { secretKeyRef: { name: "reports-credentials", key } } },
    });
    assert.deepEqual(outputs.apps["reports"], {
      secretName: "reports-credentials",
      namespace: "reports",
      keys: ["database-url", "smtp-password"],
      envFrom: { secretRef: { name: "reports-credentials" } },
      env: { ...ofKey("DATABASE_URL", "database-url"), ...ofKey("SMTP_PASSWORD", "smtp-password") },
      pending: {},
      workloadAnnotations: {},
      from: { "smtp-password": { project: "acme-shared", config: "dev" } },
    });
    assert.equal(outputs.store, "doppler-secret-store");
    assert.deepEqual(outputs.doppler, { project: "acme", config: "dev" });
    assert.deepEqual(outputs.sources, {
      shared: { project: "acme-shared", config: "dev", store: "doppler-secret-store-shared" },
    });
  });

  step("keeps every value and every token out of the state, the logs, the outputs and the files", async () => {
    const secrets = [
      ...Object.values(VALUES),
      ROTATED,
      ADDED,
      ...tokens,
      readFileSync(join(user.here.doppler, "token"), "utf8").trim(),
      readFileSync(join(user.here.github, "token"), "utf8").trim(),
    ];
    assert.equal(tokens.length, 2);
    secrets.push(await serviceToken("doppler-token-auth-shared"));
    const { stdout: state } = await user.pulumi("stack", "export", "--stack", "dev");
    assert.match(state, /doppler:index\/serviceToken:ServiceToken/);
    const base64 = secrets.map((secret) => Buffer.from(secret).toString("base64").replace(/=+$/, ""));
    // The chart writes this value into a Deployment, and so into the cluster's etcd. It may be in no other file.
    assert.deepEqual(
      user.filesWith([ENCRYPTED]).filter((file) => !file.startsWith("cluster/etcd/")),
      [],
    );
    for (const needle of [...secrets, ...base64, ENCRYPTED]) {
      assert.ok(!state.includes(needle), "a secret is in clear in the state");
      assert.ok(!user.transcript.includes(needle), "a secret is in clear in what a tool wrote");
    }
    assert.deepEqual(user.filesWith([...secrets, ...base64]), []);
  });

  step(
    "can be destroyed, and leaves nothing of its own but the namespaces, in which others may run workloads",
    async () => {
      await user.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
      for (const [kind, ...flags] of [
        ["externalsecrets.external-secrets.io", "--all-namespaces"],
        ["clustersecretstores.external-secrets.io"],
        ["deployments,secrets,serviceaccounts,services", "--all-namespaces"],
        ["clusterroles,clusterrolebindings"],
        ["namespaces"],
      ] as const) {
        const { stdout } = await user.kubectl("get", kind, ...flags, "--output=name");
        const left = stdout
          .split("\n")
          .filter((name) => /external-secrets|doppler|bookmarked|reports|pulumi|helm/.test(name));
        const kept = kind === "namespaces" ? ["namespace/external-secrets", "namespace/reports"] : [];
        assert.deepEqual(left, kept, `left of ${kind}`);
      }
      const crds = await user.kubectl("get", "customresourcedefinitions", "--output=name");
      assert.match(crds.stdout, /externalsecrets\.external-secrets\.io/, "the CRDs stay");

      const projects = await user.run("doppler", ["projects", "--json"]);
      assert.deepEqual(JSON.parse(projects.stdout) ?? [], []);
      for (const repository of ["bookmarked", "reports"]) {
        const listed = await github(user, "GET", `repos/acme/${repository}/actions/secrets`);
        assert.deepEqual(listed, { total_count: 0, secrets: [] });
      }
    },
  );
});
