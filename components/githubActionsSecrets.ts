import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";

/** The arguments of {@link GithubActionsSecrets}. */
export interface GithubActionsSecretsArgs {
  /** The repository's name, without its owner. */
  repository: pulumi.Input<string>;

  /** The values by secret name. Made secrets here if they aren't. An empty value can't be expressed by the provider. */
  secrets: Record<string, pulumi.Input<string>>;
}

/** Actions secrets of one repository, such as the DockerHub credentials that its CI logs in with. */
export class GithubActionsSecrets extends pulumi.ComponentResource {
  /** The names of the secrets, in alphabetical order. */
  readonly secretNames: pulumi.Output<string[]>;

  constructor(name: string, args: GithubActionsSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:GithubActionsSecrets", name, {}, opts);

    const secrets = Object.entries(args.secrets).map(
      ([secretName, value]) =>
        new github.ActionsSecret(
          `${name}-${secretName}`,
          { repository: args.repository, secretName, value: pulumi.secret(value) },
          { parent: this },
        ),
    );

    this.secretNames = pulumi.all(secrets.map((s) => s.secretName)).apply((names) => names.sort());
    this.registerOutputs({ secretNames: this.secretNames });
  }
}
