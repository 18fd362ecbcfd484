import { policies } from "../policy/policies";
import { seconds } from "../lib/duration";
import * as pulumi from "@pulumi/pulumi";
import { asSeenByPolicies, texts } from "../policy/properties";
import { SecretInput, valueOf } from "./support/mocks";
import { MADE_BY_DEV, runProgram, stackFile } from "./support/program";

// The policies one by one: what each lets pass and what breaks it. With the real engine: sandbox/e2e/policy.test.ts.

/** The engine's sign for a text that a preview can't know. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

interface Resource {
  type: string;
  props: object;
  name?: string;
  opts?: { protect?: boolean; additionalSecretOutputs?: string[] };
}

const urnOf = ({ type, name = "it" }: Resource) => `urn:pulumi:dev::secrets-pipeline::${type}::${name}`;

/** What all policies report of a stack, as `<policy> [<resource>] <message>`. */
async function violations(resources: Resource[], config: Record<string, object> = {}): Promise<string[]> {
  const found: string[] = [];
  for (const policy of policies) {
    const defaults = Object.entries("configSchema" in policy ? (policy.configSchema?.properties ?? {}) : {});
    const common = {
      getConfig: <T>() =>
        ({ ...Object.fromEntries(defaults.map(([key, s]) => [key, s.default])), ...config[policy.name] }) as T,
      notApplicable: (): never => {
        throw new Error("not applicable");
      },
      stackTags: new Map<string, string>(),
    };
    const known = resources.map((resource) => ({
      ...resource,
      name: resource.name ?? "it",
      urn: urnOf(resource),
      opts: { protect: false, additionalSecretOutputs: [], ignoreChanges: [], aliases: [], ...resource.opts },
      props: asSeenByPolicies(resource.props),
    }));
    if ("validateStack" in policy) {
      await policy.validateStack({ ...common, resources: known } as never, (message, urn) => {
        found.push(`${policy.name} [${urn?.split("::").at(-1) ?? "stack"}] ${message}`);
      });
    } else if (typeof policy.validateResource === "function") {
      for (const resource of known) {
        await policy.validateResource({ ...common, ...resource } as never, (message) => {
          found.push(`${policy.name} [${resource.name}] ${message}`);
        });
      }
    }
  }
  return found;
}

const token = (access?: string): Resource => ({
  type: "doppler:index/serviceToken:ServiceToken",
  props: { project: "acme", config: "dev", name: "t", ...(access !== undefined && { access }) },
});

const store = (conditions?: unknown, kind = "ClusterSecretStore"): Resource => ({
  type: `kubernetes:external-secrets.io/v1:${kind}`,
  name: "store",
  props: {
    apiVersion: "external-secrets.io/v1",
    kind,
    metadata: { name: "doppler-secret-store" },
    spec: {
      ...(conditions !== undefined && { conditions }),
      provider: {
        doppler: {
          auth: {
            secretRef: { dopplerToken: { name: "token-auth", key: "dopplerToken", namespace: "external-secrets" } },
          },
        },
      },
    },
  },
});
const CLOSED = [{ namespaces: ["default"] }];

const external = (spec: object, version = "v1", kind = "ExternalSecret"): Resource => ({
  type: `kubernetes:external-secrets.io/${version}:${kind}`,
  props: { apiVersion: `external-secrets.io/${version}`, kind, metadata: { name: "s", namespace: "default" }, spec },
});

const secret = (contents: object, name = "app", namespace = "default"): Resource => ({
  type: "kubernetes:core/v1:Secret",
  name,
  props: { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, ...contents },
});

const outputs = (props: object): Resource => ({ type: "pulumi:pulumi:Stack", name: "stack", props });

describe("a service token", () => {
  it.each([["read"], [undefined], [UNKNOWN]])("may be %s", async (access) => {
    expect(await violations([token(access)])).toEqual([]);
  });
  it("may not write", async () => {
    expect(await violations([token("read/write")])).toEqual(['doppler-token-read-only [it] expected access "read"']);
  });
});

