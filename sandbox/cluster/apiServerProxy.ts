import { createServer } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { assertLoopback } from "../process/loopback.js";

/** What a pod calls the API server of its cluster, where the cluster's DNS knows the names. */
const names: ReadonlySet<string> = new Set(
  ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"].map((name) => `${name}:443`),
);

export interface ApiServerProxy {
  /** For HTTPS_PROXY. */
  readonly url: string;
  /** Ends it, and the connections through it. */
  close(): Promise<void>;
}

/**
 * Takes the place of the cluster's DNS and of its Service `kubernetes` for a process that runs outside of the cluster: an
 * HTTP proxy on 127.0.0.1 that connects a pod's names for the API server with the API server, and refuses all others. TLS
 * goes through it as it is. The API server's own certificate is good for these names.
 *
 * @param server the API server's URL; loopback
 */
export async function startApiServerProxy(server: string): Promise<ApiServerProxy> {
  const { hostname, port } = assertLoopback(server, "the API server's URL");
  const host = hostname.replace(/^\[|\]$/g, "");
  const open = new Set<Duplex>();
  const track = <T extends Duplex>(stream: T): T => {
    open.add(stream);
    stream.once("close", () => open.delete(stream));
    return stream;
  };

  const proxy = createServer((_request, response) => response.writeHead(403).end());
  proxy.on("connect", (request, client: Duplex, head: Buffer) => {
    track(client).on("error", () => client.destroy());
    if (!names.has(request.url ?? "")) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const upstream = track(connect({ host, port: port === "" ? 443 : Number(port) }));
    let connected = false;
    upstream.once("connect", () => {
      connected = true;
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.on("error", () => (connected ? client.destroy() : client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n")));
    upstream.on("close", () => connected && client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((listening, failed) => {
    proxy.once("error", failed);
    proxy.listen(0, "127.0.0.1", listening);
  });
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP listener");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: async () => {
      const closed = new Promise((done) => proxy.close(done));
      for (const stream of open) stream.destroy();
      await closed;
    },
  };
}
