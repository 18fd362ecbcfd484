import { configSource } from "./source";
import { parseStackConfig, type StackConfig } from "./stackConfig";

// The only door of this folder: a stack's settings, read, checked and completed. The only reader of Pulumi.<stack>.yaml,
// of pulumi.Config and of the environment.

export { type ConfigProblem, StackConfigError } from "./problems";
export { type ConfigSource } from "./source";
export { type AppConfig, type GithubActionsConfig, parseStackConfig, type StackConfig } from "./stackConfig";

/** The settings of the stack that is being run. */
export function loadStackConfig(): StackConfig {
  return parseStackConfig(configSource());
}
