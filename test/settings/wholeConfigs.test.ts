import { matches } from "../../lib/namePattern";
import { parseStackConfig } from "../../src/settings";
import { leftOut, PLAIN_NAMES, plainName } from "../../src/settings/rules/classification";
import { tlsProblem } from "../../src/settings/rules/tls";
import { app, DOPPLER_NAME, problemsOf, source, type Values } from "./support";

// Keys that are not named one by one, and parts of JSON objects.

const appOf = (over: Values, rest: Values = {}) => parseStackConfig(source({ ...app(over), ...rest })).apps[0];

const PATTERN =
  'expected a list of Doppler secret names, "*" for all of the config, or how names begin and "*", such as "STRIPE_*"';
const CERT = "belongs to cert-manager, which issues it in the cluster and renews it";

describe("keys that come by a pattern", () => {
  it("have no names of their own", () => {
    expect(appOf({ keys: "STRIPE_*" })).toMatchObject({ keys: {}, values: {}, pattern: "STRIPE_*" });
    expect(appOf({ keys: "*", values: { URL: "{{ .A }}" } })).toMatchObject({
      pattern: "*",
      values: { URL: "{{ .A }}" },
    });
  });

  it("have Doppler's own three among them where these are asked for", () => {
    expect(appOf({ keys: "*", dopplerNames: true })).toMatchObject({
      pattern: "*",
      keys: {
        DOPPLER_CONFIG: "DOPPLER_CONFIG",
        DOPPLER_ENVIRONMENT: "DOPPLER_ENVIRONMENT",
        DOPPLER_PROJECT: "DOPPLER_PROJECT",
      },
    });
  });

  it.each<[Values, string]>([
    [{ keys: "STRIPE_KEY" }, `apps[0].keys: ${PATTERN}`],
    [{ keys: "*_KEY" }, `apps[0].keys: ${PATTERN}`],
    [{ keys: "STRIPE_.*" }, `apps[0].keys: ${PATTERN}`],
    [{ keys: "" }, `apps[0].keys: ${PATTERN}`],
    [
      { keys: ["A"], dopplerNames: true },
      "apps[0].dopplerNames: has no effect without a pattern in keys; a list of keys may have Doppler's own names in it",
    ],
    [
      { keys: "*", dopplerNames: true, values: { DOPPLER_CONFIG: "{{ .A }}" } },
      "apps[0].values.DOPPLER_CONFIG: is in keys too; each key is set once, here or in keys",
    ],
    [
      { keys: "*", type: "kubernetes.io/basic-auth" },
      "apps[0].type: needs the key username or password in keys or values",
    ],
  ])("are refused as %j", (over, message) => {
    expect(problemsOf(app(over))).toEqual([message]);
  });
});

describe("a JSON object that is spread", () => {
  it("is a source of keys by itself, or beside others", () => {
    expect(appOf({ keys: undefined, spread: ["APP_JSON"] })).toMatchObject({ keys: {}, spread: ["APP_JSON"] });
    expect(appOf({ keys: "*", spread: ["APP_JSON"] })).toMatchObject({ pattern: "*", spread: ["APP_JSON"] });
  });

  it("may have the keys that a Secret's type needs", () => {
    expect(problemsOf(app({ keys: undefined, spread: ["LOGIN"], type: "kubernetes.io/basic-auth" }))).toEqual([]);
  });

  it.each<[Values, string]>([
    [{ spread: ["app-json"] }, `apps[0].spread[0]: ${DOPPLER_NAME}`],
    [{ spread: [] }, "apps[0].spread: expected at least one key"],
    [{ spread: ["WEB_TLS_KEY"] }, `apps[0].spread[0]: a TLS certificate, or its private key, ${CERT}`],
    [{ spread: ["PORT"] }, "apps[0].spread[0]: is plain configuration"],
  ])("is refused as %j", (over, message) => {
    expect(problemsOf(app(over))).toEqual([expect.stringContaining(message)]);
  });
});

