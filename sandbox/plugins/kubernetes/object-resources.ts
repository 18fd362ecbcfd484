import { setTimeout as delay } from "node:timers/promises";
import {
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
  type PropertyMap,
  parsePath,
  type ReadRequest,
  type ReadResult,
  type UpdateRequest,
} from "../../providers/base/index.js";
import { assertReadyOnRead, awaitDeleted, AwaitError, awaitProblem, awaitReady, deletionPropagation } from "./await.js";
import { type ApiClient, ApiError, type ApiResource, isNotFound, NoMatchError, type WriteOptions } from "./client.js";
import { adoptFields, forcesConflicts, ignoreField } from "./field-managers.js";
import type { Log } from "./log.js";
import { assignName, AUTONAMED, hasGenerateName, isAutonamed, isNamed, uniqueName } from "./naming.js";
import {
  annotation,
  apiVersionOf,
  at,
  fromState,
  type GroupVersionKind,
  idOf,
  isBuiltInGroup,
  isCustomResourceDefinition,
  kindOf,
  kindOfToken,
  type KubeObject,
  markSecrets,
  nameOf,
  namespaceOf,
  normalize,
  parseId,
  prune,
  setMetadata,
  text,
  toObject,
  toProperties,
  toState,
} from "./objects.js";
import { mergePatch, patchToDiff } from "./patch-diff.js";
import { forceNewPaths, replacesAt } from "./replacement.js";
import { validateObject } from "./schema-validation.js";
import { isNamespaced, message, noteDefinition, type Settings } from "./settings.js";

/** The manager under which plain creates are recorded; the first update takes its fields over. */
const CREATE_MANAGER = "pulumi-kubernetes";
const PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager";
const REPLACE_UNREADY = "pulumi.com/replaceUnready";

/** Waits between tries of a create whose namespace or kind is not there yet, in milliseconds. */
const RETRY_DELAYS = [1000, 2000, 4000, 8000, 16000];

/** Every resource that is one Kubernetes object: all types except Helm releases. */
export class ObjectResources {
  constructor(
    private readonly settings: Settings,
    private readonly log: Log,
    private readonly retryDelays: readonly number[] = RETRY_DELAYS,
  ) {}

  async check(request: CheckRequest): Promise<CheckResult> {
    const { settings } = this;
    if (settings.unreachable !== undefined && settings.skipUpdateUnreachable) {
      this.log.warn(request.urn, "the cluster is unreachable and skipUpdateUnreachable is set: skipping");
      return { inputs: request.olds };
    }
    const kind = kindOfToken(request.type);
    const object = toObject(request.news);
    refuseUnsupportedKind(kind, object);
    object["apiVersion"] ??= apiVersionOf(kind);
    object["kind"] ??= kind.kind;
    const given = kindOf(object);
    if (apiVersionOf(given) !== apiVersionOf(kind) || given.kind !== kind.kind) {
      throw new Error(
        `the type ${request.type} does not match the object's apiVersion ${JSON.stringify(object["apiVersion"])} ` +
          `and kind ${JSON.stringify(object["kind"])}`,
      );
    }
    this.warnOfAnnotations(request.urn, object);
    normalize(object);
    assignName(object, toObject(request.olds), request);
    if (hasGenerateName(object)) {
      throw new Error("metadata.generateName does not go with server-side apply: set metadata.name, or leave both out");
    }
    if (namespaceOf(object) === "" && at(object, "metadata", "namespace") === undefined) {
      // A kind nobody knows yet is taken to be namespaced, and put right once it is known.
      if ((await isNamespaced(settings, kind, request.signal)) ?? true) {
        setMetadata(object, "namespace", settings.namespace);
      }
    }
    const failures = await this.validate(kind, object, request.signal);
    const problem = awaitProblem(object);
    if (problem !== undefined) {
      failures.push({ property: "metadata.annotations", reason: problem });
    }
    if (isCustomResourceDefinition(object)) {
      noteDefinition(settings, object);
    }
    const inputs = toProperties(object);
    markSecrets(inputs, request.news);
    return { inputs, failures };
  }

