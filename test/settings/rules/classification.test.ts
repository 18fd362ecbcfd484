import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { readSettings } from "../../../src/settings/reading";
import { classificationProblems, PLAIN_NAMES, plainName } from "../../../src/settings/rules/classification";
import { tlsProblem } from "../../../src/settings/rules/tls";
import type { ConfigSource } from "../../../src/settings/source";
import { actions, app, doppler, DOPPLER_NAME, minimal, problemsOf, type Values } from "../support";

const NONE = { plainValues: [], secretNames: [] };

const judged = (values: Record<string, unknown>, over: Partial<ConfigSource> = {}) =>
  classificationProblems(readSettings("dev", values), {
    ...{ stack: "dev", values, secretKeys: new Set(), foreignKeys: [], env: {}, siblings: new Map(), ...over },
  });

describe("names of plain configuration", () => {
  it("are these, until a stack says more", () => {
    expect(Object.keys(PLAIN_NAMES).sort()).toEqual(["ALLOWED_ORIGINS", "NODE_ENV", "PORT", "PROMETHEUS_URL"]);
  });

  it.each(Object.entries(PLAIN_NAMES))("%s, with the reason", (name, reason) => {
    expect(plainName(name, NONE)).toContain(reason);
    expect(plainName(name, { ...NONE, secretNames: [name] })).toBeUndefined();
  });

  it("the stack's own, and no other", () => {
    expect(plainName("LOG_LEVEL", NONE)).toBeUndefined();
    expect(plainName("LOG_LEVEL", { ...NONE, plainValues: ["LOG_LEVEL"] })).toContain("plainValues");
    expect(plainName("DATABASE_PORT", NONE)).toBeUndefined();
    expect(plainName("constructor", NONE)).toBeUndefined();
  });
});

/** A DER element of less than 64 KiB. */
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};

/** A certificate as a server shows it: issued by somebody else, and no authority. Its signature is none. */
function serverCertificate(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const name = (text: string) =>
    der(0x30, der(0x31, der(0x30, der(0x06, Buffer.from("550403", "hex")), der(0x0c, Buffer.from(text)))));
  const algorithm = der(0x30, der(0x06, Buffer.from("2b6570", "hex")));
  const time = (text: string) => der(0x17, Buffer.from(text));
  const certificate = der(
    0x30,
    der(
      0x30,
      der(0x02, Buffer.from([1])),
      algorithm,
      name("An issuer"),
      der(0x30, time("240101000000Z"), time("340101000000Z")),
      name("web.acme.example"),
      publicKey.export({ format: "der", type: "spki" }),
    ),
    algorithm,
    der(0x03, Buffer.alloc(65)),
  );
  return `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

describe("TLS, which belongs to cert-manager", () => {
  const server = serverCertificate();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  it("the made certificate is one, of a server", () => {
    const { ca, subject, issuer } = new X509Certificate(server);
    expect({ ca, subject, issuer }).toEqual({ ca: false, subject: "CN=web.acme.example", issuer: "CN=An issuer" });
  });

  it.each([
    ["a target of its type", { type: "kubernetes.io/tls" }],
    ["its certificate's key", { keys: ["tls.crt"] }],
    ["its private key's key", { keys: ["other", "tls.key"] }],
    ["a Doppler name", { dopplerNames: ["TLS_CERT"] }],
    ["a Doppler name with more to it", { dopplerNames: ["WEB_SSL_PRIVATE_KEY"] }],
    ["a private key", { texts: [String(privateKey.export({ format: "pem", type: "pkcs8" }))] }],
    ["a certificate", { texts: [`# of web\n${server}`] }],
  ])("%s", (_what, target) => {
    expect(tlsProblem(target, [])).toMatch(/belongs to cert-manager, which issues it/);
  });

  it.each([
    ["another type", { type: "Opaque", keys: ["ca.crt", "password"], dopplerNames: ["DATABASE_TLS_MODE"] }],
    ["other keys", { dopplerNames: ["GITHUB_APP_PRIVATE_KEY", "JWT_PRIVATE_KEY", "SIGNING_CERT"] }],
    ["an authority's certificate", { texts: [...rootCertificates] }],
    ["a template", { texts: ["{{ .password }}"] }],
    ["nothing", {}],
  ])("not %s", (_what, target) => {
    expect(tlsProblem(target, [])).toBeUndefined();
  });

  it("not a name that the stack says is a secret", () => {
    expect(tlsProblem({ dopplerNames: ["BANK_TLS_KEY"] }, ["BANK_TLS_KEY"])).toBeUndefined();
  });
});

