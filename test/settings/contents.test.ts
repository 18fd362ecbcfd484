import { parseStackConfig } from "../../src/settings";
import { app, DOPPLER_NAME, minimal, problemsOf, source, type Values } from "./support";

describe("what Secrets are made of", () => {
  const PLAIN =
    "expected a Doppler name in it, such as {{ .DB_PASSWORD }}; a plain value belongs into the app's manifests";
  const CERT = "belongs to cert-manager, which issues it in the cluster and renews it";
  const ELSEWHERE = "; if it comes from elsewhere, name its Doppler names in secretNames";
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
        `apps[0].type: a Secret of type kubernetes.io/tls ${CERT}${ELSEWHERE}`,
        `apps[0].keys.tls.crt: a TLS certificate, or its private key, ${CERT}${ELSEWHERE}`,
        `apps[0].keys.tls.key: a TLS certificate, or its private key, ${CERT}${ELSEWHERE}`,
      ],
    ],
    [
      "a TLS key by a template",
      values({ "server.pem": "{{ .WEB_TLS_KEY }}" }),
      [`apps[0].values.server.pem: a TLS certificate, or its private key, ${CERT}${ELSEWHERE}`],
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
      "a TLS Secret of which not all is said to come from elsewhere",
      {
        ...app({ type: "kubernetes.io/tls", keys: { "tls.crt": "BANK_CRT", "tls.key": "BANK_KEY" } }),
        secretNames: ["BANK_CRT"],
      },
      [
        `apps[0].type: a Secret of type kubernetes.io/tls ${CERT}${ELSEWHERE}`,
        `apps[0].keys.tls.key: a TLS certificate, or its private key, ${CERT}${ELSEWHERE}`,
      ],
    ],
    [
      "a TLS Secret without its key",
      {
        ...app({ type: "kubernetes.io/tls", keys: { "tls.crt": "BANK_CRT" } }),
        secretNames: ["BANK_CRT"],
      },
      ["apps[0].type: needs the key tls.key in keys or values"],
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
    [
      "a TLS Secret of another's certificate, by its type",
      {
        ...app({ type: "kubernetes.io/tls", keys: { "tls.crt": "BANK_CRT", "tls.key": "BANK_TLS_KEY" } }),
        secretNames: ["BANK_CRT", "BANK_TLS_KEY"],
      },
    ],
    [
      "a TLS Secret of another's certificate, by its keys",
      { ...app({ keys: { "tls.crt": "BANK_CRT", other: "A" } }), secretNames: ["BANK_CRT"] },
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
