/**
 * Runs the operator for every release of its chart in a cluster, until SIGTERM. Started by operator.ts:
 *
 *     node operatorMain.js --kubeconfig=FILE [--context=NAME] --operator=VERSION=PROGRAM … --doppler-url=URL --dir=DIR --registry=DIR
 *
 * The first program runs where a Deployment asks for a version that is not among them.
 * Prints `{"following":true}` when it has reached the API server; what it does goes to standard error, a line each.
 */
import { parseArgs } from "node:util";
import { ProcessRegistry } from "../process/registry.js";
import { connectCluster, followOperators, type OperatorProgram } from "./operatorFollower.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kubeconfig: { type: "string" },
      context: { type: "string" },
      operator: { type: "string", multiple: true },
      "doppler-url": { type: "string" },
      dir: { type: "string" },
      registry: { type: "string" },
    },
  });
  const option = (name: "kubeconfig" | "doppler-url" | "dir" | "registry"): string => {
    const value = values[name];
    if (value === undefined || value === "") throw new Error(`--${name} is missing`);
    return value;
  };
  const abort = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => abort.abort());

  const cluster = connectCluster(option("kubeconfig"), values.context);
  await cluster.pods();
  process.stdout.write('{"following":true}\n');
  await followOperators({
    cluster,
    operators: operatorPrograms(values.operator ?? []),
    dopplerBaseUrl: option("doppler-url"),
    dir: option("dir"),
    registry: new ProcessRegistry(option("registry")),
    log: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
    signal: abort.signal,
  });
}

function operatorPrograms(texts: readonly string[]): [OperatorProgram, ...OperatorProgram[]] {
  const [first, ...others] = texts.map((text) => {
    const [, version, program] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (version === undefined || program === undefined) throw new Error(`--operator=${text} is not VERSION=PROGRAM`);
    return { version, program };
  });
  if (first === undefined) throw new Error("--operator is missing");
  return [first, ...others];
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
