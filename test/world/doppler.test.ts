import * as pulumi from "@pulumi/pulumi";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DopplerClient } from "../../src/world/doppler";

// What the client makes of Doppler's answers: Doppler here is a server that gives prepared ones and counts the requests.

type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | "reset";

const PATIENCE = { total: 2_000, first: 1, longest: 10 };
const TOKENS = { tokens: [{ name: "eso", slug: "1" }] };

let server: Server;
let answers: Answer[];
let requests: string[];
const said: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.method ?? "");
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined || answer === "reset") return void request.socket.resetAndDestroy();
    response.writeHead(answer.status, answer.headers);
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  jest.spyOn(pulumi.log, "info").mockImplementation((message) => {
    said.push(message);
    return Promise.resolve();
  });
});
beforeEach(() => {
  requests = [];
  said.length = 0;
});
afterAll(() => {
  jest.restoreAllMocks();
  server.close();
});

function client(...given: Answer[]): DopplerClient {
  answers = given;
  return new DopplerClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "dp.pt.test", PATIENCE);
}

const OK: Answer = { status: 200, body: TOKENS };

it.each<[string, Answer]>([
  ["a reset connection", "reset"],
  ["an error of the server", { status: 503, body: { messages: ["down"] } }],
  ["an answer that is cut off", { status: 200, body: '{"tokens": [' }],
  ["a limit", { status: 429 }],
])("reads again after %s", async (_what, failure) => {
  expect(await client(failure, failure, OK).serviceTokens("acme", "dev")).toHaveLength(1);
  expect(requests).toHaveLength(3);
});

it("waits as long as Doppler asks it to, and says so", async () => {
  const started = performance.now();
  const limited: Answer = { status: 429, headers: { "retry-after": "1" }, body: { messages: ["slow down"] } };
  await client(limited, OK).serviceTokens("acme", "dev");
  expect(performance.now() - started).toBeGreaterThanOrEqual(950);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(
    /^Waiting for Doppler until \d\d:\d\d:\d\d UTC, 1 s from now\. Doppler refused GET .*: slow down \(HTTP 429\)\. Whatever reads with the same token or from the same IP address takes from the same limit/,
  );
});

it("says once what several requests wait for", async () => {
  const limited: Answer = { status: 429, headers: { "retry-after": "1" } };
  const doppler = client(limited, limited, limited, OK);
  await Promise.all(["dev", "stg", "prd"].map((config) => doppler.serviceTokens("acme", config)));
  expect(said).toHaveLength(1);
  expect(requests).toHaveLength(6);
});

it("gives up in the end, with the last reason", async () => {
  await expect(client({ status: 500, body: { messages: ["down"] } }).serviceTokens("acme", "dev")).rejects.toThrow(
    /^Doppler refused GET .*: down \(HTTP 500\), also after \d+ s$/,
  );
  expect(requests.length).toBeGreaterThan(5);
});

it("does not wait longer than it would go on", async () => {
  const started = performance.now();
  await expect(client({ status: 429, headers: { "retry-after": "60" } }).serviceTokens("acme", "dev")).rejects.toThrow(
    "HTTP 429",
  );
  expect(performance.now() - started).toBeLessThan(1_000);
});

it.each<[Answer]>([["reset"], [{ status: 502 }]])("sends no change twice: %j", async (failure) => {
  await expect(client(failure).revoke("acme", "dev", "1")).rejects.toThrow("Doppler");
  expect(requests).toEqual(["DELETE"]);
});

it("asks once where the answer would not be another one", async () => {
  await expect(client({ status: 401, body: { messages: ["Invalid Auth token"] } }).project("acme")).rejects.toThrow(
    "Invalid Auth token",
  );
  expect(requests).toHaveLength(1);
});

it("tells a token that nobody has used from one of which Doppler tells nothing", async () => {
  const tokens = [
    { name: "never", slug: "1", last_seen_at: null },
    { name: "untold", slug: "2" },
    { name: "used", slug: "3", last_seen_at: "2026-01-01T00:00:00Z" },
  ];
  const listed = await client({ status: 200, body: { tokens } }).serviceTokens("acme", "dev");
  expect(listed.map(({ lastSeenAt }) => lastSeenAt)).toEqual([null, undefined, "2026-01-01T00:00:00Z"]);
});
