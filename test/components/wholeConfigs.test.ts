import { AppSecrets, type AppSecretsArgs } from "../../components/appSecrets";
import { mirroredData } from "../../components/externalSecretSpec";
import { partTemplate, patternTemplate, spreadTemplate } from "../../lib/wholeTemplates";
import { only, run, valueOf } from "../support/mocks";

// AppSecrets whose keys are not named one by one, and parts of JSON objects.

const args = { namespace: "default", secretName: "web-secrets", storeName: "store" };

async function made(more: Partial<AppSecretsArgs>) {
  const { resources, result } = await run({}, () => new AppSecrets("a", { ...args, ...more }));
  const { target, data, dataFrom } = only(resources, "a-default-web-secrets").inputs["spec"] as {
    target: { template?: Record<string, unknown> };
    data: unknown;
    dataFrom: unknown;
  };
  return { template: target.template, data, dataFrom, reference: await valueOf(result.reference) };
}

const find = (regexp: string) => ({ find: { name: { regexp } } });
const OUT = { leaveOut: "PORT", keep: ["WEB_TLS_KEY"] };

describe("a pattern", () => {
  it("is one read, whose names a template takes", async () => {
    const { template, data, dataFrom, reference } = await made({ pattern: "*", ...OUT });
    expect([data, dataFrom]).toEqual([undefined, [find("^([A-Z_][A-Z0-9_]*)$")]]);
    expect(template).toEqual({
      engineVersion: "v2",
      mergePolicy: "Replace",
      templateFrom: [{ target: "Data", literal: patternTemplate("*", OUT) }],
    });
    expect(reference).toMatchObject({ keys: [], env: {}, patterns: ["*"] });
  });

  it("is read together with the names of templates and keys, and with one that is never absent", async () => {
    const { template, dataFrom, reference } = await made({
      pattern: "STRIPE_*",
      keys: { jwt: "JWT_SECRET" },
      values: { URL: "{{ .DB_HOST }}/{{ .STRIPE_KEY }}" },
    });
    expect(dataFrom).toEqual([find("^(DB_HOST|DOPPLER_CONFIG|JWT_SECRET|STRIPE_[A-Z0-9_]*)$")]);
    expect(template).toMatchObject({
      templateFrom: [{ literal: patternTemplate("STRIPE_*", {}) }],
      data: { URL: "{{ .DB_HOST }}/{{ .STRIPE_KEY }}", jwt: "{{ .JWT_SECRET }}" },
    });
    expect(reference).toMatchObject({ keys: ["URL", "jwt"], patterns: ["STRIPE_*"] });
  });

  it("is read in one also where names are read one by one", async () => {
    const shape = { pattern: "STRIPE_*", keys: { jwt: "JWT_SECRET" } };
    expect(await made({ ...shape, perKey: true })).toEqual(await made(shape));
  });
});

describe("a JSON object that is spread", () => {
  it("costs no read of its own, and the later of two has the last word", async () => {
    const { template, dataFrom, reference } = await made({
      spread: ["APP_JSON", "MORE"],
      keys: { jwt: "JWT" },
      ...OUT,
    });
    expect(dataFrom).toEqual([find("^(APP_JSON|DOPPLER_CONFIG|JWT|MORE)$")]);
    expect(template).toMatchObject({
      mergePolicy: "Replace",
      templateFrom: [{ literal: spreadTemplate("APP_JSON", OUT) }, { literal: spreadTemplate("MORE", OUT) }],
      data: { jwt: "{{ .JWT }}" },
    });
    expect(reference).toMatchObject({ keys: ["jwt"], spread: ["APP_JSON", "MORE"] });
  });

  it("comes after a pattern", async () => {
    const { template, dataFrom } = await made({ pattern: "*", spread: ["APP_JSON"] });
    expect(dataFrom).toEqual([find("^([A-Z_][A-Z0-9_]*)$")]);
    expect(template?.["templateFrom"]).toEqual([
      { target: "Data", literal: patternTemplate("*", {}) },
      { target: "Data", literal: spreadTemplate("APP_JSON", {}) },
    ]);
  });

  it("is made by a template also where names are read one by one", async () => {
    const { template, data } = await made({ spread: ["APP_JSON"], keys: { jwt: "JWT" }, perKey: true });
    expect(data).toEqual(["JWT", "APP_JSON"].sort().map((key) => ({ secretKey: key, remoteRef: { key } })));
    expect(template).toEqual({
      engineVersion: "v2",
      mergePolicy: "Replace",
      templateFrom: [{ target: "Data", literal: spreadTemplate("APP_JSON", {}) }],
      data: { jwt: "{{ .JWT }}" },
    });
  });
});

describe("a part of a JSON object", () => {
  const parts = { "db-password": { name: "APP_JSON", property: "db.password" } };
  const data = { "db-password": partTemplate({ name: "APP_JSON", property: "db.password" }), whole: "{{ .APP_JSON }}" };
  const shape = { parts, keys: { whole: "APP_JSON" } };

  it("costs no read of its own", async () => {
    const { template, dataFrom, reference } = await made(shape);
    expect(dataFrom).toEqual([find("^(APP_JSON|DOPPLER_CONFIG)$")]);
    expect(template).toEqual({ engineVersion: "v2", mergePolicy: "Replace", data });
    expect(reference.keys).toEqual(["db-password", "whole"]);
    expect(reference).not.toHaveProperty("patterns");
    expect(reference).not.toHaveProperty("spread");
  });

  it("is made by a template also where names are read one by one", async () => {
    const { template, data: read } = await made({ ...shape, perKey: true });
    expect(read).toEqual([{ secretKey: "APP_JSON", remoteRef: { key: "APP_JSON" } }]);
    expect(template).toEqual({ engineVersion: "v2", mergePolicy: "Replace", data });
  });
});

it("the same templates take the values from a mirror, which has the names that the patterns mean", async () => {
  const shape = { pattern: "STRIPE_*", spread: ["APP_JSON"], parts: { a: { name: "B_JSON", property: "c" } } };
  const { template, dataFrom } = await made({ ...shape, mirrorSecret: "mirror" });
  expect(dataFrom).toEqual([{ extract: { key: "mirror" } }]);
  expect(template).toEqual((await made(shape)).template);
  expect(mirroredData(["STRIPE_*", "APP_JSON", "STRIPE_KEY", "S_*"]).dataFrom).toEqual([
    find("^(APP_JSON|DOPPLER_CONFIG|STRIPE_[A-Z0-9_]*|S_[A-Z0-9_]*)$"),
  ]);
  expect(mirroredData(["*", "APP_JSON"]).dataFrom).toEqual([find("^([A-Z_][A-Z0-9_]*)$")]);
});

it.each<[Partial<AppSecretsArgs>, string]>([
  [{ pattern: "A*B" }, 'expected "*", or how'],
  [{ spread: ["A", "A"] }, "expected Doppler names, each once"],
  [{ spread: ["a"] }, "expected Doppler names, each once"],
  [{ parts: { a: { name: "a", property: "b" } } }, "expected a Doppler name"],
  [{ parts: { a: { name: "A", property: "b..c" } } }, "expected names with dots between"],
  [{ keys: { a: "A" }, parts: { a: { name: "A", property: "b" } } }, "expected each key once"],
  [{ values: { a: "{{ .A }}" }, parts: { a: { name: "A", property: "b" } } }, "expected each key once"],
  [{ pattern: "*", leaveOut: "a`b" }, "expected no backquote"],
])("%j is refused", async (more, reason) => {
  await expect(run({}, () => new AppSecrets("a", { ...args, ...more }))).rejects.toThrow(reason);
});