describe("a part of a JSON object", () => {
  const part = { name: "APP_JSON", property: "db.password" };

  it("stands beside names", () => {
    expect(appOf({ keys: { password: part, jwt: "JWT_SECRET" } })).toMatchObject({
      keys: { jwt: "JWT_SECRET" },
      parts: { password: part },
    });
  });

  it("is among the keys that a Secret's type needs, and that templates must not have again", () => {
    expect(problemsOf(app({ keys: { password: part }, type: "kubernetes.io/basic-auth" }))).toEqual([]);
    expect(problemsOf(app({ keys: { password: part }, values: { password: "{{ .A }}" } }))).toEqual([
      "apps[0].values.password: is in keys too; each key is set once, here or in keys",
    ]);
  });

  it.each<[unknown, string]>([
    [{ name: "APP_JSON" }, "apps[0].keys.k.property: expected a text, got nothing"],
    [{ ...part, name: "app" }, `apps[0].keys.k.name: ${DOPPLER_NAME}`],
    [{ ...part, property: "db..password" }, "apps[0].keys.k.property: expected the way to a part of a JSON object"],
    [{ ...part, property: 'a"}}' }, "apps[0].keys.k.property: expected the way to a part of a JSON object"],
    [{ ...part, version: 1 }, "apps[0].keys.k.version: is not a setting; expected one of name, property"],
    [{ name: "PORT", property: "a" }, "apps[0].keys.k: is plain configuration"],
    [{ name: "WEB_TLS_KEY", property: "a" }, `apps[0].keys.k: a TLS certificate, or its private key, ${CERT}`],
    [7, "apps[0].keys.k: expected a Doppler secret name, or a map of name and property, got a number"],
  ])("is refused as %j", (from, message) => {
    expect(problemsOf(app({ keys: { k: from } }))).toEqual([expect.stringContaining(message)]);
  });
});

describe("names that a pattern or a JSON object brings", () => {
  const NAMES = [
    ...[...Object.keys(PLAIN_NAMES), "LOG_LEVEL", "WEB_TLS_KEY", "TLS_CERT", "SSL_CERTIFICATE", "A_SSL_PRIVATE_KEY"],
    ...[
      "DATABASE_URL",
      "EXPORT",
      "PORT_A",
      "TLS_KEY_ID",
      "MTLS_KEY",
      "A_TLS_KEYS",
      "tls.crt",
      "tls.key",
      "tls.key2",
      "port",
    ],
  ];
  const LISTS = [
    { plainValues: [], secretNames: [] },
    { plainValues: ["LOG_LEVEL"], secretNames: ["PORT", "WEB_TLS_KEY", "NODE_ENV"] },
  ];

  it.each(LISTS)("are left out where the same name would be refused, under %j", (rules) => {
    const { leaveOut = "", keep = [] } = leftOut({ pattern: "*" }, rules);
    const refused = (name: string) =>
      plainName(name, rules) ?? tlsProblem({ keys: [name], dopplerNames: [name] }, rules.secretNames);
    const isOut = (name: string) => new RegExp(`^(?:${leaveOut})$`).test(name) && !keep.includes(name);
    expect(NAMES.filter(isOut)).toEqual(NAMES.filter((name) => refused(name) !== undefined));
    expect(NAMES.filter(isOut).length).toBeGreaterThan(4);
  });

  it("are left out as the stack says, for the apps that have a pattern or spread an object, and no others", () => {
    const rest = { plainValues: ["LOG_LEVEL"], secretNames: ["PORT"] };
    expect(appOf({ keys: "*" }, rest)).toMatchObject({
      leaveOut: expect.stringMatching(/^ALLOWED_ORIGINS\|LOG_LEVEL\|NODE_ENV\|PORT\|PROMETHEUS_URL\|\(/) as string,
      keep: ["PORT"],
    });
    expect(appOf({ keys: undefined, spread: ["A"] })).toHaveProperty("leaveOut");
    expect(appOf({ keys: ["A"] })).not.toHaveProperty("leaveOut");
  });

  it("are all let in from an object whose own name is a secret's", () => {
    expect(appOf({ keys: undefined, spread: ["TLS_JSON", "B"] }, { secretNames: ["TLS_JSON"] })).toMatchObject({
      keep: ["TLS_JSON"],
    });
    expect(problemsOf({ ...app({ keys: "*" }), secretNames: ["TLS_JSON"] })).toEqual([
      "secretNames[0]: has no effect, since nothing refuses this name",
    ]);
  });

  it("are found by the operator with a regular expression that has nothing but what JavaScript and RE2 read alike", () => {
    const { leaveOut = "" } = leftOut({ pattern: "*" }, { plainValues: [], secretNames: [] });
    expect(leaveOut).not.toMatch(/\(\?[^:]|\\[^w.]|[$^]|\{/);
    expect(matches("*", "A")).toBe(true);
  });
});
