import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { begin, changes, editApps, SECRETS, set, VALUES } from "../support/established.js";
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

const PASSWORD = 'p"w 12\n{{ .X }} -3';
const APP_JSON = [
  '{"username": "app", "account": 9223372036854775807, "on": true, "none": null, "PORT": "5432", "dotted.key-1": "x",',
  ` "db": { "password": ${JSON.stringify(PASSWORD)}, "ratio": -1.50e+10, "id": 1234567890123456789, "list": [1, "2"] } }`,
].join("\n");
/** The inner object as the Secret has it. */
const DB = `{"id":1234567890123456789,"list":[1,"2"],"password":${JSON.stringify(PASSWORD)},"ratio":-1.50e+10}`;

let user: User;
const { step, broken } = story();

type App = Readonly<Record<string, unknown>>;
type Synced = { status?: { conditions: { reason: string }[] } };
type Events = { items: { message: string }[] };

const KIND = "externalsecrets.external-secrets.io";

/** The ways in which the operator reads. */
const FORMS = ["perApp", "perKey", "mirror"] as const;

const appOf = (kind: string, fetch: string, more: App): App => ({
  ...{ name: `${kind}-${fetch.toLowerCase()}`, namespace: "default", fetch },
  ...more,
});

const part = (property: string) => ({ name: "APP_JSON", property });

