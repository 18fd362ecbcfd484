/** A program, and the Go package that it is built from. */
export interface GoProgram {
  /** What it is called, in the cache too. */
  readonly name: string;
  readonly package: string;
  /** What `go build` calls it; default: its name. */
  readonly executable?: string;
  /** The module the package is from; its version in go.mod is the program's version. */
  readonly module: string;
  /** Linker flags, given the module's version without its leading v. */
  readonly ldflags?: (version: string) => readonly string[];
  /** Set when a program of the same name on PATH is as good. */
  readonly onPath?: PathAlternative;
}

/** One `go build`: a module folder beside this file, and the programs taken from it. */
export interface GoTool {
  /** What log files and the folder of the build are called. */
  readonly name: string;
  /** The folder here whose go.mod and go.sum pin every module that goes into the build. */
  readonly moduleDir: string;
  readonly programs: readonly GoProgram[];
  /** Besides those of every build. */
  readonly compilerFlags?: readonly string[];
  /** Files of other modules that `go build` must find in the folder: these are too large to be kept here. */
  readonly embedded?: readonly EmbeddedFiles[];
}

/** Files that are taken from a module into the folder of a build, where a program embeds them. */
export interface EmbeddedFiles {
  readonly module: string;
  /** The folder in the module. */
  readonly from: string;
  readonly names: readonly string[];
  /** The folder beside go.mod. */
  readonly to: string;
}

/** How a program found on PATH is asked whether it works and fits. */
export interface PathAlternative {
  readonly program: string;
  readonly args: readonly string[];
  /** Must match what it prints, which is shown as its version; the first group if there is one. */
  readonly accept: RegExp;
  /** What is accepted, for the line that says why one was not. */
  readonly wanted: string;
}

const stamp = (variables: Readonly<Record<string, string>>): string[] =>
  Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);

/** Without these stamps the API server says it is v0.0.0, and clients refuse it or assume an old one. */
const kubernetesStamps = (version: string) =>
  stamp({
    "k8s.io/component-base/version.gitVersion": `v${version}`,
    "k8s.io/component-base/version.gitMajor": version.split(".")[0] ?? "",
    "k8s.io/component-base/version.gitMinor": version.split(".")[1] ?? "",
  });

const kubernetes = { module: "k8s.io/kubernetes", ldflags: kubernetesStamps } as const;

/** The module whose packages the Kubernetes provider plugin serves. */
const kubernetesProvider = "github.com/pulumi/pulumi-kubernetes/provider/v4";

/**
 * The programs of the sandbox. They share one go.mod, so that a package that several of them use is compiled once, and
 * one `go build`, so that one program is linked while another is compiled. The operator is apart: see
 * externalSecrets.ts.
 */
export const sharedTools = {
  name: "shared",
  moduleDir: "shared",
  programs: [
    {
      name: "doppler",
      package: "github.com/DopplerHQ/cli",
      executable: "cli",
      module: "github.com/DopplerHQ/cli",
      // Left at its own version "dev", which also keeps it from looking for updates.
      onPath: { program: "doppler", args: ["--version"], accept: /^v?(\d\S*|dev)/, wanted: "any version" },
    },
    {
      name: "pulumi",
      package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
      module: "github.com/pulumi/pulumi/pkg/v3",
      ldflags: (version: string) => stamp({ "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": version }),
      onPath: { program: "pulumi", args: ["version"], accept: /^v?(3\.\S+)/, wanted: "version 3" },
    },
    {
      name: "pulumi-resource-kubernetes",
      package: "secrets-pipeline/sandbox/toolchain/shared/pulumi-resource-kubernetes",
      module: kubernetesProvider,
      ldflags: (version: string) => stamp({ "main.version": version }),
    },
    {
      name: "etcd",
      package: "go.etcd.io/etcd/server/v3",
      executable: "server",
      module: "go.etcd.io/etcd/server/v3",
    },
    { ...kubernetes, name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
    { ...kubernetes, name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
    { ...kubernetes, name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
    {
      ...kubernetes,
      name: "kubectl",
      package: "k8s.io/kubernetes/cmd/kubectl",
      onPath: {
        program: "kubectl",
        args: ["version", "--client"],
        accept: /^Client Version: v?(1\.\S+)/m,
        wanted: "version 1",
      },
    },
    {
      name: "helm",
      package: "helm.sh/helm/v3/cmd/helm",
      module: "helm.sh/helm/v3",
      ldflags: (version: string) => stamp({ "helm.sh/helm/v3/internal/version.version": `v${version}` }),
      // Helm 4 renamed options that are used here.
      onPath: {
        program: "helm",
        args: ["version", "--template", "{{.Version}}"],
        accept: /^v?(3\.\S+)/,
        wanted: "version 3",
      },
    },
  ],
  // The provider's Go SDK is a third of all the work and is hardly run: without inlining it takes a fifth less time, and
  // a third less memory.
  compilerFlags: ["-gcflags=github.com/pulumi/pulumi-kubernetes/sdk/v4/...=-dwarf=false -l"],
  embedded: [
    {
      module: kubernetesProvider,
      from: "cmd/pulumi-resource-kubernetes",
      names: ["schema.json", "terraform-mapping.json"],
      to: "pulumi-resource-kubernetes",
    },
  ],
} as const satisfies GoTool;

/** Checks GitHub workflows; no part of the sandbox, and built only where it is asked for. */
export const actionlint = {
  name: "actionlint",
  moduleDir: "actionlint",
  programs: [
    {
      name: "actionlint",
      package: "github.com/rhysd/actionlint/cmd/actionlint",
      module: "github.com/rhysd/actionlint",
    },
  ],
} as const satisfies GoTool;

/** Pulumi's language host for YAML; no part of the sandbox, and built only where it is asked for. */
export const pulumiYaml = {
  name: "pulumi-language-yaml",
  moduleDir: "pulumi-yaml",
  programs: [
    {
      name: "pulumi-language-yaml",
      package: "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
      module: "github.com/pulumi/pulumi-yaml",
      ldflags: (version: string) => stamp({ "github.com/pulumi/pulumi-yaml/pkg/version.Version": `v${version}` }),
    },
  ],
} as const satisfies GoTool;

/** Says what Argo CD reads from its Secrets; a few lines around its own code. Built only where it is asked for. */
export const argocdReads = {
  name: "argocd-reads",
  moduleDir: "argocd",
  programs: [
    {
      name: "argocd-reads",
      package: ".",
      executable: "argocd",
      module: "github.com/argoproj/argo-cd/v3",
    },
  ],
} as const satisfies GoTool;

/** The External Secrets Operator; built from a trimmed copy of its module. */
export const externalSecrets = {
  name: "external-secrets",
  moduleDir: "external-secrets",
  module: "github.com/external-secrets/external-secrets",
} as const;

/**
 * Earlier versions of the operator, each pinned in a folder `external-secrets-<version>`; built only where they are
 * asked for.
 *
 * - 0.16.1 serves `v1beta1` beside `v1`: what a cluster set up long ago has.
 * - 0.17.0 is the oldest that the program supports.
 */
export const earlierOperators = ["0.16.1", "0.17.0"] as const;
export type EarlierOperator = (typeof earlierOperators)[number];

/**
 * A later version, of which only the chart can be had: its module says of its parts that they are in folders beside it,
 * and has none of them. Its CRDs are the first here that know `oidcConfig`.
 */
export const laterChart = "1.3.2";