describe("a ClusterSecretStore", () => {
  it.each([
    ["a namespace", CLOSED],
    ["a label", [{ namespaceSelector: { matchLabels: { team: "a" } } }]],
    ["an expression", [{ namespaceSelector: { matchExpressions: [{ key: "team", operator: "Exists" }] } }]],
    ["a part of a name", [{ namespaceRegexes: ["^team-a-.*$"] }]],
    ["a namespace that is not known yet", [{ namespaces: [UNKNOWN] }]],
  ])("may admit by %s", async (_how, conditions) => {
    expect(await violations([store(conditions)])).toEqual([]);
  });
  it.each([
    ["no conditions", undefined, "spec.conditions with at least one namespace"],
    ["an empty list", [], "spec.conditions with at least one namespace"],
    ["an empty condition", [...CLOSED, {}], "spec.conditions[1] to name at least one namespace, and not all"],
    ["no namespace", [{ namespaces: [] }], "spec.conditions[0] to name"],
    ["an empty selector", [{ namespaceSelector: {} }], "spec.conditions[0] to name"],
    ["an empty selector beside a namespace", [{ ...CLOSED[0], namespaceSelector: {} }], "spec.conditions[0] to name"],
    ["a regular expression for all", [{ namespaceRegexes: ["^team-a$", ".*"] }], "spec.conditions[0] to name"],
  ])("with %s is open to all", async (_how, conditions, expected) => {
    const found = await violations([store(conditions)]);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`store-with-conditions [store] expected ${expected}`);
  });
  it("is not a namespaced store, which needs none", async () => {
    expect(await violations([store(undefined, "SecretStore")])).toEqual([]);
  });
});

describe("a refresh interval", () => {
  it.each(["30s", "1m0s", "24h0m0s", UNKNOWN, undefined])("may be %s", async (interval) => {
    expect(await violations([external({ refreshInterval: interval })])).toEqual([]);
  });
  it.each([
    ["29s", "of at least 30s"],
    ["500ms", "of at least 30s"],
    ["24h0m1s", "of at most 24h"],
    ["0", "with 0 a changed value never arrives"],
    ["0s", "with 0 a changed value never arrives"],
    ["often", "to be a duration"],
  ])("may not be %s", async (refreshInterval, expected) => {
    for (const resource of [
      external({ refreshInterval }),
      external({ externalSecretSpec: { refreshInterval } }, "v1", "ClusterExternalSecret"),
    ]) {
      const found = await violations([resource]);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^refresh-interval \[it\] expected /);
      expect(found[0]).toContain(expected);
    }
  });
  it("is of no interest where nothing is refreshed", async () => {
    expect(await violations([external({ refreshInterval: "0", refreshPolicy: "CreatedOnce" })])).toEqual([]);
  });
  it("may be short where a Secret is fed from what is in the cluster, and only there", async () => {
    const inCluster = store(CLOSED);
    const spec = { conditions: CLOSED, provider: { kubernetes: { remoteNamespace: "external-secrets" } } };
    const mirror = { ...inCluster, props: { ...inCluster.props, metadata: { name: "mirror" }, spec } };
    const fed = (name: unknown, more: object = {}) =>
      external({ refreshInterval: "15s", secretStoreRef: { name, kind: "ClusterSecretStore" }, ...more });
    const dataFrom = [{ extract: { key: "mirror" } }];
    for (const name of ["mirror", UNKNOWN]) {
      expect(await violations([mirror, inCluster, fed(name, { dataFrom })])).toEqual([]);
    }
    const tooOften = ["refresh-interval [it] expected a spec.refreshInterval of at least 30s"];
    const fromDoppler = { remoteRef: { key: "A" }, sourceRef: { storeRef: { name: "doppler-secret-store" } } };
    for (const greedy of [
      fed("doppler-secret-store", { dataFrom }),
      fed("of another program", { dataFrom }),
      fed(undefined, { dataFrom }),
      fed("mirror", { dataFrom, data: [fromDoppler] }),
    ]) {
      expect(await violations([mirror, inCluster, greedy])).toEqual(tooOften);
    }
  });
  it("has bounds that can be set", async () => {
    const config = { "refresh-interval": { minimum: "5m", maximum: "10m" } };
    expect(await violations([external({ refreshInterval: "1m" })], config)).toEqual([
      "refresh-interval [it] expected a spec.refreshInterval of at least 5m",
    ]);
    expect(await violations([external({ refreshInterval: "11m" })], config)).toEqual([
      "refresh-interval [it] expected a spec.refreshInterval of at most 10m",
    ]);
  });
});