const APPS: readonly App[] = [
  ...["perApp", "mirror"].map((fetch) => appOf("star", fetch, { keys: "*" })),
  {
    name: "stripe",
    namespace: "default",
    keys: "STRIPE_*",
    values: { URL: "https://{{ .STRIPE_KEY }}@{{ .DB_HOST }}" },
  },
  ...FORMS.flatMap((fetch) => [
    appOf("spread", fetch, { keys: ["JWT_SECRET"], spread: ["APP_JSON"] }),
    appOf("parts", fetch, {
      keys: {
        ...{ password: part("db.password"), id: part("db.id"), ratio: part("db.ratio"), account: part("account") },
        ...{ on: part("on"), list: part("db.list"), jwt: "JWT_SECRET" },
      },
    }),
  ]),
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

/** Waits until the operator has asked Doppler for nothing for a while. */
const quiet = () =>
  eventually("the operator is done", 60_000, () => {
    const last = operatorRequests(user).at(-1);
    return Promise.resolve(Date.now() - Date.parse(last?.time ?? "") > 5000 ? true : undefined);
  });

const held = (app: string) => user.secret("default", `${app}-secrets`);

/** Makes the operator read at once for the mirror and for an app. */
async function ask(app: string): Promise<void> {
  for (const [namespace, name] of [
    ["external-secrets", "doppler-secret-store-mirror"],
    ["default", `${app}-secrets`],
  ] as const) {
    const sync = `force-sync=${Date.now()}`;
    await user.kubectl("annotate", KIND, name, `--namespace=${namespace}`, sync, "--overwrite");
  }
}

/** Waits until an app's Secret holds this and nothing else, and makes the operator read until then. */
async function becomes(app: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  let found: Record<string, string> | undefined;
  await eventually(`${app} has what is typed`, 60_000, async () => {
    await ask(app);
    found = await held(app);
    return isDeepStrictEqual(found, wanted) ? true : undefined;
  }).catch(() => assert.deepEqual(found, wanted));
}

/** Waits until the operator can't make an app's Secret, and has said why. */
async function refused(app: string, why: string): Promise<void> {
  const object = ["--namespace=default", "--output=json"];
  const ofApp = `--field-selector=involvedObject.name=${app}-secrets,reason=UpdateFailed`;
  await eventually(`the operator says of ${app}: ${why}`, 60_000, async () => {
    await ask(app);
    const { status } = JSON.parse((await user.kubectl("get", KIND, `${app}-secrets`, ...object)).stdout) as Synced;
    if (!status?.conditions.some(({ reason }) => reason === "SecretSyncedError")) return undefined;
    const { items } = JSON.parse((await user.kubectl("get", "events", ofApp, ...object)).stdout) as Events;
    return items.some(({ message }) => message.includes(`error calling fail: ${why}`)) ? true : undefined;
  });
}

const NO_STRIPE =
  "the Doppler config has no name that begins with STRIPE_ for this Secret; names that are left out do not count";

const NO_PROPERTY =
  "the JSON object in APP_JSON has no property for this Secret; properties that are left out do not count";

/** What is typed into the main project. */
const OWN = Object.fromEntries(Object.entries(VALUES).filter(([name]) => name !== "SMTP_PASSWORD"));
const everything = { ...OWN, ...AWKWARD, ...OTHERS, ...STRIPE, APP_JSON };
const stripe = { ...STRIPE, URL: `https://${STRIPE.STRIPE_KEY}@${OTHERS.DB_HOST}` };
const jwt = VALUES.JWT_SECRET;
const account = "9223372036854775807";
const parts = {
  ...{ password: PASSWORD, id: "1234567890123456789", ratio: "-1.50e+10", list: '[1,"2"]' },
  ...{ account, on: "true", jwt },
};
const spread = { username: "app", account, on: "true", none: "", "dotted.key-1": "x", db: DB, JWT_SECRET: jwt };

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
    for (const app of ["star-perapp", "star-mirror"]) await becomes(app, everything);
  });

  step("all names that begin so arrive beside a value that is made of others", async () => {
    await becomes("stripe", stripe);
    await becomes("bookmarked", SECRETS["default/bookmarked-secrets"] ?? {});
  });

  step("a JSON object is spread into keys, with large numbers and inner objects as they are", async () => {
    for (const fetch of FORMS) await becomes(`spread-${fetch.toLowerCase()}`, spread);
  });

  step("parts of a JSON object are exact, in each form of reading", async () => {
    for (const fetch of FORMS) await becomes(`parts-${fetch.toLowerCase()}`, parts);
  });

  step("a pattern and a JSON object are read with all other names, and not each by itself", async () => {
    await quiet();
    const from = accessLog(user).length;
    const read = ["star-perapp", "stripe", "spread-perapp", "parts-perapp"];
    for (const app of read) await ask(app);
    const paths = () =>
      operatorRequests(user, from)
        .map(({ path }) => path.split("?")[0] ?? "")
        .filter((path) => path.startsWith("/v3/configs/config/secret"));
    await eventually("all are read", 60_000, () => Promise.resolve(paths().length > read.length || undefined));
    await quiet();
    assert.deepEqual([...new Set(paths())], ["/v3/configs/config/secrets/download"]);
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

  step("where nothing matches any more, the Secret stays as it was", async () => {
    await removeName("STRIPE_KEY", "STRIPE_WEBHOOK");
    await refused("stripe", NO_STRIPE);
    assert.deepEqual(await held("stripe"), stripe);
    const { text } = await user.up();
    assert.match(text, / {2}STRIPE_\* \(app stripe\)/);
    await typeAsIs(STRIPE);
    await becomes("stripe", stripe);
  });

  step("where the JSON is none, or has no such part, the Secrets stay as they were", async () => {
    await typeAsIs({ APP_JSON: "no JSON" });
    for (const app of ["parts-perapp", "spread-mirror"]) {
      await refused(app, "the value of APP_JSON is no JSON object");
    }
    await typeAsIs({ APP_JSON: '{"username": "app"}' });
    await refused("parts-perkey", "the JSON object in APP_JSON has no property ");
    for (const app of ["parts-perapp", "parts-perkey"]) assert.deepEqual(await held(app), parts);
    await typeAsIs({ APP_JSON: '{"PORT": 1}' });
    await refused("spread-mirror", NO_PROPERTY);
    assert.equal((await held("spread-mirror"))?.["username"], "app");
    await typeAsIs({ APP_JSON });
    await becomes("spread-mirror", spread);
  });

  step("an app goes from a list to all names and back, and no key is missing meanwhile", async () => {
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
  });

  step("no value is in what the tools wrote", () => {
    const values = [STRIPE.STRIPE_KEY, LEFT_OUT.WEB_TLS_KEY, "1234567890123456789", "9223372036854775807"];
    for (const value of values)
      assert.ok(!user.transcript.includes(value), `${value.slice(0, 4)}… is in the transcript`);
    return Promise.resolve();
  });
});
