import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { actionsSecret, externalSecret, setActionsSecret, store } from "../support/byHand.js";
import { changes, delivered, KEYS, SECRETS, set, VALUES } from "../support/established.js";
import { failures, type Metrics, operatorMetrics, operatorRequests } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, User } from "../support/user.js";
import { type SecretWatch, watchSecrets } from "../support/watch.js";

// This story follows docs/adoption.md step by step: the program takes over what a team has made by hand with an old
// chart. The apps' Secrets are watched from before the first step until after the last one.

/** The chart of this version serves `v1beta1` beside `v1`. */
const OLD = "0.16.1";
/** The Doppler projects, with their descriptions: the main one, and the one that teams have in common. */
const PROJECTS = {
  acme: "Secrets of all Acme apps, one environment per stack",
  "acme-shared": "Secrets that several teams use",
};
const DOCKERHUB = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };
const REPOSITORIES = ["acme/bookmarked", "acme/reports"];
const POD_SECURITY = "pod-security.kubernetes.io/enforce";

const STORE_KIND = "clustersecretstores.external-secrets.io";
const APP_KIND = "externalsecrets.external-secrets.io";
const BY_HAND = [
  { kind: "namespace", name: "external-secrets" },
  { kind: "namespace", name: "reports" },
  { kind: "deployment", namespace: "external-secrets", name: "external-secrets" },
  { kind: "customresourcedefinition", name: STORE_KIND },
  { kind: "customresourcedefinition", name: APP_KIND },
  { kind: "secret", namespace: "external-secrets", name: "doppler-token-auth" },
  { kind: STORE_KIND, name: "doppler-secret-store" },
  { kind: "secret", namespace: "external-secrets", name: "doppler-token-auth-shared" },
  { kind: STORE_KIND, name: "doppler-secret-store-shared" },
  { kind: APP_KIND, namespace: "default", name: "bookmarked-secrets" },
  // This ExternalSecret has another name than its Secret.
  { kind: APP_KIND, namespace: "reports", name: "reports" },
  { kind: "secret", namespace: "default", name: "bookmarked-secrets" },
  { kind: "secret", namespace: "reports", name: "reports-credentials" },
] as const;

interface Held {
  readonly metadata: {
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly { readonly manager: string; readonly subresource?: string }[];
  };
  readonly spec?: { readonly refreshInterval?: string };
}

let user: User;
let watch: SecretWatch;
/** The {@link identities} before the adoption. */
let made: string[];
const { step, broken } = story();

async function held(kind: string, name: string, namespace?: string): Promise<Held> {
  return (await user.object<Held>(kind, name, namespace)) ?? assert.fail(`there is no ${kind} ${name}`);
}

/** The UIDs of the objects made by hand. An object that was deleted and made again has another UID. */
async function identities(): Promise<string[]> {
  const all: string[] = [];
  for (const { kind, name, ...where } of BY_HAND) {
    const { metadata } = await held(kind, name, "namespace" in where ? where.namespace : undefined);
    all.push(`${kind} ${name} ${metadata.uid}`);
  }
  return all;
}

/** All values of the Doppler configs, without the names that Doppler itself sets. */
async function typed(): Promise<Record<string, string>> {
  const all: [string, string][] = [];
  for (const project of Object.keys(PROJECTS)) {
    const download = ["secrets", "download", "--no-file", "--format=json", `--project=${project}`];
    all.push(...Object.entries(JSON.parse((await user.run("doppler", download)).stdout) as Record<string, string>));
  }
  return Object.fromEntries(all.filter(([name]) => !name.startsWith("DOPPLER_")));
}

/** The versions of ExternalSecret that are served, or those that objects may be stored in. */
async function versions(path: "{.spec.versions[?(@.served==true)].name}" | "{.status.storedVersions[*]}") {
  const { stdout } = await user.kubectl("get", "customresourcedefinition", APP_KIND, `--output=jsonpath=${path}`);
  return stdout.trim().split(" ").sort();
}

/** The service tokens of a project's config: slug by name. */
async function serviceTokens(project: string): Promise<Record<string, string>> {
  const { stdout } = await user.run("doppler", ["configs", "tokens", "--json", `--project=${project}`]);
  const tokens = JSON.parse(stdout) as { name: string; slug: string }[];
  return Object.fromEntries(tokens.map(({ name, slug }) => [name, slug]));
}

