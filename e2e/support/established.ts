import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { eventually, User } from "./user.js";
import type { StartOptions } from "secrets-pipeline-sandbox";

// An environment that has been running for a while: the dev stack is up, values are typed and Secrets are delivered.

/** The Secrets of the dev stack's apps: what each key holds, by `<namespace>/<name>`. */
export const SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "default/bookmarked-secrets": {
    DATABASE_URL: "postgres://bookmarked:e2e-database-password@db.internal/bookmarked",
    JWT_SECRET: "e2e-jwt-signing-key",
  },
  "reports/reports-credentials": {
    "database-url": "postgres://reports:e2e-reports-password@db.internal/reports",
    "smtp-password": "e2e-smtp-password",
  },
};

/** The values of {@link SECRETS} by the Doppler names under which they are typed. */
export const VALUES = {
  DATABASE_URL: SECRETS["default/bookmarked-secrets"]?.["DATABASE_URL"] ?? "",
  JWT_SECRET: SECRETS["default/bookmarked-secrets"]?.["JWT_SECRET"] ?? "",
  REPORTS_DATABASE_URL: SECRETS["reports/reports-credentials"]?.["database-url"] ?? "",
  SMTP_PASSWORD: SECRETS["reports/reports-credentials"]?.["smtp-password"] ?? "",
};

/** The keys of {@link SECRETS}. */
export const KEYS = Object.fromEntries(Object.entries(SECRETS).map(([name, data]) => [name, Object.keys(data)]));

/** Brings up a sandbox for the dev stack, which was never up. */
export async function begin(options: Partial<Omit<StartOptions, "log">> = {}): Promise<User> {
  const user = await User.arrive({ stacks: ["dev"], ...options });
  try {
    await user.run("pulumi", ["stack", "select", "--create", "dev", "--non-interactive"]);
  } catch (error) {
    await user.leave(true);
    throw error;
  }
  return user;
}

/**
 * Brings up a sandbox with such an environment.
 *
 * @param settings what differs from the checked-in stack, by the path in its configuration
 * @param more further values to type, by their Doppler names
 */
export async function establish(
  options: Partial<Omit<StartOptions, "log">>,
  settings: (user: User) => Readonly<Record<string, string>> = () => ({}),
  more: Readonly<Record<string, string>> = {},
): Promise<User> {
  const user = await begin(options);
  try {
    for (const [path, value] of Object.entries(settings(user))) await set(user, path, value);
    await user.up();
    for (const [name, value] of Object.entries({ ...VALUES, ...more })) await user.type(name, value);
    await askNow(user);
    await delivered(user);
  } catch (error) {
    await user.leave(true);
    throw error;
  }
  return user;
}

/** Runs `pulumi config set --path`, with `--plaintext`, since Pulumi takes names of tokens for secrets. */
export async function set(user: User, path: string, value: string): Promise<void> {
  await user.run("pulumi", ["config", "set", "--stack", user.sandbox.stack, "--plaintext", "--path", path, value]);
}

/** Edits the apps in the file of the user's stack. */
export function editApps<App>(user: User, edit: (apps: App[]) => App[]): void {
  const file = join(user.here.project, `Pulumi.${user.stack}.yaml`);
  const document = parseDocument(readFileSync(file, "utf8"));
  const path = ["config", "secrets-pipeline:apps"];
  const { config } = document.toJS() as { config: { "secrets-pipeline:apps": App[] } };
  document.setIn(path, document.createNode(edit(config["secrets-pipeline:apps"])));
  writeFileSync(file, document.toString());
}

/** Makes the operator read Doppler at once for all apps, without waiting for their refresh intervals. */
export async function askNow(user: User): Promise<void> {
  const { stdout } = await user.kubectl(
    "get",
    "externalsecrets.external-secrets.io",
    "--all-namespaces",
    "--output=jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {end}",
  );
  for (const [namespace = "", name = ""] of stdout
    .trim()
    .split(/\s+/)
    .map((text) => text.split("/"))) {
    await user.kubectl(
      "annotate",
      "externalsecrets.external-secrets.io",
      name,
      `--namespace=${namespace}`,
      `force-sync=${Date.now()}`,
      "--overwrite",
    );
  }
}

/** Waits until the apps' Secrets hold what was typed, and nothing else. */
export async function delivered(user: User, secrets: typeof SECRETS = SECRETS): Promise<void> {
  for (const [path, wanted] of Object.entries(secrets)) {
    const [namespace = "", name = ""] = path.split("/");
    await eventually(`${path} holds what was typed`, 60_000, async () => {
      const held = await user.secret(namespace, name);
      return JSON.stringify(sorted(held ?? {})) === JSON.stringify(sorted(wanted)) ? true : undefined;
    });
  }
}

const sorted = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

/** The steps of a preview with `--json`, as `<op> <resource's name>`, sorted, without unchanged resources. */
export function changes(json: string): string[] {
  const { steps } = JSON.parse(json) as { steps: { op: string; urn: string }[] };
  return steps
    .filter(({ op }) => !["same", "read", "refresh"].includes(op))
    .map(({ op, urn }) => `${op} ${urn.split("::")[3]}`)
    .sort();
}
