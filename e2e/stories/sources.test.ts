import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { readManagementToken } from "secrets-pipeline-sandbox";
import { askNow, begin, changes, delivered, editApps, KEYS, SECRETS, set, VALUES } from "../support/established.js";
import { accessLog, failures, operatorMetrics, operatorRequests } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// A stack that reads two Doppler projects: each has a token and a store of its own, and the app reports has a key of each
// in one Secret.

const OPERATOR = "external-secrets";
const SHARED = {
  project: "acme-shared",
  store: "doppler-secret-store-shared",
  tokenSecret: "doppler-token-auth-shared",
};
const MAIN = { project: "acme", store: "doppler-secret-store", tokenSecret: "doppler-token-auth" };

let user: User;
const { step, broken } = story();

interface ServiceToken {
  readonly name: string;
  readonly slug: string;
}

/** The service tokens of a project's dev config. */
async function serviceTokens({ project }: typeof MAIN): Promise<ServiceToken[]> {
  const response = await fetch(`${user.sandbox.dopplerUrl}/v3/configs/config/tokens?project=${project}&config=dev`, {
    headers: { authorization: `Bearer ${readManagementToken(user.here.doppler)}` },
  });
  return ((await response.json()) as { tokens: ServiceToken[] }).tokens;
}

/** A text that changes with each write to the way from the cluster to a project, by whomever. */
async function wayTo({ store, tokenSecret, ...source }: typeof MAIN): Promise<string[]> {
  const versionOf = async (kind: string, name: string, namespace?: string) => {
    const object = await user.object<{ metadata: { uid: string; resourceVersion: string; generation?: number } }>(
      ...([kind, name, namespace] as const),
    );
    const { uid, resourceVersion, generation } = object?.metadata ?? assert.fail(`there is no ${kind} ${name}`);
    // The operator writes a store's status; its spec is the program's.
    return `${kind} ${name} ${uid} ${generation ?? resourceVersion}`;
  };
  return [
    await versionOf("secret", tokenSecret, OPERATOR),
    await versionOf("clustersecretstores.external-secrets.io", store),
    ...(await serviceTokens({ ...source, store, tokenSecret })).map(({ name, slug }) => `token ${name} ${slug}`),
  ];
}

/** What is held by a Secret and who wrote it last. */
const resourceVersion = async (namespace: string, name: string) =>
  (await user.object<{ metadata: { resourceVersion: string } }>("secret", name, namespace))?.metadata.resourceVersion;

/** Waits until the operator has synced each app once more. */
async function moreSyncs(): Promise<void> {
  const syncs = async () => (await operatorMetrics(user))?.sum("externalsecret_sync_calls_total") ?? 0;
  const from = await syncs();
  await eventually("more syncs", 30_000, async () => ((await syncs()) >= from + 4 ? true : undefined));
}

