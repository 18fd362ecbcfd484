import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import { isObject, type PropertyMap, type PropertyValue } from "../../providers/base/index.js";
import { at, text } from "./objects.js";

/** A Helm command that failed, with what it wrote to its standard error. */
export class HelmError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "HelmError";
  }

  get isNotFound(): boolean {
    return this.message.includes("release: not found");
  }
}

/** A release with secret marks taken off, its `valueYamlFiles` merged into `values`. All but the names are optional. */
export interface Release {
  chart: string;
  name: string;
  namespace: string;
  values: PropertyMap;
  version: string;
  /** The other inputs by name, of the types that the SDK gives them. */
  options: PropertyMap;
}

/** Where a release stands, as `helm get metadata` says. */
export interface ReleaseMetadata {
  name: string;
  namespace: string;
  chart: string;
  version: string;
  appVersion: string;
  revision: number;
  status: string;
}

const DEFAULT_TIMEOUT_SECONDS = 300;

/** Arguments that say which chart is meant. */
export function chartArguments(release: Release): string[] {
  const { chart, version, options } = release;
  const repository = isObject(options["repositoryOpts"]) ? options["repositoryOpts"] : {};
  const repo = text(repository["repo"]);
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(repo);
  // A repository that is no URL is one that `helm repo add` has made known.
  const reference = repo !== "" && !isUrl && !chart.includes("/") ? `${repo}/${chart}` : chart;
  return [
    reference,
    ...(isUrl && !chart.startsWith("oci://") ? ["--repo", repo] : []),
    ...(version !== "" ? ["--version", version.trim()] : options["devel"] === true ? ["--devel"] : []),
    ...argument("--ca-file", repository["caFile"]),
    ...argument("--cert-file", repository["certFile"]),
    ...argument("--key-file", repository["keyFile"]),
    ...flag("--verify", options["verify"]),
    ...argument("--keyring", options["keyring"]),
  ];
}

function sharedArguments({ options }: Release): string[] {
  const awaited = options["skipAwait"] !== true;
  return [
    "--timeout",
    `${timeoutSeconds(options)}s`,
    ...(awaited ? ["--wait"] : []),
    ...(awaited ? flag("--wait-for-jobs", options["waitForJobs"]) : []),
    ...flag("--atomic", options["atomic"]),
    ...flag("--render-subchart-notes", options["renderSubchartNotes"]),
    ...flag("--take-ownership", options["takeOwnership"]),
    ...argument("--description", options["description"]),
    ...argument("--post-renderer", options["postrender"]),
  ];
}

/** The arguments of `helm install`; values are read from standard input. */
export function installArguments(release: Release): string[] {
  const { options } = release;
  return [
    "install",
    release.name,
    ...chartArguments(release),
    "--values",
    "-",
    ...sharedArguments(release),
    ...flag("--create-namespace", options["createNamespace"]),
    ...flag("--skip-crds", options["skipCrds"]),
    ...flag("--no-hooks", options["disableWebhooks"]),
    ...flag("--disable-openapi-validation", options["disableOpenapiValidation"]),
    ...flag("--replace", options["replace"]),
    ...flag("--dependency-update", options["dependencyUpdate"]),
  ];
}

/** The arguments of `helm upgrade`; values are read from standard input. */
export function upgradeArguments(release: Release): string[] {
  const { options } = release;
  return [
    "upgrade",
    release.name,
    ...chartArguments(release),
    "--values",
    "-",
    ...sharedArguments(release),
    "--history-max",
    String(typeof options["maxHistory"] === "number" ? options["maxHistory"] : 0),
    ...flag("--no-hooks", options["disableCRDHooks"]),
    ...flag("--force", options["forceUpdate"]),
    ...flag("--recreate-pods", options["recreatePods"]),
    ...flag("--reset-values", options["resetValues"]),
    ...flag("--reuse-values", options["reuseValues"]),
    ...flag("--cleanup-on-fail", options["cleanupOnFail"]),
    ...flag("--dependency-update", options["dependencyUpdate"]),
  ];
}

