import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "./kubectl";
import { type ClusterAdoption, clusterPreflight } from "./clusterPreflight";
import type { StackConfig } from "../settings";
import type { KnownResource } from "./state";
import type { Workplace } from "./doppler";

// Looks before anything is created: is what this stack builds on there, and is what it is to make still to be made?

/** Ids of things that exist and are to be taken over rather than created. */
export interface Adoption {
  project?: string;
  environment?: string;
  config?: string;
  cluster: ClusterAdoption;
}

/** What stands in the way of this stack. Nothing was created or changed. */
export class PreflightError extends pulumi.RunError {
  constructor(stack: string, problems: string[]) {
    super(
      [`Stack "${stack}" can't be run. Nothing was created or changed.`, ...problems.map((p) => `  ${p}`)].join("\n"),
    );
  }
}

const TYPES = {
  project: "doppler:index/project:Project",
  environment: "doppler:index/environment:Environment",
  config: "doppler:index/branchConfig:BranchConfig",
} as const;

/**
 * Compares what the stack is to make in Doppler and in its cluster with what is there and with what its state knows.
 *
 * @param state this stack's resources
 * @param operatorState those of the stack that installs the operator, if it is another one and can be read
 * @returns what to take over, if the stack's settings say `adopt`
 * @throws PreflightError naming everything that is missing or in the way
 */
export async function preflight(
  stack: StackConfig,
  workplace: Workplace,
  cluster: Cluster,
  state: readonly KnownResource[],
  operatorState: readonly KnownResource[] | undefined,
): Promise<Adoption> {
  const problems: string[] = [];
  const inCluster = await clusterPreflight(stack, cluster, state);
  const adoption: Adoption = { cluster: inCluster.adoption };
  const { project, environment, branchConfig } = stack.doppler;
  const knows = (type: string, outputs: Record<string, string>) =>
    state.some((r) => r.type === type && Object.entries(outputs).every(([key, value]) => r.outputs[key] === value));
  const inTheWay = (what: string, ownedBy: string) =>
    problems.push(
      `${what} exists in Doppler, and this stack did not make it.`,
      `  If another stack owns it: ${ownedBy}.`,
      `  If it was made by hand, or by a run that was cut off: pulumi config set adopt true --stack ${stack.name}, then pulumi up takes it over as it is.`,
    );

  const found = await workplace.project(project.name);
  if (found === undefined && !project.owned) {
    problems.push(
      `Doppler project "${project.name}" does not exist, or this token may not see it.`,
      `  Stack "${project.ownedBy}" makes it: run pulumi up --stack ${project.ownedBy} first.`,
    );
  }
  if (found !== undefined && project.owned && !knows(TYPES.project, { name: project.name })) {
    if (!stack.adopt) inTheWay(`project "${project.name}"`, "say so with doppler.project.ownedBy");
    else if (found.description !== (project.description ?? "")) {
      problems.push(
        `project "${project.name}" can't be taken over: its description in Doppler differs from doppler.project.description.`,
        `  Doppler has: ${JSON.stringify(found.description)}`,
      );
    } else adoption.project = project.name;
  }

  const environments = found === undefined ? [] : await workplace.environments(project.name);
  const present = environments.find((e) => e.slug === environment.slug);
  if (present !== undefined && !knows(TYPES.environment, { project: project.name, slug: environment.slug })) {
    const what = `environment "${environment.slug}" of project "${project.name}"`;
    if (!stack.adopt) inTheWay(what, "give this one an environment of its own, with doppler.environment.slug");
    else if (present.name !== environment.name) {
      problems.push(
        `${what} can't be taken over: its name in Doppler differs from doppler.environment.name.`,
        `  Doppler has: ${JSON.stringify(present.name)}`,
      );
    } else adoption.environment = `${project.name}.${environment.slug}`;
  }

  if (present !== undefined && branchConfig !== undefined) {
    const configs = await workplace.configs(project.name, environment.slug);
    if (
      configs.includes(branchConfig) &&
      !knows(TYPES.config, { project: project.name, environment: environment.slug, name: branchConfig })
    ) {
      if (!stack.adopt)
        inTheWay(`config "${branchConfig}" of project "${project.name}"`, "name another doppler.config");
      else adoption.config = `${project.name}.${environment.slug}.${branchConfig}`;
    }
  }

  if (!stack.operator.owned) {
    const owner = stack.operator.ownedBy;
    const installed = operatorState?.some((r) => r.type === "kubernetes:helm.sh/v3:Release");
    if (installed !== true) {
      problems.push(
        "The External Secrets Operator of this cluster is not installed, or its stack can't be read.",
        `  Stack "${owner}" installs it: run pulumi up --stack ${owner} first.`,
      );
    }
  }

  problems.push(...inCluster.problems);
  if (problems.length > 0) throw new PreflightError(stack.name, problems);
  return adoption;
}
