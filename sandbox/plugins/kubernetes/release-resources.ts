import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import {
  Asset,
  type CheckFailure,
  type CheckRequest,
  type CheckResult,
  containsUnknowns,
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  type DiffRequest,
  type DiffResult,
  InitializationError,
  isObject,
  type PropertyMap,
  type PropertyValue,
  type ReadRequest,
  type ReadResult,
  reveal,
  revealAll,
  secret,
  Unknown,
  UNKNOWN,
  type UpdateRequest,
} from "../../providers/base/index.js";
import {
  Helm,
  HelmError,
  type HelmRunner,
  manifestObjects,
  mergeValues,
  type Release,
  type ReleaseMetadata,
  resourceNames,
} from "./helm-cli.js";
import type { Log } from "./log.js";
import { isCustomResourceDefinition, markSecrets, parseId, text } from "./objects.js";
import { patchToDiff, threeWayPatch } from "./patch-diff.js";
import { replacesAt } from "./replacement.js";
import { message, noteDefinition, type Settings } from "./settings.js";

export const RELEASE_TYPE = "kubernetes:helm.sh/v3:Release";

/** The inputs of a release and their types. */
export const RELEASE_INPUTS = {
  allowNullValues: "boolean",
  atomic: "boolean",
  chart: "string",
  cleanupOnFail: "boolean",
  compat: "string",
  createNamespace: "boolean",
  dependencyUpdate: "boolean",
  description: "string",
  devel: "boolean",
  disableCRDHooks: "boolean",
  disableOpenapiValidation: "boolean",
  disableWebhooks: "boolean",
  forceUpdate: "boolean",
  keyring: "string",
  lint: "boolean",
  manifest: "object",
  maxHistory: "number",
  name: "string",
  namespace: "string",
  postrender: "string",
  recreatePods: "boolean",
  renderSubchartNotes: "boolean",
  replace: "boolean",
  repositoryOpts: "object",
  resetValues: "boolean",
  resourceNames: "object",
  reuseValues: "boolean",
  skipAwait: "boolean",
  skipCrds: "boolean",
  takeOwnership: "boolean",
  timeout: "number",
  valueYamlFiles: "list",
  values: "object",
  verify: "boolean",
  version: "string",
  waitForJobs: "boolean",
} as const;

/** The names inside the input `repositoryOpts`. */
export const REPOSITORY_INPUTS = ["caFile", "certFile", "keyFile", "password", "repo", "username"] as const;

/** Inputs that are accepted and mean nothing; they don't get into the state. */
const DROPPED_INPUTS = new Set(["allowNullValues", "compat", "manifest", "resourceNames", "valueYamlFiles"]);

const DEFAULT_TIMEOUT_SECONDS = 300;
const INPUTS = "__inputs";

/** The resource type `kubernetes:helm.sh/v3:Release`, over the Helm CLI. */
export class ReleaseResources {
  private readonly helm: Helm;

  constructor(
    private readonly settings: Settings,
    private readonly log: Log,
    runHelm?: HelmRunner,
  ) {
    this.helm = new Helm(settings.kubeConfig, settings.helmEnvironment, runHelm);
  }

  async check(request: CheckRequest): Promise<CheckResult> {
    const { news, olds, urn, signal } = request;
    const failures = checkInputs(news);
    if (failures.length > 0) {
      return { inputs: news, failures };
    }
    if (reveal(news["allowNullValues"] ?? null) === true) {
      this.log.warn(urn, "`allowNullValues` has no effect any more: nulls in values are kept");
    }
    const inputs = keepMeaningful(revealAll(news));
    const values = await valuesOf(news);
    if (Object.keys(values).length > 0) {
      inputs["values"] = values;
    }
    if (text(inputs["name"]) === "" && !(inputs["name"] instanceof Unknown)) {
      inputs["name"] = text(reveal(olds["name"] ?? null)) || `${request.name}-${randomBytes(4).toString("hex")}`;
    }
    this.setDefaults(inputs, news);
    if (!containsUnknowns(news)) {
      const problem = await this.loadChart(inputs, signal);
      if (problem !== undefined) {
        failures.push({ property: "chart", reason: `${problem}; check the chart name and repository configuration.` });
      }
    }
    markSecrets(inputs, news);
    return { inputs, failures };
  }

