import type * as pulumi from "@pulumi/pulumi";

// What an app team's own program imports: the shape of the pipeline's outputs, and the way from them into a pod.

/** The outputs of one of the pipeline's stacks, as `pulumi stack output --json` prints them. Names only. */
export interface PipelineOutputs {
  /** By app name. */
  apps: Record<string, AppOutput>;
  /** The main source's ClusterSecretStore. */
  store: string;
  /** Where values of the main source are typed. */
  doppler: DopplerPlace;
  /** The same of each further source, by its name; absent where there are none. */
  sources?: Record<string, DopplerPlace & { store: string }>;
}

/** Where values are typed in Doppler. */
export interface DopplerPlace {
  project: string;
  config: string;
}

/** What an app team needs to consume its Secret. */
export interface AppOutput {
  /** The Secret's name. */
  secretName: string;
  /** The Secret's namespace. Pods consume Secrets of their own namespace only. */
  namespace: string;
  /** The keys it holds once synced, in alphabetical order, as far as they are named one by one. */
  keys: string[];
  /** The Doppler names that it holds as well, whichever there are, such as `STRIPE_*`; absent where there are none. */
  patterns?: string[];
  /** Doppler names of JSON objects whose properties it holds as well; absent where there are none. */
  spread?: string[];
  /** An entry for a container's `envFrom`. */
  envFrom: EnvFromEntry;
  /** By key, an entry for a container's `env`. */
  env: Record<string, EnvEntry>;
  /**
   * The keys that had no value when the stack was last brought up, and the Doppler names to type. A pattern that no name
   * matched, and a JSON object that is to be spread, stand here for their keys.
   */
  pending: Record<string, string[]>;
  /** Annotations for workloads that are to restart when a value changes; none where the app has not opted in. */
  workloadAnnotations: Record<string, string>;
  /** Where the app's values are typed, where that is not the stack's main source. */
  doppler?: DopplerPlace;
  /** By key, where its value is typed, for keys from other sources than the app's own; absent where there are none. */
  from?: Record<string, DopplerPlace>;
}

/** All keys of a Secret as variables of a container. */
export interface EnvFromEntry {
  secretRef: { name: string };
}

/** One key of a Secret as a variable of a container. */
export interface EnvEntry {
  /** The variable's name. */
  name: string;
  valueFrom: { secretKeyRef: { name: string; key: string } };
}

/** An app's Secret, for use in its pods. Every field fails the preview where a key is not delivered. */
export interface AppSecrets<Key extends string> {
  readonly secretName: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  /** An entry for a container's `envFrom`: all keys of the Secret, asked for here or not. */
  readonly envFrom: pulumi.Output<EnvFromEntry>;
  /** For the metadata of a workload that is to restart when a value changes; empty where the app has not opted in. */
  readonly workloadAnnotations: pulumi.Output<Record<string, string>>;
  /**
   * An entry for a container's `env`.
   *
   * @param key one of the keys that were asked for; another is a type error
   * @param variable the variable's name. Default: the key, spelled as a variable
   */
  env(key: Key, variable?: string): pulumi.Output<EnvEntry>;
}

/** Options of {@link appSecrets}. */
export interface AppSecretsOptions {
  /** Only warn of keys that have no value yet: for a Secret that was delivered before they were asked for. */
  acceptPending?: boolean;
}

/**
 * An app's Secret as the pipeline's stack delivers it.
 *
 * The preview fails, naming the key and what to do about it, where the stack has no such app, where the app's Secret has
 * no such key, and where one of its keys has no value yet: the operator makes a Secret only once all of them have one.
 * A key that comes by a pattern or from a JSON object can't be checked so, since the outputs don't list it; a note of the
 * preview names it.
 *
 * @param pipeline the pipeline's stack, such as `organization/secrets-pipeline/dev`
 * @param app the app's name in that stack
 * @param keys the keys that the app's pods need, also where they take all with `envFrom`
 */
export function appSecrets<Key extends string>(
  pipeline: pulumi.StackReference,
  app: string,
  keys: readonly [Key, ...Key[]],
  options?: AppSecretsOptions,
): AppSecrets<Key>;

/**
 * The same check on outputs that are at hand, such as those that `pulumi stack output --json` prints.
 *
 * @param stack the stack's name, for the message
 * @returns the app's outputs
 * @throws UndeliveredSecretsError
 */
export function deliveredApp(
  stack: string,
  outputs: Partial<PipelineOutputs>,
  app: string,
  keys: readonly string[],
  options?: AppSecretsOptions,
): AppOutput;

/** Why an app can't have the keys that it asks for. Shown without a stack trace. */
export class UndeliveredSecretsError extends pulumi.RunError {}