/** The arguments of `helm uninstall`. */
export function uninstallArguments({ name, options }: Release): string[] {
  const waits = options["atomic"] === true || options["skipAwait"] !== true;
  return ["uninstall", name, ...(waits ? ["--wait", "--timeout", `${timeoutSeconds(options)}s`] : [])];
}

function timeoutSeconds(options: PropertyMap): number {
  return typeof options["timeout"] === "number" && options["timeout"] > 0
    ? options["timeout"]
    : DEFAULT_TIMEOUT_SECONDS;
}

function flag(name: string, value: PropertyValue | undefined): string[] {
  return value === true ? [name] : [];
}

function argument(name: string, value: PropertyValue | undefined): string[] {
  return typeof value === "string" && value !== "" ? [name, value] : [];
}

/** The names of the objects in a manifest by `Kind.group/apiVersion`, as in `Deployment.apps/apps/v1`. */
export function resourceNames(manifest: string): Record<string, string[]> {
  const names: Record<string, Set<string>> = {};
  for (const object of manifestObjects(manifest)) {
    const apiVersion = text(object["apiVersion"]);
    const group = apiVersion.includes("/") ? `.${apiVersion.split("/")[0]}` : "";
    const namespace = text(at(object, "metadata", "namespace"));
    const name = text(at(object, "metadata", "name"));
    const key = `${text(object["kind"])}${group}/${apiVersion}`;
    (names[key] ??= new Set()).add(namespace === "" ? name : `${namespace}/${name}`);
  }
  return Object.fromEntries(Object.entries(names).map(([key, set]) => [key, [...set].sort()]));
}

/** The objects in a manifest; parts that are empty or not valid YAML are passed over. */
export function manifestObjects(manifest: string): PropertyMap[] {
  const documents = parseAllDocuments(manifest);
  return Array.isArray(documents)
    ? documents
        .filter((document) => document.errors.length === 0)
        .map((document) => document.toJS() as PropertyValue)
        .filter((object): object is PropertyMap => isObject(object) && typeof object["kind"] === "string")
    : [];
}

/** Merges values as Helm does: maps key by key, anything else by replacement. */
export function mergeValues(base: PropertyMap, over: PropertyMap): PropertyMap {
  const result = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isObject(before) && isObject(value) ? mergeValues(before, value) : value;
  }
  return result;
}

/** Helm against one cluster. */
export class Helm {
  constructor(
    private readonly kubeConfig: KubeConfig | undefined,
    private readonly environment: Record<string, string>,
    private readonly runner: HelmRunner = runHelm,
  ) {}

  /** Where a release stands, or undefined if there is none of that name. */
  async metadata(name: string, namespace: string, signal: AbortSignal): Promise<ReleaseMetadata | undefined> {
    let output: string;
    try {
      output = await this.runInCluster(["get", "metadata", name, "--output", "json"], namespace, signal);
    } catch (error) {
      if (error instanceof HelmError && error.isNotFound) {
        return undefined;
      }
      throw error;
    }
    const metadata = JSON.parse(output) as PropertyMap;
    return {
      name: text(metadata["name"]),
      namespace: text(metadata["namespace"]),
      chart: text(metadata["chart"]),
      version: text(metadata["version"]),
      appVersion: text(metadata["appVersion"]),
      revision: typeof metadata["revision"] === "number" ? metadata["revision"] : 0,
      status: text(metadata["status"]),
    };
  }

  /** The values that a release was given. */
  async values(name: string, namespace: string, signal: AbortSignal): Promise<PropertyMap> {
    const output = await this.runInCluster(["get", "values", name, "--output", "json"], namespace, signal);
    const values = JSON.parse(output) as PropertyValue;
    return isObject(values) ? values : {};
  }

  /** The objects of a release as YAML. */
  manifest(name: string, namespace: string, signal: AbortSignal): Promise<string> {
    return this.runInCluster(["get", "manifest", name], namespace, signal);
  }

  async install(release: Release, signal: AbortSignal): Promise<void> {
    await this.runInCluster(installArguments(release), release.namespace, signal, release.values);
  }

  async upgrade(release: Release, signal: AbortSignal): Promise<void> {
    await this.runInCluster(upgradeArguments(release), release.namespace, signal, release.values);
  }

