import * as pulumi from "@pulumi/pulumi";
import { generateKeyPairSync, verify } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { githubApi, GithubClient, githubCredential, GithubError } from "../../src/world/github";

// The client against a server of its own, which answers as GitHub documents it.

const QUICK = { total: 5_000, first: 10, longest: 20 };
const TOKEN = "ghp_never-to-be-shown";

let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => unknown;
const infos: string[] = [];

beforeEach(async () => {
  infos.length = 0;
  jest.spyOn(pulumi.log, "info").mockImplementation((text) => {
    infos.push(text);
    return Promise.resolve();
  });
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
const client = () => new GithubClient(url, { token: TOKEN }, QUICK);

it("asks as the provider does: at its address, with the token", async () => {
  answer = ({ url: path, headers }, response) => json(response, 200, { path, authorization: headers.authorization });
  expect(await client().get("/repos/acme/web")).toEqual({
    path: "/api/v3/repos/acme/web",
    authorization: `Bearer ${TOKEN}`,
  });
});

it.each([
  [undefined, "https://api.github.com"],
  ["https://api.github.com/", "https://api.github.com"],
  ["https://github.com", "https://api.github.com"],
  ["https://acme.ghe.com/", "https://api.acme.ghe.com"],
  ["https://api.acme.ghe.com", "https://api.acme.ghe.com"],
  ["https://github.acme.example", "https://github.acme.example/api/v3"],
  ["https://github.acme.example/api/v3/", "https://github.acme.example/api/v3"],
  ["http://127.0.0.1:8080/gh/", "http://127.0.0.1:8080/gh/api/v3"],
])("baseUrl %s: the API is at %s", (baseUrl, api) => {
  expect(githubApi(baseUrl)).toBe(api);
});

it("asks for a few at a time, and for all", async () => {
  let now = 0;
  let most = 0;
  answer = async (_request, response) => {
    most = Math.max(most, ++now);
    await delay(10);
    now--;
    json(response, 200, {});
  };
  const github = client();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => github.get(`/repos/acme/r${index}`)));
  expect(answers).toHaveLength(50);
  expect(most).toBe(8);
});

it("quotes nothing of an answer that is no JSON", async () => {
  answer = (_request, response) => response.writeHead(200).end("ghs_cut");
  const impatient = new GithubClient(url, { token: TOKEN }, { total: 0, first: 10, longest: 20 });
  const refused = impatient.get("/repos/acme/web");
  await expect(refused).rejects.toThrow(/the answer is no JSON$/);
  await expect(refused).rejects.not.toThrow(/ghs_cut/);
});

it("reads all pages of a list", async () => {
  const pages = [["A"], ["B"], ["C"]];
  const asked: (string | undefined)[] = [];
  answer = ({ url: path }, response) => {
    const page = asked.push(path);
    json(
      response,
      200,
      pages[page - 1],
      page < pages.length ? { link: `<${url}/x?page=${page + 1}>; rel="next"` } : {},
    );
  };
  expect(await client().list("/orgs/acme/actions/secrets", (body) => body as string[])).toEqual(["A", "B", "C"]);
  expect(asked).toEqual([1, 2, 3].map((page) => `/api/v3/orgs/acme/actions/secrets?per_page=100&page=${page}`));
});

describe("a limit of GitHub's", () => {
  it("is kept by all requests, and a long wait is announced", async () => {
    const times: number[] = [];
    answer = (_request, response) => {
      times.push(performance.now());
      if (times.length === 1)
        json(response, 403, { message: "You have exceeded a secondary rate limit" }, { "retry-after": "1" });
      else json(response, 200, {});
    };
    const github = client();
    await github.get("/first").catch(() => undefined);
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThan(950);
    expect(infos).toEqual(["GitHub says to wait; the program goes on asking in 1 s …"]);

    times.length = 0;
    const both = github.get("/one");
    await delay(100);
    await Promise.all([both, github.get("/two")]);
    const [refused = 0, ...others] = times;
    expect(others).toHaveLength(2);
    for (const time of others) expect(time - refused).toBeGreaterThan(950);
  });

  it.each([
    ["the hour's", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.floor(Date.now() / 1000) + 3000) }],
    ["one without a time", {}],
  ])("%s, which ends later than a run waits, ends the run at once", async (_what, headers) => {
    answer = (_request, response) => json(response, 429, { message: "API rate limit exceeded" }, headers);
    await expect(client().get("/repos/acme/web")).rejects.toThrow(
      /API rate limit exceeded \(HTTP 429\)\. GitHub's limit for this credential ends at \d{4}-\d\d-\d\d \d\d:\d\d UTC: run again after that/,
    );
  });
});

