import type { SourceConfig, StackConfig } from "../settings";
import type { DopplerClient } from "./doppler";
import type { StackState } from "./state";

/** What Doppler has of a source's project. */
export interface DopplerFindings {
  /** The project; `undefined` if there is none that this token may see. */
  project?: { name: string; description: string };
  /** Its environments. */
  environments: { slug: string; name: string }[];
  /** The configs of the source's environment, read only where a branch config is to be made or others may have one. */
  configs: string[];
}

/** A project or an environment that the stack has made and that no source of its settings is in any more. */
export interface LeftInDoppler {
  project: string;
  /** The environment's slug; without it, the whole project is left. */
  environment?: string;
  /** Environments of the project, or configs of the environment, that the stack has not made. */
  others: string[];
}

/** Reads what Doppler has of the projects of a stack's sources. What several sources have in common is read once. */
export async function readDoppler(
  { sources }: Pick<StackConfig, "sources">,
  client: DopplerClient,
): Promise<ReadonlyMap<string, DopplerFindings>> {
  const projects = new Map<string, Promise<Omit<DopplerFindings, "configs">>>();
  const projectOf = (name: string) => {
    const known = projects.get(name) ?? readProject(name, client);
    projects.set(name, known);
    return known;
  };
  const found = sources.map(async (source): Promise<[string, DopplerFindings]> => {
    const project = await projectOf(source.project.name);
    const configs = await readConfigs(source, project, client);
    return [source.name, { ...project, configs }];
  });
  return new Map(await Promise.all(found));
}

async function readProject(name: string, client: DopplerClient): Promise<Omit<DopplerFindings, "configs">> {
  const project = await client.project(name);
  return { project, environments: project === undefined ? [] : await client.environments(name) };
}

async function readConfigs(
  { project, environment, branchConfig }: SourceConfig,
  { environments }: Omit<DopplerFindings, "configs">,
  client: DopplerClient,
): Promise<string[]> {
  const asked = branchConfig !== undefined || (environment.created && environment.shared);
  if (!asked || environments.every(({ slug }) => slug !== environment.slug)) return [];
  return client.configs(project.name, environment.slug);
}

/** Reads what else is in the projects and environments that the stack's settings have no more. */
export async function readLeft(
  { sources }: Pick<StackConfig, "sources">,
  state: StackState,
  client: DopplerClient,
): Promise<LeftInDoppler[]> {
  const made = state
    .all("doppler:index/environment:Environment")
    .map(({ project, slug }) => ({ project: String(project), slug: String(slug) }));
  const projects = state
    .all("doppler:index/project:Project")
    .map(({ name }) => String(name))
    .filter((name) => sources.every(({ project }) => project.name !== name));
  const environments = made.filter(
    ({ project, slug }) =>
      !projects.includes(project) &&
      sources.every((source) => source.project.name !== project || source.environment.slug !== slug),
  );
  const ofProject = async (project: string): Promise<LeftInDoppler> => {
    const found = await readProject(project, client);
    const own = made.filter((environment) => environment.project === project).map(({ slug }) => slug);
    return { project, others: found.environments.map(({ slug }) => slug).filter((slug) => !own.includes(slug)) };
  };
  const ofEnvironment = async ({ project, slug }: { project: string; slug: string }): Promise<LeftInDoppler> => {
    const { environments: there } = await readProject(project, client);
    const configs = there.some((environment) => environment.slug === slug) ? await client.configs(project, slug) : [];
    const isOwn = (name: string) =>
      name === slug || state.find("doppler:index/branchConfig:BranchConfig", { project, name }) !== undefined;
    return { project, environment: slug, others: configs.filter((name) => !isOwn(name)) };
  };
  return Promise.all([...projects.map(ofProject), ...environments.map(ofEnvironment)]);
}
