import { pipelineOf, recorded } from "../../lib/pipeline";
import { described, map, type StackResource, text, urnParts } from "../../lib/stackResources";
import type { Asked, Facts } from "../facts";
import { ask } from "./asking";
import { gatherCluster } from "./cluster";
import { gatherDoppler } from "./doppler";
import { gatherGithub } from "./github";
import { cliVersion, readSetting, readStack } from "./pulumi";

/** How long each question may take, in milliseconds. */
export interface Patience {
  /** The state: without it there is nothing to ask. */
  state: number;
  /** Each other question. All are asked at once. */
  each: number;
}

/**
 * Finds out what there is of a stack's pipeline.
 *
 * @throws StackError if the state can't be read
 */
export async function gather(stack: string, patience: Patience): Promise<Facts> {
  const version = ask(patience.state + patience.each, cliVersion);
  const { resources } = await readStack(stack, AbortSignal.timeout(patience.state));
  const pipeline = pipelineOf(resources);
  const providers = providersOf(resources);
  const release = releaseOf(resources);
  const credential = (setting: string, input: unknown, variable?: string) =>
    storedOr(stack, setting, input, variable, patience.each);

  const { doppler, kubernetes, github } = providers;
  const operatorNamespaces = [
    ...new Set([release?.namespace, ...pipeline.stores.map(({ identity }) => identity?.namespace)]),
  ].flatMap((namespace) => namespace ?? []);
  const [dopplerFacts, cluster, githubFacts, pulumi] = await Promise.all([
    credential("dopplerToken", doppler["dopplerToken"], "DOPPLER_TOKEN").then((token) =>
      gatherDoppler(
        pipeline.sources,
        { host: text(doppler["host"]) ?? "https://api.doppler.com", token },
        patience.each,
      ),
    ),
    credential("kubeconfig", kubernetes["kubeconfig"]).then((kubeconfig) =>
      gatherCluster(
        pipeline,
        { kubeconfig: "known" in kubeconfig ? kubeconfig.known : undefined, context: text(kubernetes["context"]) },
        operatorNamespaces,
        patience.each,
      ),
    ),
    credential("githubToken", github["token"]).then((token) =>
      gatherGithub(
        pipeline.ci,
        {
          token: "known" in token ? token.known : undefined,
          baseUrl: text(github["baseUrl"]),
          owner: text(github["owner"]) ?? process.env["GITHUB_OWNER"],
        },
        patience.each,
      ),
    ),
    version,
  ]);
  return {
    stack,
    at: Date.now(),
    pipeline,
    release,
    clusterId: text(recorded(resources)["clusterId"]) ?? uidOf(kubernetes["clusterIdentifier"]),
    doppler: dopplerFacts,
    cluster,
    github: githubFacts,
    versions: { pulumi, providers: versionsOf(resources) },
  };
}

/** The inputs of the providers, by name. */
function providersOf(resources: readonly StackResource[]) {
  const inputsOf = (name: string) =>
    map(resources.filter(({ urn }) => urnParts(urn).type === `pulumi:providers:${name}`).at(-1)?.inputs);
  return { doppler: inputsOf("doppler"), kubernetes: inputsOf("kubernetes"), github: inputsOf("github") };
}

function versionsOf(resources: readonly StackResource[]): Record<string, string> {
  return Object.fromEntries(
    resources.flatMap(({ urn, inputs }) => {
      const [, name] = /^pulumi:providers:(\w+)$/.exec(urnParts(urn).type) ?? [];
      const version = text(inputs["version"]);
      return name === undefined || version === undefined ? [] : [[name, version] as const];
    }),
  );
}

function releaseOf(resources: readonly StackResource[]): Facts["release"] {
  const release = resources.find(({ urn }) => urnParts(urn).type === "kubernetes:helm.sh/v3:Release");
  const { name, namespace } = release === undefined ? {} : described(release);
  return typeof name === "string" && typeof namespace === "string" ? { name, namespace } : undefined;
}

/**
 * A credential as the program takes it: the stack's own setting, which the state has encrypted, or else the
 * environment's.
 */
async function storedOr(
  stack: string,
  setting: string,
  input: unknown,
  variable: string | undefined,
  withinMs: number,
): Promise<Asked<string>> {
  if (text(input) !== undefined) return { known: text(input) ?? "" };
  if (input !== undefined) return ask(withinMs, (signal) => readSetting(stack, setting, signal));
  const known = variable === undefined ? undefined : process.env[variable];
  if (known) return { known };
  return { unknown: `${variable ?? setting} is not set`, because: "notAsked" };
}

function uidOf(identifier: unknown): string | undefined {
  const known = text(identifier);
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(known ?? "") ? known : undefined;
}
