import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { requirePlain } from "./plain";

/** What a secret is set to. */
export interface ActionsSecretValue {
  /** Made a secret here if it isn't one. An empty value can't be expressed by the provider. */
  value: pulumi.Input<string>;

  /**
   * A flag that changes nothing but that a change of it writes the value anew, in place. The provider plans no update
   * for a secret that was overwritten by hand. Not for secrets of a GitHub environment, which have no such flag.
   */
  rewritten?: boolean;
}

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
}

/** Actions secrets of one repository, such as the DockerHub credentials that its CI logs in with. */
export class GithubActionsSecrets extends pulumi.ComponentResource {
  /** The names of the secrets, in alphabetical order. */
  readonly secretNames: pulumi.Output<string[]>;

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

    const secrets = Object.entries(args.secrets).map(([secretName, { value, rewritten }]) =>
      environment === undefined
        ? new github.ActionsSecret(
            `${name}-${secretName}`,
            { repository, secretName, value: pulumi.secret(value), ...(rewritten && { destroyOnDrift: true }) },
            { parent: this },
          )
        : new github.ActionsEnvironmentSecret(
            `${name}-${secretName}`,
            { repository, environment, secretName, value: pulumi.secret(value) },
            { parent: this },
          ),
    );

    this.secretNames = pulumi.all(secrets.map((s) => s.secretName)).apply((names) => names.sort());
    this.registerOutputs({ secretNames: this.secretNames });
  }
}
