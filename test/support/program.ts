import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { StackOutputs } from "../../src/pipeline/outputs";
import type { ConfigSource } from "../../src/settings";
import { type Observation, run, type Scenario } from "./mocks";

// Runs index.ts as a whole.

/** The `config:` part of a checked-in stack file. */
export function stackFile(stack: string): Record<string, unknown> {
  const path = join(__dirname, "..", "..", `Pulumi.${stack}.yaml`);
  return (parse(readFileSync(path, "utf8")) as { config: Record<string, unknown> }).config;
}

/** What the settings of a checked-in stack are read from. */
export function configSourceOf(stack: string): ConfigSource {
  return {
    stack,
    values: Object.fromEntries(
      Object.entries(stackFile(stack)).map(([key, value]) => [key.replace("secrets-pipeline:", ""), value]),
    ),
    secretKeys: new Set(),
    foreignKeys: [],
    env: { DOPPLER_TOKEN: "dp.pt.test", GITHUB_TOKEN: "ghp_test" },
    siblings: new Map(),
  };
}

/** What Doppler has once the checked-in stack "dev" is up: the projects that "prod" does not make itself. */
export const MADE_BY_DEV = {
  acme: { environments: { dev: "Development" } },
  "acme-shared": { environments: { dev: "Development" } },
};

/** Runs the whole program with a stack's configuration, of which some keys are stored as secrets. */
export async function runProgram(
  scenario: Scenario & { stack: string; config?: Record<string, unknown>; secretKeys?: string[] },
): Promise<Observation<StackOutputs>> {
  const config = scenario.config ?? stackFile(scenario.stack);
  const { default: program } = await import("../../index");
  // As the language host tells it; Pulumi's own functions for mocks set only what the SDK reads.
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(scenario.secretKeys ?? []);
  try {
    return await run(scenario, () => {
      pulumi.runtime.setAllConfig(
        Object.fromEntries(
          Object.entries(config).map(([key, value]) => [
            key,
            typeof value === "string" ? value : JSON.stringify(value),
          ]),
        ),
      );
      return program();
    });
  } finally {
    delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
  }
}

/** Runs the whole program with a checked-in stack's settings, some of them replaced, and an empty Doppler config. */
export function runStack(
  scenario: Partial<Scenario>,
  over: Record<string, unknown> = {},
): Promise<Observation<StackOutputs>> {
  const stack = scenario.stack ?? "dev";
  const own = Object.fromEntries(Object.entries(over).map(([key, value]) => [`secrets-pipeline:${key}`, value]));
  return runProgram({ doppler: {}, ...scenario, stack, config: { ...stackFile(stack), ...own } });
}
