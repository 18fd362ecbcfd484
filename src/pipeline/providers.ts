import * as pulumi from "@pulumi/pulumi";
import dopplerPackage from "@pulumiverse/doppler/package.json";
import githubPackage from "@pulumi/github/package.json";
import kubernetesPackage from "@pulumi/kubernetes/package.json";
import type { ClusterIdentity } from "./clusterIdentity";
import type { StackConfig } from "../settings";

/** The providers of a stack, each told explicitly which account or cluster it works on. */
export interface Providers {
  doppler: pulumi.ProviderResource;
  kubernetes: pulumi.ProviderResource;
  /** Only where the stack has Actions secrets. */
  github?: pulumi.ProviderResource;
}

/** What of an SDK's package.json says which plugin belongs to it. */
interface SdkPackage {
  version: string;
  pulumi: {
    name: string;
    /** Where Pulumi downloads the plugin from, if not from its own releases. */
    server?: string;
  };
}

/**
 * A provider whose inputs are those given and no others. The SDKs' own classes copy KUBECONFIG and GITHUB_TOKEN from the
 * environment into the inputs, and demand a Doppler token: the state would then hold the credentials of whoever ran
 * last. Without them, each provider takes its credentials from the environment of the run.
 */
class ExactProvider extends pulumi.ProviderResource {
  constructor({ version, pulumi: { name, server } }: SdkPackage, inputs: Record<string, Text>) {
    super(name, name, inputs, { version: version.replace(/^v/, ""), pluginDownloadURL: server });
  }
}

/** Providers take texts only. An absent one is no input. */
type Text = pulumi.Input<string> | undefined;

/**
 * Makes a stack's providers. A credential is among the inputs, and so encrypted in the state, only where it is a setting
 * of the stack.
 */
export function createProviders(
  { doppler, kubernetes, githubActions }: StackConfig,
  { identifier }: ClusterIdentity,
): Providers {
  return {
    // With the host in the state, a later destroy can't end up elsewhere because a variable is missing.
    doppler: new ExactProvider(dopplerPackage, { host: doppler.host, dopplerToken: doppler.storedToken }),
    kubernetes: new ExactProvider(kubernetesPackage, {
      kubeconfig: kubernetes.kubeconfig,
      context: kubernetes.context,
      // Another identifier would replace everything in the cluster: see clusterIdentity.ts.
      clusterIdentifier: identifier,
      enableServerSideApply: "true",
      // As each object says by itself, see components/forcedFields.ts.
      enablePatchForce: "true",
      // A changed token Secret is updated; replacing it would leave the store without a token for a moment.
      enableSecretMutable: "true",
    }),
    github:
      githubActions &&
      new ExactProvider(githubPackage, {
        baseUrl: githubActions.baseUrl ?? "https://api.github.com/",
        owner: githubActions.owner,
        token: githubActions.storedToken,
      }),
  };
}
