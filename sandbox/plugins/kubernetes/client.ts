import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { isObject, type PropertyMap, type PropertyValue } from "../../providers/base/index.js";
import { apiVersionOf, at, type GroupVersionKind, type KubeObject, text } from "./objects.js";

/** An answer of the API server that is no success, with its Status object. */
export class ApiError extends Error {
  readonly reason: string;

  constructor(
    /** The HTTP status code. */
    readonly code: number,
    readonly status: PropertyMap,
  ) {
    super(text(status["message"]) || `the API server answered with status ${code}`);
    this.name = "ApiError";
    this.reason = text(status["reason"]);
  }

  /** True if it is the namespace of the object that is missing, not the object itself. */
  get isNamespaceMissing(): boolean {
    return this.code === 404 && at(this.status, "details", "kind") === "namespaces";
  }
}

/** The cluster knows no such kind; usual for a custom resource whose definition is not installed yet. */
export class NoMatchError extends Error {
  constructor(kind: GroupVersionKind) {
    super(`no matches for kind ${JSON.stringify(kind.kind)} in version ${JSON.stringify(apiVersionOf(kind))}`);
    this.name = "NoMatchError";
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** A kind of object as the API server serves it. */
export interface ApiResource {
  kind: GroupVersionKind;
  /** The path segment, as in `deployments`. */
  plural: string;
  namespaced: boolean;
}

/** How a write is to be done. */
export interface WriteOptions {
  fieldManager: string;
  /** True to have the server work out the result and store nothing. */
  dryRun: boolean;
  /** Take over fields of other managers instead of failing with a conflict; for applies only. */
  force?: boolean;
  signal?: AbortSignal;
}

/** What {@link ApiClient.observe} reports: the object as it is now, or that there is none. */
export type Observation = { object: KubeObject } | { object: undefined };

interface RequestOptions {
  query?: Record<string, string>;
  body?: PropertyValue;
  contentType?: string;
  signal?: AbortSignal | undefined;
  /** Milliseconds to wait for an answer. */
  timeoutMs?: number;
}

const MAX_THROTTLED_TRIES = 10;

/** Requests to one API server, by object. All methods throw {@link ApiError} for answers that are no success. */
export class ApiClient {
  private readonly server: string;
  private agent: http.Agent | undefined;
  private readonly groups = new Map<string, Promise<PropertyMap[]>>();
  private readonly schemas = new Map<string, Promise<PropertyMap>>();

  constructor(private readonly kubeConfig: KubeConfig) {
    this.server = (kubeConfig.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");
  }

  /** Forgets which kinds the server has and what they look like; for when a definition was added. */
  forgetKinds(): void {
    this.groups.clear();
    this.schemas.clear();
  }

  /** The server's version, as in `v1.35.4`. */
  async version(signal: AbortSignal): Promise<string> {
    return text((await this.request("GET", "/version", { signal, timeoutMs: 10_000 }))["gitVersion"]);
  }

  /** How the server serves a kind. Asks again once for an unknown one; throws {@link NoMatchError}. */
  async resource(kind: GroupVersionKind, signal?: AbortSignal): Promise<ApiResource> {
    let known = await this.lookUp(kind, signal);
    if (known === undefined) {
      this.forgetGroup(kind);
      known = await this.lookUp(kind, signal);
    }
    if (known === undefined) {
      throw new NoMatchError(kind);
    }
    return known;
  }

  /** Forgets the kinds of one group and version, and what they look like. */
  forgetGroup(kind: GroupVersionKind): void {
    this.groups.delete(groupPath(kind));
    this.schemas.delete(schemaPath(kind));
  }

  private async lookUp(kind: GroupVersionKind, signal?: AbortSignal): Promise<ApiResource | undefined> {
    const path = groupPath(kind);
    let list = this.groups.get(path);
    if (list === undefined) {
      list = this.request("GET", path, { signal }).then(
        (answer) => (Array.isArray(answer["resources"]) ? answer["resources"].filter(isObject) : []),
        (error: unknown) => {
          this.groups.delete(path);
          if (isNotFound(error)) {
            return [];
          }
          throw error;
        },
      );
      this.groups.set(path, list);
    }
    const found = (await list).find((entry) => entry["kind"] === kind.kind && !text(entry["name"]).includes("/"));
    return found && { kind, plural: text(found["name"]), namespaced: found["namespaced"] === true };
  }

  /** The OpenAPI document (version 3) of a group and version, or undefined where the server has none. */
  async openApi(kind: GroupVersionKind, signal?: AbortSignal): Promise<PropertyMap | undefined> {
    const path = schemaPath(kind);
    let document = this.schemas.get(path);
    if (document === undefined) {
      document = this.request("GET", path, { signal });
      this.schemas.set(path, document);
    }
    try {
      return await document;
    } catch (error) {
      this.schemas.delete(path);
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
  }

  get(resource: ApiResource, namespace: string, name: string, signal?: AbortSignal): Promise<KubeObject> {
    return this.request("GET", objectPath(resource, namespace, name), { signal });
  }

  create(resource: ApiResource, namespace: string, object: KubeObject, options: WriteOptions): Promise<KubeObject> {
    return this.request("POST", objectPath(resource, namespace), {
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /** Server-side apply: creates the object, or brings the manager's fields to what is given. */
  apply(
    resource: ApiResource,
    namespace: string,
    name: string,
    object: KubeObject,
    options: WriteOptions,
  ): Promise<KubeObject> {
    return this.request("PATCH", objectPath(resource, namespace, name), {
      query: { ...writeQuery(options), force: String(options.force ?? false) },
      // JSON is YAML.
      body: object,
      contentType: "application/apply-patch+yaml",
      signal: options.signal,
    });
  }

  /** Replaces an object as a whole; it must carry the `resourceVersion` that it replaces. */
  replace(
    resource: ApiResource,
    namespace: string,
    name: string,
    object: KubeObject,
    options: WriteOptions,
  ): Promise<KubeObject> {
    return this.request("PUT", objectPath(resource, namespace, name), {
      query: writeQuery(options),
      body: object,
      signal: options.signal,
    });
  }

  /** Replaces who manages which fields, by a JSON patch. */
  setManagedFields(
    resource: ApiResource,
    namespace: string,
    name: string,
    entries: PropertyMap[],
    signal?: AbortSignal,
  ): Promise<KubeObject> {
    return this.request("PATCH", objectPath(resource, namespace, name), {
      body: [{ op: "replace", path: "/metadata/managedFields", value: entries }],
      contentType: "application/json-patch+json",
      signal,
    });
  }

  async delete(
    resource: ApiResource,
    namespace: string,
    name: string,
    propagationPolicy: "Foreground" | "Background" | "Orphan",
    signal?: AbortSignal,
  ): Promise<void> {
    await this.request("DELETE", objectPath(resource, namespace, name), {
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy },
      signal,
    });
  }

  /**
   * Follows one object: yields what it is now, then every change, an undefined object standing for its absence. Never
   * ends by itself; lost connections are taken up again until `signal` fires, which ends the iteration with its reason.
   */
  async *observe(
    resource: ApiResource,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): AsyncGenerator<Observation, never> {
    const path = objectPath(resource, namespace);
    const fieldSelector = `metadata.name=${name}`;
    for (;;) {
      signal.throwIfAborted();
      try {
        const list = await this.request("GET", path, { query: { fieldSelector }, signal });
        const item = Array.isArray(list["items"]) ? list["items"].find(isObject) : undefined;
        // Items of a list of built-in kinds come without their kind.
        yield { object: item && { apiVersion: apiVersionOf(resource.kind), kind: resource.kind.kind, ...item } };
        const query = {
          fieldSelector,
          watch: "true",
          resourceVersion: text(at(list, "metadata", "resourceVersion")),
          allowWatchBookmarks: "false",
        };
        for await (const event of this.events(path, query, signal)) {
          const object = event["object"];
          if (event["type"] === "ERROR" || !isObject(object)) {
            break;
          }
          yield { object: event["type"] === "DELETED" ? undefined : object };
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ApiError && error.code < 500 && error.code !== 410) {
          throw error;
        }
      }
      // The server ends watches now and then; an outage should not turn into a storm of requests.
      await delay(500, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  private async *events(
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
  ): AsyncGenerator<PropertyMap, void> {
    const answer = await this.send("GET", path, { query, signal });
    if (answer.statusCode !== 200) {
      throw await toError(answer);
    }
    try {
      for await (const line of createInterface({ input: answer, crlfDelay: Infinity })) {
        const event = JSON.parse(line) as PropertyValue;
        if (isObject(event)) {
          yield event;
        }
      }
    } finally {
      answer.destroy();
    }
  }

  private async request(method: string, path: string, options: RequestOptions = {}): Promise<PropertyMap> {
    for (let tries = 1; ; tries++) {
      const answer = await this.send(method, path, options);
      const code = answer.statusCode ?? 0;
      if (code >= 200 && code < 300) {
        const body = JSON.parse(await read(answer)) as PropertyValue;
        return isObject(body) ? body : {};
      }
      const retryAfter = Number(answer.headers["retry-after"]);
      if (!(retryAfter >= 0) || tries >= MAX_THROTTLED_TRIES || (code !== 429 && code < 500)) {
        throw await toError(answer);
      }
      answer.resume();
      await delay(retryAfter * 1000, undefined, options.signal ? { signal: options.signal } : {});
    }
  }

  private async send(method: string, path: string, options: RequestOptions): Promise<http.IncomingMessage> {
    const url = new URL(this.server + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      url.searchParams.set(name, value);
    }
    const authentication: https.RequestOptions = {};
    // Asked for every time, since tokens may expire; the agent is kept for its open connections.
    await this.kubeConfig.applyToHTTPSOptions(authentication);
    this.agent ??= keepAlive(authentication.agent);
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const requestOptions: https.RequestOptions = {
      ...authentication,
      agent: this.agent,
      method,
      headers: {
        ...authentication.headers,
        accept: "application/json",
        "user-agent": "pulumi-resource-kubernetes (sandbox)",
        ...(body === undefined
          ? {}
          : { "content-type": options.contentType ?? "application/json", "content-length": Buffer.byteLength(body) }),
      },
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === "http:" ? http : https).request(url, requestOptions, resolve);
      request.on("timeout", () => request.destroy(new Error("no answer in time")));
      request.on("error", (error) => {
        if (options.signal?.aborted === true) {
          reject(options.signal.reason instanceof Error ? options.signal.reason : error);
        } else {
          reject(new Error(`${method} ${this.server}${path}: ${error.message || error.name}`, { cause: error }));
        }
      });
      request.end(body);
    });
  }
}

function keepAlive(agent: https.RequestOptions["agent"]): http.Agent | undefined {
  if (agent instanceof https.Agent && agent.constructor === https.Agent) {
    return new https.Agent({ ...agent.options, keepAlive: true });
  }
  return agent instanceof http.Agent ? agent : undefined;
}

function groupPath({ group, version }: GroupVersionKind): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

function schemaPath(kind: GroupVersionKind): string {
  return `/openapi/v3${groupPath(kind)}`;
}

function objectPath(resource: ApiResource, namespace: string, name?: string): string {
  const scope = resource.namespaced ? `/namespaces/${encodeURIComponent(namespace || "default")}` : "";
  const path = `${groupPath(resource.kind)}${scope}/${resource.plural}`;
  return name === undefined ? path : `${path}/${encodeURIComponent(name)}`;
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Record<string, string> {
  return { fieldManager, fieldValidation: "Strict", ...(dryRun ? { dryRun: "All" } : {}) };
}

async function read(answer: http.IncomingMessage): Promise<string> {
  answer.setEncoding("utf8");
  let body = "";
  for await (const chunk of answer) {
    body += chunk as string;
  }
  return body;
}

async function toError(answer: http.IncomingMessage): Promise<ApiError> {
  const body = await read(answer);
  let status: PropertyValue;
  try {
    status = JSON.parse(body) as PropertyValue;
  } catch {
    // Some of the server's own errors, such as an unauthorized discovery, are plain text.
    status = { message: body.trim() };
  }
  return new ApiError(answer.statusCode ?? 0, isObject(status) ? status : {});
}
