/** One `go build`: a module folder beside this file, and the programs taken from it. */
export interface GoTool {
  /** The folder in the cache, and what progress lines call it. */
  readonly name: string;
  /** The folder here whose go.mod and go.sum pin every module that goes into the build. */
  readonly moduleDir: string;
  /** The module the programs are from; its version in go.mod is the tool's version. */
  readonly module: string;
  /** Go package by program name. */
  readonly programs: Readonly<Record<string, string>>;
  /** Linker flags, given the module's version without its leading v. */
  readonly ldflags?: (version: string) => readonly string[];
  /** What a build takes with nothing cached on two cores. */
  readonly seconds: number;
  /** Set when a program of the same name on PATH is as good. */
  readonly onPath?: PathAlternative;
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

/** What is built from Go modules, quickest first, so that a wrong setting shows early. The operator is apart: see externalSecrets.ts. */
export const goTools = [
  {
    name: "doppler",
    moduleDir: "doppler",
    module: "github.com/DopplerHQ/cli",
    // The package's folder is "cli"; the program is called doppler. Left at its own version "dev", which also keeps it
    // from looking for updates.
    programs: { doppler: "github.com/DopplerHQ/cli" },
    seconds: 10,
    onPath: { program: "doppler", args: ["--version"], accept: /^v?(\d\S*|dev)/, wanted: "any version" },
  },
  {
    name: "etcd",
    moduleDir: "etcd",
    module: "go.etcd.io/etcd/server/v3",
    programs: { etcd: "go.etcd.io/etcd/server/v3" },
    seconds: 35,
  },
  {
    name: "helm",
    moduleDir: "helm",
    module: "helm.sh/helm/v3",
    programs: { helm: "helm.sh/helm/v3/cmd/helm" },
    ldflags: (version: string) => stamp({ "helm.sh/helm/v3/internal/version.version": `v${version}` }),
    seconds: 50,
    // Helm 4 renamed options that are used here.
    onPath: {
      program: "helm",
      args: ["version", "--template", "{{.Version}}"],
      accept: /^v?(3\.\S+)/,
      wanted: "version 3",
    },
  },
  {
    name: "kwok",
    moduleDir: "kwok",
    module: "sigs.k8s.io/kwok",
    programs: { kwok: "sigs.k8s.io/kwok/cmd/kwok" },
    seconds: 110,
  },
  {
    name: "kubernetes",
    moduleDir: "kubernetes",
    module: "k8s.io/kubernetes",
    programs: {
      "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
      "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
      "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    },
    ldflags: kubernetesStamps,
    seconds: 215,
  },
  {
    name: "kubectl",
    moduleDir: "kubernetes",
    module: "k8s.io/kubernetes",
    programs: { kubectl: "k8s.io/kubernetes/cmd/kubectl" },
    ldflags: kubernetesStamps,
    seconds: 30,
    onPath: {
      program: "kubectl",
      args: ["version", "--client"],
      accept: /^Client Version: v?(1\.\S+)/m,
      wanted: "version 1",
    },
  },
  {
    name: "pulumi",
    moduleDir: "pulumi",
    module: "github.com/pulumi/pulumi/pkg/v3",
    programs: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    ldflags: (version: string) => stamp({ "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": version }),
    seconds: 143,
    onPath: { program: "pulumi", args: ["version"], accept: /^v?(3\.\S+)/, wanted: "version 3" },
  },
] as const satisfies readonly GoTool[];

/** Checks GitHub workflows; no part of the sandbox, and built only where it is asked for. */
export const actionlint = {
  name: "actionlint",
  moduleDir: "actionlint",
  module: "github.com/rhysd/actionlint",
  programs: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
  seconds: 15,
} as const satisfies GoTool;

/** Pulumi's language host for YAML; no part of the sandbox, and built only where it is asked for. */
export const pulumiYaml = {
  name: "pulumi-yaml",
  moduleDir: "pulumi-yaml",
  module: "github.com/pulumi/pulumi-yaml",
  programs: { "pulumi-language-yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml" },
  ldflags: (version: string) => stamp({ "github.com/pulumi/pulumi-yaml/pkg/version.Version": `v${version}` }),
  seconds: 60,
} as const satisfies GoTool;

/** Says what Argo CD reads from its Secrets; a few lines around its own code. Built only where it is asked for. */
export const argocdReads = {
  name: "argocd-reads",
  moduleDir: "argocd",
  module: "github.com/argoproj/argo-cd/v3",
  programs: { "argocd-reads": "." },
  seconds: 340,
} as const satisfies GoTool;

/** The External Secrets Operator; built from a trimmed copy of its module. */
export const externalSecrets = {
  name: "external-secrets",
  moduleDir: "external-secrets",
  module: "github.com/external-secrets/external-secrets",
  seconds: 98,
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
