import { doppler, minimal, problemsOf, type Values } from "../support";

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
    "a namespace nobody uses",
    { ...minimal(), kubernetes: { createNamespaces: ["spare"] } },
    ["kubernetes.createNamespaces[0]: expected the namespace of one of the apps"],
  ],
  [
    "making a namespace that is always there",
    { ...minimal(), kubernetes: { createNamespaces: ["default"] } },
    ["kubernetes.createNamespaces[0]: the cluster makes this namespace itself; take it out of this list"],
  ],
])("%s", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});
