import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { clearFault, type Fault, faultHit, setFault } from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "./project.js";
import type { User } from "./user.js";

// Runs of the engine that are cut off at a place.

export type Service = "doppler" | "github";

/** Where a run is cut off. */
export type Cut =
  /** At a request to a service. */
  | ({ readonly at: Service } & Fault)
  /** When the engine says that it begins its n-th step. */
  | { readonly at: "engine"; readonly step: number }
  /** When the Helm release of the operator is in this status. */
  | { readonly at: "release"; readonly status: "pending-install" | "pending-upgrade" | "uninstalling" };

/**
 * How the engine is ended: killed, interrupted with Ctrl-C, or killed together with all processes that it has started.
 */
export type End = "SIGKILL" | "SIGINT" | "power failure";

export interface Outcome {
  /** `null` if a signal ended the engine. */
  readonly code: number | null;
  readonly text: string;
}

/** What became of a run that was to be cut off. */
export interface Interrupted extends Outcome {
  /** Whether the run came to the place. */
  readonly reached: boolean;
  /** What ended the run. */
  readonly by: End | "second SIGINT" | "itself";
}

/** Longer than any run takes. */
const DEADLINE_MS = 300_000;
/** How long a person waits after Ctrl-C before they press it again, and then before they kill the engine. */
const PATIENCE_MS = 10_000;

/** A line in which the engine says that it begins a step. Components and the stack are left out: they make nothing. */
const STEP =
  /^ *[+~-]+ +(?!secrets-pipeline:|pulumi:pulumi:Stack)\S+ .*\b(?:creating|updating|deleting|replacing|importing) \(0s\)/gm;

/** How many steps a run has begun. The engine may write the line of a step more than once. */
export const steps = (text: string) => new Set(text.match(STEP)).size;

/** A service token or a personal token of Doppler. */
const TOKEN = /\bdp\.(?:st|pt)\.(?:\w+\.)?\w{40}/;

/** A run of `pulumi` on a stack that has been started. */
class Engine {
  readonly #child;
  readonly #ended: Promise<number | null>;
  #text = "";
  #over = false;

