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

function check({ shared, users }: SharedGuardArgs): pulumi.ResourceHook {
  return new pulumi.ResourceHook(HOOK, () => {
    if (users.length > 0) {
      throw new Error(
        `This stack owns ${shared.join(" and ")}, still in use by ${users.join(", ")}. Destroy those first. Nothing was deleted.`,
      );
    }
  });
}

/**
 * Stands before everything of a stack: it depends on all of it, so a destroy has to delete the guard first. Where the
 * stack owns what others use, it may do so only when there are no users left; where it is protected, not at all.
 * Protection of single resources would not do: a destroy deletes all the others before it comes to one.
 */
export class SharedGuard extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: SharedGuardArgs & { protect: boolean },
    opts: pulumi.ComponentResourceOptions & { dependsOn: pulumi.Input<pulumi.Resource>[] },
  ) {
    super("secrets-pipeline:index:SharedGuard", name, {}, opts);
    // Also where nothing is shared any more: the state may still name the hook, and the engine wants every hook it names.
    const hook = check(args);
    new pulumi.Stash(
      `${name}-stash`,
      { input: { shared: args.shared } },
      {
        parent: this,
        dependsOn: opts.dependsOn,
        protect: args.protect,
        hooks: args.shared.length > 0 ? { beforeDelete: [hook] } : undefined,
      },
    );
    this.registerOutputs({});
  }
}