  private warnOfAnnotations(urn: string, object: KubeObject): void {
    const annotations = at(object, "metadata", "annotations");
    for (const name of Object.keys(typeof annotations === "object" && annotations !== null ? annotations : {})) {
      if (name.startsWith(AUTONAMED)) {
        this.log.warn(urn, `ignoring the value of ${JSON.stringify(name)}: the annotation is the provider's own`);
      }
      if (name.startsWith("helm.sh/hook") && !this.settings.suppressHelmHookWarnings) {
        this.log.warn(urn, "this resource is a Helm hook; it is created like any other, the hook is not run");
      }
    }
  }

  private async validate(kind: GroupVersionKind, object: KubeObject, signal: AbortSignal): Promise<CheckFailure[]> {
    const { client } = this.settings;
    // The schema has no word for what is not known yet.
    if (client === undefined || containsUnknowns(object)) {
      return [];
    }
    if (annotation(object, REPLACE_UNREADY) === "true") {
      return [{ property: "metadata.annotations", reason: `${REPLACE_UNREADY} is not implemented by this stand-in` }];
    }
    try {
      await client.resource(kind, signal);
    } catch (error) {
      if (error instanceof NoMatchError) {
        // Its definition may be installed by this very update.
        return [];
      }
      throw error;
    }
    const failures = await validateAgainst(client, kind, object, signal);
    if (failures.length === 0 || isBuiltInGroup(kind.group)) {
      return failures;
    }
    // The server publishes the schema of a definition that was just changed a moment late.
    client.forgetGroup(kind);
    await delay(this.retryDelays[0] ?? 0, undefined, { signal });
    return validateAgainst(client, kind, object, signal);
  }

  async diff(request: DiffRequest): Promise<DiffResult> {
    const news = normalize(toObject(request.news));
    const { inputs, live } = fromState(request.olds);
    const pruned = prune(live, normalize(inputs));
    const kind = kindOf(news);
    const liveNamespace = namespaceOf(live);
    if ((await isNamespaced(this.settings, kind, request.signal)) ?? true) {
      for (const object of [pruned, news]) {
        if (at(object, "metadata", "namespace") === undefined) {
          setMetadata(object, "namespace", "default");
        }
      }
    } else {
      setMetadata(pruned, "namespace", undefined);
      setMetadata(news, "namespace", undefined);
    }
    setMetadata(pruned, "resourceVersion", undefined);
    if (isNamed(news)) {
      setMetadata(pruned, "name", nameOf(live));
    }
    const detailedDiff = patchToDiff(
      mergePatch(pruned, news),
      { old: pruned, newInputs: news, oldInputs: pruned },
      replacesAt(forceNewPaths(news, this.settings)),
      request.ignoreChanges,
    );
    const replaces = Object.entries(detailedDiff)
      .filter(([path, { kind }]) => kind.endsWith("-replace") || (path === "metadata" && kind === "delete"))
      .map(([path]) => path);
    return {
      changes: Object.keys(detailedDiff).length > 0 ? "some" : "none",
      replaces,
      detailedDiff,
      // The old object has to make room for one that must have the same name.
      deleteBeforeReplace:
        replaces.length > 0 &&
        isNamed(news) &&
        !isAutonamed(news) &&
        nameOf(news) === nameOf(live) &&
        namespaceOf(news) === liveNamespace,
    };
  }

