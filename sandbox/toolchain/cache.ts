import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where built tools are kept between runs and shared by all sandboxes of a user. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"];
  // The XDG specification: a relative path is to be ignored.
  const root = base !== undefined && isAbsolute(base) ? base : join(env["HOME"] ?? homedir(), ".cache");
  return join(root, "secrets-pipeline-sandbox");
}

/**
 * The name of a build: its version, to be read by people, and a digest of all that goes into it.
 *
 * @param inputs every text that decides what comes out
 */
export function cacheKey(version: string, inputs: readonly string[]): string {
  const digest = createHash("sha256");
  for (const input of inputs) digest.update(`${Buffer.byteLength(input)}:`).update(input);
  return `${version}-${digest.digest("hex").slice(0, 16)}`;
}

/** The folder of a finished build, or undefined. A folder with this name is always complete. */
export function cached(root: string, tool: string, key: string): string | undefined {
  const dir = join(root, tool, key);
  return existsSync(dir) ? dir : undefined;
}

/**
 * Lets `fill` make a build in a folder beside its place and moves it there when done, so that an interrupted one is
 * never taken for finished. The caller holds the cache's lock.
 *
 * @param about kept as build.json in the folder, for whoever wonders where it came from
 * @returns the folder in its place
 */
export async function publish(
  root: string,
  tool: string,
  key: string,
  fill: (dir: string) => Promise<void>,
  about: () => Readonly<Record<string, unknown>>,
): Promise<string> {
  const parent = join(root, tool);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  // Under the lock, an unfinished folder is one whose builder is gone.
  for (const name of await readdir(parent)) {
    if (name.startsWith(unfinished)) await rm(join(parent, name), { recursive: true, force: true });
  }
  // A name of its own: a compiler that outlived its killed parent may still be writing to the last one.
  const draft = join(parent, `${unfinished}${randomUUID()}`);
  const place = join(parent, key);
  await mkdir(draft, { mode: 0o700 });
  try {
    await fill(draft);
    await writeFile(join(draft, "build.json"), JSON.stringify(about(), null, 2) + "\n");
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return place;
}

const unfinished = ".unfinished-";
