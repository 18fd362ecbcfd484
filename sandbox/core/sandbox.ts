import { existsSync, readFileSync } from "node:fs";
import type { RegisteredProcess } from "../process/registry.js";
import type { Operator, Toolchain } from "../toolchain/build.js";
import { type Clusters, registries, registryAt } from "./clusters.js";
import type { Engine } from "./engine.js";
import { type Endpoints, type Export, exportsFor, toolEnvironment } from "./exports.js";
import { clusterLayout, FIRST_CLUSTER, type Layout } from "./layout.js";
import type { Places } from "./places.js";
import type { ProjectInSandbox } from "./pulumiProject.js";
import { serviceProcesses } from "./services.js";

/**
 * What is up, and where. It is kept in the layout's state file and holds no secret. Its endpoints are those of its
 * `stack`.
 */
export interface Sandbox extends Endpoints, ProjectInSandbox {
  readonly toolchain: Toolchain;
  /** Earlier versions of the operator that can be run, too. */
  readonly earlier: readonly Operator[];
  readonly engine: Engine;
  /** Whether its cluster was there before, and is not one of its own. */
  readonly adopted: boolean;
  /** The stack that a person's shell is for. */
  readonly stack: string;
  /** All stacks that can be used now, by name. */
  readonly stacks: Readonly<Record<string, StackPlace>>;
  /** The clusters that are up, by place. */
  readonly clusters: Clusters;
  /** The places of the clusters of all stacks that were ever started. */
  readonly places: Places;
}

/** Where a stack goes. */
export interface StackPlace {
  readonly context: string;
  /** A kubeconfig whose current context is this stack's. It has those of the other stacks, too. */
  readonly kubeconfig: string;
  readonly server: string;
}

/** What the state file may hold: an earlier version of this code knew fewer fields. */
export type EarlierSandbox = Omit<Sandbox, LaterField> & Partial<Pick<Sandbox, LaterField>>;
type LaterField = "project" | "adopted" | "clusters" | "earlier" | "places";

/**
 * What the sandbox of this layout was when it was started last; it may not be up any more.
 *
 * @returns undefined if it was never started
 * @throws if an earlier version of this code started it last
 */
export function readSandbox(layout: Layout): Sandbox | undefined {
  const sandbox = readState(layout);
  if (sandbox !== undefined && sandbox.project === undefined)
    throw new Error(`an earlier version started the sandbox in ${layout.dir}; run "make sandbox" to start it again`);
  return sandbox as Sandbox | undefined;
}

/** The content of the state file. What an earlier version wrote there may lack some fields. */
export function readState(layout: Layout): EarlierSandbox | undefined {
  if (!existsSync(layout.stateFile)) return undefined;
  return JSON.parse(readFileSync(layout.stateFile, "utf8")) as EarlierSandbox;
}

/** Whether all processes of the sandbox run. */
export function isUp(layout: Layout, sandbox: EarlierSandbox): sandbox is Sandbox {
  const runs = (place: string, names: readonly string[]) => {
    const running = new Set(
      registryAt(layout, place)
        .list()
        .map(({ name }) => name),
    );
    return names.every((name) => running.has(name));
  };
  const clusters = Object.entries(sandbox.clusters ?? {});
  return (
    sandbox.project !== undefined &&
    runs(FIRST_CLUSTER, serviceProcesses) &&
    clusters.length > 0 &&
    clusters.every(([place, { processes }]) => runs(place, processes))
  );
}

/** The processes of the sandbox that run. */
export function sandboxProcesses(layout: Layout): RegisteredProcess[] {
  return registries(layout).flatMap((registry) => registry.list());
}

/**
 * The sandbox as it is for a person who works on another of its stacks.
 *
 * @throws when it was not started for this stack
 */
export function forStack(sandbox: Omit<Sandbox, "stack" | "kubeconfig" | "server">, stack: string): Sandbox {
  const place = sandbox.stacks[stack];
  if (place === undefined) {
    const names = Object.keys(sandbox.stacks).join(", ");
    throw new Error(`the sandbox was started for ${names}; SANDBOX_STACK=${stack} make sandbox adds ${stack}`);
  }
  return { ...sandbox, stack, kubeconfig: place.kubeconfig, server: place.server };
}

/** The sandbox's exports: what a person's shell, or a tool started here, works with. */
export function sandboxExports(layout: Layout, sandbox: Sandbox): Record<string, Export> {
  return exportsFor(layout, sandbox, sandbox.project.stacks[sandbox.stack]?.doppler ?? {});
}

/** The whole environment of a tool that works on this sandbox. */
export function sandboxEnvironment(layout: Layout, sandbox: Sandbox): NodeJS.ProcessEnv {
  return toolEnvironment(layout, sandboxExports(layout, sandbox));
}

/** Where the endpoints and logs of these stacks are, one line each, for a person to read. */
export function describePlaces(layout: Layout, sandbox: Sandbox, stacks: readonly string[]): string {
  const servers = stacks.map((stack) => forStack(sandbox, stack).server);
  const logs = stacks
    .map((stack) => clusterLayout(layout, sandbox.places[stack] ?? FIRST_CLUSTER))
    .flatMap(({ operator, cluster }) => [`${operator}/logs`, `${cluster}/logs`]);
  return [
    `  Doppler stand-in   ${sandbox.dopplerUrl}`,
    `  GitHub stand-in    ${sandbox.githubUrl}`,
    `  API server         ${[...new Set(servers)].join(", ")}`,
    `  logs               ${[...new Set([layout.logs, ...logs])].join(", ")}`,
  ].join("\n");
}
