import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { TOKEN_ANNOTATION } from "../../components/dopplerSecretStore";
import type { Adoption } from "./preflight";
import { preflight } from "./preflight";
import { Cluster } from "./kubectl";
import type { StackConfig } from "../settings";
import { handover } from "../pipeline/rotation";
import { type KnownResource, stateOf } from "./state";
import { Workplace } from "./doppler";

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

/** Whose secrets are meant, and for which runs: Dependabot's see no Actions secrets, and all others no Dependabot secrets. */
export type SecretPlace =
  | { app: "actions" | "dependabot"; organization: string }
  | { app: "actions" | "dependabot"; repository: string; environment?: string };

/** A secret as GitHub lists it and as the state knows it. `rewritten` is the flag that it was written with last. */
export type Standing =
  /** As this stack wrote it, or not there yet. */
  | { is: "ours"; rewritten: boolean }
  /** Changed since, by somebody else. */
  | { is: "was overwritten" | "was deleted" | "was given another visibility"; rewritten: boolean }
  /** There, but not made by this stack. */
  | { is: "foreign" };

/** What GitHub tells of a secret. */
interface Listed {
  name: string;
  updatedAt: string;
  visibility?: string;
}

/**
 * How the secrets of a place stand. GitHub tells no values, only when each was written last; the provider compares that
 * only during a refresh, and plans nothing on it.
 */
export async function actionsSecretStandings(
  place: SecretPlace,
  names: readonly string[],
  state: readonly KnownResource[],
  provider: pulumi.ProviderResource | undefined,
): Promise<Map<string, Standing>> {
  if (names.length === 0) return new Map();
  const { list } = secretsOf(place);
  const listed = new Map(((await list({ provider })) ?? []).map((secret) => [secret.name.toUpperCase(), secret]));

  return new Map(
    names.map((name): [string, Standing] => {
      const now = listed.get(name.toUpperCase());
      const known = knownSecret(place, name, state);
      if (known === undefined) return [name, now === undefined ? { is: "ours", rewritten: false } : { is: "foreign" }];
      const rewritten = known["destroyOnDrift"] === true || Boolean(known["plaintextValue"]);
      if (now === undefined) return [name, { is: "was deleted", rewritten }];
      if (now.updatedAt !== known["updatedAt"]) return [name, { is: "was overwritten", rewritten }];
      return [
        name,
        { is: now.visibility === known["visibility"] ? "ours" : "was given another visibility", rewritten },
      ];
    }),
  );
}

/** What the state knows of a secret of GitHub's, if this stack made it. */
export function knownSecret(
  place: SecretPlace,
  name: string,
  state: readonly KnownResource[],
): KnownResource["outputs"] | undefined {
  const { type } = secretsOf(place);
  const { repository, environment } = { repository: undefined, environment: undefined, ...place };
  return state.find(
    (r) =>
      r.type === type &&
      r.outputs["repository"] === repository &&
      r.outputs["secretName"] === name &&
      r.outputs["environment"] === environment,
  )?.outputs;
}

/** A place's secrets as the provider calls them, and what lists them. */
function secretsOf(place: SecretPlace): {
  type: string;
  list: (opts: pulumi.InvokeOptions) => Promise<readonly Listed[] | undefined>;
} {
  const actions = place.app === "actions";
  if ("organization" in place) {
    const list = actions ? github.getActionsOrganizationSecrets : github.getDependabotOrganizationSecrets;
    return {
      type: actions
        ? "github:index/actionsOrganizationSecret:ActionsOrganizationSecret"
        : "github:index/dependabotOrganizationSecret:DependabotOrganizationSecret",
      list: async (opts) => {
        try {
          return (await list(opts)).secrets;
        } catch (error) {
          if (!/ 40[34] /.test(String(error))) throw error;
          throw new pulumi.RunError(
            `githubActions.organization: "${place.organization}" is no organisation, or this token may not manage its ${actions ? "Actions" : "Dependabot"} secrets.`,
          );
        }
      },
    };
  }
  const { repository: name, environment } = place;
  if (environment !== undefined) {
    return {
      type: "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret",
      list: async (opts) => (await github.getActionsEnvironmentSecrets({ name, environment }, opts)).secrets,
    };
  }
  return actions
    ? {
        type: "github:index/actionsSecret:ActionsSecret",
        list: async (opts) => (await github.getActionsSecrets({ name }, opts)).secrets,
      }
    : {
        type: "github:index/dependabotSecret:DependabotSecret",
        list: async (opts) => (await github.getDependabotSecrets({ name }, opts)).secrets,
      };
}

function plain(output: pulumi.Output<string>): Promise<string> {
  return new Promise((resolve) => output.apply(resolve));
}
