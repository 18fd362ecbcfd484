import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";

/** What becomes of requests to Doppler: they are passed on, lost, or refused with Doppler's rate limit. */
export type Condition = "whole" | "down" | "limited";

/** A proxy to Doppler that breaks when it is told to. */
export interface BrokenDoppler {
  readonly url: string;
  condition: Condition;
  /** The Doppler stand-in's URL. No request comes before it is known. */
  target: string;
  close(): Promise<void>;
}

/** Starts a proxy on this machine. */
export async function brokenDoppler(): Promise<BrokenDoppler> {
  const server = createServer((incoming, answer) => {
    const { method, headers, url = "/" } = incoming;
    if (proxy.condition === "down") {
      incoming.socket.destroy();
    } else if (proxy.condition === "limited") {
      answer.writeHead(429, { "content-type": "application/json", "retry-after": "30" });
      answer.end(JSON.stringify({ success: false, messages: ["Exceeded rate limit. Retry in 30 seconds"] }));
    } else {
      const onward = forward(new URL(url, proxy.target), { method, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      incoming.pipe(onward);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: BrokenDoppler = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    condition: "whole",
    target: "",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}
