import { createServer, type Server } from "node:net";

/**
 * Distinct TCP ports on 127.0.0.1 that were free a moment ago, chosen by the kernel. Another process may take one
 * before it is used: start what needs them inside {@link withFreePorts}.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  try {
    // All ports are held until the last one is known, so that no port is given out twice.
    for (let i = 0; i < count; i++) held.push(await listen());
    return held.map((server) => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("not a TCP listener");
      return address.port;
    });
  } finally {
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  }
}

/** Thrown by the callback of {@link withFreePorts} to say that a port was lost to somebody else. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

export interface PortOptions {
  /** Ports to try first: those of an earlier start, which clients may still know. */
  readonly first?: readonly number[] | undefined;
  /** Default 5. */
  readonly attempts?: number;
}

/** Runs `start` with free ports, and again with others when it throws {@link PortTakenError}. */
export async function withFreePorts<T>(
  count: number,
  start: (ports: readonly number[]) => Promise<T>,
  options: PortOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const known = attempt === 1 && options.first?.length === count ? options.first : undefined;
    try {
      return await start(known ?? (await freePorts(count)));
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt >= (options.attempts ?? 5)) throw error;
    }
  }
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
