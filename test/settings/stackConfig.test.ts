import { isSecret, type Output } from "@pulumi/pulumi";
import { type ConfigSource, parseStackConfig, StackConfigError } from "../../src/settings";
import { valueOf } from "../support/mocks";
import { stackFile } from "../support/program";

type Values = Record<string, unknown>;

const ENV = { DOPPLER_TOKEN: "dp.pt.env", GITHUB_TOKEN: "ghp_env" };

/** The smallest file that is right. */
const minimal = (): Values => ({
  doppler: { project: { name: "acme" }, environment: { slug: "dev" } },
  apps: [{ name: "web", namespace: "default", keys: ["DATABASE_URL"] }],
});

function source(values: Values, over: Partial<ConfigSource> = {}): ConfigSource {
  return { stack: "dev", values, secretKeys: new Set(), foreignKeys: [], env: ENV, siblings: new Map(), ...over };
}

function problemsOf(values: Values, over: Partial<ConfigSource> = {}): string[] {
  try {
    parseStackConfig(source(values, over));
  } catch (error) {
    if (error instanceof StackConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const app = (over: Values): Values => ({
  ...minimal(),
  apps: [{ name: "web", namespace: "default", keys: ["A"], ...over }],
});
const doppler = (over: Values): Values => ({
  ...minimal(),
  doppler: { project: { name: "acme" }, environment: { slug: "dev" }, ...over },
});
const actions = (over: Values): Values => ({ ...minimal(), githubActions: { repositories: ["web"], ...over } });

const NAMESPACE =
  'expected a Kubernetes namespace name: lower-case letters, digits and "-", at most 63, first and last alphanumeric';
const SECRET =
  'expected a Kubernetes Secret name: lower-case letters, digits, "-" and ".", at most 253, first and last alphanumeric';
const DOPPLER_NAME =
  'expected a Doppler secret name: upper-case letters, digits and "_", at most 200, not starting with a digit';

describe("what is refused", () => {
  const table: [string, Values, string[]][] = [
    ["nothing at all", {}, ["doppler: expected a map, got nothing", "apps: expected a list, got nothing"]],
    [
      "an unknown setting",
      { ...minimal(), app: [] },
      [
        "app: is not a setting; expected one of dopplerToken, doppler, kubeconfig, kubernetes, operator, store, refreshInterval, apps, argocd, pullSecrets, plainValues, secretNames, githubToken, githubActions, protect, adopt",
      ],
    ],
    [
      "an unknown setting of an app",
      app({ secret: "x" }),
      [
        "apps[0].secret: is not a setting; expected one of name, namespace, secretName, externalSecretName, refreshInterval, keys, values, type, labels, annotations, merge, restartOnChange, renamedFrom, alsoAs",
      ],
    ],
    ["a wrong type", { ...minimal(), protect: "yes" }, ["protect: expected true or false, got a string"]],
    ["an app that is a text", { ...minimal(), apps: ["web"] }, ["apps[0]: expected a map, got a string"]],
    ["no apps", { ...minimal(), apps: [] }, ["apps: expected at least one app"]],
    [
      "an app without keys",
      app({ keys: undefined }),
      ["apps[0].keys: expected a list of Doppler secret names, or a map from key to Doppler secret name, got nothing"],
    ],
    ["an empty key list", app({ keys: [] }), ["apps[0].keys: expected at least one key"]],
    ["an empty key map", app({ keys: {} }), ["apps[0].keys: expected at least one key"]],
    ["a key twice", app({ keys: ["A", "A"] }), ["apps[0].keys: expected each name once"]],
    ["a name Doppler refuses", app({ keys: ["database-url"] }), [`apps[0].keys[0]: ${DOPPLER_NAME}`]],
    ["a name Doppler refuses, in a map", app({ keys: { a: "1A" } }), [`apps[0].keys.a: ${DOPPLER_NAME}`]],
    [
      "a key Kubernetes refuses",
      app({ keys: { "a/b": "A" } }),
      ['apps[0].keys.a/b: expected a key of a Kubernetes Secret: letters, digits, "-", "_" and ".", at most 253'],
    ],
    ["a namespace Kubernetes refuses", app({ namespace: "My_Apps" }), [`apps[0].namespace: ${NAMESPACE}`]],
    ["a namespace that is too long", app({ namespace: "n".repeat(64) }), [`apps[0].namespace: ${NAMESPACE}`]],
    ["a Secret name Kubernetes refuses", app({ secretName: "-x" }), [`apps[0].secretName: ${SECRET}`]],
    [
      "a refresh interval of another form",
      app({ refreshInterval: "1 minute" }),
      ['apps[0].refreshInterval: expected a duration in whole seconds, such as "1m", "90s" or "1h30m", at least 1s'],
    ],
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
      "a project name Doppler refuses",
      doppler({ project: { name: "Acme.Corp" } }),
      ['doppler.project.name: expected a Doppler project name: lower-case letters, digits, "-" and "_", at most 100'],
    ],
    [
      "a branch config of another environment",
      doppler({ config: "stg_eu" }),
      [
        'doppler.config: expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name',
      ],
    ],
    [
      "a host with a trailing slash",
      doppler({ host: "https://doppler.example/" }),
      ["doppler.host: expected a URL without a trailing slash"],
    ],
    ["a host that is no URL", doppler({ host: "doppler" }), ["doppler.host: expected a URL, http:// or https://"]],
    [
      "a namespace nobody uses",
      { ...minimal(), kubernetes: { createNamespaces: ["spare"] } },
      ["kubernetes.createNamespaces[0]: expected the namespace of one of the apps"],
    ],
    [
      "making a namespace that is always there",
      { ...minimal(), kubernetes: { createNamespaces: ["default"] } },
      ["kubernetes.createNamespaces[0]: the cluster makes this namespace itself; take it out of this list"],
    ],
    [
      "a repository with its owner",
      actions({ repositories: ["acme/web"] }),
      [
        'githubActions.repositories[0]: expected a GitHub repository name without its owner: letters, digits, "-", "_" and ".", at most 100',
      ],
    ],
    [
      "a repository twice",
      actions({ repositories: ["web", "Web"] }),
      ["githubActions.repositories: expected each repository once"],
    ],
    [
      "no repositories",
      actions({ repositories: [] }),
      ["githubActions.repositories: expected at least one repository"],
    ],
    [
      "no list of repositories",
      { ...minimal(), githubActions: {} },
      ["githubActions.repositories: expected a list, got nothing"],
    ],
    [
      "an organisation's secrets for selected repositories, and none selected",
      { ...minimal(), githubActions: { owner: "acme", organization: {} } },
      [
        'githubActions.repositories: expected a list, got nothing: the repositories that may read the secrets; or organization.visibility "private" or "all"',
      ],
    ],
    [
      "an organisation's secrets for all, and a list of repositories",
      actions({ owner: "acme", organization: { visibility: "all" } }),
      ['githubActions.repositories: has no effect, since organization.visibility is not "selected"'],
    ],
    [
      "a visibility that GitHub does not know",
      actions({ owner: "acme", organization: { visibility: "public" } }),
      [
        'githubActions.organization.visibility: expected "selected", "private" or "all"',
        'githubActions.repositories: has no effect, since organization.visibility is not "selected"',
      ],
    ],
    [
      "an organisation that is not named",
      actions({ organization: {} }),
      ["githubActions.owner: expected the organisation; without it, secrets would be the token's user's"],
    ],
    [
      "an organisation's secrets for a GitHub environment",
      actions({ owner: "acme", organization: {}, environment: "production" }),
      [
        "githubActions.environment: can't be combined with organization: an organisation's secrets are for no environment",
      ],
    ],
    [
      "Dependabot secrets of a GitHub environment",
      actions({ dependabot: true, environment: "production" }),
      ["githubActions.dependabot: can't be combined with environment: GitHub environments have no Dependabot secrets"],
    ],
    [
      "plain configuration as an Actions secret",
      actions({ username: { secretName: "REGISTRY_USER", dopplerName: "PORT" }, token: { secretName: "node_env" } }),
      [
        "githubActions.username.dopplerName: is plain configuration (an application's port number): write it into the workflow, or name it in secretNames if it is a secret here",
        "githubActions.token.secretName: is plain configuration (an environment's identifier): write it into the workflow, or name it in secretNames if it is a secret here",
      ],
    ],
    [
      "a secret name GitHub refuses",
      actions({ token: { secretName: "GITHUB_PASSWORD" } }),
      [
        'githubActions.token.secretName: expected a GitHub secret name: letters, digits and "_", not starting with a digit or GITHUB_',
      ],
    ],
    [
      "a token in clear",
      { ...minimal(), dopplerToken: "dp.pt.clear" },
      [
        'dopplerToken: is in clear in the file: set it with "pulumi config set --secret dopplerToken", and replace the credential',
      ],
    ],
  ];

  it.each(table)("%s", (_what, values, expected) => {
    expect(problemsOf(values)).toEqual(expected);
  });

  describe("what Secrets are made of", () => {
    const PLAIN =
      "expected a Doppler name in it, such as {{ .DB_PASSWORD }}; a plain value belongs into the app's manifests";
    const CERT = "belongs to cert-manager, which issues it in the cluster and renews it";
    const REPLACE = "replace it, since it has been in a file";
    const CLEAR = `in clear: type it into Doppler, and write its name here; ${REPLACE}`;
    const values = (over: Values, rest: Values = {}) => app({ keys: undefined, values: over, ...rest });
    const repository = (over: Values) => ({
      ...minimal(),
      argocd: {
        repositories: [{ name: "deploy", url: "https://git.acme.example/d", keys: { password: "T" }, ...over }],
      },
    });
    const pull = (over: Values) => ({ ...minimal(), pullSecrets: [{ name: "hub", namespaces: ["default"], ...over }] });
    const pem = ["-----BEGIN", "PRIVATE KEY-----"].join(" ");

    it.each<[string, Values, string[]]>([
      [
        "no keys in either",
        app({ keys: undefined, values: {} }),
        ["apps[0].keys: expected at least one Doppler name, here or in values"],
      ],
      ["a template with no name", values({ A: "plain" }), [`apps[0].values.A: ${PLAIN}`]],
      [
        "a template with braces that don't match",
        values({ A: "{{ .DB_USER }" }),
        ["apps[0].values.A: expected as many closing braces as opening ones"],
      ],
      [
        "a key twice",
        app({ keys: ["A"], values: { A: "{{ .B }}" } }),
        ["apps[0].values.A: is in keys too; each key is set once, here or in keys"],
      ],
      [
        "a password in a template",
        values({ URL: "postgres://{{ .DB_USER }}:hunter2@{{ .DB_HOST }}/app" }),
        [`apps[0].values.URL: is, or looks like, a URL with a password ${CLEAR}`],
      ],
      [
        "a password in a connection string",
        values({ DSN: "Server={{ .DB_HOST }};Password=hunter2" }),
        [`apps[0].values.DSN: is, or looks like, a credential, by its name ${CLEAR}`],
      ],
      [
        "a password in quotes",
        values({ password: '{{ .DB_PASSWORD | default "hunter2" }}' }),
        [`apps[0].values.password: is, or looks like, a credential, by its name ${CLEAR}`],
      ],
      [
        "a token in quotes",
        values({ A: `{{ print .B "ghp_${"Ab3dEf6hIj".repeat(4).slice(0, 36)}" }}` }),
        [`apps[0].values.A: is, or looks like, a GitHub token ${CLEAR}`],
      ],
      [
        "plain configuration in a template",
        values({ A: "{{ .DB_HOST }}:{{ .PORT }}" }),
        [
          "apps[0].values.A: is plain configuration (an application's port number): write it into the app's manifests, or name it in secretNames if it is a secret here",
        ],
      ],
      [
        "a TLS Secret",
        app({ type: "kubernetes.io/tls", keys: { "tls.crt": "WEB", "tls.key": "WEB_KEY" } }),
        [
          `apps[0].type: a Secret of type kubernetes.io/tls ${CERT}`,
          `apps[0].keys.tls.crt: a TLS certificate, or its private key, ${CERT}`,
          `apps[0].keys.tls.key: a TLS certificate, or its private key, ${CERT}`,
        ],
      ],
      [
        "a TLS key by a template",
        values({ "server.pem": "{{ .WEB_TLS_KEY }}" }),
        [
          `apps[0].values.server.pem: a TLS certificate, or its private key, ${CERT}; name it in secretNames if it comes from elsewhere`,
        ],
      ],
      [
        "a private key in a template",
        values({ key: `{{ .A }}${pem}` }),
        [`apps[0].values.key: is, or looks like, a private key ${CLEAR}. A certificate's ${CERT}`],
      ],
      [
        "a certificate in a template",
        values({ crt: "{{ .A }}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" }),
        [`apps[0].values.crt: a TLS certificate ${CERT}`],
      ],
      [
        "a type without its key",
        app({ type: "kubernetes.io/ssh-auth" }),
        ["apps[0].type: needs the key ssh-privatekey in keys or values"],
      ],
      [
        "nothing but plain values",
        values({ username: "x" }, { type: "acme/x" }),
        ["apps[0].keys: expected at least one Doppler name, here or in values"],
      ],
      [
        "a template in a label",
        app({ labels: { a: "{{ .A }}" } }),
        [
          'apps[0].labels.a: expected a label\'s value: letters, digits, "-", "_" and ".", at most 63, first and last alphanumeric',
        ],
      ],
      [
        "a template in an annotation",
        app({ annotations: { a: "{{ .A }}" } }),
        ["apps[0].annotations.a: expected no template"],
      ],
      [
        "a field that Argo CD does not read",
        repository({ keys: { pasword: "T" } }),
        [
          expect.stringMatching(
            /^argocd\.repositories\[0\]\.keys\.pasword: expected one of name, project, username, /,
          ) as string,
        ],
      ],
      [
        "a repository with no credential",
        repository({ keys: {} }),
        ["argocd.repositories[0].keys: expected at least one Doppler name, here or in values"],
      ],
      [
        "a repository's password in clear",
        repository({ values: { username: "acme", password: "hunter2" }, keys: { bearerToken: "T" } }),
        [`argocd.repositories[0].values.password: is, or looks like, a credential, by its name ${CLEAR}`],
      ],
      [
        "a repository's password in its URL",
        repository({ url: "https://me:hunter2@git.acme.example/d" }),
        [
          `argocd.repositories[0].url: is, or looks like, a URL with a password in clear: type it into Doppler, or store it with "pulumi config set --secret --path"; ${REPLACE}`,
        ],
      ],
      [
        "a token in place of its name",
        repository({ keys: { password: "hunter2" } }),
        [`argocd.repositories[0].keys.password: ${DOPPLER_NAME}`],
      ],
      [
        "an app with Argo CD's Secret",
        { ...app({ namespace: "argocd", secretName: "argocd-secret" }), argocd: { admin: {} } },
        [
          "argocd.admin: apps[0] asks for the same Secret in the same namespace; one of them needs another name or namespace",
        ],
      ],
      [
        "an app with a repository's name",
        { ...repository({}), apps: [{ name: "argocd-repo-deploy", namespace: "default", keys: ["A"] }] },
        ["argocd.repositories[0].name: apps[0] is known by this name too; each needs a name of its own"],
      ],
      [
        "a pull Secret with no namespace",
        pull({ namespaces: [] }),
        ["pullSecrets[0].namespaces: expected at least one namespace"],
      ],
      [
        "a pull Secret that is an app's",
        pull({ name: "web-secrets" }),
        [
          "pullSecrets[0].namespaces[0]: apps[0] asks for the same Secret in the same namespace; one of them needs another name or namespace",
        ],
      ],
      [
        "a registry with a quote",
        pull({ registry: 'a"b' }),
        ["pullSecrets[0].registry: expected a registry as images are named by it, or Docker Hub's URL"],
      ],
    ])("%s", (_what, settings, expected) => {
      expect(problemsOf(settings)).toEqual(expected);
    });

    it.each<[string, Values]>([
      ["a URL of parts", values({ URL: "postgres://{{ .U | urlquery }}:{{ .P | urlquery }}@{{ .H }}/app" })],
      ["a connection string of parts", values({ DSN: "Server={{ .H }};User={{.U}};Password={{.P}};" })],
      ["a password made of one", values({ password: "{{ .P | trim }}" })],
      ["lines", values({ "app.yaml": 'db:\n  password: {{ .P | toJson }}\n  "token": {{.T|toJson}},\n' })],
      [
        "a plain value that a type prescribes",
        values({ username: "bot", password: "{{ .P }}" }, { type: "kubernetes.io/basic-auth" }),
      ],
      ["an SSH key", app({ type: "kubernetes.io/ssh-auth", keys: { "ssh-privatekey": "DEPLOY_KEY" } })],
      [
        "a client's certificate for Argo CD",
        repository({ keys: { tlsClientCertData: "CLIENT_PEM", tlsClientCertKey: "CLIENT_PEM_KEY" } }),
      ],
      ["a Doppler name that looks like no name", repository({ keys: { password: "TOKEN1" } })],
    ])("is let through: %s", (_what, settings) => {
      expect(problemsOf(settings)).toEqual([]);
    });

    it("a credential in a template is refused also where it is encrypted, since the template is not", () => {
      const settings = values({ URL: "postgres://{{ .DB_USER }}:hunter2@db/app" });
      const secure = { secure: "v1:x:y" };
      const siblings = new Map([["dev", { apps: [{ values: { URL: secure } }] }]]);
      expect(problemsOf(settings, { secretKeys: new Set(["apps"]), siblings })).toEqual([
        `apps[0].values.URL: is, or looks like, a URL with a password ${CLEAR}`,
      ]);
    });

    it("namespaces of all of them are admitted to the store, and may be made", () => {
      const settings = {
        ...repository({}),
        pullSecrets: [{ name: "hub", namespaces: ["default", "jobs"] }],
        kubernetes: { createNamespaces: ["argocd", "jobs"] },
      };
      expect(parseStackConfig(source(settings)).namespaces).toEqual(["argocd", "default", "jobs"]);
    });
  });

  it("reports all problems at once, with the file and what did not happen, and repeats no value", () => {
    const values = {
      doppler: { project: { name: "dp.pt.pasted.in.the.wrong.place" }, environment: { slug: 3 } },
      apps: [
        { name: "web", namespace: "ghp_pasted", keys: [] },
        { name: "web", namespace: "x", keys: ["A"] },
      ],
      refreshInterval: "soon",
    };
    let message = "";
    try {
      parseStackConfig(source(values));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split("\n")[0]).toBe(
      '6 problems in the configuration of stack "dev" (Pulumi.dev.yaml). Nothing was created or changed.',
    );
    expect(
      message
        .split("\n")
        .slice(1)
        .map((line) => line.trim().split(":")[0]),
    ).toEqual([
      "doppler.project.name",
      "doppler.environment.slug",
      "refreshInterval",
      "apps[0].namespace",
      "apps[0].keys",
      "apps[1].name",
    ]);
    expect(message).not.toMatch(/pasted|soon/);
  });

  it("a run without a Doppler token", () => {
    expect(problemsOf(minimal(), { env: {} })).toEqual([
      'dopplerToken: expected a Doppler token: "pulumi config set --secret dopplerToken", or the environment variable DOPPLER_TOKEN',
    ]);
  });

  it("a run without a GitHub token, where Actions secrets are asked for", () => {
    const env = { DOPPLER_TOKEN: "t" };
    const expected =
      'githubToken: expected a GitHub token: "pulumi config set --secret githubToken", or the environment variable GITHUB_TOKEN';
    expect(problemsOf(actions({}), { env })).toEqual([expected]);
    expect(problemsOf(minimal(), { env })).toEqual([]);
    const app = { GITHUB_APP_ID: "1", GITHUB_APP_INSTALLATION_ID: "2", GITHUB_APP_PEM_FILE: "3" };
    expect(problemsOf(actions({}), { env: { ...env, ...app } })).toEqual([]);
  });

  it.each(["GITHUB_OWNER", "GITHUB_ORGANIZATION"])("another owner in %s, which the provider would obey", (variable) => {
    expect(problemsOf(actions({ owner: "acme" }), { env: { ...ENV, [variable]: "someone" } })).toEqual([
      `githubActions.owner: the environment variable ${variable} names another owner and would win over this one: unset it`,
    ]);
    expect(problemsOf(actions({ owner: "acme" }), { env: { ...ENV, [variable]: "Acme" } })).toEqual([]);
    expect(problemsOf(actions({}), { env: { ...ENV, [variable]: "someone" } })).toEqual([]);
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
      [
        "a list of what are no names",
        { ...minimal(), plainValues: ["log-level"] },
        [`plainValues[0]: ${DOPPLER_NAME}`],
      ],
      [
        "a TLS certificate",
        app({ keys: { "tls.crt": "WEB_CRT", key: "WEB_TLS_KEY" } }),
        [
          "apps[0].keys.tls.crt: a TLS certificate, or its private key, belongs to cert-manager, which issues it in the cluster and renews it",
          "apps[0].keys.key: a TLS certificate, or its private key, belongs to cert-manager, which issues it in the cluster and renews it; name it in secretNames if it comes from elsewhere",
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
        "a password in the chart repository's URL",
        { ...minimal(), operator: { repository: "https://me:hunter2@charts.acme.example" } },
        [`operator.repository: is, or looks like, a URL with a password ${CLEAR}`],
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

  it("settings of providers that this program configures itself", () => {
    expect(problemsOf(minimal(), { foreignKeys: ["kubernetes:context", "pulumi:tags"] })).toEqual([
      "kubernetes:context: has no effect, since the providers are explicit: use kubernetes in this project's own settings",
    ]);
  });
});

describe("what is filled in", () => {
  it("defaults of the smallest file", () => {
    const stack = parseStackConfig(source(minimal()));
    expect(stack).toMatchObject({
      doppler: {
        host: "https://api.doppler.com",
        project: { name: "acme", owned: true },
        environment: { slug: "dev", name: "dev" },
        config: "dev",
        branchConfig: undefined,
        serviceToken: "external-secrets",
      },
      kubernetes: { kubeconfig: undefined, createNamespaces: [] },
      operator: { namespace: "external-secrets", values: {} },
      store: { name: "doppler-secret-store", tokenSecretName: "doppler-token-auth" },
      apps: [
        {
          name: "web",
          namespace: "default",
          secretName: "web-secrets",
          refreshInterval: "1m0s",
          keys: { DATABASE_URL: "DATABASE_URL" },
        },
      ],
      githubActions: undefined,
      protect: false,
    });
  });

  it("the stack's interval for apps without their own, canonical", () => {
    const values = { ...app({}), refreshInterval: "90s" };
    expect(parseStackConfig(source(values)).apps[0]?.refreshInterval).toBe("1m30s");
    expect(
      parseStackConfig(source({ ...app({ refreshInterval: "1h" }), refreshInterval: "90s" })).apps[0]?.refreshInterval,
    ).toBe("1h0m0s");
  });

  it("the owner of the project by the stack's name", () => {
    const values = doppler({ project: { name: "acme", ownedBy: "dev" } });
    expect(parseStackConfig(source(values)).doppler.project.owned).toBe(true);
    expect(parseStackConfig(source(values, { stack: "prod" })).doppler.project.owned).toBe(false);
  });

  it("hosts and tokens: the file first, then the providers' variables", () => {
    const env = {
      ...ENV,
      DOPPLER_API_HOST: "http://127.0.0.1:1/",
      GITHUB_BASE_URL: "http://127.0.0.1:2",
      GITHUB_OWNER: "env",
    };
    const fromEnv = parseStackConfig(source(actions({}), { env }));
    expect(fromEnv.doppler.host).toBe("http://127.0.0.1:1");
    expect(fromEnv.githubActions).toMatchObject({ baseUrl: "http://127.0.0.1:2", owner: "env" });
    const fromFile = parseStackConfig(
      source(
        {
          ...actions({ baseUrl: "http://127.0.0.1:3" }),
          ...{ doppler: doppler({ host: "http://127.0.0.1:4" })["doppler"] },
        },
        { env },
      ),
    );
    expect(fromFile.doppler.host).toBe("http://127.0.0.1:4");
    expect(fromFile.githubActions?.baseUrl).toBe("http://127.0.0.1:3");
  });

  it("a credential for the state only where the stack's file has it", async () => {
    const env = { DOPPLER_TOKEN: "of the environment", GITHUB_TOKEN: "of the environment" };
    const fromEnv = parseStackConfig(source(actions({}), { env }));
    expect(await valueOf(fromEnv.doppler.token)).toBe("of the environment");
    expect([fromEnv.doppler.storedToken, fromEnv.githubActions?.storedToken]).toEqual([undefined, undefined]);

    const stored = { dopplerToken: "of the file", githubToken: "of the file" };
    const fromFile = parseStackConfig(
      source({ ...actions({}), ...stored }, { env, secretKeys: new Set(Object.keys(stored)) }),
    );
    for (const token of [fromFile.doppler.token, fromFile.doppler.storedToken, fromFile.githubActions?.storedToken]) {
      expect(token && [await valueOf(token), await isSecret(token)]).toEqual(["of the file", true]);
    }
  });

  it("DockerHub's names, each configurable", () => {
    expect(parseStackConfig(source(actions({}))).githubActions?.secrets).toEqual([
      { secretName: "DOCKERHUB_USERNAME", dopplerName: "DOCKERHUB_USERNAME" },
      { secretName: "DOCKERHUB_TOKEN", dopplerName: "DOCKERHUB_TOKEN" },
    ]);
    expect(
      parseStackConfig(source(actions({ username: { secretName: "HUB_USER" }, token: { dopplerName: "HUB_TOKEN" } })))
        .githubActions?.secrets,
    ).toEqual([
      { secretName: "HUB_USER", dopplerName: "HUB_USER" },
      { secretName: "DOCKERHUB_TOKEN", dopplerName: "HUB_TOKEN" },
    ]);
  });

  it("whose secrets they are: the repositories' own, or the organisation's for some or all of them", () => {
    const place = (over: Values) => parseStackConfig(source(actions({ owner: "acme", ...over }))).githubActions;
    expect(place({})).toMatchObject({ repositories: ["web"], organization: undefined, dependabot: false });
    expect(place({ dependabot: true })).toMatchObject({ repositories: ["web"], dependabot: true });
    expect(place({ organization: {} })).toMatchObject({
      repositories: [],
      organization: { owner: "acme", visibility: "selected", repositories: ["web"] },
    });
    expect(place({ organization: { visibility: "private" }, repositories: undefined })).toMatchObject({
      repositories: [],
      organization: { owner: "acme", visibility: "private" },
    });
  });

  it("an organisation that only the environment names", () => {
    const values = { ...minimal(), githubActions: { organization: { visibility: "all" } } };
    for (const variable of ["GITHUB_OWNER", "GITHUB_ORGANIZATION"]) {
      const env = { ...ENV, [variable]: "acme" };
      expect(parseStackConfig(source(values, { env })).githubActions?.organization?.owner).toBe("acme");
    }
  });

  it("chart values that are encrypted in the file as secrets, and no others", async () => {
    const file = (secure: unknown) => new Map([["dev", { operator: { values: { a: { b: secure, c: "plain" } } } }]]);
    const values = { ...minimal(), operator: { values: { a: { b: "hidden", c: "plain" } } } };
    const over = { secretKeys: new Set(["operator"]), siblings: file({ secure: "v1:x:y" }) };
    const { a } = parseStackConfig(source(values, over)).operator.values as { a: { b: Output<string>; c: string } };
    expect(await isSecret(a.b)).toBe(true);
    expect(a.c).toBe("plain");
    // Where the file is not to be found, all might be.
    const all = parseStackConfig(source(values, { secretKeys: over.secretKeys })).operator.values as Record<
      string,
      Record<string, Output<string>>
    >;
    expect(await Promise.all(Object.values(all["a"] ?? {}).map((value) => isSecret(value)))).toEqual([true, true]);
    expect(parseStackConfig(source(values)).operator.values["a"]).toEqual({ b: "hidden", c: "plain" });
  });

  it.each(["dev", "prod"])("the checked-in stack %s", (stack) => {
    const values = Object.fromEntries(
      Object.entries(stackFile(stack)).map(([key, value]) => [key.replace("secrets-pipeline:", ""), value]),
    );
    const parsed = parseStackConfig(source(values, { stack }));
    const secrets = [...parsed.apps, ...parsed.otherSecrets].map((a) => `${a.namespace}/${a.secretName}`);
    expect(secrets.slice(0, 2)).toEqual(["default/bookmarked-secrets", "reports/reports-credentials"]);
    expect(secrets.slice(2)).toEqual(
      stack === "dev"
        ? []
        : [
            ...["default/billing-secrets", "default/backup-secrets"],
            ...["argocd/argocd-secret", "argocd/repo-deployments", "argocd/repo-creds-acme", "default/dockerhub"],
          ],
    );
    expect(parsed.protect).toBe(stack === "prod");
  });
});
