import type * as pulumi from "@pulumi/pulumi";
import { hasGuard, type SharedGuardArgs } from "../../components/sharedGuard";
import type { StackConfig } from "../settings";
import { StateError, type World } from "../world";

/** What this stack owns and others use, and who uses it at present. The guard lets nothing of it go while there is anyone. */
export function sharing(
  { doppler: { project, environment }, operator }: StackConfig,
  { inDoppler, clusterUsers }: World,
): SharedGuardArgs {
  const shared: string[] = [];
  const users: string[] = [];
  if (project.owned && project.shared) {
    shared.push(`Doppler project "${project.name}"`);
    const others = inDoppler.environments.filter(({ slug }) => slug !== environment.slug);
    users.push(...others.map(({ slug }) => `its environment "${slug}"`));
  }
  if (operator.owned && operator.shared) {
    shared.push("the cluster's operator and namespaces");
    for (const [name, state] of clusterUsers) {
      if (state instanceof StateError) users.push(`stack "${name}" (its state can't be read: ${state.reason})`);
      else if (state.usesCluster()) users.push(`stack "${name}"`);
    }
  }
  return { shared, users };
}

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
