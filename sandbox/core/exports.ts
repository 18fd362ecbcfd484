import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { assertLoopback } from "../process/loopback.js";
import type { Layout } from "./layout.js";

/** Where a running sandbox's services and clusters answer. */
export interface Endpoints {
  readonly dopplerUrl: string;
  readonly githubUrl: string;
  readonly kubeconfig: string;
  /** The cluster's API server. */
  readonly server: string;
}

/**
 * Variables of the caller that could lead a tool to a real account, or through somebody else's proxy. None of them is
 * passed on; those that the sandbox sets itself are set to its own.
 */
const FOREIGN =
  /^(DOPPLER|GITHUB|GH|PULUMI|KUBE|HELM|AWS|AZURE|ARM|GOOGLE|VAULT)_|^(KUBECONFIG|KUBERNETES_.*|DOCKER_CONFIG)$|_PROXY$|^NODE_OPTIONS$/i;

/** Whether a caller's variable must not reach the tools. */
export function isForeign(variable: string): boolean {
  return FOREIGN.test(variable);
}

/** An exported variable: its value, or the private file that holds its value. */
export type Export = { readonly value: string } | { readonly file: string };

/**
 * The variables with which the released tools work on the sandbox and nothing else.
 *
 * @throws when an endpoint does not lead back to this machine
 */
export function exportsFor(layout: Layout, endpoints: Endpoints, defaults: { project?: string; config?: string }) {
  assertLoopback(endpoints.dopplerUrl, "the Doppler stand-in's URL", { explicitPort: true });
  assertLoopback(endpoints.githubUrl, "the GitHub stand-in's URL");
  assertLoopback(endpoints.server, "the cluster's API server");
  const plain: Record<string, string | undefined> = {
    SANDBOX_DIR: layout.dir,
    PULUMI_HOME: layout.pulumiHome,
    PULUMI_BACKEND_URL: `file://${layout.backend}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: layout.passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // Keeps Pulumi from warning several times a run of a plugin older than its SDK: `make sandbox` says so once.
    PULUMI_DEV: "true",
    DOPPLER_API_HOST: endpoints.dopplerUrl,
    DOPPLER_CONFIG_DIR: join(layout.dopplerCli, ".doppler"),
    DOPPLER_ENABLE_VERSION_CHECK: "false",
    DOPPLER_PROJECT: defaults.project,
    DOPPLER_CONFIG: defaults.config,
    GITHUB_BASE_URL: endpoints.githubUrl,
    KUBECONFIG: endpoints.kubeconfig,
  };
  const exports: Record<string, Export> = {};
  for (const [name, value] of Object.entries(plain)) if (value !== undefined) exports[name] = { value };
  exports["DOPPLER_TOKEN"] = { file: join(layout.doppler, "token") };
  exports["GITHUB_TOKEN"] = { file: join(layout.github, "token") };
  return exports;
}

/** The caller's environment without what is foreign, and with the sandbox's programs first on PATH. */
export function baseEnvironment(layout: Layout, caller: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(caller).filter(([name]) => !isForeign(name));
  const path = (caller["PATH"] ?? "").split(delimiter).filter((dir) => dir !== layout.bin);
  return { ...Object.fromEntries(kept), PATH: [layout.bin, ...path].join(delimiter) };
}

/** The whole environment of a tool that works on the sandbox. */
export function toolEnvironment(
  layout: Layout,
  exports: Readonly<Record<string, Export>>,
  caller?: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const own = Object.entries(exports).map(([name, e]) => [
    name,
    "value" in e ? e.value : readFileSync(e.file, "utf8").trim(),
  ]);
  return { ...baseEnvironment(layout, caller), ...(Object.fromEntries(own) as NodeJS.ProcessEnv) };
}

/** The same environment as text for a POSIX shell to `eval`. The text holds no token, only the path of its file. */
export function shellExports(
  layout: Layout,
  exports: Readonly<Record<string, Export>>,
  caller: NodeJS.ProcessEnv = process.env,
): string {
  const unset = Object.keys(caller).filter((name) => isForeign(name) && !(name in exports));
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    ...unset.sort().map((name) => `unset ${name}`),
    ...Object.entries(exports).map(
      ([name, e]) => `export ${name}=${"value" in e ? quote(e.value) : `"$(cat ${quote(e.file)})"`}`,
    ),
    `case ":$PATH:" in *:${quote(layout.bin)}:*) ;; *) export PATH=${quote(layout.bin)}:"$PATH" ;; esac`,
    "",
  ].join("\n");
}
