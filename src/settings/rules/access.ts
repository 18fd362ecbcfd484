import { partInClear } from "../encrypted";
import { holdsCredential } from "../locations";
import { type ConfigProblem, pathText, problem } from "../problems";
import { textsOf } from "../roles";
import type { ConfigSource } from "../source";
import { isMap } from "../values";

// Credentials: whether they are there, where they are stored, and what would win over them.

type Env = ConfigSource["env"];

/** What is wrong with the stack's credentials and with whom they are used as. */
export function accessProblems(source: ConfigSource): ConfigProblem[] {
  return [
    ...storedInClear(source),
    ...locationsOfEnvironment(source),
    ...dopplerAccess(source),
    ...githubAccess(source),
    ...otherProviders(source),
  ];
}

/** Credentials are never in clear in the file. */
function storedInClear({ stack, values, secretKeys, siblings }: ConfigSource): ConfigProblem[] {
  const inClear = textsOf("credential", values).filter(({ path }) => {
    const [section, ...rest] = path.map(String);
    if (section === undefined || !secretKeys.has(section)) return true;
    // The engine says of a whole section that it holds a secret; the stack's file says which part of it is.
    const part = rest.reduce<unknown>(
      (above, key) => (isMap(above) ? above[key] : undefined),
      siblings.get(stack)?.[section],
    );
    return rest.length > 0 && partInClear(part) !== undefined;
  });
  return inClear.map(({ path }) => {
    const set = `pulumi config set --secret ${path.length > 1 ? "--path " : ""}${pathText(path)}`;
    return problem(path, `is in clear in the file: set it with "${set}", and replace the credential`);
  });
}

/** Where the environment says that Doppler or GitHub is: it gets into the state, as the settings in its place do. */
function locationsOfEnvironment({ env }: ConfigSource): ConfigProblem[] {
  return ["DOPPLER_API_HOST", "GITHUB_BASE_URL"]
    .filter((variable) => holdsCredential(env[variable] ?? ""))
    .map((path) => ({
      path,
      message: "this environment variable holds a credential, which would be stored in clear: take it out",
    }));
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

/** The providers' own settings, and this project's in their place: by setting, and by provider for all others. */
const PROVIDERS_SETTINGS: Readonly<Record<string, string>> = {
  doppler: "doppler",
  "doppler:dopplerToken": "dopplerToken",
  "doppler:host": "doppler.host",
  github: "githubActions",
  "github:baseUrl": "githubActions.baseUrl",
  "github:owner": "githubActions.owner",
  "github:token": "githubToken",
  kubernetes: "kubernetes",
  "kubernetes:context": "kubernetes.context",
  "kubernetes:kubeconfig": "kubeconfig",
};

/** Pulumi would ignore a provider's own settings in silence, since this program configures the providers itself. */
function otherProviders({ foreignKeys }: ConfigSource): ConfigProblem[] {
  return foreignKeys.flatMap((key) => {
    const instead = PROVIDERS_SETTINGS[key] ?? PROVIDERS_SETTINGS[key.split(":")[0] ?? ""];
    if (instead === undefined) return [];
    const message = `has no effect, since the providers are explicit: use ${instead} in this project's own settings`;
    return [{ path: key, message }];
  });
}
