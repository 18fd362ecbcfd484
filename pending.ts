import type { AppConfig, StackConfig } from "./config";

/** The keys of an app's Secret that still want a value, and the Doppler names to type. */
export function pendingKeys(
  app: Pick<AppConfig, "keys">,
  values: ReadonlyMap<string, unknown> | undefined,
): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(app.keys)
      .map(([key, dopplerName]): [string, string[]] => [key, [dopplerName].filter((name) => !values?.has(name))])
      .filter(([, missing]) => missing.length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/**
 * Which Doppler names still need values, for what, and where to type them; `undefined` if none does.
 *
 * @param values the names that have values, or `undefined` while the config does not exist yet
 */
export function pendingValues(
  stack: Pick<StackConfig, "doppler" | "apps" | "githubActions">,
  values: ReadonlyMap<string, unknown> | undefined,
): string | undefined {
  const users = new Map<string, string[]>();
  const needs = (dopplerName: string, user: string) => {
    if (values?.has(dopplerName)) return;
    const known = users.get(dopplerName) ?? [];
    users.set(dopplerName, known.includes(user) ? known : [...known, user]);
  };
  for (const app of stack.apps) Object.values(app.keys).forEach((name) => needs(name, `app ${app.name}`));
  const repositories = stack.githubActions?.repositories ?? [];
  for (const { dopplerName } of stack.githubActions?.secrets ?? [])
    needs(dopplerName, `CI of ${repositories.join(", ")}`);
  if (users.size === 0) return undefined;

  const { project, config } = stack.doppler;
  return [
    `${users.size} Doppler ${users.size === 1 ? "name needs a value" : "names need values"} in project "${project.name}", config "${config}":`,
    ...[...users].map(([name, by]) => `  ${name} (${by.join("; ")})`),
    `Type them in the Doppler dashboard, or: doppler secrets set NAME --project ${project.name} --config ${config}`,
    "Apps get theirs within their refresh interval; CI's are written by the next `pulumi up`.",
  ].join("\n");
}
