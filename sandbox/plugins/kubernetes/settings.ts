import type { KubeConfig } from "@kubernetes/client-node";
import {
  type CheckFailure,
  containsUnknowns,
  type DetailedDiff,
  type DiffResult,
  equalValues,
  isObject,
  type PropertyMap,
  type PropertyValue,
  reveal,
  revealAll,
  Unknown,
} from "../../providers/base/index.js";
import { ApiClient } from "./client.js";
import { chosenCluster, loadKubeconfig } from "./kubeconfig.js";
import { type GroupVersionKind, isNamespacedBuiltIn } from "./objects.js";
import type { Mutability } from "./replacement.js";

/** The provider's own inputs and their types. */
export const PROVIDER_INPUTS = {
  alwaysRender: "boolean",
  cluster: "string",
  clusterIdentifier: "string",
  context: "string",
  deleteUnreachable: "boolean",
  enableConfigMapMutable: "boolean",
  enablePatchForce: "boolean",
  enableSecretMutable: "boolean",
  enableServerSideApply: "boolean",
  helmReleaseSettings: "object",
  kubeClientSettings: "object",
  kubeconfig: "string",
  namespace: "string",
  renderYamlToDirectory: "string",
  skipUpdateUnreachable: "boolean",
  suppressDeprecationWarnings: "boolean",
  suppressHelmHookWarnings: "boolean",
  upsertExistingObjects: "boolean",
} as const;

/** Inputs that the engine adds on its own. */
const ENGINE_INPUTS = new Set(["version", "pluginDownloadURL", "pluginChecksums", "__internal", "__defaults"]);

const HELM_ENVIRONMENT: Readonly<Record<string, string>> = {
  driver: "HELM_DRIVER",
  pluginsPath: "HELM_PLUGINS",
  registryConfigPath: "HELM_REGISTRY_CONFIG",
  repositoryCache: "HELM_REPOSITORY_CACHE",
  repositoryConfigPath: "HELM_REPOSITORY_CONFIG",
};

/** Names allowed inside the provider's structured inputs. */
export const NESTED_INPUTS: Readonly<Record<string, readonly string[]>> = {
  helmReleaseSettings: Object.keys(HELM_ENVIRONMENT),
  kubeClientSettings: ["burst", "qps", "timeout"],
};

/** What a provider is set to once it is configured. */
export interface Settings extends Mutability {
  /** Undefined when the cluster could not be reached, and `unreachable` says why. */
  client: ApiClient | undefined;
  kubeConfig: KubeConfig | undefined;
  unreachable: string | undefined;
  /** Where namespaced objects go that name no namespace. */
  namespace: string;
  enablePatchForce: boolean;
  upsertExistingObjects: boolean;
  deleteUnreachable: boolean;
  skipUpdateUnreachable: boolean;
  suppressHelmHookWarnings: boolean;
  /** Variables for Helm's environment. */
  helmEnvironment: Record<string, string>;
  /** Whether custom resources are namespaced, by `group/Kind`, as far as the program's own definitions tell. */
  scopes: Map<string, boolean>;
}

/** Checks the provider's inputs: unknown names, wrong types, and what this stand-in cannot do. */
export function checkSettings(news: PropertyMap): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [name, wrapped] of Object.entries(news)) {
    const value = reveal(wrapped);
    if (value === null || value instanceof Unknown || ENGINE_INPUTS.has(name)) {
      continue;
    }
    const type = (PROVIDER_INPUTS as Readonly<Record<string, string>>)[name];
    if (type === undefined) {
      failures.push({
        property: name,
        reason: `unknown provider input; known are ${Object.keys(PROVIDER_INPUTS).join(", ")}`,
      });
      continue;
    }
    if (name === "kubeconfig" && isObject(value)) {
      continue;
    }
    const decoded = decode(value);
    if (
      type === "boolean" ? typeof decoded !== "boolean" : type === "object" ? !isObject(decoded) : typeof value !== type
    ) {
      failures.push({ property: name, reason: `expected ${type}` });
    }
    for (const nested of isObject(decoded) && type === "object" ? Object.keys(decoded) : []) {
      if (NESTED_INPUTS[name]?.includes(nested) !== true) {
        failures.push({ property: `${name}.${nested}`, reason: "unknown provider input" });
      }
    }
  }
  if (decode(reveal(news["enableServerSideApply"] ?? null)) === false) {
    failures.push({
      property: "enableServerSideApply",
      reason:
        "client-side apply is not implemented by this stand-in for the Kubernetes plugin; leave it out or set it to true",
    });
  }
  for (const name of ["renderYamlToDirectory", "alwaysRender"]) {
    const value = decode(reveal(news[name] ?? null));
    if (value === true || (typeof value === "string" && value !== "")) {
      failures.push({
        property: name,
        reason: "rendering to files is not implemented by this stand-in for the Kubernetes plugin; leave it out",
      });
    }
  }
  return failures;
}

/** Structured and boolean provider inputs come as JSON text from SDKs. */
function decode(value: PropertyValue): PropertyValue {
  if (typeof value !== "string") {
    return value;
  }
  try {
    return JSON.parse(value) as PropertyValue;
  } catch {
    return value;
  }
}

/**
 * Compares the provider's inputs. Its resources have to be made anew when it turns to another cluster, which can only
 * be guessed from the entry of the active cluster in the kubeconfig; `clusterIdentifier`, where set, decides alone.
 */
