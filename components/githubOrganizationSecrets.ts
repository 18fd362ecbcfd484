import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { namesOf } from "./githubActionsSecrets";
import { requirePlain } from "./plain";
import { type ActionsSecretValue, flagged, kept, unflagged } from "./secretValue";

/** The arguments of {@link GithubOrganizationSecrets}. */
export interface GithubOrganizationSecretsArgs {
  /** Which repositories may read the secrets: `all`, `private` (all but public ones), or `selected`. */
  visibility: string;

  /** For `selected`: the repositories, by GitHub's numbers. */
  selectedRepositoryIds?: number[];

  /** The secrets by name. */
  secrets: Record<string, ActionsSecretValue>;

  /** The organisation's secrets for runs that Dependabot starts, which see no others. */
  dependabotSecrets?: Record<string, ActionsSecretValue>;
}

/** Actions secrets of the organisation that the provider works for, in place of the same ones in each repository. */
export class GithubOrganizationSecrets extends pulumi.ComponentResource {
  /** The names of the secrets, in alphabetical order. */
  readonly secretNames: pulumi.Output<string[]>;

  /** The names of the Dependabot secrets, in alphabetical order. */
  readonly dependabotSecretNames: pulumi.Output<string[]>;

  constructor(name: string, args: GithubOrganizationSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:GithubOrganizationSecrets", name, {}, opts);
    requirePlain(args, "visibility", "selectedRepositoryIds");
    const { visibility } = args;
    const secrets = Object.entries(args.secrets).map(([secretName, value]) => {
      const place = `${name}-${secretName}`;
      const secret = new github.ActionsOrganizationSecret(
        place,
        { secretName, visibility, ...flagged(value) },
        { parent: this, ...kept(value, "destroyOnDrift") },
      );
      if (visibility === "selected") {
        new github.ActionsOrganizationSecretRepositories(`${place}-repositories`, ...this.selection(args, secret));
      }
      return secret;
    });
    const dependabotSecrets = Object.entries(args.dependabotSecrets ?? {}).map(([secretName, value]) => {
      const place = `${name}-dependabot-${secretName}`;
      const secret = new github.DependabotOrganizationSecret(
        place,
        { secretName, visibility, ...unflagged(value) },
        { parent: this, ...kept(value) },
      );
      if (visibility === "selected") {
        new github.DependabotOrganizationSecretRepositories(`${place}-repositories`, ...this.selection(args, secret));
      }
      return secret;
    });

    this.secretNames = namesOf(secrets);
    this.dependabotSecretNames = namesOf(dependabotSecrets);
    this.registerOutputs({ secretNames: this.secretNames, dependabotSecretNames: this.dependabotSecretNames });
  }

  /**
   * Who may read a secret, as a resource of its own: a change of the list is made in place, where the secret's own
   * argument would have it deleted and made anew.
   */
  private selection(
    { selectedRepositoryIds = [] }: GithubOrganizationSecretsArgs,
    { secretName, updatedAt }: { secretName: pulumi.Output<string>; updatedAt: pulumi.Output<string> },
  ): [{ secretName: pulumi.Output<string>; selectedRepositoryIds: number[] }, pulumi.CustomResourceOptions] {
    return [
      { secretName, selectedRepositoryIds },
      {
        parent: this,
        // GitHub empties the list with each write of the secret.
        replacementTrigger: updatedAt,
        // The list goes with the secret, or with its visibility; emptying it first would be refused after the latter.
        retainOnDelete: true,
      },
    ];
  }
}