  private setDefaults(inputs: PropertyMap, given: PropertyMap): void {
    if (text(inputs["namespace"]) === "" && !(inputs["namespace"] instanceof Unknown)) {
      inputs["namespace"] = this.settings.namespace;
    }
    if (inputs["skipAwait"] !== true && given["timeout"] === undefined) {
      inputs["timeout"] = DEFAULT_TIMEOUT_SECONDS;
    }
    if (inputs["verify"] === true && text(inputs["keyring"]) === "") {
      inputs["keyring"] = path.join(process.env["HOME"] ?? "", ".gnupg/pubring.gpg");
    }
  }

  /** Finds the chart, pins its version in the inputs and notes its CRDs. Returns what is wrong with it, if anything. */
  private async loadChart(inputs: PropertyMap, signal: AbortSignal): Promise<string | undefined> {
    const release = toRelease(inputs);
    try {
      if (release.options["dependencyUpdate"] === true) {
        await this.helm.updateDependencies(release.chart, signal);
      }
      inputs["version"] = text((await this.helm.chart(release, signal))["version"]);
    } catch (error) {
      return message(error);
    }
    try {
      for (const object of manifestObjects(await this.helm.render(release, signal))) {
        if (isCustomResourceDefinition(object)) {
          noteDefinition(this.settings, object);
        }
      }
    } catch (error) {
      // Charts that cannot be rendered without a cluster are Helm's own affair when it installs them.
      if (message(error).includes("missing in charts/ directory")) {
        return message(error);
      }
    }
    return undefined;
  }

  diff(request: DiffRequest): Promise<DiffResult> {
    const { olds, news: given, ignoreChanges } = request;
    const state = revealAll(olds);
    const oldInputs = inputsOf(state) ?? {};
    delete oldInputs["checksum"];
    delete oldInputs["resourceNames"];
    const news = revealAll(given);
    const before = state["version"];
    if (ignoreChanges.includes("version") && before !== undefined) {
      news["version"] = before;
    }
    delete state[INPUTS];
    const patch = threeWayPatch(oldInputs, news, state);
    const detailedDiff = patchToDiff(
      patch,
      { old: state, newInputs: news, oldInputs },
      replacesAt(["name", "namespace"]),
    );
    return Promise.resolve({
      changes: Object.keys(patch).length > 0 ? "some" : "none",
      replaces: Object.keys(detailedDiff).filter((name) => detailedDiff[name]?.kind.endsWith("-replace")),
      detailedDiff,
    });
  }

  async create(request: CreateRequest): Promise<CreateResult> {
    const { inputs, preview, urn, signal } = request;
    if (preview) {
      return { id: "", outputs: previewState(inputs) };
    }
    this.requireCluster("create");
    const release = toRelease(revealAll(inputs));
    const id = `${release.namespace}/${release.name}`;
    const existing = await this.helm.metadata(release.name, release.namespace, signal);
    if (existing !== undefined && release.options["replace"] !== true) {
      throw new Error(`cannot create release ${id}: its name is still in use. ${adviceOn(existing)}`);
    }
    try {
      await this.helm.install(release, signal);
      this.settings.client?.forgetKinds();
    } catch (error) {
      const left = await this.helm.metadata(release.name, release.namespace, afterwards()).catch(() => undefined);
      if (left === undefined) {
        throw new Error(`cannot install release ${id}: ${message(error)}`, { cause: error });
      }
      this.log.warn(
        urn,
        `Helm release ${id} was created but has status ${left.status}. Look at it with \`helm status ` +
          `${release.name} --namespace ${release.namespace}\`, correct the cause and run the update again.`,
      );
      throw await this.failure(id, release, left, inputs, error, "was created, but failed to initialize completely");
    }
    return { id, outputs: await this.stateOf(release, inputs, signal) };
  }

  async update(request: UpdateRequest): Promise<PropertyMap> {
    const { news, preview, signal } = request;
    if (preview) {
      return previewState(news);
    }
    this.requireCluster("update");
    const release = toRelease(revealAll(news));
    const id = `${release.namespace}/${release.name}`;
    if (release.options["lint"] === true) {
      await this.helm.lint(release, signal);
    }
    const before = await this.helm.metadata(release.name, release.namespace, signal);
    try {
      await this.helm.upgrade(release, signal);
      this.settings.client?.forgetKinds();
    } catch (error) {
      const left = await this.helm.metadata(release.name, release.namespace, afterwards()).catch(() => undefined);
      if (left === undefined || left.revision === before?.revision) {
        throw new Error(`cannot upgrade release ${id}: ${message(error)}${left ? `. ${adviceOn(left)}` : ""}`, {
          cause: error,
        });
      }
      throw await this.failure(id, release, left, news, error, "failed to initialize completely");
    }
    return this.stateOf(release, news, signal);
  }

