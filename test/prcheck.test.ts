import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patternNotice } from "../lib/patternNotice";
import { partTemplate, patternTemplate, spreadTemplate } from "../lib/wholeTemplates";
import { type Budget, readsNotice } from "../lib/readsNotice";
import { comment, MARKER } from "../prcheck/comment";
import { NotAPreview, parsePreview } from "../prcheck/preview";
import { report, type StackReport } from "../prcheck/report";

// What a reviewer is told of a preview. The previews here have the shape in which Pulumi 3.259 writes them; that it still
// writes them so is seen in sandbox/e2e/prcheck.test.ts.

/** Values that lie about in a preview, each of which must not get further. */
const VALUES = {
  debug: "value-in-a-debug-message",
  plain: "value-in-a-property",
  secret: "value-that-is-marked",
  config: "value-in-the-configuration",
  message: "value-in-an-error",
  policy: "value-from-another-policy-pack",
  diff: "value-in-an-output",
};

interface Described {
  op: string;
  type: string;
  name: string;
  parent?: string;
  old?: object;
  new?: object;
  retain?: boolean;
  properties?: string[];
}

const urn = (type: string, name: string) => `urn:pulumi:dev::secrets-pipeline::${type}::${name}`;

function state({ type, name, parent, retain }: Described, inputs: object | undefined) {
  return inputs === undefined
    ? undefined
    : {
        urn: urn(type, name),
        type: type.split("$").at(-1),
        custom: true,
        ...(parent !== undefined && { parent: urn(type.split("$").at(-2) ?? "", parent) }),
        ...(retain && { retainOnDelete: true }),
        inputs,
        outputs: { ...inputs, __note: VALUES.diff },
      };
}

const diffOf = ({ properties }: Described) =>
  Object.fromEntries((properties ?? []).map((path) => [path, { kind: "update", inputDiff: true }]));

interface More {
  policies?: object[];
  messages?: { severity: string; message: string }[];
  result?: string;
}

/** As `PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json` writes it. */
function stream(steps: Described[], { policies = [], messages = [], result = "succeeded" }: More = {}): string {
  const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "[secret]" };
  const events: object[] = [
    { preludeEvent: { config: { "secrets-pipeline:apps": VALUES.config } } },
    { diagnosticEvent: { severity: "debug", message: `resp: dopplerToken,,,${VALUES.debug}\n`, color: "never" } },
    {
      resourcePreEvent: {
        planning: true,
        metadata: { op: "same", urn: urn("pulumi:pulumi:Stack", "s"), keys: [], diffs: [] },
      },
    },
    ...steps.map((step) => ({
      resourcePreEvent: {
        planning: true,
        metadata: {
          op: step.op,
          urn: urn(step.type, step.name),
          type: step.type,
          ...(step.old && { old: { ...state(step, step.old), secret } }),
          ...(step.new && { new: { ...state(step, step.new), secret } }),
          keys: [],
          diffs: (step.properties ?? []).map((path) => path.split(".")[0]),
          detailedDiff: step.properties && diffOf(step),
        },
      },
    })),
    ...policies.map((policyEvent) => ({ policyEvent })),
    ...messages.map((diagnosticEvent) => ({ diagnosticEvent: { color: "never", ...diagnosticEvent } })),
    {
      summaryEvent: { maybeCorrupt: false, durationSeconds: 3, resourceChanges: { same: 1 }, isPreview: true, result },
    },
    { cancelEvent: {} },
  ];
  return events.map((e, sequence) => JSON.stringify({ sequence, timestamp: 1795517790, ...e })).join("\n");
}

/** As `pulumi preview --json --show-sames` writes it. */
function digest(steps: Described[], { messages = [], result = "succeeded" }: More = {}): string {
  return JSON.stringify(
    {
      config: { "secrets-pipeline:apps": VALUES.config },
      steps: [
        { op: "same", urn: urn("pulumi:pulumi:Stack", "s"), oldState: { urn: "u", inputs: {} } },
        ...steps.map((step) => ({
          op: step.op,
          urn: urn(step.type, step.name),
          oldState: state(step, step.old),
          newState: state(step, step.new),
          diffReasons: (step.properties ?? []).map((path) => path.split(".")[0]),
          detailedDiff: step.properties === undefined ? null : diffOf(step),
        })),
      ],
      ...(messages.length > 0 && { diagnostics: messages }),
      ...(result === "succeeded" && { duration: 3, changeSummary: { same: 1 } }),
    },
    undefined,
    4,
  );
}

const APP = "secrets-pipeline:index:AppSecrets$kubernetes:external-secrets.io/v1:ExternalSecret";

/** An ExternalSecret's inputs: each key with its Doppler name. */
function external(name: string, keys: Record<string, string>, spec: object = {}, namespace = "default"): object {
  return {
    apiVersion: "external-secrets.io/v1",
    kind: "ExternalSecret",
    metadata: { name, namespace, annotations: { note: VALUES.plain } },
    spec: {
      refreshInterval: "1m0s",
      secretStoreRef: { name: "doppler-secret-store", kind: "ClusterSecretStore" },
      target: { name, creationPolicy: "Owner" },
      data: Object.entries(keys).map(([secretKey, key]) => ({ secretKey, remoteRef: { key } })),
      ...spec,
    },
  };
}

