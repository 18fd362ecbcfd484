import { spawn } from "node:child_process";
import { PULUMI_PROJECT } from "./project.js";
import type { User } from "./user.js";

/** An object as the API server tells of it while it is watched. */
interface Seen {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: {
    readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string };
    readonly data?: Readonly<Record<string, string>>;
  };
}

/** Secrets under watch, from its start to `end`. */
export interface SecretWatch {
  /** How many times any of them was written. */
  readonly writes: number;
  /**
   * Ends the watch.
   *
   * @returns all moments at which one of the Secrets was not there or lacked a key, in words
   */
  end(): Promise<string[]>;
}

/**
 * Watches Secrets that exist, and records when one is deleted, made anew or loses a key, even for a moment that no poll
 * would see. Returns when the watch has begun.
 *
 * @param keys what each must always have, by `<namespace>/<name>`
 */
export async function watchSecrets(
  user: User,
  keys: Readonly<Record<string, readonly string[]>>,
): Promise<SecretWatch> {
  const kubectl = spawn(
    "kubectl",
    ["get", "secrets", "--all-namespaces", "--watch", "--output-watch-events", "--output=json"],
    { env: user.env, cwd: PULUMI_PROJECT.folder, stdio: ["ignore", "pipe", "pipe"] },
  );
  const gaps: string[] = [];
  const uids = new Map<string, string>();
  let writes = 0;
  let begun: () => void;
  const begin = new Promise<void>((resolve) => (begun = resolve));

  const take = ({ type, object: { metadata, data = {} } }: Seen) => {
    const name = `${metadata.namespace}/${metadata.name}`;
    const wanted = keys[name];
    if (wanted === undefined) return;
    if (type === "DELETED") gaps.push(`${name} was deleted`);
    if (type === "MODIFIED") writes++;
    const before = uids.get(name);
    if (before !== undefined && before !== metadata.uid) gaps.push(`${name} was made anew`);
    uids.set(name, metadata.uid);
    for (const key of wanted) if (!data[key]) gaps.push(`${name} was without ${key}`);
    if (uids.size === Object.keys(keys).length) begun();
  };
  let buffer = "";
  let errors = "";
  kubectl.stdout.setEncoding("utf8").on("data", (text: string) => {
    // Each line is one object; the last line may be incomplete.
    const lines = (buffer + text).split("\n");
    buffer = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line) as Seen);
  });
  kubectl.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const closed = new Promise<void>((resolve) => kubectl.once("close", () => resolve()));
  const early = closed.then(() => {
    throw new Error(`the watch of the Secrets ended by itself: ${errors}`);
  });
  early.catch(() => undefined);
  await Promise.race([begin, early]);
  return {
    get writes() {
      return writes;
    },
    async end() {
      if (kubectl.exitCode !== null) await early;
      kubectl.kill();
      await closed;
      return gaps;
    },
  };
}
