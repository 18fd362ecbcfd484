/**
 * Plays the kubelet of a cluster's one node until SIGTERM. Started by controlPlane.ts:
 *
 *     node kubeletMain.js --kubeconfig=FILE --node=NAME
 *
 * Prints `{"ready":true}` when the node is ready; what goes wrong goes to standard error, a line each.
 */
import { parseArgs } from "node:util";
import { connectKubelet, playKubelet } from "./kubelet.js";

const { values } = parseArgs({ options: { kubeconfig: { type: "string" }, node: { type: "string" } } });
const { kubeconfig, node } = values;
if (kubeconfig === undefined || node === undefined) throw new Error("--kubeconfig or --node is missing");
const abort = new AbortController();
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => abort.abort());
await playKubelet({
  cluster: connectKubelet(kubeconfig, node),
  log: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`),
  signal: abort.signal,
  ready: () => process.stdout.write('{"ready":true}\n'),
});
