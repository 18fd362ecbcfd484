import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import { type ClientOptions, GitHubClient, GitHubError } from "./client.js";

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

describe("GitHub client", () => {
  let server: Server | undefined;
  const signal = new AbortController().signal;

  async function serve(handler: Handler, options: Partial<ClientOptions> = {}) {
    let requests = 0;
    server = createServer((request, response) => handler(request, response, ++requests));
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const restUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3/`;
    const client = new GitHubClient({
      restUrl,
      token: "ghp_test",
      readDelayMs: 0,
      writeDelayMs: 0,
      retryDelayMs: 1,
      maxRetries: 3,
      retryableErrors: [500, 502, 503, 504],
      parallelRequests: false,
      ...options,
    });
    return { client, restUrl, requests: () => requests };
  }
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  it("sends token, version and agent", async () => {
    let headers: IncomingMessage["headers"] = {};
    const { client } = await serve((request, response) => {
      headers = request.headers;
      json(response, 200, {});
    });
    await client.put("x", { a: 1 }, signal);
    assert.equal(headers.authorization, "Bearer ghp_test");
    assert.equal(headers["user-agent"], "go-github/v88.0.0");
    assert.equal(headers["x-github-api-version"], "2022-11-28");
    assert.equal(headers["content-type"], "application/json");
  });

  it("sends no token when it has none", async () => {
    let headers: IncomingMessage["headers"] = {};
    const { client } = await serve(
      (request, response) => {
        headers = request.headers;
        json(response, 200, {});
      },
      { token: undefined },
    );
    await client.get("x", signal);
    assert.equal(headers.authorization, undefined);
  });

  it("retries after a server error, and gives up after the third retry", async () => {
    const once = await serve((_request, response, count) => json(response, count === 1 ? 503 : 200, { count }));
    assert.deepEqual(await once.client.get("x", signal), { count: 2 });
    server?.close();

    const always = await serve((_request, response) => json(response, 503, { message: "Unavailable" }));
    await assert.rejects(always.client.get("x", signal), {
      message: `GET ${always.restUrl}x: 503 Unavailable []`,
      status: 503,
    });
    assert.equal(always.requests(), 4);
  });

  it("retries when the connection is lost", async () => {
    const { client, requests } = await serve((_request, response, count) => {
      if (count === 1) {
        response.destroy();
      } else {
        json(response, 200, { count });
      }
    });
    assert.deepEqual(await client.get("x", signal), { count: 2 });
    assert.equal(requests(), 2);
  });

  it("does not retry what a retry cannot mend", async () => {
    for (const status of [400, 401, 403, 404, 422, 429]) {
      const { client, requests } = await serve((_request, response) =>
        json(response, status, { message: "no" }, { "retry-after": "1" }),
      );
      await assert.rejects(client.get("x", signal), (error) => error instanceof GitHubError && error.status === status);
      assert.equal(requests(), 1, String(status));
      server?.close();
    }
  });

  it("shows the details of an error", async () => {
    const { client, restUrl } = await serve((_request, response) =>
      json(response, 422, {
        message: "Validation Failed",
        errors: [{ resource: "Secret", field: "name", code: "custom", message: "is odd" }],
      }),
    );
    await assert.rejects(client.put("x", {}, signal), {
      message: `PUT ${restUrl}x: 422 Validation Failed [{Resource:Secret Field:name Code:custom Message:is odd}]`,
    });
  });

  it("takes 202 for an error and an answer that is not JSON too", async () => {
    const accepted = await serve((_request, response) => json(response, 202, {}));
    await assert.rejects(accepted.client.get("x", signal), /job scheduled on GitHub side/);
    server?.close();
    const html = await serve((_request, response) => response.end("<html>"));
    await assert.rejects(html.client.get("x", signal), /the answer is not JSON/);
  });

  it("waits out a primary rate limit", async () => {
    const started = Date.now();
    const reset = Math.ceil(started / 1000) + 1;
    const { client, requests } = await serve((_request, response, count) =>
      count === 1
        ? json(
            response,
            403,
            { message: "API rate limit exceeded" },
            { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
          )
        : json(response, 200, { count }),
    );
    assert.deepEqual(await client.get("x", signal), { count: 2 });
    assert.ok(Date.now() >= reset * 1000);
    assert.equal(requests(), 2);
  });

  it("waits out a secondary rate limit, as often as asked, without counting that as retries", async () => {
    const { client, requests } = await serve(
      (_request, response, count) =>
        count <= 6
          ? json(
              response,
              429,
              {
                message: "You have exceeded a secondary rate limit",
                documentation_url:
                  "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
              },
              { "retry-after": "0" },
            )
          : json(response, 200, { count }),
      { maxRetries: 0 },
    );
    assert.deepEqual(await client.get("x", signal), { count: 7 });
    assert.equal(requests(), 7);
  });

  it("sends nothing more once a success says that nothing is left", async () => {
    const reset = String(Math.ceil(Date.now() / 1000) + 60);
    const { client, requests } = await serve((_request, response) =>
      json(response, 200, {}, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }),
    );
    await client.get("x", signal);
    await assert.rejects(client.get("x", signal), /rate limit still exceeded until .*, not making remote request/);
    assert.equal(requests(), 1);
  });

  it("sends one request at a time, in order, and waits after a write if told to", async () => {
    let underWay = 0;
    const seen: string[] = [];
    const times: number[] = [];
    const { client } = await serve(
      (request, response) => {
        assert.equal(++underWay, 1);
        seen.push(`${request.method} ${request.url}`);
        times.push(Date.now());
        setImmediate(() => {
          underWay--;
          json(response, 200, {});
        });
      },
      { writeDelayMs: 50 },
    );
    await Promise.all([client.put("a", {}, signal), client.get("b", signal), client.delete("c", signal)]);
    assert.deepEqual(seen, ["PUT /api/v3/a", "GET /api/v3/b", "DELETE /api/v3/c"]);
    // Timers may fire up to a millisecond early.
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 49);
  });

  it("sends requests side by side if told to", async () => {
    const waiting: ServerResponse[] = [];
    const { client } = await serve(
      (_request, response) => {
        waiting.push(response);
        if (waiting.length === 2) {
          waiting.forEach((one) => json(one, 200, {}));
        }
      },
      { parallelRequests: true },
    );
    await Promise.all([client.get("a", signal), client.get("b", signal)]);
  });

  it("stops waiting when cancelled", async () => {
    const { client } = await serve((_request, response) => json(response, 503, {}), { retryDelayMs: 60_000 });
    const abort = new AbortController();
    const result = client.get("x", abort.signal);
    server?.on("request", () => setImmediate(() => abort.abort()));
    await assert.rejects(result);
  });

  it("reads a list over its pages", async () => {
    const { client } = await serve((request, response) => {
      const page = Number(new URL(request.url ?? "", "http://x").searchParams.get("page") ?? 1);
      json(response, 200, { total_count: 5, items: [1, 2, 3, 4, 5].slice((page - 1) * 2, page * 2) });
    });
    assert.deepEqual(await client.list("x", "items", signal, 2), [1, 2, 3, 4, 5]);
  });
});