  /** @param heard called with everything written so far, whenever there is more */
  constructor(user: User, args: readonly string[], heard: (text: string) => void = () => undefined) {
    const [command = "", ...options] = args;
    const all = [command, "--stack", user.stack, "--yes", "--skip-preview", ...options];
    this.#child = spawn("pulumi", [...all, "--non-interactive", "--color", "never"], {
      env: user.env,
      cwd: PULUMI_PROJECT.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#text += text;
        heard(this.#text);
      });
    }
    this.#ended = new Promise((resolve) =>
      this.#child.on("close", (code) => {
        this.#over = true;
        resolve(code);
      }),
    );
  }

  get over(): boolean {
    return this.#over;
  }

  async outcome(): Promise<Outcome> {
    const code = await this.#ended;
    assert.doesNotMatch(this.#text, TOKEN, "a run writes no token");
    return { code, text: this.#text };
  }

  async end(how: End): Promise<Interrupted["by"]> {
    if (how === "SIGINT") {
      for (const by of ["SIGINT", "second SIGINT"] as const) {
        this.#child.kill("SIGINT");
        await Promise.race([this.#ended, delay(PATIENCE_MS)]);
        if (this.#over) return by;
      }
    }
    if (how === "power failure") for (const pid of descendants(this.#child.pid)) kill(pid);
    this.#child.kill("SIGKILL");
    await this.#ended;
    return how === "power failure" ? how : "SIGKILL";
  }
}

/** All descendants of a process, the youngest generation first, so that none is told about the end of its children. */
function descendants(pid: number | undefined): number[] {
  const table = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const processes = [...table.matchAll(/^ *(\d+) +(\d+)$/gm)].map(([, own, parent]) => [Number(own), Number(parent)]);
  const below = (of: number | undefined): number[] =>
    processes.filter(([, parent]) => parent === of).flatMap(([own]) => [...below(own), ...(own ? [own] : [])]);
  return below(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Runs `pulumi` on the user's stack to the end, whatever that is. */
export function run(user: User, args: readonly string[]): Promise<Outcome> {
  return new Engine(user, args).outcome();
}

/** Runs `pulumi` on the user's stack until the cut, and ends it there. */
export async function interrupt(user: User, args: readonly string[], cut: Cut, how: End): Promise<Interrupted> {
  const service = cut.at === "doppler" || cut.at === "github" ? { data: user.here[cut.at], fault: cut } : undefined;
  let reached = false;
  // The engine's output calls this at once. A poll would come too late: a step may be over in no time.
  let tell: () => void = () => undefined;
  const told = new Promise<void>((resolve) => {
    tell = () => {
      reached = true;
      resolve();
    };
  });

  const watch = cut.at === "release" ? watchRelease(user, cut.status, tell) : undefined;
  if (service) setFault(service.data, service.fault);
  try {
    const engine = new Engine(user, args, (text) => {
      if (cut.at === "engine" && steps(text) >= cut.step) tell();
    });
    const deadline = Date.now() + DEADLINE_MS;
    while (!engine.over && !reached && Date.now() < deadline) {
      if (service && faultHit(service.data)) tell();
      await Promise.race([told, delay(20)]);
    }
    const by = engine.over ? "itself" : await engine.end(how);
    if (service && faultHit(service.data)) reached = true;
    return { ...(await engine.outcome()), reached, by };
  } finally {
    watch?.();
    if (service) clearFault(service.data);
  }
}

/** Calls `tell` when the operator's Helm release gets to a status. */
function watchRelease(user: User, status: string, tell: () => void): () => void {
  const args = ["--namespace=external-secrets", "--selector=owner=helm", "--watch"];
  const output = '--output=jsonpath={.metadata.labels.status}{"\\n"}';
  const watch = spawn("kubectl", ["get", "secrets", ...args, output], {
    env: user.env,
    cwd: PULUMI_PROJECT.folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  watch.stdout.setEncoding("utf8").on("data", (more: string) => {
    text += more;
    if (text.split("\n").includes(status)) tell();
  });
  return () => void watch.kill();
}

/** Changes settings in the sandbox's copy of a stack file. Maps are merged one level deep; all else is replaced. */
export function configure({ here }: User, stack: string, settings: Readonly<Record<string, unknown>>): void {
  const file = join(here.project, `Pulumi.${stack}.yaml`);
  const document = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  for (const [key, value] of Object.entries(settings)) {
    const old = document.config[`secrets-pipeline:${key}`];
    const both = [old, value].every((v) => typeof v === "object" && v !== null && !Array.isArray(v));
    document.config[`secrets-pipeline:${key}`] = both ? { ...(old as object), ...(value as object) } : value;
  }
  writeFileSync(file, stringify(document));
}

export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: unknown;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly parent?: string;
  readonly dependencies?: readonly string[];
  readonly protect?: boolean;
  readonly delete?: boolean;
  readonly initErrors?: readonly string[];
}

export interface State {
  readonly resources: readonly Resource[];
  /** Operations whose result Pulumi does not know. */
  readonly pending: readonly unknown[];
}

/** The state of the user's stack, with its secrets in clear. */
export async function stateOf(user: User): Promise<State> {
  const text = await user.quietly("pulumi", ["stack", "export", "--show-secrets", "--stack", user.stack]);
  const { deployment } = JSON.parse(text) as {
    deployment: { resources?: Resource[]; pending_operations?: unknown[] };
  };
  return { resources: deployment.resources ?? [], pending: deployment.pending_operations ?? [] };
}

/** A resource's inputs from the program and its place in the state, in one form for all runs. */
export const identity = ({ urn, inputs, parent, dependencies, protect, delete: old, initErrors }: Resource) => ({
  urn,
  inputs: urn.includes("kubernetes:core/v1:Namespace::") ? namespaceName(inputs) : unflagged(inputs),
  parent,
  dependencies: [...(dependencies ?? [])].sort(),
  protect,
  old,
  initErrors,
});

/**
 * What the program says of a namespace. A refresh adds the labels of the cluster, and there they stay: the program leaves
 * them to whoever set them.
 */
function namespaceName(inputs: unknown): unknown {
  return (inputs as { metadata?: { name?: unknown } } | undefined)?.metadata?.name;
}

/**
 * Inputs without the flag by which the program has the value of an Actions secret written anew. If the answer to a
 * write was lost, the next run can't tell whether the value on GitHub is its own, and writes it again. The flag has no
 * other meaning.
 */
function unflagged(inputs: unknown): unknown {
  if (typeof inputs !== "object" || inputs === null) return inputs;
  return Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== "destroyOnDrift"));
}
