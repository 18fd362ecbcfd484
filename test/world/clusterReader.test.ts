import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { ClusterReader } from "../../src/world";

// A cluster is read through `kubectl proxy`. kubectl here is a script that notes how it was called, and answers on the
// socket like an API server.

const dir = mkdtempSync(join(tmpdir(), "cluster-reader-test-"));
const path = process.env["PATH"];
beforeAll(() => {
  process.env["PATH"] = [dir, path].join(delimiter);
});
afterAll(() => {
  process.env["PATH"] = path;
  rmSync(dir, { recursive: true, force: true });
});

interface Call {
  args: string[];
  kubeconfig?: string;
}

/** Makes a kubectl with this code in place of a proxy; gives how it was called, and the requests that came. */
function kubectl(code: string): {
  call: () => Call;
  requests: () => { method: string; url: string; accept: string }[];
} {
  const [calls, requests] = [join(dir, "calls"), join(dir, "requests")];
  for (const file of [calls, requests]) rmSync(file, { force: true });
  writeFileSync(
    join(dir, "kubectl"),
    `#!${process.execPath}
const fs = require("fs"), http = require("http");
const args = process.argv.slice(2);
const option = (name) => args.find((arg) => arg.startsWith("--" + name + "="))?.slice(name.length + 3);
const kubeconfig = option("kubeconfig") && fs.readFileSync(option("kubeconfig"), "utf8");
fs.writeFileSync(${JSON.stringify(calls)}, JSON.stringify({ args, kubeconfig }));
const note = ({ method, url, headers }) =>
  fs.appendFileSync(${JSON.stringify(requests)}, JSON.stringify({ method, url, accept: headers.accept }) + "\\n");
const serve = (answer) =>
  http.createServer((request, response) => { note(request); answer(request, response); })
    .listen(option("unix-socket"), () => console.log("Starting to serve"));
${code}
`,
  );
  chmodSync(join(dir, "kubectl"), 0o755);
  const lines = (file: string) => readFileSync(file, "utf8").trim().split("\n");
  return {
    call: () => JSON.parse(readFileSync(calls, "utf8")) as Call,
    requests: () => lines(requests).map((line) => JSON.parse(line) as { method: string; url: string; accept: string }),
  };
}

const socketOf = ({ args }: Call) => args.find((arg) => arg.startsWith("--unix-socket="))?.slice(14) ?? "";

it("reads through a proxy that refuses every change, in a folder of its own that is gone afterwards", async () => {
  const fake = kubectl(`serve((request, response) => {
    response.setHeader("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    response.end(JSON.stringify({ url: request.url }));
  });`);
  const reader = await ClusterReader.open("the kubeconfig", "acme-dev");
  expect(await reader.get("/api/v1/pods?x=%3D")).toEqual({
    status: 200,
    body: { url: "/api/v1/pods?x=%3D" },
    time: Date.parse("2026-01-01T00:00:00Z"),
  });
  const call = fake.call();
  expect(call.kubeconfig).toBe("the kubeconfig");
  expect(call.args).toEqual([
    "proxy",
    expect.stringMatching(/^--unix-socket=/),
    "--reject-methods=^(POST|PUT|PATCH|DELETE)$",
    expect.stringMatching(/^--kubeconfig=/),
    "--context=acme-dev",
  ]);
  expect(existsSync(socketOf(call))).toBe(true);
  await reader.close();
  expect(existsSync(dirname(socketOf(call)))).toBe(false);
});

it("asks for no more of an object than its metadata, where it is told so", async () => {
  const fake = kubectl(`serve((request, response) => response.end("{}"));`);
  const reader = await ClusterReader.open(undefined, undefined);
  await reader.get("/api/v1/namespaces/n/secrets/s", "metadata");
  await reader.close();
  expect(fake.call().args).toHaveLength(3);
  expect(fake.requests()).toEqual([
    {
      method: "GET",
      url: "/api/v1/namespaces/n/secrets/s",
      accept: expect.stringMatching(/as=PartialObjectMetadata;/) as string,
    },
  ]);
});

it("tells what is not there, in JSON or not, from what is refused", async () => {
  kubectl(`serve(({ url }, response) => {
    const [status, body] = { "/a": [404, "404 page not found"], "/b": [404, "{}"], "/c": [403, '{"message":"no"}'] }[url];
    response.statusCode = status;
    response.end(body);
  });`);
  const reader = await ClusterReader.open(undefined, undefined);
  const answers = await Promise.all(["/a", "/b", "/c"].map((url) => reader.get(url)));
  await reader.close();
  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [404, undefined],
    [404, undefined],
    [403, { message: "no" }],
  ]);
});

it("says why, in kubectl's words, where the proxy does not get through", async () => {
  kubectl(`serve((request, response) => {
    console.error("E1128 07:58:06.000000   12345 proxy_server.go:147] Error while proxying request: dial tcp 127.0.0.1:1: connect: connection refused");
    setTimeout(() => { response.statusCode = 502; response.end(); }, 50);
  });`);
  const reader = await ClusterReader.open(undefined, undefined);
  await expect(reader.get("/version")).rejects.toThrow(/dial tcp 127\.0\.0\.1:1: connect: connection refused$/);
  await reader.close();
});

it("says why where kubectl does not start to serve", async () => {
  kubectl(`console.error('error: context "acme-dev" does not exist'); process.exitCode = 1;`);
  await expect(ClusterReader.open(undefined, "acme-dev")).rejects.toThrow(/^context "acme-dev" does not exist$/);
});

it("says that kubectl is not there", async () => {
  process.env["PATH"] = join(dir, "nothing");
  try {
    await expect(ClusterReader.open(undefined, undefined)).rejects.toThrow("kubectl is not on PATH");
  } finally {
    process.env["PATH"] = [dir, path].join(delimiter);
  }
});

it("gives up when it is told to", async () => {
  kubectl(`serve(() => undefined);`);
  const reader = await ClusterReader.open(undefined, undefined);
  await expect(reader.get("/version", "whole", AbortSignal.timeout(50))).rejects.toThrow();
  await reader.close();
});
