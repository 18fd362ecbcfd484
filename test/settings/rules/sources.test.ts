import { minimal, problemsOf, type Values } from "../support";

// What the sources of one stack do to each other, and whether those that Secrets name are there.

const SHARED = { name: "shared", project: { name: "acme-shared" } };
const web = (over: Values = {}) => ({ name: "web", namespace: "default", keys: ["A"], ...over });
const stack = (sources: Values[], over: Values = {}) => ({ ...minimal(), sources, apps: [web()], ...over });
const from = (over: Values, sources: Values[] = [SHARED]) => stack(sources, { apps: [web(over)] });

it.each<[string, Values, string[]]>([
  ["another project", stack([SHARED]), []],
  ["a branch config of the main environment", stack([{ name: "eu", config: "dev_eu" }]), []],
  ["an app that reads another source, and one more", from({ source: "shared", from: { doppler: ["B"] } }), []],
  [
    "Argo CD's and pull Secrets of another source",
    stack([SHARED], {
      argocd: {
        admin: { source: "shared" },
        repositories: [{ name: "d", url: "https://git.acme.example/d", source: "shared", keys: { password: "T" } }],
      },
      pullSecrets: [{ name: "hub", namespaces: ["default"], source: "shared" }],
    }),
    [],
  ],
])("%s is let through", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});

it.each<[string, Values, string[]]>([
  [
    "the main source's name",
    stack([{ ...SHARED, name: "doppler" }]),
    [
      'sources[0].name: expected a name for the source: lower-case letters, digits and "-", at most 63, the first a letter, the last alphanumeric; "doppler" is the main source',
    ],
  ],
  [
    "a name that no template can call a value by",
    stack([{ ...SHARED, name: "2nd" }]),
    [
      'sources[0].name: expected a name for the source: lower-case letters, digits and "-", at most 63, the first a letter, the last alphanumeric; "doppler" is the main source',
    ],
  ],
  [
    "a name twice",
    stack([SHARED, { ...SHARED, project: { name: "other" }, store: "s", tokenSecretName: "t" }]),
    ["sources[1].name: sources[0] has this name too; each source needs a name of its own"],
  ],
  [
    "the main source's config",
    stack([{ name: "again" }]),
    ["sources[0]: doppler reads the same Doppler config; have apps read that source, and take this one out"],
  ],
  [
    "one config twice",
    stack([SHARED, { name: "again", project: { name: "acme-shared" }, config: "dev" }]),
    ["sources[1]: sources[0] reads the same Doppler config; have apps read that source, and take this one out"],
  ],
  [
    "a branch config of another environment",
    stack([{ name: "eu", config: "stg_eu" }]),
    [
      'sources[0].config: expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name',
    ],
  ],
  [
    "the main source's store and token Secret",
    stack([{ ...SHARED, store: "doppler-secret-store", tokenSecretName: "doppler-token-auth" }]),
    [
      "sources[0].store: store.name gives a store this name too; each source needs one of its own",
      "sources[0].tokenSecretName: store.tokenSecretName gives a token Secret this name too; each source needs one of its own",
    ],
  ],
  [
    "one ServiceAccount for two",
    stack([{ ...SHARED, oidc: { identity: "2", serviceAccount: "doppler-secret-store" } }], {
      store: { oidc: { identity: "1" } },
    }),
    [
      "sources[0].oidc.serviceAccount: store.oidc.serviceAccount gives a ServiceAccount this name too; each source needs one of its own",
    ],
  ],
  [
    "OIDC under an operator that knows none",
    stack([{ ...SHARED, oidc: { identity: "2" } }], { operator: { version: "1.1.0" } }),
    ["sources[0].oidc: expected operator.version 1.2.0 or newer: older ones know no OIDC"],
  ],
  [
    "the owner of a project that is said elsewhere",
    stack([{ name: "eu", project: { name: "acme", ownedBy: "dev", description: "x" }, config: "dev_eu" }]),
    [
      "sources[0].project.description: has no effect, since doppler.project is the same project: say it there",
      "sources[0].project.ownedBy: has no effect, since doppler.project is the same project: say it there",
    ],
  ],
  [
    "the name of an environment that is said elsewhere",
    stack([SHARED, { ...SHARED, name: "eu", environment: { slug: "dev", name: "Dev" }, config: "dev_eu" }]),
    ["sources[1].environment.name: has no effect, since sources[0].environment is the same environment: say it there"],
  ],
  [
    "a source that there is none of",
    from({ source: "billing", from: { shard: ["B"] } }),
    [
      "apps[0].source: there is no source of this name; expected one of doppler, shared",
      "apps[0].from.shard: there is no source of this name; expected one of doppler, shared",
    ],
  ],
  [
    "a source that there is none of, for other Secrets",
    stack([], {
      argocd: {
        admin: { source: "a" },
        repositories: [{ name: "d", url: "https://git.acme.example/d", source: "b", keys: { password: "T" } }],
        repositoryCredentials: [{ name: "c", url: "https://git.acme.example", source: "c", keys: { password: "T" } }],
      },
      pullSecrets: [{ name: "hub", namespaces: ["default"], source: "d" }],
    }),
    [
      "argocd.admin.source",
      "argocd.repositories[0].source",
      "argocd.repositoryCredentials[0].source",
      "pullSecrets[0].source",
    ].map((path) => `${path}: there is no source of this name; expected one of doppler`),
  ],
  [
    "an app's own source as another",
    from({ from: { doppler: ["B"] } }),
    ["apps[0].from.doppler: is the entry's own source: write these keys into keys"],
  ],
  [
    "a key of two sources",
    from({ from: { shared: { A: "OTHER" } } }),
    ["apps[0].from.shared: sets the key A, which is set elsewhere in this entry"],
  ],
  [
    "a key of two other sources",
    from({ from: { shared: ["B"], eu: { B: "C" } } }, [SHARED, { name: "eu", config: "dev_eu" }]),
    ["apps[0].from.eu: sets the key B, which is set elsewhere in this entry"],
  ],
  [
    "an app with keys of other sources alone",
    from({ keys: undefined, from: { shared: ["B"] } }),
    [
      'apps[0].keys: expected a list of Doppler secret names, a map from key to Doppler secret name, or a pattern such as "STRIPE_*", got nothing',
    ],
  ],
  [
    "plain configuration of another source",
    from({ from: { shared: ["PORT"] } }),
    [
      "apps[0].from.shared[0]: is plain configuration (an application's port number): write it into the app's manifests, or name it in secretNames if it is a secret here",
    ],
  ],
])("%s is refused", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});
