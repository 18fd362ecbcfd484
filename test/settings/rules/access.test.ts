import { actions, minimal, problemsOf, type Values } from "../support";

it.each<[string, Values, string[]]>([
  [
    "a token in clear",
    { ...minimal(), dopplerToken: "dp.pt.clear" },
    [
      'dopplerToken: is in clear in the file: set it with "pulumi config set --secret dopplerToken", and replace the credential',
    ],
  ],
])("%s", (_what, values, expected) => {
  expect(problemsOf(values)).toEqual(expected);
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

it("settings of providers that this program configures itself", () => {
  const foreignKeys = [
    "kubernetes:context",
    "pulumi:tags",
    "kubernetes:kubeconfig",
    "github:owner",
    "doppler:verifyTls",
  ];
  expect(problemsOf(minimal(), { foreignKeys })).toEqual([
    "kubernetes:context: has no effect, since the providers are explicit: use kubernetes.context in this project's own settings",
    "kubernetes:kubeconfig: has no effect, since the providers are explicit: use kubeconfig in this project's own settings",
    "github:owner: has no effect, since the providers are explicit: use githubActions.owner in this project's own settings",
    "doppler:verifyTls: has no effect, since the providers are explicit: use doppler in this project's own settings",
  ]);
});
