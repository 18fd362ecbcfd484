import type { AdoptedDoppler } from "../../components/dopplerProject";
import type { SourceConfig, StackConfig } from "../settings";
import type { DopplerFindings, World } from "../world";

/** Ids of things in Doppler that exist and are taken over, by the source that they are taken over with. */
export type DopplerAdoption = ReadonlyMap<string, AdoptedDoppler>;

type Seen = Pick<World, "inDoppler" | "left" | "state">;

const PROJECT = "doppler:index/project:Project";
const ENVIRONMENT = "doppler:index/environment:Environment";

/** What of Doppler is taken over; what is missing there, or in the way; and what the stack must not let go of. */
export function dopplerPreflight(stack: StackConfig, seen: Seen): { adoption: DopplerAdoption; problems: string[] } {
  const adoption = new Map<string, AdoptedDoppler>();
  const problems: string[] = [];
  stack.sources.forEach((source, index) => {
    const found = seen.inDoppler.get(source.name) ?? { environments: [], configs: [] };
    const before = stack.sources.slice(0, index);
    const ofSource = sourcePreflight(stack, source, before, found, seen);
    adoption.set(source.name, ofSource.adoption);
    problems.push(...ofSource.problems);
  });
  return { adoption, problems: [...problems, ...stillUsed(stack, seen)] };
}

function sourcePreflight(
  stack: StackConfig,
  source: SourceConfig,
  before: readonly SourceConfig[],
  { project: found, environments, configs }: DopplerFindings,
  { state }: Seen,
): { adoption: AdoptedDoppler; problems: string[] } {
  const { project, environment, branchConfig, setting } = source;
  const adoption: AdoptedDoppler = {};
  const problems: string[] = [];
  const inTheWay = (what: string, ownedBy: string) =>
    problems.push(
      `${what} exists in Doppler, and this stack did not make it.`,
      `  If another stack owns it: ${ownedBy}.`,
      `  If it was made by hand, or by a run that was cut off: pulumi config set adopt true --stack ${stack.name}, then pulumi up takes it over as it is.`,
    );
  const missing = (what: string, owner: string) =>
    problems.push(
      `${what} does not exist, or this token may not see it.`,
      `  Stack "${owner}" makes it: run pulumi up --stack ${owner} first.`,
    );
  const handedOver = (what: string, of: string) =>
    problems.push(
      `${setting}.${of}.ownedBy names another owner of ${what}, which this stack made: pulumi up would delete it, with all its values.`,
      `  Set ${setting}.${of}.ownedBy back to "${stack.name}".`,
    );

  // Of several sources with one project or one environment, the first speaks for all of them.
  const firstOfProject = before.every((other) => other.project.name !== project.name);
  const firstOfEnvironment = before.every(
    (other) => other.project.name !== project.name || other.environment.slug !== environment.slug,
  );
  const called = `"${environment.slug}" of project "${project.name}"`;

  const projectKnown = state.find(PROJECT, { name: project.name }) !== undefined;
  if (!project.owned && firstOfProject) {
    if (projectKnown) handedOver(`Doppler project "${project.name}"`, "project");
    else if (found === undefined) missing(`Doppler project "${project.name}"`, project.ownedBy);
  }
  if (found !== undefined && project.created && !projectKnown) {
    if (!stack.adopt) inTheWay(`project "${project.name}"`, `say so with ${setting}.project.ownedBy`);
    else if (found.description !== (project.description ?? "")) {
      problems.push(
        `project "${project.name}" can't be taken over: its description in Doppler differs from ${setting}.project.description.`,
        `  Doppler has: ${JSON.stringify(found.description)}`,
      );
    } else adoption.project = project.name;
  }

  const present = environments.find((e) => e.slug === environment.slug);
  const environmentKnown = state.find(ENVIRONMENT, { project: project.name, slug: environment.slug }) !== undefined;
  if (!environment.owned && firstOfEnvironment) {
    if (environmentKnown) handedOver(`Doppler environment ${called}`, "environment");
    else if (found !== undefined && present === undefined)
      missing(`Doppler environment ${called}`, environment.ownedBy);
  }
  if (present !== undefined && environment.created && !environmentKnown) {
    const what = `environment ${called}`;
    if (!stack.adopt) {
      const own = `give this one an environment of its own, with ${setting}.environment.slug`;
      inTheWay(what, `say so with ${setting}.environment.ownedBy, or ${own}`);
    } else if (present.name !== environment.name) {
      problems.push(
        `${what} can't be taken over: its name in Doppler differs from ${setting}.environment.name.`,
        `  Doppler has: ${JSON.stringify(present.name)}`,
      );
    } else adoption.environment = `${project.name}.${environment.slug}`;
  }

  if (branchConfig !== undefined && configs.includes(branchConfig)) {
    const configId = { project: project.name, environment: environment.slug, name: branchConfig };
    if (!state.find("doppler:index/branchConfig:BranchConfig", configId)) {
      if (stack.adopt) adoption.config = `${project.name}.${environment.slug}.${branchConfig}`;
      else inTheWay(`config "${branchConfig}" of project "${project.name}"`, `name another ${setting}.config`);
    }
  }
  return { adoption, problems };
}

/** What a run would delete in Doppler because no source is in it any more, and others use. */
function stillUsed({ expectedOfOwner }: StackConfig, { left }: Seen): string[] {
  return left.flatMap(({ project, environment, others }) => {
    const stacks = expectedOfOwner
      .filter(
        (expected) => expected.project === project && (environment ?? expected.environment) === expected.environment,
      )
      .map(({ stack }) => `stack "${stack}"`);
    const inIt = others.map((name) => `${environment === undefined ? "environment" : "config"} "${name}"`);
    const users = [...new Set([...inIt, ...stacks])];
    if (users.length === 0) return [];
    const what =
      environment === undefined
        ? `Doppler project "${project}"`
        : `Doppler environment "${environment}" of project "${project}"`;
    return [
      `No source of this stack reads ${what} any more, so that pulumi up would delete it, with all its values. Still in use by ${users.join(", ")}.`,
      `  Keep the source until nobody uses it.`,
    ];
  });
}
