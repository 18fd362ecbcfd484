import * as pulumi from "@pulumi/pulumi";

/** The arguments of {@link SharedGuard}. */
export interface SharedGuardArgs {
  /** What this stack owns and others use; for the error. */
  shared: string[];

  /** Who uses it at present, each in words for the error. As long as there is anyone, nothing is deleted. */
  users: string[];
}

/** As the engine shows it where the program does not run along, which is when nobody can ask who the users are. */
const HOOK = "still used by other stacks? Only the program can tell: pulumi destroy --run-program";

const STASH = "pulumi:index:Stash";

/** Registers the check. Every run registers it: the state may name the hook, and the engine wants every hook it names. */
export function guardCheck({ shared, users }: SharedGuardArgs): pulumi.ResourceHook {
  return new pulumi.ResourceHook(HOOK, ({ type }) => {
    if (users.length > 0) {
      const rest = type === STASH ? "Nothing was deleted." : "What they use was not deleted.";
      throw new Error(
        `This stack owns ${shared.join(" and ")}, still in use by ${users.join(", ")}. Destroy those first. ${rest}`,
      );
    }
  });
}

/** Whether a state has a guard, from the outputs of all resources of a type. */
export function hasGuard(all: (type: string) => readonly unknown[]): boolean {
  return all(STASH).length > 0;
}

/**
 * A resource that depends on everything of a stack, so that a destroy has to delete it first. Where the stack owns what
 * other stacks use, the destroy gets past the guard only when no user is left; where the stack is protected, not at all.
 * Protection of single resources would not do: a destroy deletes all others before it comes to a protected one.
 */
export class SharedGuard extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: SharedGuardArgs & { check: pulumi.ResourceHook; protect: boolean; clusterId?: string | undefined },
    opts: pulumi.ComponentResourceOptions & { dependsOn: pulumi.Input<pulumi.Resource>[] },
  ) {
    super("secrets-pipeline:index:SharedGuard", name, {}, opts);
    new pulumi.Stash(
      `${name}-stash`,
      { input: { shared: args.shared } },
      {
        parent: this,
        dependsOn: opts.dependsOn,
        protect: args.protect,
        hooks: args.shared.length > 0 ? { beforeDelete: [args.check] } : undefined,
      },
    );
    // Recorded here, since a change of a component's outputs is no change of a resource.
    this.registerOutputs(args.clusterId === undefined ? {} : { clusterId: args.clusterId });
  }
}

/** The id of the cluster that a stack was brought up in, if a state has recorded it. */
export function recordedClusterId(
  all: (type: string) => readonly Readonly<Record<string, unknown>>[],
): string | undefined {
  const [guard] = all("secrets-pipeline:index:SharedGuard");
  const id = guard?.["clusterId"];
  return typeof id === "string" ? id : undefined;
}