it("goes on after a lost connection and errors of the server", async () => {
  let asked = 0;
  answer = (request, response) => {
    asked++;
    if (asked === 1) request.socket.destroy();
    else if (asked === 2) json(response, 502, { message: "Bad Gateway" });
    else json(response, 200, { id: 7 });
  };
  expect(await client().get("/repos/acme/web")).toEqual({ id: 7 });
});

it("says what was refused, and shows no credential", async () => {
  answer = (_request, response) => json(response, 403, { message: "Resource not accessible by personal access token" });
  const error = await client()
    .get("/repos/acme/web/actions/secrets")
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(GithubError);
  const { message, status } = error as GithubError;
  expect(status).toBe(403);
  expect(message).toBe(
    `GitHub refused GET ${url}/api/v3/repos/acme/web/actions/secrets: Resource not accessible by personal access token (HTTP 403)`,
  );
});

it("asks no more once GitHub does not take the credential", async () => {
  let asked = 0;
  answer = (_request, response) => {
    asked++;
    json(response, 401, { message: "Bad credentials" });
  };
  const github = client();
  const all = Array.from({ length: 50 }, (_, index) => github.get(`/repos/acme/r${index}`));
  const refused = await Promise.allSettled(all);
  expect(refused.map(({ status }) => status)).toEqual(all.map(() => "rejected"));
  expect(asked).toBeLessThanOrEqual(8);
});

describe("the credential", () => {
  const app = { GITHUB_APP_ID: "12", GITHUB_APP_INSTALLATION_ID: "34", GITHUB_APP_PEM_FILE: "line 1\\nline 2" };

  it("is an App's where all its variables are set, else the stack's, else the environment's", () => {
    const ofApp = { app: "12", installation: "34", key: "line 1\nline 2" };
    expect(githubCredential("stack", { ...app, GITHUB_TOKEN: "env" })).toEqual(ofApp);
    expect(githubCredential("stack", { GITHUB_APP_ID: "12", GITHUB_TOKEN: "env" })).toEqual({ token: "stack" });
    expect(githubCredential(undefined, { GITHUB_TOKEN: "env" })).toEqual({ token: "env" });
  });

  it("that is nowhere is asked for", () => {
    expect(() => githubCredential(undefined, {})).toThrow(
      /pulumi config set --secret githubToken[^]*GITHUB_TOKEN[^]*GITHUB_APP_ID[^]*gh command is not used/,
    );
  });

  it("of an App gets a token of its installation, once", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const asked: string[] = [];
    answer = ({ method, url: path, headers }, response) => {
      asked.push(`${method} ${path}`);
      const bearer = headers.authorization?.replace("Bearer ", "") ?? "";
      if (method === "GET") return json(response, bearer === "ghs_installation" ? 200 : 401, {});
      const [head = "", claims = "", signature = ""] = bearer.split(".");
      const decoded = (part: string) =>
        JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
      const now = Date.now() / 1000;
      const { iss, iat, exp } = decoded(claims);
      const signed = verify(
        "RSA-SHA256",
        Buffer.from(`${head}.${claims}`),
        publicKey,
        Buffer.from(signature, "base64url"),
      );
      const valid = signed && iss === "12" && Number(iat) < now && Number(exp) > now && Number(exp) - now < 600;
      return json(response, valid && decoded(head)["alg"] === "RS256" ? 201 : 401, { token: "ghs_installation" });
    };
    const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const github = new GithubClient(url, { app: "12", installation: "34", key }, QUICK);
    await Promise.all(["/repos/acme/a", "/repos/acme/b"].map((path) => github.get(path)));
    expect(asked.sort()).toEqual([
      "GET /api/v3/repos/acme/a",
      "GET /api/v3/repos/acme/b",
      "POST /api/v3/app/installations/34/access_tokens",
    ]);
  });

  it("of an App that is a path is told apart from a key", async () => {
    const github = new GithubClient(url, { app: "12", installation: "34", key: "/home/me/key.pem" }, QUICK);
    await expect(github.get("/repos/acme/a")).rejects.toThrow(
      "GITHUB_APP_PEM_FILE: expected the App's private key itself, in PEM form, and not a path.",
    );
  });
});
