import { appendFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Faults, never } from "../faults/faults.js";
import type { Context } from "./context.js";
import { ApiError, notFound } from "./errors.js";
import { MovedError } from "./lookup.js";
import { registerOwnerRoutes } from "./owners.js";
import { registerRepositoryRoutes } from "./repositories.js";
import { registerSecretRoutes } from "./secrets.js";
import { Store } from "./store.js";
import { registerVariableRoutes } from "./variables.js";

export interface ServerOptions {
  /** Folder for state.json, token and requests.jsonl; made if absent. */
  dataDir: string;
  /** Repositories that must exist, as `owner/name`; absent ones are made. */
  repositories: readonly string[];
  /** Login of the account the token belongs to; repositories of any other owner belong to organizations. */
  user?: string;
  /** For tests. */
  now?: () => Date;
}

/** Where the REST API lives on a GitHub Enterprise Server. */
const API_PREFIX = "/api/v3";

const HOURLY_LIMIT = 5000;

const REPOSITORY_NAME = /^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._-]+$/;

/**
 * Builds the GitHub stand-in: the routes the released provider calls, in the form of a GitHub Enterprise Server, with
 * GitHub's refusals. It does not listen yet.
 * @throws if a repository is not `owner/name` or the data folder holds something else
 */
export function createServer(options: ServerOptions): FastifyInstance {
  for (const repository of options.repositories) {
    if (!REPOSITORY_NAME.test(repository)) {
      throw new Error(`repository ${JSON.stringify(repository)} is not of the form owner/name`);
    }
  }
  const now = options.now ?? (() => new Date());
  const store = new Store(options.dataDir, now, options.user ?? "sandbox-user");
  for (const repository of options.repositories) {
    const [owner = "", name = ""] = repository.split("/");
    store.ensureRepository(owner, name);
  }

  const app = Fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: true },
  });
  const context: Context = {
    store,
    baseUrl: () => {
      const address = app.server.address();
      return typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "http://127.0.0.1";
    },
  };

  // GitHub takes any body as JSON, whatever its content type; an empty one is no body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    if (body === "") {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(body.toString()));
    } catch {
      done(new ApiError(400, "Problems parsing JSON"));
    }
  });

  addRequestLog(app, join(options.dataDir, "requests.jsonl"), store, now);
  addRateLimitHeaders(app, now);
  app.addHook("onRequest", (request, _reply, done) => {
    done(authenticationProblem(request, store));
  });
  addFaults(app, new Faults(options.dataDir));

  app.setNotFoundHandler(() => {
    throw notFound();
  });
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof MovedError) {
      reply.header("location", error.location);
    }
    if (error instanceof ApiError) {
      return sendError(reply, error);
    }
    const status = (error as { statusCode?: number }).statusCode;
    if (status !== undefined && status < 500) {
      return sendError(reply, new ApiError(status, status === 413 ? "Payload too large" : "Bad Request"));
    }
    console.error("GitHub stand-in: a request failed:", error);
    return sendError(reply, new ApiError(500, "Server Error"));
  });

  app.register(
    (api, _options, done) => {
      registerOwnerRoutes(api, context);
      registerRepositoryRoutes(api, context);
      registerSecretRoutes(api, context);
      registerVariableRoutes(api, context);
      done();
    },
    { prefix: API_PREFIX },
  );
  return app;
}

function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  return reply.code(error.status).type("application/json; charset=utf-8").send(error.body());
}

/** The token of a request in any of the forms GitHub takes, or undefined if there is none. */
function presentedToken(request: FastifyRequest): string | undefined {
  const [scheme = "", credentials = ""] = (request.headers.authorization ?? "").split(" ");
  switch (scheme.toLowerCase()) {
    case "":
      return undefined;
    case "basic":
      return Buffer.from(credentials, "base64").toString().split(":").slice(1).join(":");
    default:
      return credentials;
  }
}

function authenticationProblem(request: FastifyRequest, store: Store): ApiError | undefined {
  const token = presentedToken(request);
  if (token === store.token) {
    return undefined;
  }
  // Nothing here is public: every repository and organization needs a sign-in.
  return new ApiError(401, token === undefined ? "Requires authentication" : "Bad credentials");
}

function addRateLimitHeaders(app: FastifyInstance, now: () => Date): void {
  let windowEnds = 0;
  let used = 0;
  app.addHook("onSend", async (_request, reply) => {
    const seconds = Math.floor(now().getTime() / 1000);
    if (seconds >= windowEnds) {
      windowEnds = seconds + 3600;
      used = 0;
    }
    used++;
    reply.headers({
      "x-ratelimit-limit": String(HOURLY_LIMIT),
      // The limit is not enforced. A success that says 0 would stop GitHub's clients until the window ends.
      "x-ratelimit-remaining": String(Math.max(1, HOURLY_LIMIT - used)),
      "x-ratelimit-reset": String(windowEnds),
      "x-ratelimit-used": String(used),
      "x-ratelimit-resource": "core",
      "x-github-media-type": "github.v3; format=json",
    });
    return Promise.resolve();
  });
}

/** Added after the log, which tells of a request whose answer is lost too. */
function addFaults(app: FastifyInstance, faults: Faults): void {
  const lost = new WeakSet<FastifyRequest>();
  app.addHook("onRequest", async (request) => {
    const verdict = faults.next(request.method);
    if (verdict === "before") await never;
    if (verdict === "after") lost.add(request);
  });
  app.addHook("onSend", async (request) => {
    if (lost.has(request)) await never;
  });
}

/** One line of JSON a request, written before the answer is sent: never a token, a header or a body. */
function addRequestLog(app: FastifyInstance, path: string, store: Store, now: () => Date): void {
  appendFileSync(path, "", { mode: 0o600 });
  chmodSync(path, 0o600);
  app.addHook("onSend", (request, reply, _payload, done) => {
    const token = presentedToken(request);
    const line = {
      time: now().toISOString(),
      method: request.method,
      path: request.raw.url?.replaceAll(store.token, "[token]"),
      status: reply.statusCode,
      token: token === undefined ? "none" : token === store.token ? `user:${store.user.login}` : "invalid",
    };
    appendFileSync(path, JSON.stringify(line) + "\n");
    done();
  });
}