describe("an object of the operator", () => {
  it.each(["ExternalSecret", "SecretStore", "ClusterExternalSecret"])("%s may not be v1beta1", async (kind) => {
    expect(await violations([external({}, "v1beta1", kind)])).toEqual([
      `external-secrets-v1 [it] expected apiVersion external-secrets.io/v1 for a ${kind}`,
    ]);
  });
  it("may not say another version than its type", async () => {
    const resource = external({});
    const props = { ...resource.props, apiVersion: "external-secrets.io/v1alpha1" };
    expect(await violations([{ ...resource, props }])).toHaveLength(1);
  });
  it("is known by its type where a preview does not know what it says", async () => {
    const resource = external({}, "v1beta1");
    expect(await violations([{ ...resource, props: { ...resource.props, apiVersion: UNKNOWN } }])).toHaveLength(1);
  });
  it("may be v1alpha1 where there is no v1", async () => {
    expect(await violations([external({}, "v1alpha1", "PushSecret")])).toEqual([]);
  });
});

describe("what holds values in Doppler", () => {
  const types = ["project:Project", "environment:Environment", "branchConfig:BranchConfig"];
  const held = (protect: boolean) =>
    types.map((type) => ({ type: `doppler:index/${type}`, name: type, props: {}, opts: { protect } }));

  it("must be protected where the policy's configuration says so", async () => {
    const config = { "doppler-values-protected": { protect: true } };
    expect(await violations(held(true), config)).toEqual([]);
    const found = await violations([...held(false), token()], config);
    expect(found.map((text) => text.split("] ")[0])).toEqual(types.map((type) => `doppler-values-protected [${type}`));
  });
  it("may be deleted elsewhere", async () => {
    expect(await violations(held(false))).toEqual([]);
  });
});

describe("a Secret", () => {
  const STORE = store(CLOSED);
  const tokenSecret = (contents: object) => secret(contents, "token-auth", "external-secrets");

  it.each([
    ["is the one with the store's token", tokenSecret({ stringData: { dopplerToken: "dp.st.dev.x" } })],
    ["is not known in full yet", tokenSecret({ stringData: UNKNOWN })],
    ["has no data", secret({ type: "kubernetes.io/service-account-token" })],
    ["has a name that is not known yet", secret({ stringData: { a: "b" } }, UNKNOWN)],
  ])("may be there if it %s", async (_why, resource) => {
    expect(await violations([STORE, resource])).toEqual([]);
  });
  it.each([
    ["data", { data: { PASSWORD: "aHVudGVyMg==" } }],
    ["stringData", { stringData: { PASSWORD: "hunter2" } }],
    ["data that is not known yet", { stringData: UNKNOWN }],
  ])("may not have %s of its own", async (_what, contents) => {
    expect(await violations([STORE, secret(contents)])).toEqual([
      "no-inline-secret [app] expected an ExternalSecret in place of a Secret with data of its own",
    ]);
  });
  it("of the store's token holds nothing else", async () => {
    const found = await violations([STORE, tokenSecret({ stringData: { dopplerToken: "x", PASSWORD: "hunter2" } })]);
    expect(found).toEqual([
      'no-inline-secret [token-auth] expected no key but the store\'s: "PASSWORD" is no credential of it',
    ]);
  });
  it("of the same name in another namespace is another", async () => {
    expect(await violations([STORE, secret({ stringData: { dopplerToken: "x" } }, "token-auth")])).toHaveLength(1);
  });
});

const actionsSecret = (secretName: string, value: string): Resource => ({
  type: "github:index/actionsSecret:ActionsSecret",
  name: `ci-${secretName}`,
  props: { repository: "bookmarked", secretName, value },
  opts: { additionalSecretOutputs: ["value"] },
});