  async create(request: CreateRequest): Promise<CreateResult> {
    const { inputs: given, preview, signal, urn } = request;
    const object = toObject(given);
    if (preview && (containsUnknowns(object) || !(await this.isServed(object, signal)))) {
      return { id: "", outputs: given };
    }
    const client = this.requireClient();
    const fieldManager = annotation(object, PATCH_FIELD_MANAGER) || uniqueName("pulumi-kubernetes-");
    let created: { resource: ApiResource; live: KubeObject };
    try {
      created = await this.createObject(client, object, fieldManager, request);
    } catch (error) {
      if (preview && cannotBePreviewed(error)) {
        return { id: "", outputs: given };
      }
      if (error instanceof NoMatchError) {
        throw new Error(
          `cannot create ${request.name}: the API server does not know its apiVersion and kind. Has the custom ` +
            `resource definition been installed, and does this resource depend on what installs it? ${error.message}`,
          { cause: error },
        );
      }
      throw new Error(`resource ${urn} was not created by the API server: ${message(error)}${adviceOn(error)}`, {
        cause: error,
      });
    }
    const state = (live: KubeObject): PropertyMap =>
      toState(live, {
        inputs: object,
        marked: given,
        initialApiVersion: text(object["apiVersion"]),
        fieldManager,
      });
    if (preview) {
      delete created.live["status"];
      return { id: "", outputs: state(created.live) };
    }
    if (isCustomResourceDefinition(object)) {
      client.forgetKinds();
    }
    const id = idOf(created.live);
    const live = await this.awaitWritten(client, created, object, request, (error) => {
      const outputs = state(error.object);
      const summary =
        `resource ${urn} was created, but the API server reported that it failed to fully initialize or become live: ` +
        error.message;
      return new InitializationError(id, outputs, [summary, ...error.reasons], given);
    });
    return { id, outputs: state(live) };
  }

  private async awaitWritten(
    client: ApiClient,
    { resource, live }: { resource: ApiResource; live: KubeObject },
    inputs: KubeObject,
    { timeout, signal, urn }: { timeout: number; signal: AbortSignal; urn: string },
    failure: (error: AwaitError) => Error,
  ): Promise<KubeObject> {
    const status = (text: string): void => this.log.status(urn, text);
    try {
      return await awaitReady({ client, resource, inputs, timeout, signal, status }, live);
    } catch (error) {
      throw error instanceof AwaitError ? failure(error) : error;
    }
  }