const app = (name: string, op: string, old?: object, next?: object, more: Partial<Described> = {}): Described => ({
  op,
  type: APP,
  name: `${name}-external-secret`,
  parent: name,
  ...(old && { old }),
  ...(next && { new: next }),
  ...more,
});

const bookmarked = external("bookmarked-secrets", { DATABASE_URL: "DATABASE_URL", JWT_SECRET: "JWT_SECRET" });
const reports = external("reports-credentials", { "smtp-password": "SMTP_PASSWORD" }, {}, "reports");

const read = (steps: Described[], more?: More): StackReport => report("dev", parsePreview(stream(steps, more)));
const rendered = (...reports_: StackReport[]) =>
  comment(
    reports_.map(({ stack }) => stack),
    reports_,
  );

describe("a preview", () => {
  const steps = [
    app("bookmarked", "update", bookmarked, external("bookmarked-secrets", { NEW: "NEW" }), {
      properties: ["spec.data[0].secretKey"],
    }),
    app("reports", "same", reports, reports),
  ];
  const messages = [{ severity: "warning", message: "warning: take care\n" }];

  it("is read in both its forms", () => {
    const [fromStream, fromDigest] = [stream, digest].map((form) =>
      report("dev", parsePreview(form(steps, { messages }))),
    );
    expect(fromDigest).toEqual(fromStream);
    expect(fromStream).toMatchObject({ succeeded: true, warnings: 1, errors: 0, unchanged: 2 });
  });
  it("has not succeeded if it says so, says an error, or says nothing", () => {
    const error = [{ severity: "error", message: "error: preview failed\n" }];
    for (const text of [
      stream(steps, { result: "failed" }),
      stream(steps, { messages: error }),
      digest(steps, { result: "failed" }),
      digest(steps, { messages: error }),
      stream(steps).split("\n").slice(0, -2).join("\n"),
      "",
    ]) {
      expect(parsePreview(text).succeeded).toBe(false);
    }
  });
  it("has succeeded under an older engine, whose summary gives no result, unless an error or a broken policy shows", () => {
    const older = (more: More = {}) => parsePreview(stream(steps, more).replace(',"result":"succeeded"', ""));
    const policy = { policyName: "refresh-interval", policyPackName: "secrets-pipeline", message: "too often" };
    const broken = { ...policy, resourceUrn: urn("a:b:C", "c"), enforcementLevel: "mandatory" };
    expect(older().succeeded).toBe(true);
    expect(older({ messages: [{ severity: "error", message: "error: preview failed\n" }] }).succeeded).toBe(false);
    expect(older({ policies: [broken] }).succeeded).toBe(false);
    expect(older({ policies: [{ ...broken, enforcementLevel: "advisory" }] }).succeeded).toBe(true);
  });
  it.each([
    ["no JSON", `it is not ${VALUES.plain}`],
    ["half a digest", digest(steps).slice(0, -20)],
    ["another document", JSON.stringify({ steps: [{ op: VALUES.plain }] }, undefined, 2)],
    ["another stream", JSON.stringify({ policyEvent: { message: 3, policyName: VALUES.plain } })],
  ])("is not %s, and the error repeats nothing of it", (_what, text) => {
    expect(() => parsePreview(text)).toThrow(NotAPreview);
    expect(() => parsePreview(text)).toThrow(expect.not.stringContaining(VALUES.plain) as string);
  });
});