  private async failure(
    id: string,
    release: Release,
    left: ReleaseMetadata,
    inputs: PropertyMap,
    cause: unknown,
    summary: string,
  ): Promise<InitializationError> {
    const outputs = await this.stateOf(release, inputs, afterwards(), left);
    return new InitializationError(id, outputs, [`Helm release ${id} ${summary}: ${message(cause)}`], inputs);
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const { signal } = request;
    const isImport = Object.keys(request.state).length === 0;
    const state = revealAll(request.state);
    const { namespace, name } = isImport
      ? parseId(request.id)
      : { namespace: text(state["namespace"]), name: text(state["name"]) };
    if (name === "" || namespace === "") {
      throw new Error(`cannot read the release ${JSON.stringify(request.id)}: expected <namespace>/<name>`);
    }
    const metadata = await this.helm.metadata(name, namespace, signal);
    if (metadata === undefined) {
      return undefined;
    }
    let inputs: PropertyMap;
    if (isImport) {
      inputs = { chart: metadata.chart, name, namespace, version: metadata.version };
      const values = await this.helm.values(name, namespace, signal);
      if (Object.keys(values).length > 0) {
        inputs["values"] = values;
      }
      this.setDefaults(inputs, {});
    } else {
      const stored = reveal(request.state[INPUTS] ?? null);
      inputs = isObject(stored) ? stored : request.inputs;
    }
    const release = isImport
      ? toRelease(inputs)
      : { ...toRelease(keepMeaningful(state)), version: metadata.version, name, namespace };
    const outputs = await this.stateOf(release, inputs, signal, metadata);
    return { id: request.id || `${namespace}/${name}`, inputs, outputs };
  }

  async delete(request: DeleteRequest): Promise<void> {
    if (this.settings.client === undefined) {
      throw new Error(`can't delete a Helm release while the cluster is unreachable: ${this.settings.unreachable}`);
    }
    const release = toRelease(keepMeaningful(revealAll(request.state)));
    let kept: string;
    try {
      kept = await this.helm.uninstall(release, request.signal);
    } catch (error) {
      if (error instanceof HelmError && error.isNotFound) {
        throw new Error(
          `${error.message}; if it was uninstalled by hand, \`pulumi refresh\` takes it out of the state`,
          { cause: error },
        );
      }
      throw error;
    }
    if (kept !== "") {
      this.log.warn(request.urn, `Helm uninstall says: ${kept}`);
    }
  }

  private requireCluster(operation: string): void {
    if (this.settings.client === undefined) {
      throw new Error(
        `can't ${operation} a Helm release while the cluster is unreachable: ${this.settings.unreachable}`,
      );
    }
  }

  /** The state of a release as it is in the cluster. `marked` are its inputs with their secret marks. */
  private async stateOf(
    release: Release,
    marked: PropertyMap,
    signal: AbortSignal,
    known?: ReleaseMetadata,
  ): Promise<PropertyMap> {
    const { name, namespace } = release;
    const metadata = known ?? (await this.helm.metadata(name, namespace, signal));
    if (metadata === undefined) {
      throw new Error(`release ${namespace}/${name} is not in the cluster any more`);
    }
    const [values, manifest] = await Promise.all([
      this.helm.values(name, namespace, signal),
      this.helm.manifest(name, namespace, signal),
    ]);
    const merged = mergeValues(release.values, values);
    const outputs: PropertyMap = {
      ...release.options,
      chart: release.chart,
      name,
      namespace,
      version: metadata.version,
      ...(Object.keys(merged).length > 0 ? { values: merged } : {}),
      resourceNames: resourceNames(manifest),
      status: {
        appVersion: metadata.appVersion,
        chart: metadata.chart,
        name: metadata.name,
        namespace: metadata.namespace,
        revision: metadata.revision,
        status: metadata.status,
        version: metadata.version,
      },
    };
    markSecrets(outputs, marked);
    outputs[INPUTS] = secret({ ...marked });
    return outputs;
  }
}

function previewState(inputs: PropertyMap): PropertyMap {
  return { ...inputs, [INPUTS]: secret({ ...inputs }), resourceNames: UNKNOWN, status: UNKNOWN };
}

function inputsOf(state: PropertyMap): PropertyMap | undefined {
  const inputs = state[INPUTS];
  return isObject(inputs) ? { ...inputs } : undefined;
}

