import type { SharedGuardArgs } from "../../components/sharedGuard";
import type { StackConfig } from "../settings";
import type { World } from "../world";

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
    users.push(...clusterUsers.map((name) => `stack "${name}"`));
  }
  return { shared, users };
}
