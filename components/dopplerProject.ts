import * as doppler from "@pulumiverse/doppler";
import * as pulumi from "@pulumi/pulumi";
import { requirePlain } from "./plain";

/** Doppler's ids of things that exist and are taken over as they are. */
export interface AdoptedDoppler {
  /** The project: its name. */
  project?: string;
  /** The environment: `<project>.<slug>`. */
  environment?: string;
  /** The branch config: `<project>.<environment>.<config>`. */
  config?: string;
}

/** The arguments of {@link DopplerProject}. */
export interface DopplerProjectArgs {
  /** The Doppler project's name. */
  project: pulumi.Input<string>;

  /** What the project is for; shown in the dashboard. */
  description?: pulumi.Input<string>;

  /**
   * Whether this stack makes the project. The environments of all stacks share one project, so one stack makes it and
   * the others use it.
   */
  createProject: boolean;

  /** The environment's slug, such as `dev`; also the name of the root config that Doppler makes with it. */
  environment: pulumi.Input<string>;

  /** The environment's name as the dashboard shows it. */
  environmentName: pulumi.Input<string>;

  /**
   * Whether this stack makes the environment. Several stacks may read one environment, each a branch config of its own:
   * one stack makes the environment, and the others use it. Default: this stack makes it.
   */
  createEnvironment?: boolean;

  /** A branch config of the environment, named `<environment>_<name>`. Apps read the root config without it. */
  branchConfig?: pulumi.Input<string>;

  /**
   * The name of the read-only service token that the cluster reads with. A new name rotates the token: the new one is
   * made first, and the old one revoked last. Without a name there is no token, for a cluster that proves itself by
   * OIDC.
   */
  serviceTokenName?: string;

  /** Whether Pulumi refuses to delete the project, the environment and its configs, and with them their values. */
  protect?: boolean;

  /** Ids of things that exist and are taken over as they are. */
  adopt?: AdoptedDoppler;
}

/** The service tokens of Doppler configs, which the provider can't list. */
export interface ServiceTokens {
  /**
   * The tokens of a config: each with the time of the last request that came with it, null if none ever did, and
   * undefined where Doppler does not tell.
   */
  serviceTokens(
    project: string,
    config: string,
  ): Promise<{ name: string; slug: string; lastSeenAt: string | null | undefined }[]>;
  /** Revokes a token. */
  revoke(project: string, config: string, slug: string): Promise<void>;
}

/** What only a program in the same process can give. */
export interface DopplerProjectHelp {
  /** To revoke a token that an interrupted run has left. Without it such a token stays until it is revoked by hand. */
  doppler?: ServiceTokens;
  /** Called before the project is deleted; an error keeps it. */
  beforeDelete?: pulumi.ResourceHook[];
  /** Called before the environment is deleted; an error keeps it. */
  beforeDeleteEnvironment?: pulumi.ResourceHook[];
}

const configIds = new WeakMap<DopplerProject, pulumi.Output<pulumi.ID | undefined>>();

/**
 * The id of the config that apps read: unknown in a preview as long as the config does not exist. No member of the
 * component, which would make it an output for programs in other languages.
 */
export function configId(component: DopplerProject): pulumi.Output<pulumi.ID | undefined> {
  return configIds.get(component) ?? pulumi.output(undefined);
}

/**
 * One environment of a Doppler project: the project (where this stack owns it), the environment, the config that apps
 * read, and a service token that may read this config and nothing else.
 */
export class DopplerProject extends pulumi.ComponentResource {
  /** The project's name. */
  readonly project: pulumi.Output<string>;

  /** The name of the config that apps read. */
  readonly config: pulumi.Output<string>;

  /** The service token, `dp.st.…`. A secret. Absent where no name for it was given. */
  readonly serviceToken?: pulumi.Output<string>;

  constructor(
    name: string,
    args: DopplerProjectArgs,
    opts?: pulumi.ComponentResourceOptions,
    { doppler: tokens, beforeDelete = [], beforeDeleteEnvironment = [] }: DopplerProjectHelp = {},
  ) {
    super("secrets-pipeline:index:DopplerProject", name, {}, opts);
    requirePlain(args, "createProject", "createEnvironment", "serviceTokenName", "protect", "adopt");
    const kept = (id?: string) => ({ parent: this, protect: args.protect, import: id });
    const { serviceTokenName } = args;

    const project = args.createProject
      ? new doppler.Project(
          `${name}-project`,
          { name: args.project, description: args.description },
          { ...kept(args.adopt?.project), hooks: { beforeDelete } },
        ).name
      : args.project;

    const environment =
      args.createEnvironment === false
        ? undefined
        : new doppler.Environment(
            `${name}-environment`,
            { project, slug: args.environment, name: args.environmentName },
            { ...kept(args.adopt?.environment), hooks: { beforeDelete: beforeDeleteEnvironment } },
          );
    this.project = pulumi.output(environment?.project ?? project);
    const root = environment?.slug ?? args.environment;

    const branch =
      args.branchConfig === undefined
        ? undefined
        : new doppler.BranchConfig(
            `${name}-config`,
            { project: this.project, environment: root, name: args.branchConfig },
            kept(args.adopt?.config),
          );

    this.config = pulumi.output(branch?.name ?? root);
    if (serviceTokenName !== undefined) {
      const token = new doppler.ServiceToken(
        `${name}-token`,
        { project: this.project, config: this.config, name: serviceTokenName, access: "read" },
        {
          // Never protected: rotation replaces it.
          parent: this,
          hooks: tokens && { beforeCreate: [({ newInputs }) => revokeOrphans(tokens, newInputs)] },
        },
      );
      this.serviceToken = pulumi.secret(token.key);
    }
    configIds.set(this, (branch ?? environment)?.id ?? pulumi.output(undefined));
    this.registerOutputs({ project: this.project, config: this.config });
  }
}

/**
 * Revokes a token of the name that is about to be made, if an interrupted run has left it. Doppler tells a token's key
 * once, to who makes it; when that answer is lost, nobody has the key, and the token is never used. A token that was used
 * belongs to somebody.
 *
 * @throws if a token of this name is in use, or may be
 */
export async function revokeOrphans(tokens: ServiceTokens, inputs: unknown): Promise<void> {
  const { project, config, name } = inputs as { project: string; config: string; name: string };
  for (const token of (await tokens.serviceTokens(project, config)).filter((t) => t.name === name)) {
    if (token.lastSeenAt !== null) {
      const use =
        token.lastSeenAt === undefined
          ? "that this stack does not know, and Doppler does not tell whether it is in use. "
          : "that is in use and is not this stack's. ";
      throw new Error(
        `Config "${config}" of project "${project}" has a service token "${name}" ${use}` +
          "Give this stack's token another name (the setting serviceToken); revoke the old token once nothing uses it.",
      );
    }
    await tokens.revoke(project, config, token.slug);
  }
}
