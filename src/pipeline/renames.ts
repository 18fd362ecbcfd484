import { projectResource, sourceIn } from "./sourceNames";
import { MAIN_SOURCE, type SourceConfig, type StackConfig } from "../settings";
import type { Outputs, World } from "../world";

// Doppler keeps the values of a project, an environment or a config when its name changes. Pulumi's provider does not
// always: with a new name of the environment it deletes a branch config and its values, and with any of the three new
// names it fails when it comes to revoke the old service token, which it looks for under the old name.

type State = World["state"];

const PROJECT = "doppler:index/project:Project";
const ENVIRONMENT = "doppler:index/environment:Environment";
const CONFIG = "doppler:index/branchConfig:BranchConfig";
const TOKEN = "doppler:index/serviceToken:ServiceToken";

/** What the settings call by another name than the state, and how to rename it. */
export function renameProblems(
  { name: stack, sources }: Pick<StackConfig, "name" | "sources">,
  { state }: Pick<World, "state">,
): string[] {
  return sources.flatMap((source) => {
    const renamed = renamedInDoppler(source, stack, state);
    return renamed.length > 0 ? renamed : renamedSource(source, state);
  });
}

function renamedInDoppler(source: SourceConfig, stack: string, state: State): string[] {
  const { name: sourceName, setting, project, environment, branchConfig, serviceToken } = source;
  // A stack that uses another's environment knows its names by the branch config or by the token.
  const known = made(source, state);
  const { [ENVIRONMENT]: ofEnvironment, [CONFIG]: ofConfig, [TOKEN]: ofToken } = known;
  const root = ofConfig === undefined ? ofToken?.["config"] : undefined;
  const names = [
    {
      ...{ what: "project", setting: `${setting}.project.name`, becomes: project.name },
      was: (ofEnvironment ?? ofConfig ?? ofToken)?.["project"],
    },
    {
      ...{ what: "environment", setting: `${setting}.environment.slug`, becomes: environment.slug },
      was: ofEnvironment?.["slug"] ?? ofConfig?.["environment"] ?? root,
    },
    { what: "config", setting: `${setting}.config`, was: ofConfig?.["name"], becomes: branchConfig },
  ];
  const renamed = names.filter(({ was, becomes }) => was !== undefined && becomes !== undefined && was !== becomes);
  if (renamed.length === 0) return [];
  const whose = setting === sourceName ? "this stack's" : `this stack's source "${sourceName}"'s`;
  return [
    ...renamed.map(
      ({ what, setting, was, becomes }) =>
        `${setting} is "${becomes}"; ${whose} Doppler ${what} is called "${String(was)}".`,
    ),
    "  Pulumi can't rename it without losing values or a moment of delivery. To rename it and keep both:",
    "  1. Rename it in the Doppler dashboard. Its service tokens go on working.",
    `  2. Run pulumi refresh --stack ${stack}: the state forgets what has the old name.`,
    `  3. Set the new name, ${setting}.serviceToken to another name than "${serviceToken}", and adopt: true; then run pulumi up.`,
    `  4. Revoke service token "${serviceToken}" in the dashboard.`,
    `  For another ${renamed[0]?.what ?? "one"} with values of its own, make another ${setting === sourceName ? "stack" : "source"}.`,
  ];
}

/** What the state has of a source, by type; under the source's name from before where it has nothing under this one. */
function made({ name, renamedFrom }: SourceConfig, state: State): Readonly<Record<string, Outputs | undefined>> {
  const under = (resource: string) => ({
    [ENVIRONMENT]: state.called(ENVIRONMENT, `${resource}-environment`),
    [CONFIG]: state.called(CONFIG, `${resource}-config`),
    [TOKEN]: state.called(TOKEN, `${resource}-token`),
  });
  const now = under(projectResource(name));
  const none = Object.values(now).every((outputs) => outputs === undefined);
  return none && renamedFrom !== undefined ? under(projectResource(renamedFrom)) : now;
}

/** What a source is to make and the state has from another source: Pulumi would make it anew, and delete the old one. */
function renamedSource(source: SourceConfig, state: State): string[] {
  const { name, renamedFrom, setting, project, environment, branchConfig, config } = source;
  const ofProject = `of project "${project.name}"`;
  const things = [
    { made: project.created, type: PROJECT, what: `Doppler project "${project.name}"`, values: { name: project.name } },
    {
      ...{
        made: environment.created,
        type: ENVIRONMENT,
        what: `Doppler environment "${environment.slug}" ${ofProject}`,
      },
      values: { project: project.name, slug: environment.slug },
    },
    {
      ...{ made: branchConfig !== undefined, type: CONFIG, what: `config "${config}" ${ofProject}` },
      values: { project: project.name, name: config },
    },
    {
      ...{ made: true, type: TOKEN, what: `the service token of config "${config}" ${ofProject}` },
      values: { project: project.name, config },
    },
  ];
  for (const { made, type, what, values } of things) {
    const holder = made ? sourceIn(state.nameOf(type, values)) : undefined;
    if (holder === undefined || holder === name || holder === renamedFrom) continue;
    const isMain = holder === MAIN_SOURCE || name === MAIN_SOURCE;
    return [
      `${setting}: ${what} is made by source "${holder}" in this stack's state, and by source "${name}" in its settings; pulumi up would make it a second time.`,
      isMain
        ? "  What the main source has made can't move to another source, nor the other way round."
        : `  If the source was called "${holder}" before, set ${setting}.renamedFrom to "${holder}". Else keep source "${holder}".`,
    ];
  }
  return [];
}
