import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { TOKEN_ANNOTATION } from "./components/dopplerSecretStore";
import type { Adoption } from "./preflight";
import { preflight } from "./preflight";
import { Cluster } from "./cluster";
import type { StackConfig } from "./config";
import { handover } from "./handover";
import { type KnownResource, stateOf } from "./stackState";
import { Workplace } from "./workplace";

/** What is there before a run: in Doppler, in this stack's state and in those of the stacks it shares with. */
export interface Survey {
  workplace: Workplace;
  /** What exists and is taken over. */
  adoption: Adoption;
  /** This stack's resources, as its last run left them. */
  state: readonly KnownResource[];
  /** What this stack owns and others use. */
  shared: string[];
  /** Who uses it at present, in words. */
  users: string[];
  /** Waits until the cluster has moved from the token in the state to the one in the settings. */
  handover: () => Promise<void>;
}

/**
 * Looks around.
 *
 * @throws PreflightError if the stack builds on what is not there, or would make what is
 */
export async function surveyStack(stack: StackConfig): Promise<Survey> {
  const workplace = new Workplace(stack.doppler.host, await plain(stack.doppler.token));
  const { kubeconfig, context } = stack.kubernetes;
  const cluster = new Cluster(kubeconfig && (await plain(kubeconfig)), context);
  const state = await stateOf(stack.name);
  if (state === undefined) throw new Error(`the state of stack "${stack.name}" can't be read`);
  const { project, config, operator } = { ...stack.doppler, ...stack };
  const operatorState = operator.owned ? undefined : await stateOf(operator.ownedBy);
  const adoption = await preflight(stack, workplace, cluster, state, operatorState);

  const shared: string[] = [];
  const users: string[] = [];
  if (project.owned && project.shared) {
    shared.push(`Doppler project "${project.name}"`);
    if (await workplace.project(project.name)) {
      const others = (await workplace.environments(project.name)).filter(
        (e) => e.slug !== stack.doppler.environment.slug,
      );
      users.push(...others.map((e) => `its environment "${e.slug}"`));
    }
  }
  if (operator.owned && operator.shared) {
    shared.push("the cluster's operator and namespaces");
    for (const name of stack.clusterUsers) {
      const inCluster = (await stateOf(name))?.some((r) => r.type.startsWith("kubernetes:"));
      if (inCluster) users.push(`stack "${name}"`);
    }
  }

  const before = tokenOfStore(state, stack.store.name);
  const to = stack.doppler.serviceToken;
  return {
    workplace,
    adoption,
    state,
    shared,
    users,
    handover: async () => {
      if (before === undefined || before === to) return;
      await handover(workplace, { project: project.name, config, from: before, to });
    },
  };
}

/** The service token that the store was moved to last: also after a run that was cut off between token and store. */
function tokenOfStore(state: readonly KnownResource[], store: string): string | undefined {
  const known = state.find(
    ({ type, outputs }) =>
      type === "kubernetes:external-secrets.io/v1:ClusterSecretStore" &&
      metadata.parse(outputs["metadata"]).name === store,
  );
  return known && metadata.parse(known.outputs["metadata"]).annotations?.[TOKEN_ANNOTATION];
}

const metadata = z
  .object({ name: z.string().optional(), annotations: z.record(z.string(), z.string()).optional() })
  .catch({});

/** An Actions secret as GitHub lists it and as the state knows it. */
export type Standing =
  /** As this stack wrote it, or not there yet. */
  | { is: "ours"; rewritten?: boolean }
  /** Overwritten since, by somebody else. */
  | { is: "overwritten"; rewritten?: boolean; urn: string }
  /** There, but not made by this stack. */
  | { is: "foreign" };

/**
 * How the Actions secrets of a repository stand. GitHub tells no values, only when each was written last; the provider
 * compares that only during a refresh, and plans nothing on it.
 *
 * @param environment a GitHub environment of the repository, whose secrets are meant in place of the repository's own
 */
export async function actionsSecretStandings(
  place: { repository: string; environment?: string },
  names: readonly string[],
  state: readonly KnownResource[],
  provider: pulumi.ProviderResource | undefined,
): Promise<Map<string, Standing>> {
  const { repository, environment } = place;
  const type =
    environment === undefined
      ? "github:index/actionsSecret:ActionsSecret"
      : "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret";
  const { secrets } =
    environment === undefined
      ? await github.getActionsSecrets({ name: repository }, { provider })
      : await github.getActionsEnvironmentSecrets({ name: repository, environment }, { provider });
  const written = new Map((secrets ?? []).map((secret) => [secret.name.toUpperCase(), secret.updatedAt]));

  return new Map(
    names.map((name): [string, Standing] => {
      const at = written.get(name.toUpperCase());
      const known = state.find(
        (r) =>
          r.type === type &&
          r.outputs["repository"] === repository &&
          r.outputs["secretName"] === name &&
          r.outputs["environment"] === environment,
      );
      if (known === undefined) return [name, { is: at === undefined ? "ours" : "foreign" }];
      const rewritten = known.outputs["destroyOnDrift"] === true;
      return at === undefined || at === known.outputs["updatedAt"]
        ? [name, { is: "ours", rewritten }]
        : [name, { is: "overwritten", rewritten, urn: known.urn }];
    }),
  );
}

function plain(output: pulumi.Output<string>): Promise<string> {
  return new Promise((resolve) => output.apply(resolve));
}