describe("what is encrypted in the stack's file", () => {
  const clear = "postgres://app:pw@db/app";
  const paths = (values: Record<string, unknown>, over: Partial<ConfigSource>) =>
    judged(values, over).map(({ path }) => path);
  const values = { operator: { values: { a: clear, b: [clear, clear] } } };
  const secretKeys = new Set(["operator"]);
  // As Pulumi writes it: looks as random as what it hides.
  const secure = `v1:${randomBytes(12).toString("base64")}:${randomBytes(40).toString("base64")}`;

  it("is not judged, and what is beside it is", () => {
    const file = { operator: { values: { a: { secure }, b: [{ secure }, clear] } } };
    expect(paths(values, { secretKeys, siblings: new Map([["dev", file]]) })).toEqual(["operator.values.b[1]"]);
  });

  it("is not judged where it is the whole setting, or where the file is elsewhere", () => {
    const file = { operator: { secure } };
    expect(paths(values, { secretKeys, siblings: new Map([["dev", file]]) })).toEqual([]);
    expect(paths(values, { secretKeys })).toEqual([]);
  });

  it("is no other stack's matter", () => {
    expect(paths(values, { siblings: new Map([["prod", { operator: { secure } }]]) })).toHaveLength(3);
  });

  it("is not taken for encrypted on its own word", () => {
    expect(paths({ operator: { values: { secure: clear } } }, {})).toEqual(["operator.values.secure"]);
  });
});

