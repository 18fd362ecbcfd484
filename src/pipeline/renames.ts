import type { StackConfig } from "../settings";
import type { World } from "../world";

// Doppler keeps the values of a project, an environment or a config when its name changes. Pulumi's provider does not
// always: with a new name of the environment it deletes a branch config and its values, and with any of the three new
// names it fails when it comes to revoke the old service token, which it looks for under the old name.

/** What the settings call by another name than the state, and how to rename it. */
export function renameProblems(
  { name: stack, doppler: { project, environment, branchConfig, serviceToken } }: Pick<StackConfig, "name" | "doppler">,
  { state }: Pick<World, "state">,
): string[] {
  const known = state.find("doppler:index/environment:Environment", {});
  const config = state.find("doppler:index/branchConfig:BranchConfig", {});
  const names = [
    { what: "project", setting: "doppler.project.name", was: known?.["project"], becomes: project.name },
    { what: "environment", setting: "doppler.environment.slug", was: known?.["slug"], becomes: environment.slug },
    { what: "config", setting: "doppler.config", was: config?.["name"], becomes: branchConfig },
  ];
  const renamed = names.filter(({ was, becomes }) => was !== undefined && becomes !== undefined && was !== becomes);
  if (renamed.length === 0) return [];
  return [
    ...renamed.map(
      ({ what, setting, was, becomes }) =>
        `${setting} is "${becomes}"; this stack's Doppler ${what} is called "${String(was)}".`,
    ),
    "  Pulumi can't rename it without losing values or a moment of delivery. To rename it and keep both:",
    "  1. Rename it in the Doppler dashboard. Its service tokens go on working.",
    `  2. Run pulumi refresh --stack ${stack}: the state forgets what has the old name.`,
    `  3. Set the new name, doppler.serviceToken to another name than "${serviceToken}", and adopt: true; then run pulumi up.`,
    `  4. Revoke service token "${serviceToken}" in the dashboard.`,
    `  For another ${renamed[0]?.what ?? "one"} with values of its own, make another stack.`,
  ];
}
