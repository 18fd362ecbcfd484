// The only door of this folder: a stack's settings, read, checked and completed.

export {
  type AppConfig,
  type ConfigProblem,
  type ConfigSource,
  loadStackConfig,
  parseStackConfig,
  type StackConfig,
  StackConfigError,
} from "./config";
