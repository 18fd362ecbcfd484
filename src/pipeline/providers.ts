import * as doppler from "@pulumiverse/doppler";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import type { StackConfig } from "../settings";

/** The providers of a stack, each told explicitly which account or cluster it works on. */
export interface Providers {
  doppler: doppler.Provider;
  kubernetes: kubernetes.Provider;
  /** Only where the stack has Actions secrets. */
  github?: github.Provider;
}

/** Makes a stack's providers. */
export function createProviders(stack: StackConfig): Providers {
  return {
    // With the host in the state, a later destroy can't end up elsewhere because a variable is missing.
    doppler: new doppler.Provider("doppler", { host: stack.doppler.host, dopplerToken: stack.doppler.token }),
    kubernetes: new kubernetes.Provider("kubernetes", {
      kubeconfig: stack.kubernetes.kubeconfig,
      context: stack.kubernetes.context,
      // The context names the cluster: when its address changes, nothing in it is replaced.
      clusterIdentifier: stack.kubernetes.context,
      enableServerSideApply: true,
      // What the program says of an object holds, whoever wrote the field before: kubectl, a dashboard, or the operator,
      // which writes intervals back in its own form and so owns them.
      enablePatchForce: true,
      // A changed token Secret is updated; replacing it would leave the store without a token for a moment.
      enableSecretMutable: true,
    }),
    github:
      stack.githubActions &&
      new github.Provider("github", {
        baseUrl: stack.githubActions.baseUrl,
        owner: stack.githubActions.owner,
        token: stack.githubActions.token,
      }),
  };
}
