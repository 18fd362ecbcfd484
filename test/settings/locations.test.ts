import { isSecret } from "@pulumi/pulumi";
import { parseStackConfig } from "../../src/settings";
import { valueOf } from "../support/mocks";
import { actions, doppler, ENV, minimal, problemsOf, source, type Values } from "./support";

// Where things are: no such setting holds a credential, and each says which setting is for it.

const HOLDS = "holds a credential, which would be stored in clear: take it out, and replace the credential.";
// Put together here, so that no scanner of secrets takes this file for a leak.
const token = `ghp_${"Ab3dEf6hIj".repeat(4).slice(0, 36)}`;
const repository = (list: string, url: string): Values => ({
  ...minimal(),
  argocd: { [list]: [{ name: "deploy", url, keys: { password: "T" } }] },
});
const operator = (over: Values): Values => ({ ...minimal(), operator: over });
const pull = (registry: string): Values => ({
  ...minimal(),
  pullSecrets: [{ name: "hub", namespaces: ["default"], registry }],
});

const ARGOCD = `${HOLDS} Type it into Doppler, and name it in keys: Argo CD's fields username and password.`;
const REGISTRY = `${HOLDS} Type it into Doppler, and name it in username and token.`;
const REPOSITORY = `${HOLDS} Use operator.repositoryUsername and operator.repositoryPassword.`;

describe.each([
  ["in clear", new Set<string>()],
  ["encrypted", new Set(["doppler", "operator", "argocd", "pullSecrets", "githubActions"])],
])("a credential that is stored %s", (_how, secretKeys) => {
  it.each<[string, Values, string]>([
    [
      "in Doppler's URL",
      doppler({ host: "https://me:hunter2@doppler.acme.example" }),
      `doppler.host: ${HOLDS} Set the token with "pulumi config set --secret dopplerToken".`,
    ],
    [
      "in GitHub's URL",
      actions({ baseUrl: `https://${token}@github.acme.example` }),
      `githubActions.baseUrl: ${HOLDS} Set the token with "pulumi config set --secret githubToken".`,
    ],
    [
      "in the chart repository's URL",
      operator({ repository: "https://me:hunter2@charts.acme.example" }),
      `operator.repository: ${REPOSITORY}`,
    ],
    [
      "as the user of the chart repository's URL",
      operator({ repository: "https://hunter2@charts.acme.example" }),
      `operator.repository: ${REPOSITORY}`,
    ],
    [
      "in a chart's URL",
      operator({ chart: "https://me:hunter2@charts.acme.example/eso.tgz" }),
      `operator.chart: ${HOLDS} For a repository, use operator.repository with a user and a password of its own; for a registry, "helm registry login".`,
    ],
    [
      "in the URL of a repository",
      repository("repositories", "https://me:hunter2@git.acme.example/d"),
      `argocd.repositories[0].url: ${ARGOCD}`,
    ],
    [
      "in the URL of repositories",
      repository("repositoryCredentials", `https://${token}@github.com/acme`),
      `argocd.repositoryCredentials[0].url: ${ARGOCD}`,
    ],
    [
      "in an SSH URL",
      repository("repositories", "ssh://git:hunter2@git.acme.example/d"),
      `argocd.repositories[0].url: ${ARGOCD}`,
    ],
    ["in a registry", pull("me:hunter2@reg.acme.example"), `pullSecrets[0].registry: ${REGISTRY}`],
    ["in a registry's URL", pull("https://me:hunter2@reg.acme.example/v1/"), `pullSecrets[0].registry: ${REGISTRY}`],
  ])("is refused %s, with the setting that is for it", (_where, values, expected) => {
    const problems = problemsOf(values, { secretKeys });
    expect(problems).toEqual([expected]);
    expect(problems.join()).not.toMatch(/hunter2|ghp_/);
  });
});

it.each(["DOPPLER_API_HOST", "GITHUB_BASE_URL"])("a credential in the environment's %s is refused", (variable) => {
  expect(problemsOf(minimal(), { env: { ...ENV, [variable]: "https://me:hunter2@acme.example" } })).toEqual([
    `${variable}: this environment variable holds a credential, which would be stored in clear: take it out`,
  ]);
});

it.each<[string, Values]>([
  ["a user of an SSH URL", repository("repositories", "ssh://git@git.acme.example:22/d.git")],
  ["a user of an SSH address", repository("repositories", "git@github.com:acme/deploy.git")],
  [
    "an organisation in a URL, as Azure DevOps has it",
    repository("repositories", "https://acme@dev.azure.com/a/_git/d"),
  ],
  ["a port and a path", repository("repositories", "https://git.acme.example:8443/a@b:c/d.git")],
  ["a registry with a port", pull("reg.acme.example:5000/team")],
  ["a chart in a registry", operator({ chart: "oci://reg.acme.example:5000/eso" })],
  ["a chart in a folder", operator({ chart: "charts/external-secrets" })],
])("is let through: %s", (_what, values) => {
  expect(problemsOf(values)).toEqual([]);
});

it.each(["~/charts/eso", "file:///charts/eso"])("a chart as %s is refused, since nothing resolves it", (chart) => {
  expect(problemsOf(operator({ chart }))).toEqual([
    'operator.chart: expected a chart\'s name, a path or an oci:// reference; "~" and file:// are not resolved',
  ]);
});

it("slashes at the end of a URL are cut", () => {
  const stack = parseStackConfig(
    source({
      ...actions({ baseUrl: "https://github.acme.example/api/v3/" }),
      ...{ doppler: doppler({ host: "https://doppler.acme.example/" })["doppler"] },
      operator: { repository: "https://charts.acme.example//" },
    }),
  );
  expect(stack.doppler.host).toBe("https://doppler.acme.example");
  expect(stack.githubActions?.baseUrl).toBe("https://github.acme.example/api/v3");
  expect(stack.operator.repository).toBe("https://charts.acme.example");
});

describe("the chart repository's password", () => {
  const access = { repository: "https://charts.acme.example", repositoryUsername: "me" };
  const values = operator({ ...access, repositoryPassword: "hunter2" });
  const file = (repositoryPassword: unknown) => new Map([["dev", { operator: { ...access, repositoryPassword } }]]);
  const CLEAR =
    'operator.repositoryPassword: is in clear in the file: set it with "pulumi config set --secret --path operator.repositoryPassword", and replace the credential';

  it("is refused in clear, also beside what is encrypted", () => {
    expect(problemsOf(values)).toEqual([CLEAR]);
    expect(problemsOf(values, { siblings: file("hunter2"), secretKeys: new Set(["operator"]) })).toEqual([CLEAR]);
    // What looks like no password is one here.
    expect(problemsOf(operator({ ...access, repositoryPassword: "true" }))).toEqual([CLEAR]);
  });

  it("is a secret where it is encrypted", async () => {
    const over = { siblings: file({ secure: "v1:x:y" }), secretKeys: new Set(["operator"]) };
    const { repositoryPassword, repositoryUsername } = parseStackConfig(source(values, over)).operator;
    expect(repositoryUsername).toBe("me");
    expect(repositoryPassword && [await valueOf(repositoryPassword), await isSecret(repositoryPassword)]).toEqual([
      "hunter2",
      true,
    ]);
  });
});
