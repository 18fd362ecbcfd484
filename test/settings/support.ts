import { type ConfigSource, parseStackConfig, StackConfigError } from "../../src/settings";

// Stack files for the tests of settings.

export type Values = Record<string, unknown>;

export const ENV = { DOPPLER_TOKEN: "dp.pt.env", GITHUB_TOKEN: "ghp_env" };

/** The smallest file that is right. */
export const minimal = (): Values => ({
  doppler: { project: { name: "acme" }, environment: { slug: "dev" } },
  apps: [{ name: "web", namespace: "default", keys: ["DATABASE_URL"] }],
});

export function source(values: Values, over: Partial<ConfigSource> = {}): ConfigSource {
  return { stack: "dev", values, secretKeys: new Set(), foreignKeys: [], env: ENV, siblings: new Map(), ...over };
}

export function problemsOf(values: Values, over: Partial<ConfigSource> = {}): string[] {
  try {
    parseStackConfig(source(values, over));
  } catch (error) {
    if (error instanceof StackConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

export const app = (over: Values): Values => ({
  ...minimal(),
  apps: [{ name: "web", namespace: "default", keys: ["A"], ...over }],
});
export const doppler = (over: Values): Values => ({
  ...minimal(),
  doppler: { project: { name: "acme" }, environment: { slug: "dev" }, ...over },
});
export const actions = (over: Values): Values => ({ ...minimal(), githubActions: { repositories: ["web"], ...over } });

export const NAMESPACE =
  'expected a Kubernetes namespace name: lower-case letters, digits and "-", at most 63, first and last alphanumeric';
export const SECRET =
  'expected a Kubernetes Secret name: lower-case letters, digits, "-" and ".", at most 253, first and last alphanumeric';
export const DOPPLER_NAME =
  'expected a Doppler secret name: upper-case letters, digits and "_", at most 200, not starting with a digit';