  private async createObject(
    client: ApiClient,
    object: KubeObject,
    fieldManager: string,
    { preview, signal, urn }: CreateRequest,
  ): Promise<{ resource: ApiResource; live: KubeObject }> {
    for (let tries = 0; ; tries++) {
      try {
        const resource = await client.resource(kindOf(object), signal);
        if (!resource.namespaced) {
          setMetadata(object, "namespace", undefined);
        }
        const options: WriteOptions = { fieldManager: CREATE_MANAGER, dryRun: preview, signal };
        const live = this.settings.upsertExistingObjects
          ? await client.apply(resource, namespaceOf(object), nameOf(object), object, {
              ...options,
              fieldManager,
              force: forcesConflicts(object, undefined, { ...this.settings, preview }),
            })
          : await client.create(resource, namespaceOf(object), object, options);
        return { resource, live };
      } catch (error) {
        const wait = this.retryDelays[tries];
        const mayCome = error instanceof NoMatchError || isNotFound(error);
        if (!mayCome || wait === undefined || (preview && error instanceof ApiError && error.isNamespaceMissing)) {
          throw conflictError(error, fieldManager);
        }
        this.log.status(urn, `retry ${tries + 1}: ${message(error)}`);
        client.forgetGroup(kindOf(object));
        await delay(wait, undefined, { signal });
      }
    }
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const { settings } = this;
    if (settings.client === undefined) {
      return this.readUnreachable(request);
    }
    const { namespace, name } = parseId(request.id);
    if (name === "") {
      throw new Error(
        `cannot read a resource with the id ${JSON.stringify(request.id)}: expected [<namespace>/]<name>`,
      );
    }
    const state = fromState(request.state);
    const inputs = normalize(toObject(request.inputs));
    let isImport = false;
    if (inputs["kind"] === undefined) {
      isImport = state.live["kind"] === undefined;
      const kind = isImport ? kindOfToken(request.type) : kindOf(state.live);
      inputs["apiVersion"] = apiVersionOf(kind);
      inputs["kind"] = kind.kind;
      if (nameOf(inputs) === "") {
        setMetadata(inputs, "name", name);
      }
      if (namespaceOf(inputs) === "" && namespace !== "") {
        setMetadata(inputs, "namespace", namespace);
      }
    }
    let live: KubeObject;
    try {
      const resource = await settings.client.resource(kindOf(inputs), request.signal);
      live = await settings.client.get(resource, namespaceOf(inputs), name, request.signal);
    } catch (error) {
      if (error instanceof NoMatchError || isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
    const liveInputs = prune(live, inputs);
    if (isImport) {
      fillImportedInputs(liveInputs, live);
    }
    const outputs = toState(live, {
      inputs: liveInputs,
      marked: request.inputs,
      initialApiVersion: state.initialApiVersion ?? text(inputs["apiVersion"]),
      fieldManager: annotation(inputs, PATCH_FIELD_MANAGER) || state.fieldManager || uniqueName("pulumi-kubernetes-"),
    });
    const properties = toProperties(liveInputs);
    markSecrets(properties, request.inputs);
    const id = request.id || idOf(live);
    if (!isImport) {
      try {
        assertReadyOnRead(inputs, live);
      } catch (error) {
        if (error instanceof AwaitError) {
          throw new InitializationError(id, outputs, [error.message, ...error.reasons], properties);
        }
        throw error;
      }
    }
    return { id, outputs, inputs: properties };
  }

  private readUnreachable(request: ReadRequest): ReadResult | undefined {
    const { unreachable, deleteUnreachable, skipUpdateUnreachable } = this.settings;
    this.log.warn(request.urn, `the configured Kubernetes cluster is unreachable: ${unreachable}`);
    if (deleteUnreachable) {
      return undefined;
    }
    if (skipUpdateUnreachable) {
      return { id: request.id, outputs: request.state, inputs: request.inputs };
    }
    throw new Error(
      `cannot read ${request.id}: the cluster is unreachable (${unreachable}). If the cluster is gone for good, ` +
        'PULUMI_K8S_DELETE_UNREACHABLE="true" takes its resources out of the state',
    );
  }

  async update(request: UpdateRequest): Promise<PropertyMap> {
    const { news: given, preview, signal } = request;
    const object = normalize(toObject(given));
    if (preview && (containsUnknowns(object) || !(await this.isServed(object, signal)))) {
      return given;
    }
    const client = this.requireClient();
    const old = fromState(request.olds);
    const fieldManager =
      annotation(object, PATCH_FIELD_MANAGER) || old.fieldManager || uniqueName("pulumi-kubernetes-");
    const state = (live: KubeObject): PropertyMap =>
      toState(live, {
        inputs: object,
        marked: given,
        initialApiVersion: old.initialApiVersion ?? text(object["apiVersion"]),
        fieldManager,
      });
    const failure = (error: unknown, live: KubeObject): InitializationError => {
      const id = idOf(live);
      const summary = `the API server reported that ${JSON.stringify(id)} failed to fully initialize or become live: ${message(error)}`;
      const reasons = error instanceof AwaitError ? error.reasons : [];
      return new InitializationError(id, state(live), [summary, ...reasons], given);
    };

    let updated: { resource: ApiResource; live: KubeObject };
    try {
      updated = await this.updateObject(client, object, nameOf(old.live), fieldManager, request);
    } catch (error) {
      if (preview && error instanceof ApiError && error.code === 403) {
        return given;
      }
      if (error instanceof NoMatchError) {
        throw new Error(
          `cannot update ${request.id}: the API server does not know its apiVersion and kind any more. ${error.message}`,
          { cause: error },
        );
      }
      // The object is there still; what is known of it goes into the state along with the failure.
      const live = await this.readLive(client, old.live, signal, error);
      throw failure(error, live);
    }
    if (preview) {
      return state(updated.live);
    }
    const live = await this.awaitWritten(client, updated, object, request, (error) => failure(error, error.object));
    const oldManager = annotation(old.inputs, PATCH_FIELD_MANAGER) || old.fieldManager;
    if (oldManager !== undefined && oldManager !== fieldManager) {
      await this.relinquish(client, updated.resource, live, oldManager, signal);
    }
    return state(live);
  }

  private async updateObject(
    client: ApiClient,
    object: KubeObject,
    name: string,
    fieldManager: string,
    { preview, signal, ignoreChanges }: UpdateRequest,
  ): Promise<{ resource: ApiResource; live: KubeObject }> {
    const resource = await client.resource(kindOf(object), signal);
    const namespace = namespaceOf(object);
    let live = await client.get(resource, namespace, name, signal);
    const options: WriteOptions = { fieldManager, dryRun: preview, signal };
    if (isCustomResourceDefinition(object)) {
      // Replaced as a whole: merging schemas field by field makes no sense.
      setMetadata(object, "resourceVersion", text(at(live, "metadata", "resourceVersion")));
      const replaced = await client.replace(resource, namespace, name, object, options);
      setMetadata(object, "resourceVersion", undefined);
      if (!preview) {
        client.forgetKinds();
      }
      return { resource, live: replaced };
    }
    const adopted = preview ? undefined : adoptFields(live, fieldManager);
    if (adopted !== undefined) {
      live = await client.setManagedFields(resource, namespace, name, adopted, signal);
    }
    for (const path of ignoreChanges) {
      ignoreField(object, live, fieldManager, parsePath(path).map(String));
    }
    try {
      const force = forcesConflicts(object, live, { ...this.settings, preview });
      return { resource, live: await client.apply(resource, namespace, name, object, { ...options, force }) };
    } catch (error) {
      throw conflictError(error, fieldManager);
    }
  }

  private async readLive(client: ApiClient, old: KubeObject, signal: AbortSignal, cause: unknown): Promise<KubeObject> {
    try {
      const resource = await client.resource(kindOf(old), signal);
      return await client.get(resource, namespaceOf(old), nameOf(old), signal);
    } catch (error) {
      throw new Error(
        `update of ${idOf(old)} failed: ${message(cause)}\nand its state in the cluster could not be read: ${message(error)}`,
        { cause: error },
      );
    }
  }

  /** Gives up all fields of a manager by applying nothing under its name. */
  private async relinquish(
    client: ApiClient,
    resource: ApiResource,
    live: KubeObject,
    manager: string,
    signal: AbortSignal,
  ): Promise<void> {
    const namespace = namespaceOf(live);
    const identity: KubeObject = {
      apiVersion: text(live["apiVersion"]),
      kind: text(live["kind"]),
      metadata: { name: nameOf(live), ...(namespace === "" ? {} : { namespace }) },
    };
    await client.apply(resource, namespace, nameOf(live), identity, { fieldManager: manager, dryRun: false, signal });
  }

  async delete(request: DeleteRequest): Promise<void> {
    const { client, unreachable, deleteUnreachable } = this.settings;
    if (client === undefined) {
      this.log.warn(request.urn, `the configured Kubernetes cluster is unreachable: ${unreachable}`);
      if (deleteUnreachable) {
        return;
      }
      throw new Error(
        `cannot delete ${request.id}: the cluster is unreachable. If it is gone for good, ` +
          'PULUMI_K8S_DELETE_UNREACHABLE="true" takes its resources out of the state',
      );
    }
    const { signal, timeout, urn } = request;
    const state = fromState(request.state);
    const { name } = parseId(request.id);
    let resource: ApiResource;
    try {
      resource = await client.resource(kindOf(state.live), signal);
      await client.delete(resource, namespaceOf(state.live), name, deletionPropagation(state.inputs), signal);
    } catch (error) {
      // Gone before, or its definition is.
      if (error instanceof NoMatchError || isNotFound(error)) {
        return;
      }
      throw error;
    }
    const status = (text: string): void => this.log.status(urn, text);
    try {
      await awaitDeleted({ client, resource, inputs: state.inputs, timeout, signal, status }, state.live);
    } catch (error) {
      if (!(error instanceof AwaitError)) {
        throw error;
      }
      for (const reason of error.reasons) {
        this.log.warn(urn, reason);
      }
      const outputs = toState(error.object, {
        inputs: state.inputs,
        marked: request.oldInputs,
        initialApiVersion: state.initialApiVersion ?? "",
        fieldManager: state.fieldManager ?? "",
      });
      throw new InitializationError(request.id, outputs, [error.message, ...error.reasons], request.oldInputs);
    }
  }

  /** Tells whether the cluster can be reached and has the object's kind. */
  private async isServed(object: KubeObject, signal: AbortSignal): Promise<boolean> {
    if (this.settings.client === undefined) {
      return false;
    }
    try {
      await this.settings.client.resource(kindOf(object), signal);
      return true;
    } catch (error) {
      if (error instanceof NoMatchError) {
        return false;
      }
      throw error;
    }
  }

  private requireClient(): ApiClient {
    if (this.settings.client === undefined) {
      throw new Error(`the configured Kubernetes cluster is unreachable: ${this.settings.unreachable}`);
    }
    return this.settings.client;
  }
}

async function validateAgainst(
  client: ApiClient,
  kind: GroupVersionKind,
  object: KubeObject,
  signal: AbortSignal,
): Promise<CheckFailure[]> {
  const document = await client.openApi(kind, signal);
  return document === undefined ? [] : validateObject(document, kind, object);
}

function refuseUnsupportedKind(kind: GroupVersionKind, object: KubeObject): void {
  if (isBuiltInGroup(kind.group) && kind.kind.endsWith("List")) {
    throw new Error(`a ${kind.kind} is only a container for others and cannot be created; create its items instead`);
  }
  if (kind.kind === `${text(object["kind"])}Patch` || (isBuiltInGroup(kind.group) && kind.kind.endsWith("Patch"))) {
    throw new Error("patch resources are not implemented by this stand-in for the Kubernetes plugin");
  }
}

/** A preview that fails like this says nothing about the update: what it lacks may come with it. */
function cannotBePreviewed(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.code === 403 ||
      error.isNamespaceMissing ||
      error.reason === "AlreadyExists" ||
      (error.code === 400 && error.message.includes("does not support dry run")))
  );
}

