import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { isMap, parseDocument } from "yaml";
import type { Layout } from "./layout.js";

// The program's project and stack files as the sandbox uses them. The checked-in files stay untouched: Pulumi writes
// the passphrase's salt into a stack's file, and offline the operator's chart has to come from a folder.

const NAMESPACE = "secrets-pipeline";

/** What differs in the sandbox from the checked-in stacks. */
export interface Overrides {
  /** The folder of the operator's chart. */
  readonly chart: string;
  /** More values for the chart, e.g. no pods of its own in a cluster that would start them. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** The context of a cluster that was there before. By default it is named as the stack says. */
  readonly context?: string;
}

/** In the sandbox's project: what its files were made from. */
const APPLIED = ".sources.json";

interface Applied {
  /** By stack, the digest of the checked-in file that the sandbox's own was made from. */
  readonly sources: Record<string, string>;
}

/** Names of the checked-in stacks. */
export function stackNames(program: string): string[] {
  return readdirSync(program)
    .map((name) => /^Pulumi\.([A-Za-z0-9_-]+)\.yaml$/.exec(name)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/** A checked-in stack's settings, without the project's prefix; unchecked, since the program checks them. */
export function stackSettings(program: string, stack: string): Record<string, unknown> {
  return settingsIn(readFileSync(join(program, `Pulumi.${stack}.yaml`), "utf8"));
}

/** The same of a stack file's text. */
export function settingsIn(source: string): Record<string, unknown> {
  const { config } = (parseDocument(source).toJS() ?? {}) as { config?: Record<string, unknown> };
  return Object.fromEntries(
    Object.entries(config ?? {})
      .filter(([key]) => key.startsWith(`${NAMESPACE}:`))
      .map(([key, value]) => [key.slice(NAMESPACE.length + 1), value]),
  );
}

/**
 * Brings the sandbox's project up to date with the program's: a stack file that has changed since is made anew (its
 * salt is kept), one that has not is left as it is, with what `pulumi config set` wrote into it.
 */
export function syncProject(layout: Layout, overrides: Overrides): void {
  mkdirSync(layout.project, { recursive: true, mode: 0o700 });
  const project = parseDocument(readFileSync(join(layout.program, "Pulumi.yaml"), "utf8"));
  project.set("main", relative(layout.project, layout.program));
  writeIfChanged(join(layout.project, "Pulumi.yaml"), project.toString());

  const appliedFile = join(layout.project, APPLIED);
  const before: Applied = existsSync(appliedFile)
    ? (JSON.parse(readFileSync(appliedFile, "utf8")) as Applied)
    : { sources: {} };
  const sources: Record<string, string> = {};
  for (const stack of stackNames(layout.program)) {
    const name = `Pulumi.${stack}.yaml`;
    const source = readFileSync(join(layout.program, name), "utf8");
    const target = join(layout.project, name);
    const digest = createHash("sha256").update(source).update(JSON.stringify(overrides)).digest("hex");
    sources[stack] = digest;
    if (before.sources[stack] === digest && existsSync(target)) continue;
    writeIfChanged(target, override(source, existsSync(target) ? readFileSync(target, "utf8") : undefined, overrides));
  }
  writeIfChanged(appliedFile, JSON.stringify({ sources }, undefined, 2));
}

/**
 * Puts other stack files in the place of the program's, such as those of another commit, until the next
 * {@link syncProject}.
 *
 * @param sources the files' texts by stack
 */
export function layStackFiles(layout: Layout, overrides: Overrides, sources: ReadonlyMap<string, string>): void {
  for (const [stack, source] of sources) {
    const target = join(layout.project, `Pulumi.${stack}.yaml`);
    const earlier = existsSync(target) ? readFileSync(target, "utf8") : undefined;
    writeIfChanged(target, override(source, earlier, overrides));
  }
  // Without this note the program's own files are laid anew.
  rmSync(join(layout.project, APPLIED), { force: true });
}

/** A checked-in stack file with the overrides, and with the salt of the sandbox's earlier version of it. */
export function override(source: string, earlier: string | undefined, overrides: Overrides): string {
  const document = parseDocument(source);
  if (!isMap(document.contents)) return source; // Not a stack file; Pulumi says so better.
  const operator = ["config", `${NAMESPACE}:operator`];
  document.setIn([...operator, "chart"], overrides.chart);
  // A folder has its own version, and no repository.
  document.deleteIn([...operator, "version"]);
  document.deleteIn([...operator, "repository"]);
  for (const [key, value] of Object.entries(overrides.values ?? {}))
    document.setIn([...operator, "values", key], value);
  if (overrides.context !== undefined) {
    document.setIn(["config", `${NAMESPACE}:kubernetes`, "context"], overrides.context);
  }
  const salt: unknown = earlier === undefined ? undefined : parseDocument(earlier).get("encryptionsalt");
  if (typeof salt === "string") document.set("encryptionsalt", salt);
  return document.toString();
}

/** Whether Pulumi, run in `cwd`, would take the program's own project: the nearest Pulumi.yaml upwards is the program's. */
export function isInProgram(layout: Layout, cwd: string): boolean {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "Pulumi.yaml"))) return dir === layout.program;
    if (dir === dirname(dir) || !(dir + sep).startsWith(layout.program + sep)) return false;
  }
}

function writeIfChanged(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
