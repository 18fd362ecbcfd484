import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { readSettings } from "../../../src/settings/reading";
import { classificationProblems, PLAIN_NAMES, plainName } from "../../../src/settings/rules/classification";
import { tlsProblem } from "../../../src/settings/rules/tls";
import type { ConfigSource } from "../../../src/settings/source";

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
