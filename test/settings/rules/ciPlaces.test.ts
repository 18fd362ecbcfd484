import { actions, ENV, minimal, problemsOf, type Values } from "../support";

it.each<[string, Values, string[]]>([
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
])("%s", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
});

it.each(["GITHUB_OWNER", "GITHUB_ORGANIZATION"])("another owner in %s, which the provider would obey", (variable) => {
  expect(problemsOf(actions({ owner: "acme" }), { env: { ...ENV, [variable]: "someone" } })).toEqual([
    `githubActions.owner: the environment variable ${variable} names another owner and would win over this one: unset it`,
  ]);
  expect(problemsOf(actions({ owner: "acme" }), { env: { ...ENV, [variable]: "Acme" } })).toEqual([]);
  expect(problemsOf(actions({}), { env: { ...ENV, [variable]: "someone" } })).toEqual([]);
});
