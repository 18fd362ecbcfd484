import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { isMap, parseDocument } from "yaml";
import type { Layout } from "./layout.js";
import type { KnownProject, Override } from "./project.js";

// The project and its stack files as the sandbox uses them. The checked-in files stay untouched: Pulumi writes the
// passphrase's salt into a stack file, and the overrides are the sandbox's own.

/** The project that a sandbox runs, and how its stack files differ there. */
export interface ProjectInSandbox {
  readonly project: KnownProject;
  readonly overrides: readonly Override[];
}

/** The file, in the sandbox's copy of the project, that says what the copy was made from. */
const APPLIED = ".sources.json";

interface Applied {
  /** By stack, the digest of the checked-in file that the sandbox's own was made from. */
  readonly sources: Record<string, string>;
}

/** The names of the project's stack files. */
export function stackNames(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => /^Pulumi\.([A-Za-z0-9_-]+)\.yaml$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/**
 * Brings the sandbox's copy up to date with the project. A stack file that has changed since is made anew; its salt is
 * kept. One that has not is left as it is, with what `pulumi config set` wrote into it.
 */
export function syncProject(layout: Layout, { project, overrides }: ProjectInSandbox): void {
  const { folder } = project;
  mkdirSync(layout.project, { recursive: true, mode: 0o700 });
  const document = parseDocument(readFileSync(join(folder, "Pulumi.yaml"), "utf8"));
  document.set("main", relative(layout.project, folder));
  writeIfChanged(join(layout.project, "Pulumi.yaml"), document.toString());

  const appliedFile = join(layout.project, APPLIED);
  const before: Applied = existsSync(appliedFile)
    ? (JSON.parse(readFileSync(appliedFile, "utf8")) as Applied)
    : { sources: {} };
  const sources: Record<string, string> = {};
  for (const stack of stackNames(folder)) {
    const name = `Pulumi.${stack}.yaml`;
    const source = readFileSync(join(folder, name), "utf8");
    const target = join(layout.project, name);
    const digest = createHash("sha256").update(source).update(JSON.stringify(overrides)).digest("hex");
    sources[stack] = digest;
    if (before.sources[stack] === digest && existsSync(target)) continue;
    writeIfChanged(target, override(source, existsSync(target) ? readFileSync(target, "utf8") : undefined, overrides));
  }
  writeIfChanged(appliedFile, JSON.stringify({ sources }, undefined, 2));
}

/**
 * Puts other stack files in the place of the project's, such as those of another commit, until the next
 * {@link syncProject}.
 *
 * @param sources the files' texts by stack
 */
export function layStackFiles(
  layout: Layout,
  { overrides }: Pick<ProjectInSandbox, "overrides">,
  sources: ReadonlyMap<string, string>,
): void {
  for (const [stack, source] of sources) {
    const target = join(layout.project, `Pulumi.${stack}.yaml`);
    const earlier = existsSync(target) ? readFileSync(target, "utf8") : undefined;
    writeIfChanged(target, override(source, earlier, overrides));
  }
  // Without this file, the next sync takes the project's own stack files again.
  rmSync(join(layout.project, APPLIED), { force: true });
}

/** A checked-in stack file with the overrides, and with the salt of the sandbox's earlier version of it. */
export function override(source: string, earlier: string | undefined, overrides: readonly Override[]): string {
  const document = parseDocument(source);
  if (!isMap(document.contents)) return source; // Not a stack file; Pulumi's message about it is better than ours.
  for (const { path, value } of overrides) {
    const below = ["config", ...path];
    if (value !== undefined) document.setIn(below, value);
    else if (document.hasIn(below)) document.deleteIn(below);
  }
  const salt: unknown = earlier === undefined ? undefined : parseDocument(earlier).get("encryptionsalt");
  if (typeof salt === "string") document.set("encryptionsalt", salt);
  return document.toString();
}

/** Whether Pulumi, run in `cwd`, would take this project: the nearest Pulumi.yaml upwards is the project's. */
export function isInProject({ folder }: KnownProject, cwd: string): boolean {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "Pulumi.yaml"))) return dir === folder;
    if (dir === dirname(dir) || !(dir + sep).startsWith(folder + sep)) return false;
  }
}

function writeIfChanged(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