describe("a stack's outputs", () => {
  const PASSWORD = "correct horse battery";
  const HOLDERS: Resource[] = [
    secret(
      { data: { dopplerToken: Buffer.from("dp.st.dev.held-in-the-cluster").toString("base64") } },
      "token-auth",
      "external-secrets",
    ),
    { ...token(), props: { ...token().props, key: "key-of-the-token", access: "read" } },
    {
      type: "github:index/actionsSecret:ActionsSecret",
      name: "ci",
      props: { secretName: "DOCKERHUB_TOKEN", value: PASSWORD },
      opts: { additionalSecretOutputs: ["value"] },
    },
  ];
  const check = (props: object) => violations([store(CLOSED), ...HOLDERS, outputs(props)]);

  it("may be names, known or not yet", async () => {
    const apps = { bookmarked: { secretName: "bookmarked-secrets", keys: ["DATABASE_URL"], namespace: UNKNOWN } };
    expect(await check({ apps, store: "doppler-secret-store", doppler: { project: "acme", config: "dev" } })).toEqual(
      [],
    );
  });
  it.each([
    ["a token from a Secret's data", "dp.st.dev.held-in-the-cluster"],
    ["a service token", "key-of-the-token"],
    ["an Actions secret", PASSWORD],
    ["a text with one in it", `login: ${PASSWORD}!`],
  ])("may not be %s of the stack", async (_what, value) => {
    const found = await check({ apps: { a: [{ b: value }] } });
    expect(found).toEqual(["outputs-without-values [stack] output apps.a[0].b holds a secret of this stack"]);
  });
  it("may not be a value that reads as a name, where nothing is called so", async () => {
    const ci = actionsSecret("DOCKERHUB_TOKEN", "correcthorse7");
    const judged = (props: object) => violations([store(CLOSED), ci, outputs(props)]);
    const refused = "outputs-without-values [stack] output a holds a secret of this stack";
    expect(await judged({ a: "correcthorse7" })).toEqual([refused]);
    expect(await judged({ correcthorse7: "a" })).toEqual([
      "outputs-without-values [stack] a key below  looks like a credential",
    ]);
    // Within another text it may be a part of a name.
    expect(await judged({ a: "correcthorse7-secrets" })).toEqual([]);
  });
  it.each([
    ["an app", external({ target: { name: "bookmarked-secrets" } })],
    ["a namespace", { type: "kubernetes:core/v1:Namespace", props: { metadata: { name: "bookmarked" } } }],
    ["one of the store's namespaces", store([{ namespaces: ["bookmarked"] }])],
    ["a repository", actionsSecret("DOCKERHUB_TOKEN", PASSWORD)],
  ])("may be CI's user name, which %s has as well", async (_what, resource) => {
    const ci = actionsSecret("DOCKERHUB_USERNAME", "bookmarked");
    const app = { secretName: "bookmarked-secrets", namespace: "bookmarked" };
    const props = { apps: { bookmarked: app }, url: "https://bookmarked.acme.example" };
    const named = resource.type.endsWith("ExternalSecret") ? { ...resource, name: "bookmarked" } : resource;
    expect(await violations([store(CLOSED), ci, named, outputs(props)])).toEqual([]);
  });
  it("are not compared with a kubeconfig's path", async () => {
    const provider = (kubeconfig: string) => ({ type: "pulumi:providers:kubernetes", props: { kubeconfig } });
    const judged = (kubeconfig: string) => violations([provider(kubeconfig), outputs({ a: `see ${kubeconfig}` })]);
    expect(await judged("/etc/kube/config")).toEqual([]);
    expect(await judged("apiVersion: v1\nkind: Config\n")).toHaveLength(1);
  });
  it("may not look like a credential from elsewhere", async () => {
    const found = await check({ url: "postgres://app:pw@db/app", ["ghp_0123456789abcdefABCDEF0123456789"]: "x" });
    expect(found).toEqual([
      "outputs-without-values [stack] output url looks like a credential",
      "outputs-without-values [stack] a key below  looks like a credential",
    ]);
  });
});

describe("no message", () => {
  it("repeats a value", async () => {
    const value = "dp.st.dev.Hhxe9jVqmSDFTdqYJxyz0123456789abcd";
    const found = await violations(
      [
        token(value),
        store([{ namespaceRegexes: [".*"], note: value }]),
        external({ refreshInterval: value }),
        external({ note: value }, "v1beta1"),
        secret({ stringData: { PASSWORD: value } }),
        outputs({ one: value, [value]: { [value]: value } }),
        { type: "doppler:index/project:Project", props: { description: value } },
      ],
      { "doppler-values-protected": { protect: true } },
    );
    expect(new Set(found.map((text) => text.split(" ")[0]))).toEqual(new Set(policies.map(({ name }) => name)));
    expect(found.join("\n")).not.toContain(value);
  });
});