describe("what belongs elsewhere than it is", () => {
  const LIST = "name it in secretNames if it is a secret here";
  const CLEAR =
    'in clear: type it into Doppler, or store it with "pulumi config set --secret --path"; replace it, since it has been in a file';
  // Put together here, so that no scanner of secrets takes this file for a leak.
  const token = `ghp_${"Ab3dEf6hIj".repeat(4).slice(0, 36)}`;
  const pem = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");

  it.each<[string, Values, string[]]>([
    [
      "plain configuration as a secret",
      app({ keys: ["DATABASE_URL", "PORT"] }),
      [
        `apps[0].keys[1]: is plain configuration (an application's port number): write it into the app's manifests, or ${LIST}`,
      ],
    ],
    [
      "plain configuration under another key",
      app({ keys: { origins: "ALLOWED_ORIGINS" } }),
      [
        `apps[0].keys.origins: is plain configuration (CORS origins, publicly visible in responses): write it into the app's manifests, or ${LIST}`,
      ],
    ],
    [
      "plain configuration under another Doppler name",
      app({ keys: { NODE_ENV: "WEB_NODE_ENV" } }),
      [
        `apps[0].keys.NODE_ENV: is plain configuration (an environment's identifier): write it into the app's manifests, or ${LIST}`,
      ],
    ],
    [
      "what the stack says is plain",
      { ...app({ keys: ["LOG_LEVEL"] }), plainValues: ["LOG_LEVEL"] },
      ["apps[0].keys[0]: is plain configuration (plainValues names it): write it into the app's manifests"],
    ],
    ["an exception", { ...app({ keys: ["PROMETHEUS_URL"] }), secretNames: ["PROMETHEUS_URL"] }, []],
    [
      "an exception to nothing",
      { ...minimal(), secretNames: ["DATABASE_URL"] },
      ["secretNames[0]: has no effect, since nothing refuses this name"],
    ],
    [
      "a name that is both",
      { ...minimal(), plainValues: ["PORT"], secretNames: ["PORT"] },
      ["secretNames[0]: is in plainValues too; name it in one of the two"],
    ],
    ["a list of what are no names", { ...minimal(), plainValues: ["log-level"] }, [`plainValues[0]: ${DOPPLER_NAME}`]],
    [
      "a TLS certificate",
      app({ keys: { "tls.crt": "WEB_CRT", key: "WEB_TLS_KEY" } }),
      [
        "apps[0].keys.tls.crt: a TLS certificate, or its private key, belongs to cert-manager, which issues it in the cluster and renews it; if it comes from elsewhere, name its Doppler names in secretNames",
        "apps[0].keys.key: a TLS certificate, or its private key, belongs to cert-manager, which issues it in the cluster and renews it; if it comes from elsewhere, name its Doppler names in secretNames",
      ],
    ],
    [
      "a token among the chart's values",
      { ...minimal(), operator: { values: { extraEnv: [{ name: "X", value: token }] } } },
      [`operator.values.extraEnv[0].value: is, or looks like, a GitHub token ${CLEAR}`],
    ],
    [
      "a token as a key among the chart's values, which is not shown",
      { ...minimal(), operator: { values: { [token]: { a: 1 } } } },
      [`operator.values.(not shown): is, or looks like, a GitHub token ${CLEAR}`],
    ],
    [
      "a token as a setting, which is not shown",
      { ...minimal(), [token]: "x" },
      [
        expect.stringMatching(/^\(not shown\): is not a setting/) as string,
        `(not shown): is, or looks like, a GitHub token ${CLEAR}`,
      ],
    ],
    [
      "a password in the description",
      doppler({ project: { name: "acme", description: "see https://me:hunter2@acme.example" } }),
      [`doppler.project.description: is, or looks like, a URL with a password ${CLEAR}`],
    ],
    [
      "a password by its name",
      { ...minimal(), operator: { values: { proxy: { password: "hunter2" } } } },
      [`operator.values.proxy.password: is, or looks like, a credential, by its name ${CLEAR}`],
    ],
    [
      "a private key",
      { ...minimal(), operator: { values: { extra: pem } } },
      [
        `operator.values.extra: is, or looks like, a private key ${CLEAR}. A certificate's belongs to cert-manager, which issues it in the cluster and renews it`,
      ],
    ],
    [
      "a value in the place of a name",
      app({ keys: { password: token } }),
      [`apps[0].keys.password: ${DOPPLER_NAME}`, `apps[0].keys.password: is, or looks like, a GitHub token ${CLEAR}`],
    ],
    [
      "a password in a label, named after it",
      app({ labels: { password: "hunter2" } }),
      [`apps[0].labels.password: is, or looks like, a credential, by its name ${CLEAR}`],
    ],
    ["keys named after what they hold", app({ keys: { password: "A1", "api-key": "API_KEY" } }), []],
  ])("%s", (_what, values, expected) => {
    const problems = problemsOf(values);
    expect(problems).toEqual(expected);
    expect(problems.join()).not.toMatch(/hunter2|ghp_|BEGIN/);
  });

  it("a credential among other projects' settings", () => {
    const over = { foreignKeys: ["aws:secretKey"], foreign: { "aws:secretKey": "x9y8z7w6".repeat(5) } };
    expect(problemsOf(minimal(), over)).toEqual([
      `aws:secretKey: is, or looks like, a credential, by its name ${CLEAR}`,
    ]);
  });

  it("not what is stored as a secret", () => {
    const values = { ...minimal(), operator: { values: { extraEnv: [{ name: "X", value: token }] } } };
    expect(problemsOf(values, { secretKeys: new Set(["operator"]) })).toEqual([]);
  });
});

it.each<[string, Values, string[]]>([
  [
    "plain configuration as an Actions secret",
    actions({ username: { secretName: "REGISTRY_USER", dopplerName: "PORT" }, token: { secretName: "node_env" } }),
    [
      "githubActions.username.dopplerName: is plain configuration (an application's port number): write it into the workflow, or name it in secretNames if it is a secret here",
      "githubActions.token.secretName: is plain configuration (an environment's identifier): write it into the workflow, or name it in secretNames if it is a secret here",
    ],
  ],
])("%s", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});
