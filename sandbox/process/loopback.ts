import { isIPv4 } from "node:net";

/**
 * Refuses a URL that does not lead back to this machine, so that nothing in a sandbox can reach a real account.
 * Only addresses and `localhost` count: any other name is looked up in a DNS that is not ours.
 *
 * @param what names the URL in the error, e.g. "the Doppler stand-in's URL"
 * @throws when it is not an http(s) URL, not loopback, carries credentials, or has no explicit port where one is
 *   required
 */
export function assertLoopback(url: string, what: string, options: { explicitPort?: boolean } = {}): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Error(`${what} is not a URL; expected something like http://127.0.0.1:8080`);
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new Error(`${what} must begin with http:// or https://`);
  }
  if (parsed.username !== "" || parsed.password !== "") throw new Error(`${what} must not carry credentials`);
  if (!isLoopbackHost(parsed.hostname)) {
    throw new Error(
      `${what} leads to ${parsed.host}, which is not this machine; the sandbox talks to loopback addresses only`,
    );
  }
  // The class URL drops a port that is its scheme's default, so the text is searched.
  if (options.explicitPort === true && !/^https?:\/\/(\[[^\]]*\]|[^/:?#]*):\d+/i.test(url.trim())) {
    throw new Error(`${what} needs an explicit port, e.g. http://127.0.0.1:8080`);
  }
  return parsed;
}

/** Whether a URL's host name is this machine: 127.0.0.0/8, ::1 or localhost. */
export function isLoopbackHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