describe("the checked-in stacks", () => {
  it.each([
    ["dev", "in its own form", {}],
    ["prod", "in its own form", {}],
    ["dev", "from a mirror", { "secrets-pipeline:fetch": "mirror" }],
  ])("%s, read %s, keeps every policy with its own configuration", async (stack, _how, over) => {
    process.env["DOPPLER_TOKEN"] = "dp.pt.policy";
    process.env["GITHUB_TOKEN"] = "ghp_policy";
    // CI's user name is called as an app is, and that is no leak.
    const doppler = { DOCKERHUB_USERNAME: "bookmarked", DOCKERHUB_TOKEN: "correct horse" };
    const values = { ...doppler, RELEASE_DOCKERHUB_USERNAME: "bookmarked", RELEASE_DOCKERHUB_TOKEN: "correct horse" };
    const { resources, result } = await runProgram({
      stack,
      doppler: values,
      config: { ...stackFile(stack), ...over },
      workplace: stack === "dev" ? {} : MADE_BY_DEV,
    });
    const plain = resources.map(({ type, name, inputs, options }) => ({
      type,
      name,
      // As an engine hands them over: secrets in clear.
      props: JSON.parse(
        JSON.stringify(inputs, (_key, value: unknown) => (value instanceof SecretInput ? value.value : value)),
      ) as object,
      opts: {
        protect: options["protect"] === true,
        additionalSecretOutputs: texts(options["additionalSecretOutputs"]),
      },
    }));
    const shown = (await valueOf(pulumi.output(result))) as object;
    const config = (await import(`../policy/config/${stack}.json`)) as Record<string, object>;
    expect(plain.some(({ type }) => type.endsWith(":ClusterSecretStore"))).toBe(true);
    expect(plain.some(({ opts }) => opts.additionalSecretOutputs.includes("value"))).toBe(true);
    expect(await violations([...plain, outputs(shown)], config)).toEqual([]);
    expect(await violations([...plain, outputs({ ...shown, note: "correct horse" })], config)).toHaveLength(1);
    // The same resources with the other stack's demands, so that the configuration is known to matter.
    const protect = { "doppler-values-protected": { protect: true } };
    expect((await violations(plain, protect)).length > 0).toBe(stack === "dev");
  });
});

describe("an output", () => {
  const judged = (note: string) => violations([{ type: "pulumi:pulumi:Stack", props: { note } }]);

  it.each([
    "dp.st.dev.Hhxe9jVqmSDFTdqYJxyz0123456789abcd",
    "dp.pt.Hhxe9jVqmSDFTdqYJxyz0123456789abcdefghij",
    "github_pat_11AAAAAAA0abcdefghijkl_mnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg",
    "dckr_pat_abcdefghijklmnopqrstuvwxyz0",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "postgres://app:secret@db.internal/app",
    "redis://:secret@cache:6379",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
  ])("is no credential, nor holds one: %s", async (text) => {
    const [verdict, ...others] = await judged(text);
    expect(verdict).toBe("outputs-without-values [it] output note looks like a credential");
    expect(await judged(`see "${text}" there`)).toEqual([verdict]);
    expect(others).toEqual([]);
  });
  it.each([
    "bookmarked-secrets",
    "DATABASE_URL",
    "https://bookmarked.acme.example/path?query=1",
    "postgres://db.internal:5432/bookmarked",
    "external-secrets.io/v1",
    "ghcr.io/acme/bookmarked@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
    // A checksum. What only looks random is no credential to lib/credentials.ts; the stack's own secrets are compared.
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "0cf1c479-180a-4794-8a80-3dd6b717fd48",
    "arn:aws:iam::123456789012:role/ExternalSecretsOperatorRole",
    "Secrets of all Acme apps, one environment per stack",
    "KubernetesClusterAcmeProductionEurope",
    "dp.st.",
  ])("may be: %s", async (text) => {
    expect(await judged(text)).toEqual([]);
  });
});

describe("a duration", () => {
  it.each([
    ["1h30m", 5400],
    ["1.5h", 5400],
    ["500ms", 0.5],
    ["0", 0],
    ["1m0s", 60],
    ["1 m", undefined],
    ["m", undefined],
    ["", undefined],
  ])("%j is %s", (text, expected) => {
    expect(seconds(text)).toBe(expected);
  });
});