  /** Returns what Helm has to say about objects that it kept, or the empty string. */
  async uninstall(release: Release, signal: AbortSignal): Promise<string> {
    const output = await this.runInCluster(uninstallArguments(release), release.namespace, signal);
    return output
      .split("\n")
      .filter((line) => !/^release ".*" uninstalled$/.test(line))
      .join("\n")
      .trim();
  }

  /** The chart's own description, `Chart.yaml`. Needs no cluster. */
  async chart(release: Release, signal: AbortSignal): Promise<PropertyMap> {
    const chart: unknown = parse(await this.run(["show", "chart", ...chartArguments(release)], signal));
    return chart as PropertyMap;
  }

  /** Renders the chart, its CRDs included. Needs no cluster. */
  render(release: Release, signal: AbortSignal): Promise<string> {
    return this.run(
      [
        "template",
        release.name || "release-name",
        ...chartArguments(release),
        "--namespace",
        release.namespace,
        "--values",
        "-",
        ...(release.options["skipCrds"] === true ? [] : ["--include-crds"]),
      ],
      signal,
      JSON.stringify(release.values),
    );
  }

  async updateDependencies(chart: string, signal: AbortSignal): Promise<void> {
    await this.run(["dependency", "update", chart], signal);
  }

  async lint(release: Release, signal: AbortSignal): Promise<void> {
    await this.run(["lint", release.chart, "--values", "-"], signal, JSON.stringify(release.values));
  }

  private async runInCluster(
    args: string[],
    namespace: string,
    signal: AbortSignal,
    values?: PropertyMap,
  ): Promise<string> {
    if (this.kubeConfig === undefined) {
      throw new Error("Helm needs a cluster, and none is configured");
    }
    const folder = await mkdtemp(path.join(tmpdir(), "pulumi-resource-kubernetes-"));
    // The file holds credentials; it has to go even if the engine ends this process halfway.
    const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
    process.once("exit", removeNow);
    try {
      const file = path.join(folder, "kubeconfig");
      await writeFile(file, this.kubeConfig.exportConfig(), { mode: 0o600 });
      const input = values === undefined ? "" : JSON.stringify(values);
      return await this.run([...args, "--namespace", namespace, "--kubeconfig", file], signal, input);
    } finally {
      process.removeListener("exit", removeNow);
      await rm(folder, { recursive: true, force: true });
    }
  }

  private run(args: string[], signal: AbortSignal, input = ""): Promise<string> {
    return this.runner(args, { input, environment: this.environment, signal });
  }
}

/** What a Helm command is given besides its arguments. */
export interface HelmCall {
  /** For standard input. */
  input: string;
  /** Variables on top of this process's own. */
  environment: Record<string, string>;
  signal: AbortSignal;
}

/** Runs one Helm command. Answers with its standard output; throws a {@link HelmError} with its standard error. */
export type HelmRunner = (args: string[], call: HelmCall) => Promise<string>;

/** Runs the `helm` on PATH as a child process. */
export const runHelm: HelmRunner = (args, { input, environment, signal }) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new HelmError("cancelled"));
      return;
    }
    const child = spawn("helm", args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    // Helm marks the release as failed when it is asked to stop.
    const stop = (): boolean => child.kill("SIGTERM");
    const forget = (): void => {
      signal.removeEventListener("abort", stop);
      process.removeListener("exit", stop);
    };
    signal.addEventListener("abort", stop, { once: true });
    // An engine that is killed takes this process with it; Helm must not go on alone.
    process.once("exit", stop);
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
    // A command that fails early does not read its input.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", (error: NodeJS.ErrnoException) => {
      forget();
      reject(error.code === "ENOENT" ? new HelmError("there is no `helm` on PATH; install Helm 3") : error);
    });
    child.on("close", (code) => {
      forget();
      if (code === 0) {
        resolve(output);
      } else {
        reject(new HelmError(lastWords(errors) || `helm ${args[0]} ended with code ${code}`));
      }
    });
  });

/** Helm's error without the warnings that may precede it. */
function lastWords(errors: string): string {
  const start = errors.search(/^Error: /m);
  return (start < 0 ? errors : errors.slice(start + "Error: ".length)).trim();
}
