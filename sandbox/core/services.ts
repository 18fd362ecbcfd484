import { rmSync } from "node:fs";
import { join } from "node:path";
import { allOrNone } from "../process/allOrNone.js";
import { startProcess } from "../process/child.js";
import { assertLoopback } from "../process/loopback.js";
import { announcedUrl, jsonLine } from "../process/readiness.js";
import { ProcessRegistry } from "../process/registry.js";
import type { Layout } from "./layout.js";

const DOPPLER = "doppler stand-in";
const GITHUB = "github stand-in";

/** The names of the services' processes. All of them must run for a sandbox to be up. */
export const serviceProcesses: readonly string[] = [DOPPLER, GITHUB];

/** Where the services answer. */
export interface ServiceUrls {
  readonly dopplerUrl: string;
  readonly githubUrl: string;
}

/** Options of {@link startServices}. */
export interface ServiceOptions {
  /** The Doppler stand-in's plan, whose rate limits it keeps. */
  readonly plan: string | undefined;
  /** The GitHub repositories that exist, as `owner/name`. */
  readonly repositories: readonly string[];
  /** The URLs at an earlier start. The states of stacks remember them, so the same ports are taken if they are free. */
  readonly previous: ServiceUrls | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Starts the stand-ins for Doppler's and GitHub's services. */
export async function startServices(layout: Layout, options: ServiceOptions): Promise<ServiceUrls> {
  const { plan, repositories, previous, signal } = options;
  const registry = new ProcessRegistry(layout.processes);
  const [dopplerUrl, githubUrl] = await allOrNone([
    startStandIn(registry, {
      name: DOPPLER,
      layout,
      main: join(layout.dist, "services", "doppler", "main.js"),
      args: ["--data", layout.doppler, ...(plan === undefined ? [] : ["--plan", plan])],
      previous: previous?.dopplerUrl,
      signal,
    }),
    startStandIn(registry, {
      name: GITHUB,
      layout,
      main: join(layout.dist, "services", "github", "main.js"),
      args: ["--data", layout.github, ...repositories.flatMap((name) => ["--repository", name])],
      previous: previous?.githubUrl,
      signal,
    }),
  ] as const);
  return { dopplerUrl, githubUrl };
}

interface StandIn {
  readonly name: string;
  readonly layout: Layout;
  readonly main: string;
  readonly args: readonly string[];
  /** Its URL at an earlier start. */
  readonly previous: string | undefined;
  readonly signal: AbortSignal | undefined;
}

async function startStandIn(registry: ProcessRegistry, standIn: StandIn): Promise<string> {
  const { name, layout, main, args, previous, signal } = standIn;
  const file = join(layout.logs, name.replaceAll(" ", "-"));
  const run = async (port: string) => {
    rmSync(`${file}.out`, { force: true });
    const { value } = await startProcess({
      name,
      command: process.execPath,
      args: [main, ...args, "--port", port],
      env: { PATH: process.env["PATH"] ?? "", HOME: layout.dir },
      logFile: `${file}.log`,
      stdoutFile: `${file}.out`,
      registry,
      ready: jsonLine(announcedUrl),
      signal,
    });
    assertLoopback(value, `the ${name}'s URL`, { explicitPort: true });
    return value;
  };
  const port = previous === undefined ? "" : new URL(previous).port;
  if (port === "") return run("0");
  try {
    return await run(port);
  } catch {
    signal?.throwIfAborted();
    return run("0"); // Another process has the port by now.
  }
}
