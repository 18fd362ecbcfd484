import { type ConfigProblem, problem } from "../problems";
import { type ConfigSource, CREDENTIALS } from "../source";

// Credentials: whether they are there, where they are stored, and what would win over them.

type Env = ConfigSource["env"];

/** What is wrong with the stack's credentials and with whom they are used as. */
export function accessProblems(source: ConfigSource): ConfigProblem[] {
  return [...storedInClear(source), ...dopplerAccess(source), ...githubAccess(source), ...otherProviders(source)];
}

/** Credentials are never in clear in the file. */
function storedInClear({ values, secretKeys }: ConfigSource): ConfigProblem[] {
  return CREDENTIALS.filter((key) => values[key] !== undefined && !secretKeys.has(key)).map((key) =>
    problem(
      [key],
      `is in clear in the file: set it with "pulumi config set --secret ${key}", and replace the credential`,
    ),
  );
}

function dopplerAccess({ values, env }: ConfigSource): ConfigProblem[] {
  if (values["dopplerToken"] !== undefined || env["DOPPLER_TOKEN"]) return [];
  return [
    problem(
      ["dopplerToken"],
      'expected a Doppler token: "pulumi config set --secret dopplerToken", or the environment variable DOPPLER_TOKEN',
    ),
  ];
}

function githubAccess({ values, env }: ConfigSource): ConfigProblem[] {
  if (values["githubActions"] === undefined) return [];
  const withApp = Boolean(env["GITHUB_APP_ID"] && env["GITHUB_APP_INSTALLATION_ID"] && env["GITHUB_APP_PEM_FILE"]);
  if (values["githubToken"] !== undefined && withApp) {
    const message =
      "GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and GITHUB_APP_PEM_FILE are set in the environment and would win over this token: unset them";
    return [problem(["githubToken"], message)];
  }
  if (values["githubToken"] === undefined && !env["GITHUB_TOKEN"] && !withApp) {
    const message =
      'expected a GitHub token: "pulumi config set --secret githubToken", or the environment variable GITHUB_TOKEN';
    return [problem(["githubToken"], message)];
  }
  return [];
}

/** The owner that GitHub's provider works for, as far as it is named anywhere. */
export function githubOwnerOf(owner: string | undefined, env: Env): string | undefined {
  return [owner, env["GITHUB_ORGANIZATION"], env["GITHUB_OWNER"]].find(Boolean);
}

/** Settings of other Pulumi projects that look as if they configured our providers. */
const OTHER_PROVIDERS: Readonly<Record<string, string>> = {
  doppler: "doppler",
  github: "githubActions",
  kubernetes: "kubernetes",
};

/** Pulumi would ignore a provider's own settings in silence, since this program configures the providers itself. */
function otherProviders({ foreignKeys }: ConfigSource): ConfigProblem[] {
  return foreignKeys.flatMap((key) => {
    const section = OTHER_PROVIDERS[key.split(":")[0] ?? ""];
    if (section === undefined) return [];
    const message = `has no effect, since the providers are explicit: use ${section} in this project's own settings`;
    return [{ path: key, message }];
  });
}