function adviceOn(error: unknown): string {
  return error instanceof ApiError && error.reason === "AlreadyExists"
    ? ". It is in the cluster already, made by someone else or under another Pulumi name: adopt it with `pulumi " +
        "import`, give a renamed resource an alias to its old name, or set upsertExistingObjects on the provider"
    : "";
}

function conflictError(error: unknown, fieldManager: string): unknown {
  return error instanceof ApiError && error.code === 409 && error.reason === "Conflict"
    ? new Error(
        `server-side apply field conflict: field manager ${JSON.stringify(fieldManager)} may not change what others ` +
          `own. ${error.message}. Leave the fields out of the program, write them as their owner does, or take them ` +
          'over with the annotation pulumi.com/patchForce: "true"',
      )
    : error;
}

/** Fields of metadata that no program would write. */
const LIVE_ONLY_METADATA = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];
const LIVE_ONLY_ANNOTATIONS = ["deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"];

/**
 * Fills in the inputs of an imported object from the live one. Custom resources get none besides their identity, as
 * their properties are not in the provider's schema.
 */
function fillImportedInputs(inputs: KubeObject, live: KubeObject): void {
  if (!isBuiltInGroup(kindOf(live).group)) {
    return;
  }
  for (const [name, value] of Object.entries(structuredClone(live))) {
    if (name !== "status") {
      inputs[name] = value;
    }
  }
  for (const name of LIVE_ONLY_METADATA) {
    setMetadata(inputs, name, undefined);
  }
  const annotations = at(inputs, "metadata", "annotations");
  if (typeof annotations === "object" && annotations !== null && !Array.isArray(annotations)) {
    for (const name of LIVE_ONLY_ANNOTATIONS) {
      delete (annotations as PropertyMap)[name];
    }
    if (Object.keys(annotations).length === 0) {
      setMetadata(inputs, "annotations", undefined);
    }
  }
}
