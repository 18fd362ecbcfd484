import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterError } from "./kubectl";

// Many reads of a cluster at once, through one `kubectl proxy`, which knows every way to sign in. The proxy listens on a
// socket in a folder that only this user may open, and refuses every request that would change something.

/** What the API server answered. */
export interface ClusterAnswer {
  status: number;
  /** The object, or the API server's own words where it refused; nothing where nothing is there. */
  body: unknown;
  /** The API server's clock, in milliseconds since 1970. */
  time: number | undefined;
}

/** As much of an object as is asked for. Of a Secret nothing but its metadata may be read: that names its keys. */
export type Extent = "whole" | "metadata";

const ACCEPT: Readonly<Record<Extent, string>> = {
  whole: "application/json",
  // A server that can't leave the rest out refuses.
  metadata:
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
};

const PARALLEL = 16;

/** A cluster, read through kubectl. */
export class ClusterReader {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });
  readonly #proxy: ChildProcess;
  readonly #folder: string;
  /** What kubectl said last: the reason where a request gets no further than the proxy. */
  #said = "";

  private constructor(proxy: ChildProcess, folder: string) {
    this.#proxy = proxy;
    this.#folder = folder;
    // A caller that does not wait for an answer ends without closing.
    const abandoned = () => {
      proxy.kill();
      rmSync(folder, { recursive: true, force: true });
    };
    process.once("exit", abandoned);
    proxy.once("close", () => process.off("exit", abandoned));
    proxy.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#said = (this.#said + text).slice(-4_000)));
  }

  /**
   * Starts the proxy. Whether the cluster answers is seen with the first request.
   *
   * @param kubeconfig a kubeconfig's contents; without it, kubectl finds one as it always does
   * @param context the context's name; without it, the current one
   * @throws ClusterError if kubectl is missing or does not take the kubeconfig
   */
  static async open(kubeconfig: string | undefined, context: string | undefined): Promise<ClusterReader> {
    const folder = await mkdtemp(join(tmpdir(), "secrets-pipeline-"));
    const file = join(folder, "kubeconfig");
    try {
      if (kubeconfig !== undefined) await writeFile(file, kubeconfig, { mode: 0o600 });
      const proxy = spawn(
        "kubectl",
        [
          "proxy",
          `--unix-socket=${join(folder, "socket")}`,
          "--reject-methods=^(POST|PUT|PATCH|DELETE)$",
          ...(kubeconfig === undefined ? [] : [`--kubeconfig=${file}`]),
          ...(context === undefined ? [] : [`--context=${context}`]),
        ],
        { env: process.env, stdio: ["ignore", "pipe", "pipe"] },
      );
      const reader = new ClusterReader(proxy, folder);
      await reader.#listening();
      return reader;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #listening(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#proxy.stdout?.once("data", () => resolve());
      this.#proxy.once("error", (error: NodeJS.ErrnoException) =>
        reject(new ClusterError(error.code === "ENOENT" ? "kubectl is not on PATH" : error.message)),
      );
      this.#proxy.once("close", () => reject(new ClusterError(this.#reason("kubectl proxy ended"))));
    });
  }

  /**
   * What is at a path of the API.
   *
   * @throws ClusterError if no answer of the API server came
   */
  async get(path: string, extent: Extent = "whole", signal?: AbortSignal): Promise<ClusterAnswer> {
    const { status, text, date } = await this.#send(path, extent, signal);
    let body: unknown;
    try {
      // Of a kind that it does not serve, the API server says so in plain text.
      body = status === 404 ? undefined : JSON.parse(text);
    } catch {
      // The proxy's own answers are no JSON; neither is one of a server that is no API server.
      throw new ClusterError(this.#reason(`GET ${path}: HTTP ${status}, and no answer of an API server`));
    }
    const time = Date.parse(date ?? "");
    return { status, body, time: Number.isNaN(time) ? undefined : time };
  }

  #send(
    path: string,
    extent: Extent,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; text: string; date: string | undefined }> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: join(this.#folder, "socket"),
        path,
        agent: this.#agent,
        headers: { host: "localhost", accept: ACCEPT[extent] },
        ...(signal && { signal }),
      };
      const failed = (error: Error) => reject(new ClusterError(this.#reason(error.message)));
      request(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.once("error", failed);
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text, date: response.headers.date }));
      })
        .once("error", failed)
        .end();
    });
  }

  /** Ends the proxy. */
  async close(): Promise<void> {
    this.#agent.destroy();
    const ended = new Promise<void>((resolve) => this.#proxy.once("close", () => resolve()));
    if (this.#proxy.exitCode === null && this.#proxy.signalCode === null && this.#proxy.kill()) await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** kubectl's own words, if it said any; the last line says why it gave up. */
  #reason(otherwise: string): string {
    const line = this.#said.trim().split("\n").at(-1) ?? "";
    return (
      line.replace(/^[EWI]\d{4} [\d:.]+ +\d+ \S+\] |^\d{4}\/\d\d\/\d\d [\d:]+ http: proxy error: |^error: /, "") ||
      otherwise
    );
  }
}
