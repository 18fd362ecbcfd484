import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { askNow, begin, changes, delivered, editApps, SECRETS, set, VALUES } from "../support/established.js";
import { accessLog, operatorRequests } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// Apps that take a whole Doppler config, or all names that begin so, and values that are JSON objects. The operator
// itself renders the templates that the program writes for them.

/** Values that YAML, JSON or a template would change if one of them took them for its own. */
const AWKWARD: Readonly<Record<string, string>> = {
  W_LINES: "one\n\ttwo \r\n\n",
  W_QUOTES: `"double" 'single' \`back\` \\ <&> # - ? : , [ ] * & ! | > % @`,
  W_BRACES: '{{ .JWT_SECRET }} {{ fail "x" }} {{/* }} { } ${ $1',
  W_UTF8: "üñ 漢字 😀 \u2028\u2029\ufeff\u0085",
  W_CONTROL: "\u0001\u001f\u007f\u0080\u009f",
  W_LARGE: '"ü\n'.repeat(12_800),
  W_ZEROS: "007",
  W_TRUE: "true",
  W_NULL: "null",
  W_TILDE: "~",
  W_FLOAT: "1.10",
  W_DATE: "2026-01-02",
  W_BLANKS: "  a  ",
  W_EMPTY: "",
};
const STRIPE = { STRIPE_KEY: "e2e-stripe-key", STRIPE_WEBHOOK: "e2e-stripe-webhook" };
const OTHERS = { DB_HOST: "db.internal", KEPT_TLS_KEY: "e2e-kept" };
/** Plain configuration, by the program's rules and by the stack's, and TLS. */
const LEFT_OUT = { PORT: "8080", LOG_LEVEL: "debug", WEB_TLS_KEY: "e2e-tls" };

const NESTED =
  '{ "password": "p\\"w 12\\n{{ .X }} -3", "id": 1234567890123456789, "ratio": -1.50e+10, "list": [1, 2] }';
const APP_JSON =
  `{"username": "app", "account": 9223372036854775807, "on": true, "none": null, "db": ${NESTED},` +
  ` "PORT": "5432", "dotted.key-1": "x"}`;

let user: User;
const { step, broken } = story();

type App = Readonly<Record<string, unknown>>;

const APPS: readonly App[] = [
  { name: "star", namespace: "default", keys: "*" },
  {
    ...{ name: "stripe", namespace: "default", keys: "STRIPE_*" },
    values: { URL: "https://{{ .STRIPE_KEY }}@{{ .DB_HOST }}" },
  },
  { name: "spread", namespace: "default", keys: ["JWT_SECRET"], spread: ["APP_JSON"] },
  ...["perApp", "perKey"].map((fetch) => ({
    ...{ name: `parts-${fetch.toLowerCase()}`, namespace: "default", fetch },
    keys: {
      password: { name: "APP_JSON", property: "db.password" },
      id: { name: "APP_JSON", property: "db.id" },
      ratio: { name: "APP_JSON", property: "db.ratio" },
      account: { name: "APP_JSON", property: "account" },
      on: { name: "APP_JSON", property: "on" },
      jwt: "JWT_SECRET",
    },
  })),
];

