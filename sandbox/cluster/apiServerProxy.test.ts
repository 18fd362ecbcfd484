import assert from "node:assert/strict";
import { request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { startApiServerProxy, type ApiServerProxy } from "./apiServerProxy.js";

describe("startApiServerProxy", () => {
  let apiServer: Server;
  let proxy: ApiServerProxy;
  const connections = new Set<Socket>();

  before(async () => {
    // Answers with what it is sent.
    apiServer = createServer((socket) => {
      connections.add(socket);
      socket.on("error", () => undefined).once("close", () => connections.delete(socket));
      socket.pipe(socket);
    });
    await new Promise<void>((listening) => apiServer.listen(0, "127.0.0.1", listening));
    const address = apiServer.address();
    assert.ok(address !== null && typeof address === "object");
    proxy = await startApiServerProxy(`https://127.0.0.1:${address.port}`);
  });
  after(async () => {
    await proxy.close();
    await new Promise((closed) => apiServer.close(closed));
  });

  /** What the proxy says to a CONNECT, and the connection if there is one. */
  const tunnel = (to: string, through = proxy) =>
    new Promise<{ status: number | undefined; socket: Socket }>((resolve, reject) => {
      const { hostname, port } = new URL(through.url);
      request({ host: hostname, port, method: "CONNECT", path: to })
        .on("connect", ({ statusCode: status }, socket) => resolve({ status, socket }))
        .on("error", reject)
        .end();
    });
  const ended = (socket: Socket) =>
    new Promise((resolve) => {
      socket.once("close", resolve).on("error", () => undefined);
      socket.resume();
    });

  for (const name of ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]) {
    it(`connects ${name} with the API server`, async () => {
      const { status, socket } = await tunnel(`${name}:443`);
      assert.equal(status, 200);
      const answer = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
      socket.write("hello");
      assert.equal(await answer, "hello");
      socket.destroy();
    });
  }

  for (const other of [
    "api.doppler.com:443",
    "kubernetes.default:80",
    "127.0.0.1:443",
    "kubernetes.default.svc.x:443",
  ]) {
    it(`refuses ${other}`, async () => {
      const { status, socket } = await tunnel(other);
      assert.equal(status, 403);
      await ended(socket);
    });
  }

  it("refuses a request that is no tunnel", async () => {
    const answer = await fetch(proxy.url);
    assert.equal(answer.status, 403);
  });

  it("lets go of both ends", async () => {
    const { socket } = await tunnel("kubernetes.default:443");
    assert.ok([...connections].length > 0);
    const both = [ended(socket), ...[...connections].map(ended)];
    socket.destroy();
    await Promise.all(both);
  });

  it("says that the API server is away", async () => {
    const away = await startApiServerProxy("https://127.0.0.1:1");
    const { status, socket } = await tunnel("kubernetes.default:443", away);
    assert.equal(status, 502);
    await ended(socket);
    await away.close();
  });

  it("ends with the connections through it", async () => {
    const passing = await startApiServerProxy(`https://127.0.0.1:${(apiServer.address() as { port: number }).port}`);
    const { socket } = await tunnel("kubernetes.default:443", passing);
    const gone = ended(socket);
    await passing.close();
    await gone;
  });

  it("leads nowhere but to this machine", async () => {
    await assert.rejects(
      startApiServerProxy("https://10.0.0.1:6443"),
      /the API server's URL leads to 10\.0\.0\.1:6443/,
    );
  });
});
