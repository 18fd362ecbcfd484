import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from "fastify";
import { type Faults, never } from "../faults/faults.js";
import type { AccessLog } from "./accessLog.js";
import { Api } from "./api.js";
import { ApiError, badRequest, invalidToken, notFound } from "./errors.js";
import type { PlanLimits } from "./plans.js";
import { classify, RateLimitError, RateLimiter, type Quota } from "./rateLimits.js";
import { configRoutes } from "./routes/configs.js";
import { configLogRoutes } from "./routes/configLogs.js";
import { environmentRoutes } from "./routes/environments.js";
import { memberRoutes } from "./routes/members.js";
import { projectRoutes } from "./routes/projects.js";
import { secretRoutes } from "./routes/secrets.js";
import { serviceAccountRoutes } from "./routes/serviceAccounts.js";
import { serviceTokenRoutes } from "./routes/serviceTokens.js";
import { workplaceRoutes } from "./routes/workplace.js";
import type { Store } from "./state.js";
import { actorLabel, findActor, hashToken, readCredential } from "./tokens.js";

export interface ServerOptions {
  store: Store;
  log: AccessLog;
  plan: { readonly limits: PlanLimits };
  /** Requests under personal tokens are subject to them; those of a cluster are not, so that they can be counted. */
  faults: Faults;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The HTTP side: it checks tokens and rate limits, and answers errors. The routes do the rest. */
export function createServer({ store, log, plan, faults, now }: ServerOptions): FastifyInstance {
  const api = new Api(store, plan, now);
  const limiter = new RateLimiter(plan, now);
  const app = Fastify({ exposeHeadRoutes: false, forceCloseConnections: true, bodyLimit: 2 * 1024 * 1024 });

  app.decorateRequest("credential", undefined);
  app.decorateRequest("tokenLabel", "none");
  app.decorateRequest("quota", undefined);
  app.decorateRequest("answerLost", false);

  // In the order in which they run.
  app.addHook("onRequest", (request, _reply, done) => {
    done(count(request, `ip ${request.ip}`));
  });
  app.addHook("onRequest", (request, _reply, done) => {
    // An unknown path is answered with 404 before the token is checked.
    done(request.is404 ? undefined : authenticate(request));
  });
  app.addHook("onRequest", async (request) => {
    const verdict = request.tokenLabel.startsWith("personal:") ? faults.next(request.method) : "answer";
    if (verdict === "before") await never;
    request.answerLost = verdict === "after";
  });

  app.addHook("onSend", async (request, reply, payload) => {
    if (request.quota !== undefined) {
      void reply.headers({
        "x-ratelimit-limit": request.quota.limit,
        "x-ratelimit-remaining": request.quota.remaining,
        "x-ratelimit-reset": Math.ceil(request.quota.resetsAt / 1000),
      });
    }
    log.write({
      time: api.time(),
      method: request.method,
      path: request.url,
      status: reply.statusCode,
      token: request.tokenLabel,
    });
    if (request.answerLost) await never;
    return payload;
  });

  function authenticate(request: FastifyRequest): ApiError | undefined {
    const credential = readCredential(request.headers.authorization);
    if (credential === undefined) return invalidToken();
    const actor = findActor(store.state, credential, new Date(now()));
    if (actor === undefined) {
      request.tokenLabel = "invalid";
      return invalidToken();
    }
    request.credential = credential;
    request.tokenLabel = actorLabel(actor);
    store.touch(() => {
      actor.token.lastSeenAt = api.time();
    });
    return count(request, `token ${hashToken(credential)}`);
  }

  /** Both limits are counted apart; the headers tell of the one that is nearer. */
  function count(request: FastifyRequest, caller: string): ApiError | undefined {
    const path = request.url.split("?", 1)[0] ?? "";
    const { quota, exceeded } = limiter.count(caller, classify(request.method, path));
    request.quota = nearer(request.quota, quota);
    return exceeded;
  }

  // Doppler's clients send `content-type: application/json` with every request, body or not.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    const text = body.toString();
    if (text.trim() === "") {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(text));
    } catch {
      // The parser's own message quotes the text, which may be a secret.
      done(badRequest("The request body is not valid JSON"));
    }
  });

  app.setErrorHandler((error: FastifyError | ApiError, _request, reply) => {
    const refusal = error instanceof ApiError ? error : fromFastify(error);
    if (refusal instanceof RateLimitError) void reply.header("retry-after", refusal.retryAfter);
    return reply.code(refusal.status).send(refusal.body);
  });
  app.setNotFoundHandler((_request, reply) => {
    const refusal = notFound("Could not find requested route");
    return reply.code(refusal.status).send(refusal.body);
  });

  workplaceRoutes(app, api);
  serviceAccountRoutes(app, api);
  projectRoutes(app, api);
  memberRoutes(app, api);
  environmentRoutes(app, api);
  configRoutes(app, api);
  configLogRoutes(app, api);
  secretRoutes(app, api);
  serviceTokenRoutes(app, api);
  return app;
}

function nearer(one: Quota | undefined, other: Quota): Quota {
  return one !== undefined && one.remaining <= other.remaining ? one : other;
}

/** What the framework itself refuses, or a fault of ours. Neither message reaches the client: it may quote a body. */
function fromFastify(error: FastifyError): ApiError {
  switch (error.statusCode) {
    case 413:
      return new ApiError(413, "The request body is too large");
    case 415:
      return new ApiError(415, "The request body must be application/json");
    case 400:
      return badRequest("Bad request");
    default:
      process.stderr.write(`doppler stand-in: ${error.stack ?? error.message}\n`);
      return new ApiError(500, "Internal server error");
  }
}