/** Types values as they are. The Doppler CLI would cut a line break at the end. */
async function typeAsIs(secrets: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(`${user.sandbox.dopplerUrl}/v3/configs/config/secrets`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${user.env["DOPPLER_TOKEN"] ?? ""}:`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ project: "acme", config: "dev", secrets }),
  });
  assert.equal(response.status, 200);
}

const removeName = (...names: string[]) => user.run("doppler", ["secrets", "delete", ...names, "--yes", "--silent"]);

const held = (app: string) => user.secret("default", `${app}-secrets`);

/** Makes the operator read at once, and waits until an app's Secret holds this and nothing else. */
async function becomes(app: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  await askNow(user);
  await delivered(user, { [`default/${app}-secrets`]: wanted });
}

/** Waits until the operator says why it can't make an app's Secret. */
async function refused(app: string, why: string): Promise<void> {
  await askNow(user);
  await eventually(`the operator says of ${app}: ${why}`, 60_000, async () => {
    const { stdout } = await user.kubectl(
      ...["get", "events", "--namespace=default", "--output=json"],
      `--field-selector=involvedObject.name=${app}-secrets,reason=UpdateFailed`,
    );
    const { items } = JSON.parse(stdout) as { items: { message: string }[] };
    return items.some(({ message }) => message.includes(`error calling fail: ${why}`)) ? true : undefined;
  });
  const object = await user.object<{ status: { conditions: { type: string; reason: string }[] } }>(
    ...(["externalsecrets.external-secrets.io", `${app}-secrets`, "default"] as const),
  );
  assert.equal(object?.status.conditions.find(({ type }) => type === "Ready")?.reason, "SecretSyncedError");
}

const NO_STRIPE =
  "the Doppler config has no name that begins with STRIPE_ for this Secret; names that are left out do not count";

/** What is typed into the main project. */
const { SMTP_PASSWORD: _elsewhere, ...OWN } = VALUES;
const everything = { ...OWN, ...AWKWARD, ...OTHERS, ...STRIPE, APP_JSON };
const stripe = { ...STRIPE, URL: `https://${STRIPE.STRIPE_KEY}@${OTHERS.DB_HOST}` };
const parts = {
  password: 'p"w 12\n{{ .X }} -3',
  id: "1234567890123456789",
  ratio: "-1.50e+10",
  account: "9223372036854775807",
  on: "true",
  jwt: VALUES.JWT_SECRET,
};

describe("whole configs and values that are JSON", { concurrency: false }, () => {
  before(async () => {
    user = await begin();
    // The interval is so long that each read of this story is one that it asks for.
    await set(user, "refreshInterval", "1h");
    await set(user, "plainValues[0]", "LOG_LEVEL");
    await set(user, "secretNames[0]", "KEPT_TLS_KEY");
    editApps<App>(user, (apps) => [...apps, ...APPS]);
  });
  after(() => user?.leave(broken()));

  step("the first preview can't list what a pattern brings, and the first up says that a name is missing", async () => {
    const preview = await user.pulumi("preview", "--stack", "dev");
    assert.match(
      preview.text,
      /App "stripe" takes all names that begin with STRIPE_ of Doppler project "acme", config "dev"\. The config does not exist yet, so this preview can't list them\./,
    );
    const { text } = await user.up();
    assert.match(text, / {2}STRIPE_\* \(app stripe\)/);
    assert.match(text, /App "stripe" takes all names [^\n]* At present: none\./);
  });

  step("where no name matches, there is no Secret, and the ExternalSecret says why", async () => {
    for (const [name, value] of Object.entries({ ...VALUES, ...OTHERS })) await user.type(name, value);
    await refused("stripe", NO_STRIPE);
    assert.equal(await held("stripe"), undefined);
  });

  step("a whole config arrives byte for byte, without plain configuration, TLS and Doppler's own names", async () => {
    for (const values of [AWKWARD, STRIPE, LEFT_OUT, { APP_JSON }]) await typeAsIs(values);
    await becomes("star", everything);
  });

  step("all names that begin so arrive beside a value that is made of others", async () => {
    await becomes("stripe", stripe);
    await delivered(user);
  });

  step("a JSON object is spread into keys, with large numbers and inner objects as they are", async () => {
    await becomes("spread", {
      ...{ username: "app", account: "9223372036854775807", on: "true", none: "", db: NESTED, "dotted.key-1": "x" },
      JWT_SECRET: VALUES.JWT_SECRET,
    });
  });

  step("parts of a JSON object are exact, in either form of reading", async () => {
    for (const app of ["parts-perapp", "parts-perkey"]) await becomes(app, parts);
  });

  step("a pattern costs one read and parts none, and each JSON object that is spread one more", async () => {
    const from = accessLog(user).length;
    const started = new Date(Date.now() - 1000);
    await askNow(user);
    const apps = [...APPS.map(({ name }) => `${String(name)}-secrets`), "bookmarked-secrets"];
    for (const name of apps) {
      await eventually(`${name} is read`, 60_000, async () => {
        const object = await user.object<{ status: { refreshTime: string } }>(
          ...(["externalsecrets.external-secrets.io", name, "default"] as const),
        );
        return new Date(object?.status.refreshTime ?? 0) >= started ? true : undefined;
      });
    }
    const reads = operatorRequests(user, from)
      .map(({ path }) => new URL(path, "http://doppler"))
      .filter(({ pathname }) => pathname.startsWith("/v3/configs/config/secret"));
    const named = reads.map(({ searchParams }) => searchParams.get("name") ?? searchParams.get("secrets"));
    // star, stripe, spread, parts-perapp, bookmarked: one for all names of each. reports: one in each of two projects.
    assert.equal(named.filter((name) => name === null).length, 7);
    // spread's object; parts-perkey's two names.
    assert.deepEqual(named.filter((name) => name !== null).sort(), ["APP_JSON", "APP_JSON", "JWT_SECRET"]);
  });

  step("a preview lists the names there are, and neither it nor the outputs change when one is typed", async () => {
    const { text } = await user.pulumi("preview", "--stack", "dev", "--expect-no-changes");
    assert.match(text, /App "stripe" takes all names [^\n]* At present: STRIPE_KEY, STRIPE_WEBHOOK\./);
    assert.match(text, /Left out, as plain configuration or TLS: LOG_LEVEL, PORT, WEB_TLS_KEY\./);
    const outputs = async () => (await user.pulumi("stack", "output", "--stack", "dev", "--json")).stdout;
    await user.up();
    const before = await outputs();
    const { apps } = JSON.parse(before) as { apps: Record<string, { keys: string[]; pending: object }> };
    assert.deepEqual(apps["stripe"], {
      ...{ secretName: "stripe-secrets", namespace: "default", keys: ["URL"], patterns: ["STRIPE_*"], pending: {} },
      envFrom: { secretRef: { name: "stripe-secrets" } },
      env: { URL: { name: "URL", valueFrom: { secretKeyRef: { name: "stripe-secrets", key: "URL" } } } },
      workloadAnnotations: {},
    });
    await typeAsIs({ STRIPE_NEW: "e2e-new" });
    await user.up("--expect-no-changes");
    assert.equal(await outputs(), before);
  });

  step("a new name arrives without a run of the program, and a name that is deleted goes", async () => {
    await becomes("stripe", { ...stripe, STRIPE_NEW: "e2e-new" });
    await removeName("STRIPE_NEW", "STRIPE_WEBHOOK");
    await becomes("stripe", { STRIPE_KEY: stripe.STRIPE_KEY, URL: stripe.URL });
    await typeAsIs({ STRIPE_WEBHOOK: stripe.STRIPE_WEBHOOK });
    await becomes("stripe", stripe);
  });

  step("where a name of a template is missing, or nothing matches any more, the Secret stays as it was", async () => {
    editApps<App>(user, (apps) =>
      apps.map(({ values, ...app }) => (app["name"] === "stripe" ? app : { ...app, ...(values ? { values } : {}) })),
    );
    await user.up();
    await becomes("stripe", STRIPE);
    await removeName("STRIPE_KEY", "STRIPE_WEBHOOK");
    await refused("stripe", NO_STRIPE);
    assert.deepEqual(await held("stripe"), STRIPE);
    const { text } = await user.up();
    assert.match(text, / {2}STRIPE_\* \(app stripe\)/);
    await typeAsIs(STRIPE);
    await becomes("stripe", STRIPE);
  });

  step("where the JSON is none, or has no such part, the Secrets stay as they were", async () => {
    await typeAsIs({ APP_JSON: "no JSON" });
    await refused("parts-perapp", "the value of APP_JSON is no JSON object");
    await typeAsIs({ APP_JSON: '{"username": "app"}' });
    await refused("parts-perkey", "the JSON object in APP_JSON has no property ");
    for (const app of ["parts-perapp", "parts-perkey"]) assert.deepEqual(await held(app), parts);
    await typeAsIs({ APP_JSON: '{"PORT": 1}' });
    await refused(
      "spread",
      "the JSON object in APP_JSON has no property for this Secret; properties that are left out do not count",
    );
    assert.equal((await held("spread"))?.["username"], "app");
    await typeAsIs({ APP_JSON });
    await becomes("parts-perapp", parts);
  });

  step(
    "an app goes from a list to all names, with Doppler's own, and back, and no key is missing meanwhile",
    async () => {
      const keys = Object.keys(SECRETS["default/bookmarked-secrets"] ?? {});
      const watch = await watchSecrets(user, { "default/bookmarked-secrets": keys });
      let before: unknown;
      const take = (more: App) =>
        editApps<App>(user, (apps) =>
          apps.map((app) => {
            if (app["name"] !== "bookmarked") return app;
            before ??= app["keys"];
            return { ...app, ...more };
          }),
        );
      take({ keys: "*", dopplerNames: true });
      const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
      assert.deepEqual(changes(stdout), ["update bookmarked-default-bookmarked-secrets"]);
      await user.up();
      const own = { DOPPLER_CONFIG: "dev", DOPPLER_ENVIRONMENT: "dev", DOPPLER_PROJECT: "acme" };
      await becomes("bookmarked", { ...everything, ...own });
      take({ keys: before, dopplerNames: undefined });
      await user.up();
      await becomes("bookmarked", SECRETS["default/bookmarked-secrets"] ?? {});
      assert.deepEqual(await watch.end(), []);
    },
  );

  step("no value is in what the tools wrote", () => {
    const values = [STRIPE.STRIPE_KEY, LEFT_OUT.WEB_TLS_KEY, "1234567890123456789", "9223372036854775807"];
    for (const value of values)
      assert.ok(!user.transcript.includes(value), `${value.slice(0, 4)}… is in the transcript`);
    return Promise.resolve();
  });
});