describe("a stack that reads two Doppler projects", { concurrency: false }, () => {
  before(async () => {
    user = await begin({ plan: "enterprise" });
    await set(user, "refreshInterval", "1s");
  });
  after(() => user?.leave(broken()));

  step("says of each project which values are missing, and where to type them", async () => {
    const { text } = await user.up();
    assert.match(text, /5 Doppler names need values in project "acme", config "dev"/);
    assert.match(
      text,
      /1 Doppler name needs a value in project "acme-shared", config "dev":\s+SMTP_PASSWORD \(app reports\)\s+[^\n]*doppler secrets set NAME --project acme-shared --config dev/,
    );
  });

  step(
    "makes no Secret of two projects while one of them lacks its value, and says which name is missing",
    async () => {
      for (const name of ["DATABASE_URL", "JWT_SECRET", "REPORTS_DATABASE_URL"] as const)
        await user.type(name, VALUES[name]);
      await askNow(user);
      await eventually("the operator says what is missing", 60_000, async () => {
        const { stdout } = await user.kubectl("get", "events", "--namespace=reports", "--output=json");
        const { items } = JSON.parse(stdout) as { items: { message?: string }[] };
        return items.find(({ message }) => message?.includes('no entry for key "shared__SMTP_PASSWORD"'));
      });
      assert.equal(await user.secret("reports", "reports-credentials"), undefined);
    },
  );

  step("delivers one Secret from two projects, each key from its own", async () => {
    // The main project has a value of this name as well, which nobody asks for.
    await user.type("SMTP_PASSWORD", "e2e-not-this-one", "acme");
    await user.type("SMTP_PASSWORD", VALUES.SMTP_PASSWORD);
    await askNow(user);
    await delivered(user);
    await user.type("SMTP_PASSWORD", "e2e-another-one");
    await delivered(user, {
      "reports/reports-credentials": {
        ...SECRETS["reports/reports-credentials"],
        "smtp-password": "e2e-another-one",
      },
    });
    await user.type("SMTP_PASSWORD", VALUES.SMTP_PASSWORD);
    await delivered(user);
  });

  step("has nothing to do at a second up, nor after a refresh", async () => {
    await user.up("--expect-no-changes");
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  });

  step("gives each token the right to read its own config and nothing else", async () => {
    for (const [own, other] of [
      [MAIN, SHARED],
      [SHARED, MAIN],
    ] as const) {
      const token = (await user.secret(OPERATOR, own.tokenSecret))?.["dopplerToken"] ?? "";
      const read = async ({ project }: typeof MAIN) => {
        const url = `${user.sandbox.dopplerUrl}/v3/configs/config/secrets/names?project=${project}&config=dev`;
        return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
      };
      assert.equal(await read(own), 200);
      assert.ok((await read(other)) >= 400, "the other project is out of reach");
    }
  });

  step("lets only those namespaces use a store whose Secrets are made from it", async () => {
    const conditions = async ({ store }: typeof MAIN) =>
      (await user.object<{ spec: { conditions: unknown } }>("clustersecretstores.external-secrets.io", store))?.spec
        .conditions;
    assert.deepEqual(await conditions(MAIN), [{ namespaces: ["default", "reports"] }]);
    assert.deepEqual(await conditions(SHARED), [{ namespaces: ["reports"] }]);
  });

  /** Rotates the token of one source, while the other is watched. */
  const rotate =
    (setting: string, own: typeof MAIN, other: typeof MAIN, untouched: readonly [string, string][]) => async () => {
      await moreSyncs();
      const metrics = (await operatorMetrics(user)) ?? assert.fail("the operator serves no metrics");
      const from = accessLog(user).length;
      const [old] = await serviceTokens(own);
      const ofOther = await wayTo(other);
      const held = await Promise.all(untouched.map(([namespace, name]) => resourceVersion(namespace, name)));
      const watch = await watchSecrets(user, KEYS);
      await set(user, setting, "external-secrets-2");
      const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
      console.error(`# ${changes(stdout).join(", ")}`);
      await user.up();
      await moreSyncs();
      assert.deepEqual(
        (await serviceTokens(own)).map(({ name }) => name),
        ["external-secrets-2"],
      );
      assert.notEqual((await serviceTokens(own))[0]?.slug, old?.slug);
      assert.deepEqual(
        await wayTo(other),
        ofOther,
        "the other project's token, token Secret and store are as they were",
      );
      assert.deepEqual(await Promise.all(untouched.map(([namespace, name]) => resourceVersion(namespace, name))), held);
      assert.deepEqual(
        operatorRequests(user, from).filter(({ status }) => status >= 400),
        [],
        "no request was refused",
      );
      const now = (await operatorMetrics(user)) ?? assert.fail("the operator serves no metrics");
      assert.equal(now.startedAt, metrics.startedAt, "one operator counted all of it");
      assert.deepEqual(failures(now), failures(metrics));
      assert.deepEqual(await watch.end(), []);
      assert.equal(watch.writes, 0, "no Secret was written");
    };

  const BOTH: [string, string][] = [
    ["default", "bookmarked-secrets"],
    ["reports", "reports-credentials"],
  ];
  const rotateShared = rotate("sources[0].serviceToken", SHARED, MAIN, BOTH);
  step("rotates the token of one project and does not touch the other", rotateShared);
  const rotateMain = rotate("doppler.serviceToken", MAIN, SHARED, BOTH);
  step("rotates the main project's token and does not touch the other", rotateMain);

  step("moves an app from one project to the other, and no key is missing meanwhile", async () => {
    await user.type("JWT_SECRET", "e2e-jwt-of-the-other-project", "acme-shared");
    const watch = await watchSecrets(user, { "default/bookmarked-secrets": ["DATABASE_URL", "JWT_SECRET"] });
    editApps<Record<string, unknown>>(user, (apps) =>
      apps.map((app) =>
        app["name"] === "bookmarked" ? { ...app, keys: ["DATABASE_URL"], from: { shared: ["JWT_SECRET"] } } : app,
      ),
    );
    await user.up();
    await delivered(user, {
      "default/bookmarked-secrets": {
        DATABASE_URL: VALUES.DATABASE_URL,
        JWT_SECRET: "e2e-jwt-of-the-other-project",
      },
    });
    assert.deepEqual(await watch.end(), []);
  });

  step("refuses to let go of a project that others have an environment in", async () => {
    await user.run("doppler", ["environments", "create", "Production", "prd", `--project=${SHARED.project}`]);
    editApps<Record<string, unknown>>(user, (apps) => apps.map((app) => ({ ...app, keys: ["JWT_SECRET"], from: {} })));
    const file = ["config", "rm", "--stack", "dev", "--path", "sources[0]"];
    await user.run("pulumi", file);
    const { code, text } = await user.tries("up");
    assert.notEqual(code, 0);
    assert.match(text, /No source of this stack reads Doppler project "acme-shared" any more/);
    assert.match(text, /Still in use by environment "prd"/);
    await user.run("doppler", ["environments", "delete", "prd", `--project=${SHARED.project}`, "--yes"]);
  });

  step("lets go of a project that nobody uses any more, with its token and its store", async () => {
    await user.up();
    const projects = JSON.parse((await user.run("doppler", ["projects", "--json"])).stdout) as { name: string }[];
    assert.deepEqual(
      projects.map(({ name }) => name),
      ["acme"],
    );
    assert.equal(await user.object("secret", SHARED.tokenSecret, OPERATOR), undefined);
    assert.equal(await user.object("clustersecretstores.external-secrets.io", SHARED.store), undefined);
    await delivered(user, { "default/bookmarked-secrets": { JWT_SECRET: VALUES.JWT_SECRET } });
  });

  step("shows no value and no token in what a tool wrote", () => {
    for (const value of [...Object.values(VALUES), "e2e-jwt-of-the-other-project"]) {
      assert.ok(!user.transcript.includes(value), "a value is in clear");
    }
    return Promise.resolve();
  });
});
