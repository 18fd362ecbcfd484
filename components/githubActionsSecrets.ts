import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { requirePlain } from "./plain";
import { type ActionsSecretValue, flagged, kept, unflagged } from "./secretValue";

/** The arguments of {@link GithubActionsSecrets}. */
export interface GithubActionsSecretsArgs {
  /** The repository's name, without its owner. */
  repository: string;

  /** A GitHub environment of the repository. Without it, the secrets are for the repository as a whole. */
  environment?: string;

  /** Whether to make the GitHub environment, with no protection rules. Default: it exists. */
  createEnvironment?: boolean;

  /** The secrets by name. */
  secrets: Record<string, ActionsSecretValue>;

  /** The repository's secrets for runs that Dependabot starts, which see no others. Environments have none. */
  dependabotSecrets?: Record<string, ActionsSecretValue>;
}

/** Actions secrets of one repository, such as the DockerHub credentials that its CI logs in with. */
export class GithubActionsSecrets extends pulumi.ComponentResource {
  /** The names of the secrets, in alphabetical order. */
  readonly secretNames: pulumi.Output<string[]>;

  /** The names of the Dependabot secrets, in alphabetical order. */
  readonly dependabotSecretNames: pulumi.Output<string[]>;

  constructor(name: string, args: GithubActionsSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:GithubActionsSecrets", name, {}, opts);
    requirePlain(args, "repository", "environment", "createEnvironment");
    if (pulumi.Output.isInstance(args.secrets)) requirePlain(args, "secrets");
    const { repository } = args;
    const environment =
      args.environment !== undefined && args.createEnvironment
        ? new github.RepositoryEnvironment(
            `${name}-environment`,
            { repository, environment: args.environment },
            { parent: this },
          ).environment
        : args.environment;

    const secrets = Object.entries(args.secrets).map(([secretName, value]) =>
      environment === undefined
        ? new github.ActionsSecret(
            `${name}-${secretName}`,
            { repository, secretName, ...flagged(value) },
            { parent: this, ...kept(value, "destroyOnDrift") },
          )
        : new github.ActionsEnvironmentSecret(
            `${name}-${secretName}`,
            { repository, environment, secretName, ...unflagged(value) },
            { parent: this, ...kept(value) },
          ),
    );
    const dependabotSecrets = Object.entries(args.dependabotSecrets ?? {}).map(
      ([secretName, value]) =>
        new github.DependabotSecret(
          `${name}-dependabot-${secretName}`,
          { repository, secretName, ...unflagged(value) },
          { parent: this, ...kept(value) },
        ),
    );

    this.secretNames = namesOf(secrets);
    this.dependabotSecretNames = namesOf(dependabotSecrets);
    this.registerOutputs({ secretNames: this.secretNames, dependabotSecretNames: this.dependabotSecretNames });
  }
}

/** The names of secrets, in alphabetical order. */
export function namesOf(secrets: readonly { secretName: pulumi.Output<string> }[]): pulumi.Output<string[]> {
  return pulumi.all(secrets.map((s) => s.secretName)).apply((names) => names.sort());
}
