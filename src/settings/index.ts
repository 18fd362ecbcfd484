import * as pulumi from "@pulumi/pulumi";
import { configSource } from "./source";
import { parseStackConfig, type StackConfig } from "./stackConfig";

// The only door of this folder: a stack's settings, read, checked and completed. The only reader of Pulumi.<stack>.yaml,
// of pulumi.Config and of the environment.

export { MAIN_SOURCE } from "./dopplerSources";
export { type MirrorConfig } from "./mirrors";
export { FETCH_FORMS } from "./names";
export { type ConfigProblem, StackConfigError } from "./problems";
export { type ConfigSource } from "./source";
export {
  type AppConfig,
  type GithubActionsConfig,
  parseStackConfig,
  type SourceConfig,
  type SourceSettings,
  type StackConfig,
  withOtherSecrets,
} from "./stackConfig";

/** The settings of the stack that is being run. Warns of stack files that could not be compared with this stack's. */
export async function loadStackConfig(): Promise<StackConfig> {
  const source = configSource();
  for (const [stack, fault] of source.unreadable ?? []) {
    await pulumi.log.warn(
      `Pulumi.${stack}.yaml can't be read, since ${fault}. Stack "${stack}" was not compared with this one, and may use what this one owns.`,
    );
  }
  return parseStackConfig(source);
}
