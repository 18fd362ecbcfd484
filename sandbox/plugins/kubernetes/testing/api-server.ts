import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isObject, type PropertyMap, type PropertyValue } from "../../../providers/base/index.js";
import { text } from "../objects.js";

/** One request as the server saw it. */
export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  contentType: string;
  body: PropertyValue;
}

/** Answers a request in place of the server's own logic, or lets it pass by returning undefined. */
export type Interceptor = (request: SeenRequest) => { code: number; body: PropertyMap } | undefined;

interface Kind {
  kind: string;
  plural: string;
  namespaced: boolean;
}

/**
 * A few routes of the Kubernetes API over a map of objects, for tests: discovery, create, get, list, watch, apply,
 * replace, delete. It knows nothing of field ownership, schemas or admission.
 */
export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  readonly objects = new Map<string, PropertyMap>();
  /** Kinds by the path of their group and version, as in `/apis/apps/v1`. */
  readonly kinds = new Map<string, Kind[]>([
    [
      "/api/v1",
      [
        { kind: "Namespace", plural: "namespaces", namespaced: false },
        { kind: "Secret", plural: "secrets", namespaced: true },
        { kind: "ConfigMap", plural: "configmaps", namespaced: true },
      ],
    ],
  ]);
  /** OpenAPI documents by the path of their group and version. */
  readonly documents = new Map<string, PropertyMap>();
  intercept: Interceptor = () => undefined;

  private readonly server: Server = createServer((request, response) => void this.handle(request, response));
  private readonly watchers = new Set<{ key: string; response: ServerResponse }>();
  private revision = 1;

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** A kubeconfig for this server. */
  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "fake",
      clusters: [{ name: "fake", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
      users: [{ name: "fake", user: { token: "fake-token" } }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "fake", namespace: "apps" } }],
    });
  }

  /** Stores an object under its path, as in `/api/v1/namespaces/apps/secrets/token`, and tells the watchers. */
  put(path: string, object: PropertyMap | undefined): void {
    const before = this.objects.get(path);
    this.revision++;
    if (object === undefined) {
      this.objects.delete(path);
    } else {
      const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
      this.objects.set(path, {
        ...object,
        metadata: { uid: "uid-1", ...metadata, resourceVersion: `${this.revision}` },
      });
    }
    const event = { type: object === undefined ? "DELETED" : "MODIFIED", object: this.objects.get(path) ?? before };
    for (const watcher of this.watchers) {
      if (watcher.key === path) {
        watcher.response.write(`${JSON.stringify(event)}\n`);
      }
    }
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", "http://localhost");
    let received = "";
    for await (const chunk of request.setEncoding("utf8")) {
      received += chunk as string;
    }
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      contentType: request.headers["content-type"] ?? "",
      body: received === "" ? null : (JSON.parse(received) as PropertyValue),
    };
    this.requests.push(seen);
    const answer = this.intercept(seen) ?? this.answer(seen, response);
    if (answer !== undefined) {
      response.writeHead(answer.code, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    }
  }

  private answer(
    { method, path, query, body }: SeenRequest,
    response: ServerResponse,
  ): { code: number; body: PropertyMap } | undefined {
    if (path === "/version") {
      return { code: 200, body: { gitVersion: "v1.35.4" } };
    }
    const kinds = this.kinds.get(path);
    if (kinds !== undefined) {
      const resources = kinds.map(({ kind, plural, namespaced }) => ({ kind, name: plural, namespaced }));
      return { code: 200, body: { resources } };
    }
    const document = this.documents.get(path.replace("/openapi/v3", ""));
    if (document !== undefined) {
      return { code: 200, body: document };
    }
    const dryRun = query.get("dryRun") === "All";
    const object = isObject(body) ? body : {};
    switch (method) {
      case "POST": {
        const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
        const target = `${path}/${text(metadata["name"])}`;
        if (this.objects.has(target)) {
          return status(409, "AlreadyExists", `${target} already exists`);
        }
        return this.write(target, object, dryRun);
      }
      case "PATCH":
        return this.write(path, Array.isArray(body) ? (this.objects.get(path) ?? {}) : object, dryRun);
      case "PUT":
        return this.write(path, object, dryRun);
      case "DELETE":
        if (!this.objects.has(path)) {
          return status(404, "NotFound", "not found");
        }
        this.put(path, undefined);
        return { code: 200, body: { status: "Success" } };
    }
    const field = query.get("fieldSelector")?.replace("metadata.name=", "");
    if (field !== undefined) {
      const key = `${path}/${field}`;
      if (query.get("watch") === "true") {
        response.writeHead(200, { "content-type": "application/json" });
        response.flushHeaders();
        const watcher = { key, response };
        this.watchers.add(watcher);
        response.on("close", () => this.watchers.delete(watcher));
        return undefined;
      }
      const item = this.objects.get(key);
      return { code: 200, body: { metadata: { resourceVersion: `${this.revision}` }, items: item ? [item] : [] } };
    }
    const found = this.objects.get(path);
    return found ? { code: 200, body: found } : status(404, "NotFound", "not found");
  }

  private write(path: string, object: PropertyMap, dryRun: boolean): { code: number; body: PropertyMap } {
    if (dryRun) {
      return { code: 200, body: object };
    }
    this.put(path, object);
    return { code: 200, body: this.objects.get(path) ?? {} };
  }
}

/** An answer that is a failure, as the API server words it. */
export function status(code: number, reason: string, message: string, details: PropertyMap = {}) {
  return { code, body: { kind: "Status", status: "Failure", code, reason, message, details } };
}