describe("what was made by hand", { concurrency: false }, () => {
  before(async () => {
    user = await User.arrive({ stacks: ["dev"], earlierOperators: [OLD] });
  });
  after(async () => {
    await user?.leave(broken());
  });

  step("is two Doppler projects with environments and values", async () => {
    for (const [project, description] of Object.entries(PROJECTS)) {
      await user.run("doppler", ["projects", "create", project, "--description", description]);
    }
    for (const [name, value] of Object.entries({ ...VALUES, ...DOCKERHUB })) await user.type(name, value);
  });

  step("is the operator, by an old chart", async () => {
    const chart = user.sandbox.earlier[0]?.chart ?? assert.fail();
    // Pods don't really run in this cluster, so nothing would serve the webhook, and the API server would refuse every
    // object.
    const values = "--set=webhook.create=false,replicaCount=1,podLabels.team=platform";
    await user.run("helm", [
      "install",
      "external-secrets",
      chart,
      "--namespace=external-secrets",
      "--create-namespace",
      values,
    ]);
    assert.deepEqual(await versions("{.spec.versions[?(@.served==true)].name}"), ["v1", "v1beta1"]);
    // After an install of chart 0.15 or older, objects lie in etcd as v1beta1; so they do here.
    for (const name of [STORE_KIND, APP_KIND]) {
      const crd = await user.object<{ spec: { versions: { name: string }[] } }>("customresourcedefinition", name);
      const patch = crd?.spec.versions.map((version, index) => ({
        op: "replace",
        path: `/spec/versions/${index}/storage`,
        value: version.name === "v1beta1",
      }));
      await user.kubectl("patch", "customresourcedefinition", name, "--type=json", `--patch=${JSON.stringify(patch)}`);
    }
  });

  step("is a token Secret and a store for each, and ExternalSecrets, with kubectl and as v1beta1", async () => {
    for (const [project, name] of [
      ["acme", "doppler-token-auth"],
      ["acme-shared", "doppler-token-auth-shared"],
    ] as const) {
      const create = ["configs", "tokens", "create", "by-hand", "--plain", `--project=${project}`];
      const { stdout } = await user.run("doppler", create);
      await user.kubectl(
        ...["create", "secret", "generic", name, "--namespace=external-secrets"],
        `--from-literal=dopplerToken=${stdout.trim()}`,
      );
    }
    await user.kubectl("create", "namespace", "reports");
    await user.kubectl("label", "namespace", "reports", `${POD_SECURITY}=baseline`);
    const manifests = [
      store("doppler-secret-store", "doppler-token-auth"),
      store("doppler-secret-store-shared", "doppler-token-auth-shared"),
      externalSecret("default", "bookmarked-secrets", "bookmarked-secrets", {
        DATABASE_URL: "DATABASE_URL",
        JWT_SECRET: "JWT_SECRET",
      }),
      externalSecret(
        ...(["reports", "reports", "reports-credentials", { "database-url": "REPORTS_DATABASE_URL" }] as const),
        { "doppler-secret-store-shared": { "smtp-password": "SMTP_PASSWORD" } },
      ),
    ];
    await user.run("kubectl", ["apply", "--filename=-"], manifests.join("---"));
    await delivered(user);
    assert.ok((await versions("{.status.storedVersions[*]}")).includes("v1beta1"));
  });

  step("is Actions secrets set on the web, whose values nobody can read any more", async () => {
    for (const repository of REPOSITORIES) {
      for (const name of Object.keys(DOCKERHUB)) await setActionsSecret(user, repository, name, "typed-on-the-web");
    }
  });

  step("is in the program's way as long as the stack does not say so, each thing by name", async () => {
    watch = await watchSecrets(user, KEYS);
    made = await identities();
    await user.run("pulumi", ["stack", "select", "--create", "dev", "--non-interactive"]);
    await set(user, "apps[1].externalSecretName", "reports");
    const { code, text } = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(code, 0);
    for (const line of [
      'project "acme" exists in Doppler',
      'environment "dev" of project "acme" exists in Doppler',
      'project "acme-shared" exists in Doppler',
      'environment "dev" of project "acme-shared" exists in Doppler',
      'Secret "doppler-token-auth" in namespace "external-secrets" exists in the cluster',
      'ClusterSecretStore "doppler-secret-store" exists in the cluster',
      'Secret "doppler-token-auth-shared" in namespace "external-secrets" exists in the cluster',
      'ClusterSecretStore "doppler-secret-store-shared" exists in the cluster',
      'ExternalSecret "reports" in namespace "reports" exists in the cluster',
      'Helm release "external-secrets" in namespace "external-secrets" exists in the cluster',
      "Actions secret DOCKERHUB_TOKEN of reports",
      "pulumi config set adopt true --stack dev",
    ])
      assert.ok(text.includes(line), line);
  });

  step("is shown as taken over, with nothing deleted or replaced", async () => {
    await set(user, "adopt", "true");
    const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
    const all = changes(stdout);
    assert.deepEqual(
      all.filter((change) => change.startsWith("import ")),
      [
        "import bookmarked-default-bookmarked-secrets",
        "import doppler-environment",
        "import doppler-project",
        "import doppler-shared-environment",
        "import doppler-shared-project",
        "import doppler-store-shared-store",
        "import doppler-store-shared-token",
        "import doppler-store-store",
        "import doppler-store-token",
        "import external-secrets-namespace",
        "import external-secrets-release",
        "import reports",
        "import reports-reports-reports-credentials",
      ],
    );
    assert.deepEqual(
      all.filter((change) => change.startsWith("update ")),
      [
        "update bookmarked-default-bookmarked-secrets",
        "update doppler-store-shared-store",
        "update doppler-store-shared-token",
        "update doppler-store-store",
        "update doppler-store-token",
        "update external-secrets-release",
        "update reports-reports-reports-credentials",
      ],
    );
    assert.deepEqual(
      all.filter((change) => !/^(import|update|create) /.test(change)),
      [],
    );
    assert.deepEqual(await identities(), made);
  });

  step("is taken over in one up: the same objects, the same values", async () => {
    const { text } = await user.up();
    assert.match(text, /are taken over[^\n]*Actions secret DOCKERHUB_TOKEN of bookmarked, reports/);
    assert.deepEqual(await identities(), made);
    assert.deepEqual(await typed(), { ...VALUES, ...DOCKERHUB });
    for (const repository of REPOSITORIES) {
      for (const [name, value] of Object.entries(DOCKERHUB))
        assert.equal(await actionsSecret(user, repository, name), value);
    }
    for (const project of Object.keys(PROJECTS)) {
      assert.deepEqual(Object.keys(await serviceTokens(project)).sort(), ["by-hand", "external-secrets-1"]);
    }
    assert.equal((await held("namespace", "reports")).metadata.labels?.[POD_SECURITY], "baseline");
  });

  step("runs under the new operator, which serves v1 alone", async () => {
    assert.deepEqual(await versions("{.spec.versions[?(@.served==true)].name}"), ["v1"]);
    // The release has the program's values for the chart now.
    assert.equal(await user.object("deployment", "external-secrets-cert-controller", "external-secrets"), undefined);
    const metrics = await eventually<Metrics>("the new operator has synced both apps", 90_000, async () => {
      const metrics = await operatorMetrics(user);
      const synced = ["bookmarked-secrets", "reports"].every(
        (name) => (metrics?.sum("externalsecret_sync_calls_total", { name }) ?? 0) > 0,
      );
      return synced ? metrics : undefined;
    });
    assert.deepEqual(
      Object.values(failures(metrics)).filter((count) => count > 0),
      [],
      JSON.stringify(failures(metrics)),
    );
  });

  step("leaves nothing to do, and nothing once the stack no longer says so", async () => {
    await user.pulumi("preview", "--stack", "dev", "--expect-no-changes");
    await user.pulumi("config", "rm", "--stack", "dev", "adopt");
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  });

  step("is nobody else's any more: no field is left to kubectl", async () => {
    for (const [kind, name, namespace] of [
      ["secret", "doppler-token-auth", "external-secrets"],
      [STORE_KIND, "doppler-secret-store", undefined],
      ["secret", "doppler-token-auth-shared", "external-secrets"],
      [STORE_KIND, "doppler-secret-store-shared", undefined],
      [APP_KIND, "bookmarked-secrets", "default"],
      [APP_KIND, "reports", "reports"],
    ] as const) {
      const managers = ((await held(kind, name, namespace)).metadata.managedFields ?? []).map(({ manager }) => manager);
      assert.deepEqual(
        managers.filter((manager) => manager.startsWith("kubectl")),
        [],
        `${kind} ${name}`,
      );
    }
  });

  step("can be changed like anything of the program", async () => {
    await set(user, "refreshInterval", "10s");
    await user.up();
    assert.equal((await held(APP_KIND, "reports", "reports")).spec?.refreshInterval, "10s");
  });

  step("is stored as v1 once each object has been written again", async () => {
    for (const kind of [APP_KIND, STORE_KIND]) {
      const { stdout } = await user.kubectl("get", kind, "--all-namespaces", "--output=json");
      await user.run("kubectl", ["replace", "--filename=-"], stdout);
      const patch = JSON.stringify({ status: { storedVersions: ["v1"] } });
      await user.kubectl("patch", "crd", kind, "--subresource=status", "--type=merge", `--patch=${patch}`);
    }
    assert.deepEqual(await versions("{.status.storedVersions[*]}"), ["v1"]);
    assert.deepEqual(await identities(), made);
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  });

  step("does without the tokens that were made by hand", async () => {
    const requests = operatorRequests(user).length;
    for (const project of Object.keys(PROJECTS)) {
      const slug = (await serviceTokens(project))["by-hand"] ?? "";
      await user.run("doppler", ["configs", "tokens", "revoke", slug, `--project=${project}`]);
    }
    await user.type("JWT_SECRET", "e2e-after-the-adoption");
    const bookmarked = { ...SECRETS["default/bookmarked-secrets"], JWT_SECRET: "e2e-after-the-adoption" };
    await delivered(user, { ...SECRETS, "default/bookmarked-secrets": bookmarked });
    assert.deepEqual(
      operatorRequests(user, requests).filter(({ status }) => status >= 400),
      [],
    );
  });

  step("never left an app without its Secret or a key of it", async () => {
    console.error(`# ${watch.writes} writes to the apps' Secrets`);
    assert.deepEqual(await watch.end(), []);
  });
});
