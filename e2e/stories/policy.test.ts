import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { command } from "secrets-pipeline-sandbox";
import { begin } from "../support/established.js";
import { PULUMI_PROJECT } from "../support/project.js";
import { story } from "../support/story.js";
import type { User } from "../support/user.js";

// The policies run under the real engine. The checked-in stack keeps all of them; for each policy, a program breaks it.

/** A value that a message might repeat. */
const VALUE = "dp.st.dev.Hhxe9jVqmSDFTdqYJxyz0123456789abcd";

/** For each policy: the resource that the violation must name, and a program that breaks this policy and no other. */
const BREAKING: Readonly<Record<string, readonly [resource: string, program: string]>> = {
  "doppler-token-read-only": [
    "token",
    `new doppler.ServiceToken("token", { project: "acme", config: "dev", name: "writer", access: "read/write" }, inDoppler);`,
  ],
  "store-with-conditions": [
    "store",
    `new kubernetes.apiextensions.CustomResource("store", {
       apiVersion: "external-secrets.io/v1", kind: "ClusterSecretStore", metadata: { name: "open" },
       spec: { provider: { doppler: { auth: { secretRef: { dopplerToken: { name: "t", key: "k", namespace: "n" } } } } } },
     });`,
  ],
  "refresh-interval": [
    "greedy",
    `new kubernetes.apiextensions.CustomResource("greedy", {
       apiVersion: "external-secrets.io/v1", kind: "ExternalSecret", metadata: { name: "greedy", namespace: "default" },
       spec: { refreshInterval: "1s", secretStoreRef: { name: "s", kind: "ClusterSecretStore" }, data: [] },
     });`,
  ],
  "external-secrets-v1": [
    "old",
    `new kubernetes.apiextensions.CustomResource("old", {
       apiVersion: "external-secrets.io/v1beta1", kind: "ExternalSecret", metadata: { name: "old", namespace: "default" },
       spec: { refreshInterval: "1m0s", secretStoreRef: { name: "s", kind: "ClusterSecretStore" }, data: [] },
     });`,
  ],
  "doppler-values-protected": [
    "environment",
    `new doppler.Environment("environment", { project: "acme", slug: "prd", name: "Production" }, inDoppler);`,
  ],
  "no-inline-secret": [
    "inline",
    `new kubernetes.core.v1.Secret("inline", {
       metadata: { name: "inline", namespace: "default" }, stringData: { PASSWORD: ${JSON.stringify(VALUE)} },
     });`,
  ],
  "outputs-without-values": [
    "breaking-test",
    `exports.token = pulumi.secret(${JSON.stringify(VALUE)}); exports.apps = { note: [${JSON.stringify(VALUE)}] };`,
  ],
};

interface PolicyEvent {
  readonly policyName: string;
  readonly resourceUrn: string;
  readonly message: string;
  readonly enforcementLevel: string;
}

let user: User;
const { step, broken } = story();

const pack = (stack: "dev" | "prod") => [
  "--policy-pack",
  join(PULUMI_PROJECT.folder, "policy"),
  "--policy-pack-config",
  join(PULUMI_PROJECT.folder, "policy", "config", `${stack}.json`),
];

/** Runs a preview in a folder. Its output is not kept, since the debug messages in it hold secrets in clear. */
async function preview(cwd: string, stack: string, policies: readonly string[]) {
  const args = ["preview", "--stack", stack, "--json", "--non-interactive", ...policies];
  const { code, stdout, stderr } = await command("pulumi", args, {
    env: { ...user.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" },
    cwd,
  });
  const events = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map(
      (line) =>
        JSON.parse(line) as { policyEvent?: PolicyEvent; diagnosticEvent?: { severity: string; message: string } },
    );
  const errors = events.flatMap(({ diagnosticEvent: d }) => (d?.severity === "error" ? [d.message.trim()] : []));
  return { code, violations: events.flatMap(({ policyEvent }) => policyEvent ?? []), errors, stderr };
}

describe("the policies", { concurrency: false }, () => {
  before(async () => {
    user = await begin();
  });
  after(() => user?.leave(broken()));

  step("are kept by the dev stack before there is anything of it, and after", async () => {
    const first = await preview(PULUMI_PROJECT.folder, "dev", pack("dev"));
    assert.deepEqual([first.violations, first.errors, first.code], [[], [], 0]);
    const { text } = await user.up(...pack("dev"));
    assert.match(text, /✅ secrets-pipeline@v0\.1\.0/);
    const second = await preview(PULUMI_PROJECT.folder, "dev", pack("dev"));
    assert.deepEqual([second.violations, second.errors, second.code], [[], [], 0]);
  });

  step("are not kept by a stack that production's would have protected", async () => {
    const { violations, code } = await preview(PULUMI_PROJECT.folder, "dev", pack("prod"));
    assert.notEqual(code, 0);
    const policies = pack("prod");
    const shown = await user.attempt("pulumi", ["preview", "--stack", "dev", "--non-interactive", ...policies]);
    assert.match(shown.stdout, /❌ secrets-pipeline@[^]*\[mandatory\] {2}doppler-values-protected/);
    assert.deepEqual(violations.map((v) => `${v.policyName} ${v.resourceUrn.split("::").at(-1)}`).sort(), [
      "doppler-values-protected doppler-environment",
      "doppler-values-protected doppler-project",
      "doppler-values-protected doppler-shared-environment",
      "doppler-values-protected doppler-shared-project",
    ]);
  });

  for (const [policy, [resource, program]] of Object.entries(BREAKING)) {
    step(`${policy} is broken by a program`, async () => {
      const folder = join(user.here.dir, "breaking", policy);
      mkdirSync(folder, { recursive: true });
      symlinkSync(join(PULUMI_PROJECT.folder, "node_modules"), join(folder, "node_modules"));
      writeFileSync(
        join(folder, "Pulumi.yaml"),
        "name: breaking\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
      );
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "breaking", main: "index.js" }));
      writeFileSync(
        join(folder, "index.js"),
        `const pulumi = require("@pulumi/pulumi");
         const doppler = require("@pulumiverse/doppler");
         const kubernetes = require("@pulumi/kubernetes");
         const inDoppler = { provider: new doppler.Provider("doppler", {
           host: process.env.DOPPLER_API_HOST, dopplerToken: pulumi.secret(process.env.DOPPLER_TOKEN),
         }) };
         ${program}`,
      );
      const tool = { env: user.env, cwd: folder };
      await command("pulumi", ["stack", "init", "test", "--non-interactive"], tool);
      // Production's configuration has the strictest rules.
      const { violations, errors, code, stderr } = await preview(folder, "test", pack("prod"));
      assert.notEqual(code, 0);
      assert.ok(violations.length > 0, `no policy was broken: ${errors.join("; ")} ${stderr}`);
      for (const violation of violations) {
        assert.deepEqual(
          [violation.policyName, violation.resourceUrn.split("::").at(-1), violation.enforcementLevel],
          [policy, resource, "mandatory"],
        );
      }
      for (const text of [JSON.stringify(violations), errors.join(), stderr]) {
        assert.ok(!text.includes(VALUE), "the value is repeated");
      }
    });
  }
});
