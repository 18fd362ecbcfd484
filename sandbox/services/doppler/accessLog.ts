import { closeSync, openSync, writeSync } from "node:fs";
import { TOKEN_PATTERN } from "./tokens.js";

/** One line of `requests.jsonl`. */
export interface AccessLogEntry {
  /** ISO 8601. */
  time: string;
  method: string;
  /** The path with its query. */
  path: string;
  status: number;
  /** `<kind>:<slug or name>`; `none` without credentials, `invalid` with unknown ones. */
  token: string;
}

/**
 * Appends to `requests.jsonl`. A line is written before its response is sent, so that whoever has the response finds
 * it.
 */
export class AccessLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  write(entry: AccessLogEntry): void {
    // No client puts a token into a URL, but a person who uses curl may.
    const path = entry.path.replace(TOKEN_PATTERN, "[token]");
    writeSync(this.#file, `${JSON.stringify({ ...entry, path })}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
