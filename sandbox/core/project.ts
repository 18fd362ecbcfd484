// What a sandbox is told about the Pulumi project it runs: plain data, so that the sandbox knows no setting of a
// program.

/** A Pulumi project, and the world that its stacks expect to find. */
export interface Project {
  /**
   * The folder of the project: Pulumi.yaml, the stack files, and package-lock.json with the providers' SDKs. Absolute.
   */
  readonly folder: string;
  /** The stacks that can be brought up, by name; the first one is the default. */
  readonly stacks: Readonly<Record<string, StackWorld>>;
  /** The GitHub repositories that exist, as `owner/name`. */
  readonly repositories: readonly string[];
  /** How each stack file differs in the sandbox from the checked-in one. */
  readonly overrides: (platform: Platform) => readonly Override[];
}

/** What one stack expects to find. */
export interface StackWorld {
  /** The kubeconfig context that leads to the stack's cluster. Default: `sandbox-<stack>`. */
  readonly context?: string;
  /** What the Doppler CLI works on unless it is told otherwise. */
  readonly doppler?: { readonly project: string; readonly config: string };
  /** The namespace in which Argo CD's manifests were applied. Default: the cluster has no Argo CD. */
  readonly argocdNamespace?: string;
}

/** What only the sandbox knows, for {@link Project.overrides}. */
export interface Platform {
  /** The folder of the External Secrets Operator's chart. */
  readonly chart: string;
  /** A cluster that was there before, where one is used. */
  readonly adopted?: {
    readonly context: string;
    /** Values for the operator's chart. In such a cluster pods would really start; the operator is a host process. */
    readonly chartValues: Readonly<Record<string, unknown>>;
  };
}

/** One setting of a stack file. */
export interface Override {
  /** Below `config`, such as `["project:operator", "chart"]`. */
  readonly path: readonly string[];
  /** Without a value, the setting is left out. */
  readonly value?: unknown;
}

/** The part of a {@link Project} that a started sandbox remembers. */
export type KnownProject = Pick<Project, "folder" | "stacks">;
