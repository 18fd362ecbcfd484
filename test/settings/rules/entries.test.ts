import { app, doppler, minimal, problemsOf, type Values } from "../support";

it.each<[string, Values, string[]]>([
  [
    "an app twice",
    {
      ...minimal(),
      apps: [
        { name: "web", namespace: "default", keys: ["A"] },
        { name: "web", namespace: "other", keys: ["A"] },
      ],
    },
    ["apps[1].name: apps[0] has this name too; each needs a name of its own"],
  ],
  [
    "two apps with one Secret",
    {
      ...minimal(),
      apps: [
        { name: "web", namespace: "default", keys: ["A"] },
        { name: "worker", namespace: "default", secretName: "web-secrets", keys: ["B"] },
      ],
    },
    [
      "apps[1].secretName: apps[0] asks for the same Secret in the same namespace; one of them needs another name or namespace",
    ],
  ],
  [
    "two apps with one ExternalSecret",
    {
      ...minimal(),
      apps: [
        { name: "web", namespace: "default", keys: ["A"] },
        { name: "worker", namespace: "default", externalSecretName: "web-secrets", keys: ["B"] },
        { name: "other", namespace: "other", externalSecretName: "web-secrets", keys: ["B"] },
      ],
    },
    ["apps[1].externalSecretName: apps[0] has an ExternalSecret of the same name in the same namespace"],
  ],
  [
    "a branch config of another environment",
    doppler({ config: "stg_eu" }),
    [
      'doppler.config: expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name',
    ],
  ],
  [
    "a namespace that no app uses any more is let through: workloads may run in it",
    { ...minimal(), kubernetes: { createNamespaces: ["spare"] } },
    [],
  ],
  [
    "making a namespace that is always there",
    { ...minimal(), kubernetes: { createNamespaces: ["default"] } },
    ["kubernetes.createNamespaces[0]: the cluster makes this namespace itself; take it out of this list"],
  ],
])("%s", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});

describe("the names of ExternalSecrets in the stack's state", () => {
  const SAME =
    "its ExternalSecret would have the same name in the stack's state as one of apps[0], since both are made of the entry's name, the namespace and the Secret's name; give one of them another secretName";
  const apps = (...list: Values[]) => ({ ...minimal(), apps: list.map((a) => ({ keys: ["A"], ...a })) });
  const secretName = "credentials";

  it.each<[string, Values, string[]]>([
    [
      "of two apps",
      apps({ name: "web", namespace: "api-prod", secretName }, { name: "web-api", namespace: "prod", secretName }),
      [`apps[1].secretName: ${SAME}`],
    ],
    [
      "of an app and the copy of another's Secret",
      apps(
        { name: "web", namespace: "api-prod", secretName },
        { name: "web-api", namespace: "x", secretName, alsoAs: [{ namespace: "prod" }] },
      ),
      [`apps[1].alsoAs[0]: ${SAME}`],
    ],
    [
      "of two Secrets of one app",
      apps({ name: "web", namespace: "a-b", secretName: "c", alsoAs: [{ namespace: "a", secretName: "b-c" }] }),
      [`apps[0].alsoAs[0]: ${SAME}`],
    ],
    [
      "of an app and a pull Secret",
      {
        ...apps({ name: "pull", namespace: "hub-a", secretName: "hub" }),
        pullSecrets: [{ name: "hub", namespaces: ["a"] }],
      },
      [`pullSecrets[0].namespaces[0]: ${SAME}`],
    ],
  ])("are told apart: %s", (_what, values, expected) => {
    expect(problemsOf(values)).toEqual(expected);
  });

  it("are as they are where they differ", () => {
    const values = apps(
      { name: "web", namespace: "api-prod", secretName: "web" },
      { name: "web-api", namespace: "prod", secretName },
    );
    expect(problemsOf(values)).toEqual([]);
  });
});

describe("the operator's version", () => {
  const operator = (over: Values): Values => ({ ...minimal(), operator: over });
  const OLD = "operator.version: expected 0.17.0 or newer: older operators do not serve external-secrets.io/v1";

  it.each<[string, Values, string[]]>([
    ["what is no version", { version: "latest" }, ['operator.version: expected a version, such as "2.9.0"']],
    ["one that is too old", { version: "0.10.0" }, [OLD]],
    ["one that is too old, with a v", { version: "v0.16.2" }, [OLD]],
    ["a range with ones that are too old", { version: "<2" }, [OLD]],
    ["a number", { version: 1.1 }, ["operator.version: expected a text, got a number: quote it"]],
    ["the oldest", { version: "0.17.0" }, []],
    ["the newest of a line", { version: "2.9" }, []],
    ["a range", { version: ">=1.2 <3" }, []],
    ["one with a v", { version: "v2.9.0" }, []],
    ["any, where the chart is a folder with a version of its own", { version: "latest", chart: "./charts/eso" }, []],
  ])("%s", (_what, over, expected) => {
    expect(problemsOf(operator(over))).toEqual(expected);
  });

  it.each([
    ["1.1.0", ["store.oidc: expected operator.version 1.2.0 or newer: older ones know no OIDC"]],
    ["1.2.0", []],
  ])("and a store with OIDC: %s", (version, expected) => {
    expect(problemsOf({ ...operator({ version }), store: { oidc: { identity: "x" } } })).toEqual(expected);
  });
});

describe("the chart repository's user", () => {
  const operator = (over: Values): Values => ({ ...minimal(), operator: over });
  const secretKeys = new Set(["operator"]);
  const both = { repositoryUsername: "me", repositoryPassword: "hunter2" };

  it.each<[string, Values, string[]]>([
    ["with a password and a repository", { ...both, repository: "https://charts.acme.example" }, []],
    ["for no repository", both, ["expected operator.repository, the repository that asks for it"]],
    [
      "without a password",
      { repositoryUsername: "me", repository: "https://charts.acme.example" },
      ['expected the password of repositoryUsername: "pulumi config set --secret --path operator.repositoryPassword"'],
    ],
    [
      "not named",
      { repositoryPassword: "hunter2", repository: "https://charts.acme.example" },
      ["expected the user of repositoryPassword"],
    ],
    [
      "for a registry, where Helm does not use it",
      { ...both, chart: "oci://registry.acme.example/eso" },
      ['has no effect on an oci:// chart: log in with "helm registry login" before each run'],
    ],
    ["for a folder", { ...both, chart: "./eso" }, ["has no effect on a chart that is a file, a folder or a URL"]],
  ])("%s", (_what, over, expected) => {
    const problems = problemsOf(operator(over), { secretKeys });
    expect(problems.map((problem) => problem.replace(/^operator\.repository\w+: /, ""))).toEqual(expected);
    expect(problems.join()).not.toContain("hunter2");
  });
});

it("a Secret's name may be as long as Kubernetes lets it be, and look as it likes", () => {
  const secretName = "x9k2v7q4".repeat(32).slice(0, 253);
  expect(problemsOf(app({ secretName }))).toEqual([]);
});