export function diffSettings(
  olds: PropertyMap,
  news: PropertyMap,
  environment: NodeJS.ProcessEnv = process.env,
): DiffResult {
  const before = withoutEngineInputs(revealAll(olds));
  const after = withoutEngineInputs(revealAll(news));
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !equalValues(before[name], after[name]),
  );
  if (changed.length === 0) {
    return { changes: "none", replaces: [], detailedDiff: {} };
  }
  const detailedDiff: DetailedDiff = {};
  for (const name of changed) {
    const kind = before[name] === undefined ? "add" : after[name] === undefined ? "delete" : "update";
    detailedDiff[name] = { kind, inputDiff: true };
  }
  const replaces = replacingInputs(before, after, changed, environment);
  for (const name of replaces) {
    const kind = detailedDiff[name]?.kind;
    if (kind === "add" || kind === "delete" || kind === "update") {
      detailedDiff[name] = { kind: `${kind}-replace`, inputDiff: true };
    }
  }
  return { changes: "some", replaces, detailedDiff };
}

function replacingInputs(
  before: PropertyMap,
  after: PropertyMap,
  changed: readonly string[],
  environment: NodeJS.ProcessEnv,
): string[] {
  const identified = before["clusterIdentifier"] !== undefined && after["clusterIdentifier"] !== undefined;
  if (identified && !changed.includes("clusterIdentifier")) {
    return [];
  }
  const replaces = identified ? ["clusterIdentifier"] : [];
  const selecting = ["kubeconfig", "context", "cluster"];
  const unknown = selecting.find((name) => containsUnknowns(after[name]));
  if (unknown !== undefined) {
    return [...replaces, unknown];
  }
  const oldCluster = chosenCluster(before, environment);
  const newCluster = chosenCluster(after, environment);
  if (oldCluster !== undefined && newCluster !== undefined && !equalValues(oldCluster, newCluster)) {
    replaces.push(...selecting.filter((name) => changed.includes(name)));
  }
  return replaces;
}

function withoutEngineInputs(inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !ENGINE_INPUTS.has(name)));
}

/**
 * Reads the provider's inputs and tries the cluster. A cluster that cannot be reached is no error here: previews of a
 * stack whose cluster is yet to come have to work.
 */
export async function loadSettings(
  args: PropertyMap,
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Settings> {
  const [failure] = checkSettings(args);
  if (failure !== undefined) {
    throw new Error(`provider input ${failure.property}: ${failure.reason}`);
  }
  const input = (name: keyof typeof PROVIDER_INPUTS): PropertyValue => revealAll(args[name] ?? null);
  const text = (name: keyof typeof PROVIDER_INPUTS): string => {
    const value = input(name);
    return isObject(value) ? JSON.stringify(value) : typeof value === "string" ? value : "";
  };
  const flag = (name: keyof typeof PROVIDER_INPUTS, variable: string): boolean => {
    const value = decode(input(name));
    return typeof value === "boolean" ? value : environment[variable] === "true";
  };
  const settings: Settings = {
    client: undefined,
    kubeConfig: undefined,
    unreachable: undefined,
    namespace: text("namespace") || "default",
    enableSecretMutable: flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    enableConfigMapMutable: flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    enablePatchForce: flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    upsertExistingObjects: flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
    deleteUnreachable: flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
    skipUpdateUnreachable: flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
    suppressHelmHookWarnings: flag("suppressHelmHookWarnings", "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS"),
    helmEnvironment: {},
    scopes: new Map(),
  };
  const helm = decode(input("helmReleaseSettings"));
  for (const [name, value] of Object.entries(isObject(helm) ? helm : {})) {
    const variable = HELM_ENVIRONMENT[name];
    if (variable !== undefined && typeof value === "string") {
      settings.helmEnvironment[variable] = value;
    }
  }
  try {
    const { kubeConfig, namespace } = loadKubeconfig(
      { kubeconfig: text("kubeconfig"), context: text("context"), cluster: text("cluster") },
      environment,
    );
    settings.kubeConfig = kubeConfig;
    settings.namespace = text("namespace") || namespace || "default";
  } catch (error) {
    settings.unreachable = `unable to load the Kubernetes client configuration: ${message(error)}`;
    return settings;
  }
  const client = new ApiClient(settings.kubeConfig);
  try {
    await client.version(signal);
    settings.client = client;
  } catch (error) {
    settings.unreachable = `unable to load schema information from the API server: ${message(error)}`;
  }
  return settings;
}

/**
 * Tells whether a kind is namespaced: from what Kubernetes itself defines, the program's own definitions, or the
 * cluster. Undefined where none of them knows it.
 */
export async function isNamespaced(
  settings: Settings,
  kind: GroupVersionKind,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  return (
    isNamespacedBuiltIn(kind) ??
    settings.scopes.get(`${kind.group}/${kind.kind}`) ??
    (await settings.client?.resource(kind, signal).then(
      (resource) => resource.namespaced,
      () => undefined,
    ))
  );
}

/** Notes whether a custom resource definition's kind is namespaced, for objects that come before it is installed. */
export function noteDefinition(settings: Settings, definition: PropertyMap): void {
  const spec = definition["spec"];
  const names = isObject(spec) ? spec["names"] : undefined;
  if (
    isObject(spec) &&
    isObject(names) &&
    typeof spec["group"] === "string" &&
    typeof names["kind"] === "string" &&
    typeof spec["scope"] === "string"
  ) {
    settings.scopes.set(`${spec["group"]}/${names["kind"]}`, spec["scope"] === "Namespaced");
  }
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
