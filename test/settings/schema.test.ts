import { parseStackConfig } from "../../src/settings";
import {
  actions,
  app,
  doppler,
  DOPPLER_NAME,
  minimal,
  NAMESPACE,
  problemsOf,
  SECRET,
  source,
  type Values,
} from "./support";

describe("what is refused", () => {
  it.each<[string, Values, string[]]>([
    ["nothing at all", {}, ["doppler: expected a map, got nothing", "apps: expected a list, got nothing"]],
    [
      "an unknown setting",
      { ...minimal(), app: [] },
      [
        "app: is not a setting; expected one of dopplerToken, doppler, kubeconfig, kubernetes, operator, store, sources, refreshInterval, fetch, apps, argocd, pullSecrets, plainValues, secretNames, githubToken, githubActions, protect, adopt",
      ],
    ],
    [
      "an unknown setting of an app",
      app({ secret: "x" }),
      [
        "apps[0].secret: is not a setting; expected one of name, namespace, secretName, externalSecretName, refreshInterval, fetch, source, keys, dopplerNames, spread, values, from, type, labels, annotations, merge, restartOnChange, renamedFrom, alsoAs",
      ],
    ],
    ["a wrong type", { ...minimal(), protect: "yes" }, ["protect: expected true or false, got a string"]],
    ["an app that is a text", { ...minimal(), apps: ["web"] }, ["apps[0]: expected a map, got a string"]],
    ["no apps", { ...minimal(), apps: [] }, ["apps: expected at least one app"]],
    [
      "an app without keys",
      app({ keys: undefined }),
      [
        'apps[0].keys: expected a list of Doppler secret names, a map from key to Doppler secret name, or a pattern such as "STRIPE_*", got nothing',
      ],
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
      "a project name Doppler refuses",
      doppler({ project: { name: "Acme.Corp" } }),
      ['doppler.project.name: expected a Doppler project name: lower-case letters, digits, "-" and "_", at most 100'],
    ],
    [
      "a date without quotes, which Pulumi hands over as a time",
      doppler({ serviceToken: "2025-11-25 00:00:00 +0000 UTC" }),
      ["doppler.serviceToken: is a date without quotes, which Pulumi reads as a point in time: quote it"],
    ],
    [
      "a date without quotes as a name",
      doppler({ environment: { slug: "2025-11-25 00:00:00 +0000 UTC" } }),
      ["doppler.environment.slug: is a date without quotes, which Pulumi reads as a point in time: quote it"],
    ],
    [
      "a number in the place of a text",
      doppler({ serviceToken: 20251125 }),
      ["doppler.serviceToken: expected a text, got a number: quote it"],
    ],
    [
      "a number among a Secret's values",
      app({ values: { githubAppID: 123456 } }),
      ["apps[0].values.githubAppID: expected a text, got a number: quote it"],
    ],
    [
      "YAML's word for true in the place of a text",
      doppler({ project: { name: "acme", description: true } }),
      ["doppler.project.description: expected a text, got a boolean: quote it"],
    ],
    [
      "a cluster's name in the place of its id",
      { ...minimal(), kubernetes: { clusterId: "acme-dev" } },
      [
        "kubernetes.clusterId: expected a cluster's id, the UID of its kube-system namespace: kubectl get namespace kube-system -o jsonpath={.metadata.uid}",
      ],
    ],
    ["a host that is no URL", doppler({ host: "doppler" }), ["doppler.host: expected a URL, http:// or https://"]],
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
      "a secret name GitHub refuses",
      actions({ token: { secretName: "GITHUB_PASSWORD" } }),
      [
        'githubActions.token.secretName: expected a GitHub secret name: letters, digits and "_", not starting with a digit or GITHUB_',
      ],
    ],
  ])("%s", (_what, values, expected) => {
    expect(problemsOf(values)).toEqual(expected);
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
