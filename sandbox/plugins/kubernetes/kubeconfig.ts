import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { parse } from "yaml";
import { isObject, type PropertyMap, type PropertyValue } from "../../providers/base/index.js";

/** Which cluster of which kubeconfig is meant. */
export interface ClusterChoice {
  /** The contents of a kubeconfig, or the path of one. */
  kubeconfig?: string;
  context?: string;
  /** A cluster of the kubeconfig to use in place of the context's. */
  cluster?: string;
}

/** A kubeconfig reduced to one choice. */
export interface ActiveCluster {
  kubeConfig: KubeConfig;
  /** The namespace that the context names, if any. */
  namespace: string | undefined;
}

/**
 * Loads the kubeconfig that was given, or else the files that the environment names in KUBECONFIG, or else
 * `~/.kube/config`, and makes the choice in it. Throws if there is none, it cannot be read, or lacks what is chosen.
 */
export function loadKubeconfig(choice: ClusterChoice, environment: NodeJS.ProcessEnv = process.env): ActiveCluster {
  const kubeConfig = new KubeConfig();
  if (choice.kubeconfig !== undefined && choice.kubeconfig !== "") {
    loadOne(kubeConfig, choice.kubeconfig, environment);
  } else {
    loadAmbient(kubeConfig, environment);
  }
  if (choice.context !== undefined && choice.context !== "") {
    kubeConfig.setCurrentContext(choice.context);
  }
  const current = kubeConfig.getCurrentContext();
  const context = current ? kubeConfig.getContextObject(current) : null;
  if (context === null) {
    throw new Error(
      current
        ? `context ${JSON.stringify(current)} does not exist in the kubeconfig`
        : "the kubeconfig names no current context; set one, or the provider's `context`",
    );
  }
  // The kubeconfig is handed on to Helm, so the choice is written into it.
  const chosen = { ...context, cluster: choice.cluster || context.cluster };
  if (!kubeConfig.getCluster(chosen.cluster)?.server) {
    throw new Error(`cluster ${JSON.stringify(chosen.cluster)} has no server defined in the kubeconfig`);
  }
  kubeConfig.contexts = [chosen];
  return { kubeConfig, namespace: context.namespace };
}

function loadOne(kubeConfig: KubeConfig, pathOrContents: string, environment: NodeJS.ProcessEnv): void {
  const file = expandHome(pathOrContents, environment);
  if (isFile(file)) {
    kubeConfig.loadFromFile(file);
  } else {
    parseConfig(pathOrContents);
    kubeConfig.loadFromString(pathOrContents);
  }
}

function loadAmbient(kubeConfig: KubeConfig, environment: NodeJS.ProcessEnv): void {
  const named = (environment["KUBECONFIG"] ?? "").split(path.delimiter).filter((file) => file !== "");
  const files = (named.length > 0 ? named : [path.join(home(environment), ".kube", "config")]).filter(isFile);
  const [first, ...others] = files;
  if (first === undefined) {
    throw new Error(
      "no configuration has been provided: set the provider's `kubeconfig`, or KUBECONFIG to an existing file",
    );
  }
  kubeConfig.loadFromFile(first);
  for (const file of others) {
    const more = new KubeConfig();
    more.loadFromFile(file);
    kubeConfig.mergeConfig(more, true);
  }
}

function home(environment: NodeJS.ProcessEnv): string {
  return environment["HOME"] || homedir();
}

function expandHome(file: string, environment: NodeJS.ProcessEnv): string {
  return file === "~" || file.startsWith("~/") ? path.join(home(environment), file.slice(1)) : file;
}

function isFile(file: string): boolean {
  // A kubeconfig's contents are no path: too long for one, or with line breaks.
  return !file.includes("\n") && existsSync(file);
}

function parseConfig(contents: string): PropertyMap {
  let value: unknown;
  try {
    value = parse(contents);
  } catch {
    // The parser's own words quote the text, which holds credentials.
    throw new Error("the kubeconfig is not valid YAML");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error("the kubeconfig is neither the path of an existing file nor the contents of one");
  }
  return value as PropertyMap;
}

/**
 * The entry of the cluster that provider inputs choose, for comparison; undefined if there is none to be found. Only a
 * kubeconfig among the inputs counts, never one of the environment. Throws for one that cannot be parsed.
 */
export function chosenCluster(
  inputs: PropertyMap,
  environment: NodeJS.ProcessEnv = process.env,
): PropertyValue | undefined {
  const config = parseInput(inputs["kubeconfig"], environment);
  const contextName = inputs["context"] ?? config["current-context"];
  const context = entry(config["contexts"], contextName, "context");
  const clusterName = inputs["cluster"] ?? context?.["cluster"];
  return context && entry(config["clusters"], clusterName, "cluster");
}

function entry(list: PropertyValue | undefined, name: PropertyValue | undefined, key: string): PropertyMap | undefined {
  const found = Array.isArray(list) ? list.filter(isObject).find((item) => item["name"] === name) : undefined;
  const value = found?.[key];
  return isObject(value) ? value : undefined;
}

function parseInput(kubeconfig: PropertyValue | undefined, environment: NodeJS.ProcessEnv): PropertyMap {
  if (isObject(kubeconfig)) {
    return kubeconfig;
  }
  if (typeof kubeconfig !== "string" || kubeconfig === "") {
    return {};
  }
  const file = expandHome(kubeconfig, environment);
  return parseConfig(isFile(file) ? readFileSync(file, "utf8") : kubeconfig);
}