describe("the command", () => {
  const main = (args: string[], input = "") =>
    spawnSync(process.execPath, ["--require", "ts-node/register/transpile-only", "prcheck/main.ts", ...args], {
      cwd: join(__dirname, ".."),
      input,
      encoding: "utf8",
    });

  it("shows what a preview said, but for the debug messages, which hold secrets", () => {
    const messages = [{ severity: "error", message: "error: preview failed\n" }];
    const { stdout, stderr, status } = main(
      ["read", "dev"],
      stream([app("a", "create", undefined, bookmarked)], { messages }),
    );
    expect([stderr, status]).toEqual(["error: preview failed\n", 0]);
    expect(JSON.parse(stdout)).toMatchObject({
      stack: "dev",
      errors: 1,
      reads: { after: { "doppler-secret-store": 2 } },
    });
    for (const value of Object.values(VALUES)) expect(stdout + stderr).not.toContain(value);
  });
  it("writes the comment from what it has read", () => {
    const folder = mkdtempSync(join(tmpdir(), "prcheck-"));
    try {
      writeFileSync(join(folder, "dev.json"), main(["read", "dev"], digest([])).stdout);
      expect(main(["write", folder, "dev", "prod"]).stdout).toBe(comment(["dev", "prod"], [read([])]));
      expect(main(["write", folder, "dev", "prod", "--waiting=prod"]).stdout).toBe(
        comment(["dev", "prod"], [read([])], ["prod"]),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it.each([
    ["what it can't read", ["read", "dev"], `{"policyEvent": {"message": 3, "${VALUES.plain}": 1}}`],
    ["a report that is none", ["write", join(__dirname, "golden"), "none"], ""],
    ["another order", ["erase"], ""],
  ])("repeats nothing of %s", (_what, args, input) => {
    const { stdout, stderr } = main(args, input);
    expect(stdout + stderr).not.toContain(VALUES.plain);
    expect(stderr + stdout).toMatch(/^(expected what|<!--)/);
  });
});

describe("keys", () => {
  it("that an app gains, loses and gets from elsewhere are told", () => {
    const old = external("s", { A: "A", B: "B", C: "C" });
    const next = external("s", { B: "OTHER", C: "C", "d-e": "D" });
    const [change] = read([app("web", "update", old, next)]).secrets;
    expect(change).toEqual({
      app: "web",
      secret: "default/s",
      is: "changed",
      gained: [{ key: "d-e", from: "D" }],
      lost: ["A"],
      rerouted: [{ key: "B", was: "B", from: "OTHER" }],
    });
    const text = rendered(read([app("web", "update", old, next)]));
    expect(text).toContain("- `web`, Secret `default/s`: gains `d-e` (from `D`)\n");
    expect(text).toContain("- `web`, Secret `default/s`: loses `A`\n");
    expect(text).toContain("- `web`, Secret `default/s`: `B` comes from `OTHER` in place of `B`\n");
    expect(text).toContain("| `dev` | ✅ | +1 −1 | none | 3 |");
  });
  it("of a new app and of one that goes are told", () => {
    const text = rendered(read([app("new", "create", undefined, bookmarked), app("old", "delete", reports)]));
    expect(text).toContain("- `new`, Secret `default/bookmarked-secrets` is new: gains `DATABASE_URL`, `JWT_SECRET`\n");
    expect(text).toContain("- `old`, Secret `reports/reports-credentials` is no longer made: loses `smtp-password`\n");
  });
  it("in another order, or of an app that is renamed, are the same", () => {
    const other = external("bookmarked-secrets", { JWT_SECRET: "JWT_SECRET", DATABASE_URL: "DATABASE_URL" });
    expect(read([app("renamed", "update", bookmarked, other)]).secrets).toEqual([]);
  });
  it("of one Secret made by two are together", () => {
    const parts = (keys: Record<string, string>) =>
      external("s", keys, { target: { name: "s", creationPolicy: "Merge" } });
    const { secrets } = read([
      app("a", "create", undefined, parts({ A: "A" })),
      { ...app("b", "create", undefined, parts({ B: "B" })), name: "b" },
    ]);
    expect(secrets.map(({ gained }) => gained.map(({ key }) => key))).toEqual([["A", "B"]]);
  });
  it("that come by pattern, in one piece or through a template are named as such", () => {
    const data = [{ secretKey: "host", remoteRef: { key: "HOST" } }];
    const dataFrom = [{ find: { name: { regexp: ".*" } } }, { extract: { key: "JSON" } }];
    const template = { data: { url: `postgres://{{ .host }}:${VALUES.plain}` } };
    const keysOf = (spec: object) => read([app("a", "create", undefined, external("s", {}, spec))]).secrets[0]?.gained;
    expect(keysOf({ data, dataFrom })?.map(({ key }) => key)).toEqual(["host", "all that match", "all of JSON"]);
    expect(keysOf({ data, target: { name: "s", template } })).toEqual([{ key: "url", from: "a template of HOST" }]);
  });
  it("that a pattern names are told by name", () => {
    const dataFrom = [{ find: { name: { regexp: "^(A_1|DOPPLER_CONFIG)$" } } }];
    const { secrets } = read([app("a", "create", undefined, external("s", {}, { dataFrom }))]);
    expect(secrets[0]?.gained).toEqual(["A_1", "DOPPLER_CONFIG"].map((key) => ({ key, from: key })));
  });
  it("of which some are made by a template are told with what each is made of, and cost a read for each part", () => {
    const template = {
      mergePolicy: "Replace",
      data: { URL: "db://{{ .U | urlquery }}:{{ .P }}@db", "api-key": "{{ .API_KEY }}" },
    };
    const next = external("s", { API_KEY: "API_KEY", P: "P", U: "U" }, { target: { name: "s", template } });
    const { secrets, reads } = read([app("web", "update", external("s", { "api-key": "API_KEY" }), next)]);
    expect(secrets).toEqual([
      expect.objectContaining({ gained: [{ key: "URL", from: "a template of P, U" }], lost: [], rerouted: [] }),
    ]);
    expect(reads).toMatchObject({ before: { "doppler-secret-store": 1 }, after: { "doppler-secret-store": 3 } });
  });
  describe("of several stores", () => {
    const STORE = {
      ...{ op: "same", type: "kubernetes:external-secrets.io/v1:ClusterSecretStore", name: "doppler-store-store" },
      old: { metadata: { name: "main" }, spec: { provider: { doppler: {} } } },
      new: { metadata: { name: "main" }, spec: { provider: { doppler: {} } } },
    };
    const find = (...names: string[]) => ({ find: { name: { regexp: `^(${names.join("|")})$` } } });
    const of = (name: string) => ({ sourceRef: { storeRef: { name, kind: "ClusterSecretStore" } } });
    const renamed = { rewrite: [{ regexp: { source: "^(.*)$", target: "shared__$1" } }] };
    const made = (store: string, dataFrom: object[], data: Record<string, string>) =>
      external(
        "s",
        {},
        {
          ...{ secretStoreRef: { name: store, kind: "ClusterSecretStore" }, dataFrom },
          target: { name: "s", template: { mergePolicy: "Replace", data } },
        },
      );
    const changeOf = (old: object, next: object) => {
      const { gained, rerouted } = read([STORE, app("web", "update", old, next)]).secrets[0] ?? {};
      return { gained, rerouted };
    };
    const alone = made("main", [find("A", "B")], { A: "{{ .A }}", B: "{{ .B }}" });

    it("a key is told with its store, where this is not the main one", () => {
      const both = made("main", [find("A"), { ...find("B", "C"), ...renamed, ...of("main-shared") }], {
        ...{ A: "{{ .A }}", B: "{{ .shared__B }}", key: "{{ .shared__C }}" },
      });
      expect(changeOf(alone, both)).toEqual({
        gained: [{ key: "key", from: "C of main-shared" }],
        rerouted: [{ key: "B", was: "B", from: "B of main-shared" }],
      });
    });
    it("a key comes from elsewhere where an app is made from another store, and from nowhere else by a mirror", () => {
      const data = { A: "{{ .A }}", B: "{{ .B }}" };
      expect(changeOf(alone, made("main-shared", [find("A", "B")], data)).rerouted).toEqual([
        { key: "A", was: "A", from: "A of main-shared" },
        { key: "B", was: "B", from: "B of main-shared" },
      ]);
      expect(changeOf(alone, made("main-mirror", [{ extract: { key: "main-mirror" } }], data))).toEqual({});
      const shared = { ...find("B"), ...renamed, ...of("main-shared") };
      const mirrored = { extract: { key: "x" }, ...renamed, ...of("main-shared-mirror") };
      const of2 = { A: "{{ .A }}", B: "{{ .shared__B }}" };
      expect(changeOf(made("main", [find("A"), shared], of2), made("main", [find("A"), mirrored], of2))).toEqual({});
    });
    it("a key that is read by itself is told with its store too", () => {
      const data = [
        { secretKey: "A", remoteRef: { key: "A" } },
        { secretKey: "B", remoteRef: { key: "B" }, ...of("main-shared") },
      ];
      expect(changeOf(alone, { ...external("s", {}, { secretStoreRef: { name: "main" }, data }) }).rerouted).toEqual([
        { key: "B", was: "B", from: "B of main-shared" },
      ]);
    });
  });
  it("the heading names the main Doppler config, be it this stack's or another's", () => {
    const environment = (name: string, project: string) => ({
      ...{ op: "same", type: "doppler:index/environment:Environment", name },
      new: { project, slug: "dev" },
    });
    const further = environment("doppler-shared-environment", "acme-shared");
    const token = { op: "same", type: "doppler:index/serviceToken:ServiceToken", name: "doppler-token" };
    const main = { ...token, new: { project: "acme", config: "prd_eu" } };
    expect(read([further, environment("doppler-environment", "acme")]).doppler).toEqual({
      ...{ project: "acme", environment: "dev" },
    });
    expect(read([further, main]).doppler).toEqual({ project: "acme", environment: "prd_eu" });
  });
  it("that are not named one by one are told in words, with the names that a pattern has at present", () => {
    const out = { leaveOut: "PORT" };
    const template = {
      mergePolicy: "Replace",
      templateFrom: [
        { target: "Data", literal: patternTemplate("STRIPE_*", out) },
        { target: "Data", literal: spreadTemplate("APP_JSON", out) },
      ],
      data: { password: partTemplate({ name: "DB_JSON", property: "db.password" }) },
    };
    const dataFrom = [
      { find: { name: { regexp: "^(STRIPE_.*|DB_JSON|DOPPLER_CONFIG)$" } } },
      { extract: { key: "APP_JSON" } },
    ];
    const whole = external("s", {}, { data: undefined, dataFrom, target: { name: "s", template } });
    const message = `info: ${patternNotice({
      ...{ app: "web", pattern: "STRIPE_*", project: "acme", config: "dev" },
      names: { taken: ["STRIPE_A", "STRIPE_B"], leftOut: [] },
    })}`;
    const seen = read([app("web", "create", undefined, whole)], { messages: [{ severity: "info", message }] });
    expect(seen.secrets[0]?.gained).toEqual([
      { key: "all names that begin with STRIPE_", from: "all names that begin with STRIPE_" },
      { key: "all properties of APP_JSON", from: "all properties of APP_JSON" },
      { key: "password", from: "db.password of DB_JSON" },
    ]);
    expect(rendered(seen)).toContain(
      "- `web`, Secret `default/s` is new: gains `all names that begin with STRIPE_`, `all properties of APP_JSON`, `password` (from `db.password of DB_JSON`)\n" +
        "- `web`, Secret `default/s`: these names are at present `STRIPE_A`, `STRIPE_B`\n",
    );
    expect(rendered(read([app("web", "create", undefined, whole)]))).not.toContain("at present");
    const foreign = { templateFrom: [{ configMap: { name: "c", items: [] } }] };
    const other = read([
      app("web", "create", undefined, external("s", { A: "A" }, { target: { name: "s", template: foreign } })),
    ]);
    expect(other.secrets[0]?.gained.map(({ key }) => key)).toEqual(["all that a template makes"]);
  });
  it("that are taken from somebody else's Secret stay in it", () => {
    const target = {
      name: "argocd-secret",
      creationPolicy: "Merge",
      template: { data: { "admin.password": "{{ .H | trim }}" } },
    };
    const merged = external("argocd-admin", { H: "H" }, { target }, "argocd");
    const seen = read([app("argocd-admin", "delete", merged)]);
    expect(seen.interruptions).toEqual([]);
    expect(rendered(seen)).toContain(
      "- `argocd-admin`, Secret `argocd/argocd-secret` is no longer added to: `admin.password` stays as it is\n",
    );
  });
  it("of CI are told, each repository and GitHub environment for itself", () => {
    const secret = (op: string, name: string, more: object): Described => {
      const inputs = { repository: "web", secretName: name, value: VALUES.secret, ...more };
      const type = `github:index/actions${"environment" in more ? "Environment" : ""}Secret:x`;
      return {
        op,
        type,
        name: `${name}${JSON.stringify(more)}`,
        ...(op === "delete" ? { old: inputs } : { new: inputs }),
      };
    };
    const { ci } = read([
      secret("create", "B", {}),
      secret("create", "A", {}),
      secret("delete", "C", {}),
      secret("create", "A", { environment: "prod" }),
    ]);
    expect(ci).toEqual([
      { where: "web", gained: ["A", "B"], lost: ["C"] },
      { where: "web, environment prod", gained: ["A"], lost: [] },
    ]);
  });
  it("of CI are told for an organisation by who may read them, and for Dependabot's runs", () => {
    const organization = (op: string, app: string, visibility: string, was = visibility): Described => ({
      op,
      type: `github:index/${app}OrganizationSecret:x`,
      name: `${app}${visibility}`,
      old: { secretName: "A", visibility: was, value: VALUES.secret },
      ...(op === "delete" ? {} : { new: { secretName: "A", visibility, value: VALUES.secret } }),
    });
    const { ci } = read([
      organization("update", "actions", "all", "selected"),
      organization("delete", "dependabot", "private"),
      { op: "create", type: "github:index/dependabotSecret:x", name: "d", new: { repository: "web", secretName: "A" } },
      {
        op: "create",
        type: "github:index/actionsOrganizationSecretRepositories:x",
        name: "r",
        new: { secretName: "A" },
      },
    ]);
    expect(ci).toEqual([
      { where: "the organisation, for all repositories", gained: ["A"], lost: [] },
      { where: "the organisation, for private repositories (Dependabot)", gained: [], lost: ["A"] },
      { where: "the organisation, for selected repositories", gained: [], lost: ["A"] },
      { where: "web (Dependabot)", gained: ["A"], lost: [] },
    ]);
  });
  it("without a value are told by name", () => {
    const message =
      'warning: 2 Doppler names need values in project "acme", config "dev":\n  NEW (app web)\n  OTHER (CI of web)\n' +
      "Type them in the Doppler dashboard\n";
    const { withoutValue } = read([], { messages: [{ severity: "warning", message }] });
    expect(withoutValue).toEqual(["NEW", "OTHER"]);
  });
});

describe("an interruption", () => {
  const texts = (steps: Described[]) => read(steps).interruptions.map(({ harm, text }) => `${harm}: ${text}`);
  const k8s = (type: string, op: string, name: string, more: Partial<Described> = {}): Described => {
    const inputs = { metadata: { name, namespace: "external-secrets" }, spec: {} };
    return { op, type: `kubernetes:${type}`, name, old: inputs, ...(op === "delete" ? {} : { new: inputs }), ...more };
  };

  it("is none if everything is updated in place or made anew beside", () => {
    const { interruptions } = read([
      app("a", "update", bookmarked, external("bookmarked-secrets", { A: "A" })),
      app("b", "create", undefined, reports),
      k8s("core/v1:Secret", "update", "doppler-token-auth"),
    ]);
    expect(interruptions).toEqual([]);
    expect(rendered(read([]))).toContain("No Secret disappears, not even for a moment.");
  });
  it("is an ExternalSecret that is deleted, and its Secret with it", () => {
    expect(texts([app("a", "delete", bookmarked)])).toEqual([
      "secret: Secret default/bookmarked-secrets is gone for good: its ExternalSecret is deleted",
    ]);
  });
  it.each([
    ["the old one first", ["delete-replaced", "replace", "create-replacement"]],
    ["the new one first", ["create-replacement", "replace", "delete-replaced"]],
  ])("is an ExternalSecret that is replaced, %s", (how, ops) => {
    const steps = ops.map((op) => app("a", op, bookmarked, op === "delete-replaced" ? undefined : bookmarked));
    expect(texts(steps)).toEqual([
      `secret: Secret default/bookmarked-secrets is gone until it has been made anew: its ExternalSecret is replaced, ${how}`,
    ]);
    expect(rendered(read(steps))).toContain("| `dev` | ✅ | as before | ⚠️ 1 | 2 |");
  });
  it("is one that is deleted while another of the same name is made", () => {
    const other = { ...app("b", "create", undefined, bookmarked), name: "b" };
    expect(texts([other, app("a", "delete", bookmarked)])[0]).toContain("is gone until it has been made anew");
  });
  it("is one that is made to make another Secret", () => {
    const target = { target: { name: "other" } };
    const next = external("bookmarked-secrets", { A: "A" }, target);
    expect(texts([app("a", "update", bookmarked, next)])).toEqual([
      "secret: Secret default/bookmarked-secrets is gone for good: its ExternalSecret makes another one",
    ]);
  });
  it("is not one whose Secret stays", () => {
    const kept = external("s", { A: "A" }, { target: { name: "s", creationPolicy: "Orphan" } });
    expect(texts([app("a", "delete", kept)])).toEqual([]);
    expect(texts([app("a", "delete", bookmarked, undefined, { retain: true })])).toEqual([]);
  });
  it("is a namespace that goes, with the Secrets in it", () => {
    const metadata = { metadata: { name: "reports" } };
    const namespace: Described = { op: "delete", type: "kubernetes:core/v1:Namespace", name: "reports", old: metadata };
    expect(texts([app("r", "same", reports, reports), app("a", "same", bookmarked, bookmarked), namespace])).toEqual([
      "workloads: namespace reports is deleted, and with it everything in it, whoever put it there",
      "secret: Secret reports/reports-credentials is gone until it has been made anew: its namespace is deleted",
    ]);
    expect(texts([{ ...namespace, retain: true }])).toEqual([]);
  });
  it("is first of all the loss of workloads, above what else the comment says", () => {
    const namespace = (op: string): Described => ({
      op,
      type: "kubernetes:core/v1:Namespace",
      name: "reports",
      old: { metadata: { name: "reports" } },
    });
    const project = { op: "delete", type: "doppler:index/project:Project", name: "acme", old: {} };
    const steps = [project, app("a", "delete", bookmarked), namespace("delete")];
    expect(read(steps).interruptions.map(({ harm }) => harm)).toEqual(["workloads", "values", "secret"]);
    const text = rendered({ ...read([]), stack: "dev" }, { ...read(steps), stack: "prod" });
    expect(text.split("\n").slice(0, 7)).toEqual([
      MARKER,
      "## What this change does to the secrets",
      "",
      "> [!CAUTION]",
      "> **This change deletes workloads:**",
      "> - `prod`: namespace reports is deleted, and with it everything in it, whoever put it there",
      "",
    ]);
    expect(text).toContain("| `prod` | ✅ | +0 −2 | 🛑 workloads are deleted, ⚠️ 1, 🛑 values are deleted |");
    expect(rendered(read([project]))).not.toContain("CAUTION");
    // A replaced namespace is deleted too.
    const replaced = ["delete-replaced", "replace", "create-replacement"].map(namespace);
    expect(rendered(read(replaced))).toMatch(/CAUTION[^]*namespace reports is replaced, the old one first/);
  });
  it("is a store, its token or the operator going", () => {
    expect(
      texts([
        k8s("external-secrets.io/v1:ClusterSecretStore", "delete", "store"),
        k8s("core/v1:Secret", "delete-replaced", "token"),
        k8s("core/v1:Secret", "create-replacement", "token"),
        k8s("helm.sh/v3:Release", "delete", "operator"),
      ]),
    ).toEqual([
      "delivery: ClusterSecretStore store is deleted",
      "delivery: Secret external-secrets/token, which a store reads with, is replaced, the old one first",
      "delivery: the operator's release operator is deleted",
    ]);
  });
  it("is no mirror that goes when its apps read for themselves again, nor its Secret", () => {
    const dataFrom = [{ find: { name: { regexp: "^(A)$" } } }];
    const of = (kind: string) => `secrets-pipeline:index:DopplerMirror$kubernetes:external-secrets.io/v1:${kind}`;
    const part = (kind: string, old: object): Described => ({
      ...{ op: "delete", type: of(kind), name: `doppler-mirror-${kind}`, parent: "doppler-mirror", old },
    });
    const fed = external("s", {}, { dataFrom: [{ extract: { key: "store-mirror" } }] });
    const steps = [
      app("a", "update", fed, external("s", { A: "A" })),
      part("ExternalSecret", external("store-mirror", {}, { dataFrom }, "external-secrets")),
      part("ClusterSecretStore", { metadata: { name: "store-mirror" }, spec: { provider: { kubernetes: {} } } }),
    ];
    expect(texts(steps)).toEqual([]);
    expect(read(steps).secrets.find(({ is }) => is === "gone")).toMatchObject({
      app: "doppler-mirror",
      secret: "external-secrets/store-mirror",
    });
  });
  it("is a service token that is revoked before there is another, and not a rotation", () => {
    const token = (op: string): Described => ({
      op,
      type: "doppler:index/serviceToken:ServiceToken",
      name: "t",
      old: {},
      new: {},
    });
    expect(texts(["create-replacement", "replace", "delete-replaced"].map(token))).toEqual([]);
    expect(texts(["delete-replaced", "replace", "create-replacement"].map(token))).toHaveLength(1);
    expect(texts([token("delete")])).toHaveLength(1);
  });
  it.each(["project:Project", "environment:Environment", "branchConfig:BranchConfig"])("is worst for a %s", (type) => {
    const steps = [app("a", "delete", bookmarked), { op: "delete", type: `doppler:index/${type}`, name: "d", old: {} }];
    expect(read(steps).interruptions.map(({ harm }) => harm)).toEqual(["values", "secret"]);
    expect(rendered(read(steps))).toMatch(/🛑 values are deleted[^]*🛑 \*\*Values are lost:\*\*/);
  });
});

describe("the reads", () => {
  const STORE = "doppler-secret-store";
  const cost = (steps: Described[], more?: More) => read(steps, more).reads;
  const slower = external("bookmarked-secrets", { A: "A", B: "B", C: "C" }, { refreshInterval: "2m0s" });
  const steps = [app("b", "update", bookmarked, slower), app("r", "same", reports, reports)];
  const budget = (over: Partial<Budget> = {}): Budget => ({
    ...{ plan: "team", stack: "dev", stores: new Map([[STORE, 2.5]]), uncounted: [], run: 2 },
    neighbours: new Map([["prod", 200]]),
    ...over,
  });
  const saying = (severity: string, over?: Partial<Budget>): More => ({
    messages: [{ severity, message: `${readsNotice(budget(over))}\nDoppler refuses what is above 100 %:` }],
  });
  const rowsOf = (text: string) => text.split("\n").filter((line) => /^\| .* (?:token|address)[ ,]/.test(line));

  it("are counted before and after, what is unchanged included", () => {
    expect(cost(steps)).toMatchObject({ before: { [STORE]: 3 }, after: { [STORE]: 2.5 } });
  });
  it("cost nothing from a store that is not Doppler's", () => {
    const store = (provider: object): Described => ({
      op: "same",
      type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
      name: "store",
      new: { metadata: { name: STORE }, spec: { provider } },
    });
    const a = app("a", "create", undefined, bookmarked);
    expect(cost([store({ doppler: {} }), a]).after).toEqual({ [STORE]: 2 });
    expect(cost([store({ kubernetes: {} }), a]).after).toEqual({});
  });
  it("of a mirror is one read for all that it feeds", () => {
    const mirror = external("mirror", {}, { refreshInterval: "40s", dataFrom: [{ find: {} }] }, "external-secrets");
    const fed = {
      secretStoreRef: { name: "mirror", kind: "ClusterSecretStore" },
      dataFrom: [{ extract: { key: "mirror" } }],
      refreshInterval: "15s",
    };
    const store = (name: string, provider: object): Described => ({
      op: "same",
      type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
      name,
      new: { metadata: { name }, spec: { provider } },
    });
    const steps = [
      store("doppler-secret-store", { doppler: {} }),
      store("mirror", { kubernetes: {} }),
      app("doppler-mirror", "create", undefined, mirror),
      ...["a", "b", "c"].map((name) => app(name, "update", external(name, { A: "A" }), external(name, {}, fed))),
    ];
    expect(cost(steps)).toMatchObject({ before: { [STORE]: 3 }, after: { [STORE]: 1.5 } });
    expect(Object.keys(cost(steps).after)).toEqual([STORE]);
  });
  it("are held against the plan that the program names, each token and the cluster's IP address by itself", () => {
    const text = rendered(read(steps, saying("warning")));
    expect(text).toContain("| `dev` | store `doppler-secret-store`, with its token | 3 | 2.5 | 2 % |\n");
    expect(text).toContain(
      "| `dev` | the cluster, from its IP address, with 200 for stack `prod`, 2 for a run of the program | 205 | 204.5 | ⚠️ 86 % |\n",
    );
    expect(text).toContain("- `dev`: the plan Team allows each token and each IP address 240.\n");
    expect(text).toContain("2.5 reads a minute for all stacks together, 3 before");
    expect(text).toContain("| none | 3 → 2.5 (⚠️ 86 %) |");
  });
  it("are held against the smallest plan where the program names none, or says nothing", () => {
    const smallest =
      "- `dev`: the smallest plan, Developer, allows each token and each IP address 120, and doppler.plan names no other.\n";
    expect(rendered(read(steps, saying("info", { plan: undefined })))).toContain(smallest);
    const text = rendered(read(steps));
    expect(text).toContain(smallest);
    expect(text).toContain("| `dev` | the cluster, from its IP address | 3 | 2.5 | 3 % |\n");
  });
  it("are what the program refuses, where it refuses to run", () => {
    const text = rendered(read([], { ...saying("error", { stores: new Map([[STORE, 250]]) }), result: "failed" }));
    expect(text).toContain("| `dev` | store `doppler-secret-store`, with its token | ? | 250 | ❌ 105 % |\n");
    expect(text).toContain("| none | ? → 250 (❌ 189 %) |");
    expect(text).toContain("250 reads a minute for all stacks together. Clusters");
  });
  it("of another store's token are counted by themselves", () => {
    const from = { sourceRef: { storeRef: { kind: "ClusterSecretStore", name: "doppler-billing" } } };
    const both = external("s", {}, { dataFrom: [{ find: {} }, { find: {}, ...from }] });
    expect(cost([app("a", "create", undefined, both)]).after).toEqual({ [STORE]: 1, "doppler-billing": 1 });
    expect(rowsOf(rendered(read([app("a", "create", undefined, both)])))).toHaveLength(3);
  });
  it("of a stack whose file can't be read are said to be missing", () => {
    expect(rendered(read(steps, saying("info", { uncounted: ["test"] })))).toContain(
      "stack `test` not counted, since its file can't be read",
    );
  });
});

describe("policies", () => {
  const violation = (more: object = {}) => ({
    resourceUrn: urn(APP, "a"),
    message: "An ExternalSecret asks often enough.\nexpected a spec.refreshInterval of at least 30s\n",
    policyName: "refresh-interval",
    policyPackName: "secrets-pipeline",
    enforcementLevel: "mandatory",
    ...more,
  });
  it("that are broken are told with their place and what was expected", () => {
    const text = rendered(
      read([], { policies: [violation(), violation({ enforcementLevel: "advisory" })], result: "failed" }),
    );
    expect(text).toContain("- ❌ `refresh-interval` at `a`: expected a spec.refreshInterval of at least 30s\n");
    expect(text).toContain("- ⚠️ (advisory) `refresh-interval` at `a`");
    expect(text).toContain("| `dev` | ❌ 1 broken |");
  });
});

describe("the comment", () => {
  it("begins with what it is found by", () => {
    expect(rendered(read([])).startsWith(MARKER)).toBe(true);
  });
  it("says so where a preview is missing or did not succeed", () => {
    const failed = read([], { result: "failed", messages: [{ severity: "error", message: VALUES.message }] });
    const text = comment(["dev", "prod"], [failed]);
    expect(text).toContain("| `dev` | ❌ preview failed |");
    expect(text).toContain("The preview did not succeed, with 1 error; the job's log has it.");
    expect(text).not.toContain("No Secret disappears");
    expect(text).toContain("| `prod` | no preview |");
    expect(text).toContain("There is no preview of this stack");
  });
  it("says which previews wait for a reviewer, until they have been made", () => {
    const dev = read([]);
    const text = comment(["dev", "prod"], [dev], ["prod"]);
    expect(text).toContain("| `prod` | ⏳ waits for a reviewer |");
    expect(text).toContain("The preview of this stack waits for a reviewer");
    const prod = { ...read([]), stack: "prod" };
    expect(comment(["dev", "prod"], [dev, prod], ["prod"])).toBe(comment(["dev", "prod"], [dev, prod]));
  });
  it("has the resource diff folded up, a replacement as one change", () => {
    const steps = ["create-replacement", "replace", "delete-replaced"].map((op) =>
      app("a", op, bookmarked, bookmarked, { properties: ["spec.data[0].secretKey"] }),
    );
    const text = rendered(read([...steps, app("r", "same", reports, reports)]));
    expect(text).toContain("\n\n<details>\n");
    expect(text).toContain("<summary>Resources of <code>dev</code>: 1 change, 2 unchanged</summary>");
    expect(text).toContain(
      "| replace | `kubernetes:external-secrets.io/v1:ExternalSecret` | `a-external-secret` | `spec.data[0].secretKey` |",
    );
  });
  it("fits, however much there is", () => {
    const steps = Array.from({ length: 3000 }, (_, i) =>
      app(`app-${i}`, "create", undefined, external(`s-${i}`, { A: "A" })),
    );
    const text = rendered(read(steps));
    expect(text.length).toBeLessThan(65_536);
    expect(text).toContain("is in the job's log");
  });
  it("takes no name for Markdown, and calls nobody", () => {
    const name = "`x` | <b> @everyone\n# [a](b)";
    const text = rendered(
      read([
        app("a", "create", undefined, external(name, { "k`k": "A" })),
        { op: "delete", type: "kubernetes:helm.sh/v3:Release", name, old: {} },
      ]),
    );
    const outside = text.replaceAll(/`[^`\n]*`/g, "");
    expect(text).not.toContain("k`k");
    expect(outside).not.toMatch(/@everyone|<b>|^# |\[a\]\(b\)/m);
  });
  it("and what it is made from hold no value", () => {
    const secretInputs = { metadata: { name: "t" }, stringData: { dopplerToken: VALUES.secret } };
    const steps: Described[] = [
      app("a", "update", bookmarked, reports, { properties: ["spec.data"] }),
      { op: "create", type: "kubernetes:core/v1:Secret", name: "t", new: secretInputs },
      {
        op: "update",
        type: "doppler:index/serviceToken:ServiceToken",
        name: "k",
        old: { key: VALUES.secret },
        new: { key: VALUES.plain },
      },
    ];
    const more: More = {
      result: "failed",
      messages: [
        { severity: "error", message: `error: refused: ${VALUES.message}` },
        { severity: "warning", message: `1 Doppler name needs a value\n  ${VALUES.message} (app a)\n` },
      ],
      policies: [
        {
          policyName: "p",
          policyPackName: "another",
          message: `d\n${VALUES.policy}`,
          enforcementLevel: "mandatory",
          resourceUrn: "u",
        },
      ],
    };
    for (const form of [stream, digest]) {
      const text = form(steps, more);
      const made = report("dev", parsePreview(text));
      for (const output of [JSON.stringify(made), rendered(made)]) {
        for (const value of Object.values(VALUES)) expect(output).not.toContain(value);
      }
    }
    // They are there to be found.
    for (const value of Object.values(VALUES)) expect(stream(steps, more)).toContain(value);
  });
});