function checkInputs(news: PropertyMap): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [name, wrapped] of Object.entries(news)) {
    const value = reveal(wrapped);
    const type = (RELEASE_INPUTS as Readonly<Record<string, string>>)[name];
    if (type === undefined) {
      failures.push({
        property: name,
        reason: `unknown input of a Helm release; known are ${Object.keys(RELEASE_INPUTS).join(", ")}`,
      });
    } else if (value !== null && !(value instanceof Unknown) && !isOfType(value, type)) {
      failures.push({ property: name, reason: `expected ${type}` });
    }
  }
  const chart = reveal(news["chart"] ?? null);
  if (chart === null || chart === "") {
    failures.push({ property: "chart", reason: "a chart is required: a name, a path, or an oci:// reference" });
  }
  const repository = reveal(news["repositoryOpts"] ?? null);
  for (const name of isObject(repository) ? Object.keys(repository) : []) {
    if (!(REPOSITORY_INPUTS as readonly string[]).includes(name)) {
      failures.push({ property: `repositoryOpts.${name}`, reason: "unknown input" });
    } else if (name === "username" || name === "password") {
      failures.push({
        property: `repositoryOpts.${name}`,
        reason:
          "signing in to a chart repository is not implemented by this stand-in for the Kubernetes plugin, as Helm's " +
          "command line would show the password to every process; use `helm registry login`, or a local chart",
      });
    }
  }
  return failures;
}

function isOfType(value: PropertyValue, type: string): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "list":
      return Array.isArray(value);
    default:
      return typeof value === type;
  }
}

/** Drops what the state does not keep: unset inputs, zero values, and inputs without meaning. */
function keepMeaningful(properties: PropertyMap): PropertyMap {
  const isEmpty = (value: PropertyValue): boolean =>
    value === null ||
    value === false ||
    value === "" ||
    value === 0 ||
    (isObject(value) && Object.keys(value).length === 0);
  return Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) =>
        name in RELEASE_INPUTS &&
        !DROPPED_INPUTS.has(name) &&
        (name === "maxHistory" ? value !== null : !isEmpty(value)),
    ),
  );
}

/** The values of a release: its files' in order, then those given directly. */
async function valuesOf(news: PropertyMap): Promise<PropertyMap> {
  let values: PropertyMap = {};
  const files = reveal(news["valueYamlFiles"] ?? null);
  for (const file of Array.isArray(files) ? files : []) {
    const asset = reveal(file);
    if (!(asset instanceof Unknown)) {
      values = mergeValues(values, await readValues(asset));
    }
  }
  const direct = revealAll(news["values"] ?? null);
  return isObject(direct) ? mergeValues(values, direct) : values;
}

async function readValues(asset: PropertyValue): Promise<PropertyMap> {
  if (!(asset instanceof Asset)) {
    throw new Error("valueYamlFiles: expected a list of assets");
  }
  const { text: inline, path: file } = asset.wire;
  const source =
    typeof inline === "string" && inline !== ""
      ? inline
      : typeof file === "string" && file !== ""
        ? await readFile(file, "utf8")
        : undefined;
  if (source === undefined) {
    throw new Error("valueYamlFiles: only assets of text or of a local file are implemented by this stand-in");
  }
  let values: unknown;
  try {
    values = parse(source);
  } catch {
    // The parser's own words quote the text, which may hold secrets.
    throw new Error(
      `valueYamlFiles: ${typeof file === "string" && file !== "" ? file : "a text asset"} is not valid YAML`,
    );
  }
  return isObject(values as PropertyValue) ? (values as PropertyMap) : {};
}

/** Reads inputs or a state without secret marks. */
function toRelease(properties: PropertyMap): Release {
  const { chart, name, namespace, version, values, ...options } = properties;
  return {
    chart: text(chart),
    name: text(name),
    namespace: text(namespace),
    version: text(version),
    values: isObject(values) ? values : {},
    options,
  };
}

/** What to do about a release that stands in the way. */
function adviceOn({ name, namespace, status, revision }: ReleaseMetadata): string {
  const at = `${name} --namespace ${namespace}`;
  if (status === "pending-install") {
    return (
      `It is in status pending-install, left by an installation that was interrupted: \`helm uninstall ${at}\`, then ` +
      "run the update again"
    );
  }
  if (status.startsWith("pending-")) {
    return (
      `It is in status ${status} at revision ${revision}, left by an operation that was interrupted: ` +
      `\`helm rollback ${at}\`, then run the update again`
    );
  }
  return `It is in status ${status} at revision ${revision}: adopt it with \`pulumi import\`, or \`helm uninstall ${at}\``;
}

/** A signal for looking at what a failed or cancelled operation left behind. */
function afterwards(): AbortSignal {
  return AbortSignal.timeout(30_000);
}
