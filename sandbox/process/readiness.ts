import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Readiness } from "./child.js";

export interface HttpProbe {
  readonly url: string;
  /** Certificates to trust for https, PEM; asked at each probe, since the server may yet have to write them. */
  readonly ca?: () => string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ready when the URL answers 2xx. */
export function httpReady(probe: HttpProbe): Readiness<true> {
  return {
    description: `${probe.url} to answer`,
    async check() {
      const ca = probe.ca?.();
      if (probe.ca !== undefined && ca === undefined) return undefined;
      return (await answersOk(probe, ca)) ? true : undefined;
    },
  };
}

/** Ready when both conditions are met, one after the other. */
export function both<A, B>(first: Readiness<A>, second: Readiness<B>): Readiness<B> {
  let firstDone = false;
  return {
    description: `${first.description} and ${second.description}`,
    async check(process) {
      firstDone ||= (await first.check(process)) !== undefined;
      return firstDone ? second.check(process) : undefined;
    },
  };
}

/** Ready when a line of the log matches. */
export function logLine(pattern: RegExp): Readiness<RegExpMatchArray> {
  return {
    description: `a log line like ${String(pattern)}`,
    check(process) {
      for (const line of completeLines(process.log())) {
        const match = line.match(pattern);
        if (match !== null) return match;
      }
      return undefined;
    },
  };
}

/**
 * Ready when the process has written one line of JSON to its standard output, which is what it says about itself, e.g.
 * `{"url":"http://127.0.0.1:40123"}`.
 *
 * @param parse turns the line's value into what the caller needs; what it throws ends the wait
 */
export function jsonLine<T>(parse: (value: unknown) => T): Readiness<T> {
  return {
    description: "a line of JSON on its standard output",
    check(process) {
      const first = completeLines(process.stdout())[0];
      if (first === undefined) return undefined;
      let value: unknown;
      try {
        value = JSON.parse(first);
      } catch {
        throw new Error("the first line of its standard output is not JSON");
      }
      return parse(value);
    },
  };
}

/** For {@link jsonLine}: the `url` of `{"url": "…"}`. */
export function announcedUrl(value: unknown): string {
  const url = typeof value === "object" && value !== null && "url" in value ? value.url : undefined;
  if (typeof url !== "string") throw new Error('the first line of its standard output has no "url"');
  return url;
}

function completeLines(text: string): string[] {
  // The text after the last newline may be half a line.
  return text.split("\n").slice(0, -1);
}

function answersOk(probe: HttpProbe, ca: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const secure = probe.url.startsWith("https:");
    const options = { headers: probe.headers ?? {}, timeout: 2_000, agent: false as const };
    const request = secure
      ? httpsRequest(probe.url, ca === undefined ? options : { ...options, ca })
      : httpRequest(probe.url, options);
    request.on("response", (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 300);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
    request.end();
  });
}
