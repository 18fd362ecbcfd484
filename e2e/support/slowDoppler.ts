import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A proxy that passes each request on to Doppler, late. */
export interface SlowDoppler {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts a proxy on this machine.
 *
 * @param target the Doppler stand-in's URL
 * @param latencyMs how long a request is on its way
 */
export async function slowDoppler(target: string, latencyMs: number): Promise<SlowDoppler> {
  const server = createServer((incoming, answer) => {
    void delay(latencyMs).then(() => {
      const { method, headers, url = "/" } = incoming;
      const onward = forward(new URL(url, target), { method, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      incoming.pipe(onward);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
