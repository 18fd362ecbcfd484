import type * as pulumi from "@pulumi/pulumi";
import { hasGuard, type SharedGuardArgs } from "../../components/sharedGuard";
import type { SourceConfig, StackConfig } from "../settings";
import { StateError, type World } from "../world";

type Seen = Pick<World, "inDoppler" | "state" | "userStates">;

/** What this stack owns and others use, and who uses it at present. The guard lets nothing of it go while there is anyone. */
export function sharing({ sources, operator, clusterUsers }: StackConfig, seen: Seen): SharedGuardArgs {
  const shared: string[] = [];
  const users = new Set<string>();
  for (const source of sources) {
    const { project, environment } = source;
    if (project.created && project.shared) {
      shared.push(`Doppler project "${project.name}"`);
      otherEnvironments(source, sources, seen).forEach((user) => users.add(user));
    }
    if (environment.created && environment.shared) {
      shared.push(`Doppler environment "${environment.slug}" of project "${project.name}"`);
      usersOfEnvironment(source, sources, seen).forEach((user) => users.add(user));
    }
  }
  if (operator.owned && operator.shared) {
    shared.push("the cluster's operator and namespaces");
    clusterUsers.flatMap((name) => userStack(name, seen, (state) => state.usesCluster())).forEach((u) => users.add(u));
  }
  return { shared, users: [...users] };
}

function otherEnvironments({ name, project }: SourceConfig, sources: readonly SourceConfig[], seen: Seen): string[] {
  const own = sources.filter((other) => other.project.name === project.name).map(({ environment }) => environment.slug);
  const { environments = [] } = seen.inDoppler.get(name) ?? {};
  return environments
    .filter(({ slug }) => !own.includes(slug))
    .map(({ slug }) => `environment "${slug}" of project "${project.name}"`);
}

/** A stack that reads only the root config has made nothing but a token, so that stacks are asked as well as Doppler. */
function usersOfEnvironment(
  { name, project, environment }: SourceConfig,
  sources: readonly SourceConfig[],
  seen: Seen,
): string[] {
  const { configs = [] } = seen.inDoppler.get(name) ?? {};
  const isOwn = (config: string) =>
    config === environment.slug ||
    sources.some((other) => other.project.name === project.name && other.branchConfig === config) ||
    seen.state.find("doppler:index/branchConfig:BranchConfig", { project: project.name, name: config }) !== undefined;
  return [
    ...configs.filter((config) => !isOwn(config)).map((config) => `config "${config}" of project "${project.name}"`),
    ...environment.users.flatMap((stack) =>
      userStack(stack, seen, (state) => state.usesEnvironment(project.name, environment.slug)),
    ),
  ];
}

/** A stack in words, if it uses something, or if its state can't be read: what it uses would then be lost. */
function userStack(name: string, { userStates }: Seen, uses: (state: UserState) => boolean): string[] {
  const state = userStates.get(name);
  if (state instanceof StateError) return [`stack "${name}" (its state can't be read: ${state.reason})`];
  return state !== undefined && uses(state) ? [`stack "${name}"`] : [];
}

type UserState = World["state"];

/**
 * The guard's check for each single thing that is shared. The guard itself is made last, so a first run that fails
 * midway leaves things without a guard; until the state has one, they carry the check themselves.
 */
export function checkOfEach(
  { shared }: SharedGuardArgs,
  { state }: World,
  check: pulumi.ResourceHook,
): pulumi.ResourceHook[] {
  return shared.length === 0 || hasGuard((type) => state.all(type)) ? [] : [check];
}

/** The check of what a source makes and others share. A check on anything else would keep what nobody uses. */
export function checkOfShared(
  { project, environment }: SourceConfig,
  check: pulumi.ResourceHook[],
): { beforeDelete: pulumi.ResourceHook[]; beforeDeleteEnvironment: pulumi.ResourceHook[] } {
  return {
    beforeDelete: project.shared ? check : [],
    beforeDeleteEnvironment: environment.shared ? check : [],
  };
}
