// The sandbox's one face: whoever uses the sandbox imports this module and no other.

// Start and stop: the sandbox of a project, in a folder of its own.
export { type ClusterLayout, layout, type Layout } from "./core/layout.js";
export type { Override, Platform, Project, StackWorld } from "./core/project.js";
export type { Clusters as ClusterChoice } from "./core/places.js";
export { describePlaces, forStack, readSandbox, type Sandbox, sandboxProcesses } from "./core/sandbox.js";
export { type StartOptions, startSandbox, stopSandbox } from "./core/start.js";

// Exports: the environment in which tools work on the sandbox and on nothing else; running tools in it.
export { toolEnvironment } from "./core/exports.js";
export { sandboxEnvironment, sandboxExports } from "./core/sandbox.js";
export { command, type CommandOptions, type CommandResult, succeed } from "./process/command.js";
export { main } from "./process/main.js";
export { isRunning } from "./process/identity.js";

// The project's stack files as the sandbox has them.
export { layStackFiles, override, stackNames, syncProject } from "./core/pulumiProject.js";

// Services: what only their owners see of them.
export { type AccessLogEntry, buyPlan, dopplerPaths, readManagementToken } from "./services/doppler/index.js";
export { openSecret, type ScopeRef } from "./services/github/index.js";
export { operatorMetricsUrl } from "./cluster/operatorFollower.js";

// Faults: a service that stops answering.
export {
  clearFault,
  countRequests,
  type Fault,
  faultHit,
  requestsCounted,
  setFault,
} from "./services/faults/faults.js";

// Tools that only some tests need. Each is built when it is asked for.
export { ensureLaterChart, ensureTool } from "./toolchain/build.js";
export { argocdReads, laterChart, pulumiYaml } from "./toolchain/tools.js";
