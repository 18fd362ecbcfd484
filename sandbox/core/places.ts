import { FIRST_CLUSTER, ownCluster } from "./layout.js";

// Which cluster of the sandbox each stack goes to.

/** How many clusters the stacks have: one for all of them, or each its own. */
export type Clusters = "one" | "each";

/** The place of each stack's cluster; see {@link FIRST_CLUSTER} and {@link ownCluster}. */
export type Places = Readonly<Record<string, string>>;

/**
 * Finds a place for the cluster of each stack. One that has a place keeps it, since its objects are there.
 *
 * @param before the places of all stacks so far
 * @param clusters default: a new stack gets its own
 * @returns the places of all stacks
 * @throws when the stacks are at places that `clusters` excludes
 */
export function placeStacks(stacks: readonly string[], before: Places, clusters?: Clusters): Places {
  const places: Record<string, string> = { ...before };
  const taken = () => Object.values(places);
  const shared = stacks.map((stack) => places[stack]).find((place) => place !== undefined);
  for (const stack of stacks) {
    const first = taken().includes(FIRST_CLUSTER) ? ownCluster(stack) : FIRST_CLUSTER;
    places[stack] ??= clusters === "one" ? (shared ?? FIRST_CLUSTER) : first;
  }
  const count = new Set(stacks.map((stack) => places[stack])).size;
  if ((clusters === "one" && count > 1) || (clusters === "each" && count < stacks.length)) {
    const are = count > 1 ? "in clusters of their own" : "in one cluster";
    throw new Error(
      `the stacks ${stacks.join(" and ")} are ${are} in this sandbox; "make sandbox-clean" forgets them, or use another SANDBOX_DIR`,
    );
  }
  return places;
}

/** A stack and where it goes. */
export interface StackPlan {
  readonly stack: string;
  /** The place of its cluster. */
  readonly place: string;
  /** The name under which its kubeconfig knows the cluster. */
  readonly context: string;
}

/**
 * Finds out to which cluster each stack goes, and under which context.
 *
 * @param contexts the context that each stack asks for
 * @throws when a stack can't be led to its cluster
 */
export function planStacks(
  stacks: readonly string[],
  places: Places,
  contexts: Readonly<Record<string, { readonly context?: string } | undefined>>,
): StackPlan[] {
  const plans: StackPlan[] = [];
  const several = new Set(stacks.map((stack) => places[stack])).size > 1;
  for (const stack of stacks) {
    const context = contexts[stack]?.context;
    if (context === undefined && several)
      throw new Error(
        `the project names no context for the stack ${stack}, which would go to whichever is the current one`,
      );
    const plan = { stack, place: places[stack] ?? FIRST_CLUSTER, context: context ?? `sandbox-${stack}` };
    const other = plans.find((p) => p.context === plan.context && p.place !== plan.place);
    if (other !== undefined) {
      throw new Error(
        `${other.stack} and ${stack} both go to the context ${plan.context}, which can't be two clusters: set SANDBOX_CLUSTERS=one`,
      );
    }
    plans.push(plan);
  }
  return plans;
}
