import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, cp, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheKey } from "./cache.js";
import { buildSettings, type GoCommand, readGoMod, runGo } from "./go.js";
import type { Package } from "./progress.js";
import type { GoProgram, GoTool } from "./tools.js";

/** A thing to be had in the cache. */
export interface Artefact {
  /** Its folder in the cache. */
  readonly name: string;
  /** As in go.mod. */
  readonly version: string;
  readonly key: string;
}

/** Artefacts that are made together. */
export interface Batch<A extends Artefact = Artefact> {
  /** What progress lines say is being built. */
  readonly label: string;
  /** The name of its log file. */
  readonly name: string;
  readonly artefacts: readonly A[];
  /** The least Go it needs, from its go.mod. */
  readonly go: string;
  /** The same batch with some of its artefacts. */
  only(artefacts: readonly A[]): Batch<A>;
  /** Fetches the sources. Nothing is compiled. */
  prepare(run: BatchRun): Promise<PreparedBatch>;
}

/** A batch whose sources are there. */
export interface PreparedBatch {
  /** What is to be compiled for it. */
  readonly packages: readonly Package[];
  /** Makes all artefacts; afterwards, `fill` puts one of them into an empty folder. */
  make(run: BatchRun): Promise<void>;
  fill(artefact: Artefact, dir: string): Promise<void>;
}

/** What a batch is given to work with. */
export type BatchRun = Omit<GoCommand, "args" | "cwd"> & {
  /** A folder of its own. It is there again when an interrupted build goes on. */
  readonly work: string;
};

interface GoArtefact extends Artefact {
  readonly program: GoProgram;
}

/** The programs of a `go build`. */
export function goBatch(tool: GoTool, modules: string): Batch<GoArtefact> {
  const dir = join(modules, tool.moduleDir);
  const goMod = readPinned(dir);
  const embedded = tool.embedded ?? [];
  const artefacts = tool.programs.map((program): GoArtefact => {
    const { version } = readGoMod(goMod.text, program.module);
    const recipe = JSON.stringify([
      compilerFlags,
      tool.compilerFlags,
      linkerFlags(program, version),
      program,
      embedded,
    ]);
    const inputs = [...goMod.files, recipe];
    return { name: program.name, version, key: cacheKey(version, [...inputs, ...platform]), program };
  });
  const batchOf = (wanted: readonly GoArtefact[]): Batch<GoArtefact> => ({
    label: wanted.map(({ name }) => name).join(", "),
    name: tool.name,
    artefacts: wanted,
    go: readGoMod(goMod.text, tool.programs[0]?.module ?? "").go,
    only: batchOf,
    async prepare(run) {
      const source = join(run.work, "source");
      const out = join(run.work, "out");
      await rm(source, { recursive: true, force: true });
      await copyWritable(dir, source);
      for (const { module, from, names, to } of embedded) {
        const folder = await moduleFolder(module, source, run);
        for (const name of names) {
          await cp(join(folder, from, name), join(source, to, name));
          await chmod(join(source, to, name), 0o644);
        }
      }
      const packages = wanted.map(({ program }) => program.package);
      const flags = [
        ...compilerFlags,
        ...(tool.compilerFlags ?? []),
        ...wanted.map(({ program, version }) => `-ldflags=${program.package}=${linkerFlags(program, version)}`),
      ];
      return {
        packages: await listPackages(packages, flags, source, run),
        async make(making) {
          await rm(out, { recursive: true, force: true });
          await mkdir(out);
          await runGo({ ...making, args: ["build", "-v", ...flags, "-o", `${out}/`, ...packages], cwd: source });
        },
        async fill(artefact, to) {
          const program = wanted.find(({ name }) => name === artefact.name)?.program;
          if (program === undefined) throw new Error(`${artefact.name} is not in this build`);
          await rename(join(out, program.executable ?? program.name), join(to, program.name));
        },
      };
    },
  });
  return batchOf(artefacts);
}

/** Nobody debugs these programs: the notes for a debugger cost time and disk. */
export const compilerFlags = ["-gcflags=all=-dwarf=false"] as const;

function linkerFlags(program: GoProgram, version: string): string {
  return ["-s", "-w", ...(program.ldflags?.(bare(version)) ?? [])].join(" ");
}

/** A version without its leading v. */
export const bare = (version: string) => version.replace(/^v/, "");

/** What `go list` says of a package. */
interface Listed {
  readonly ImportPath: string;
  readonly Dir: string;
  readonly GoFiles?: readonly string[];
  readonly Module?: { readonly Version?: string };
  readonly Stale?: boolean;
}

/**
 * Fetches the sources of all packages that these are made of.
 *
 * @param flags those of the build that decide whether an earlier build's packages can be used
 * @returns the packages that are to be compiled
 */
export async function listPackages(
  packages: readonly string[],
  flags: readonly string[],
  cwd: string,
  run: BatchRun,
): Promise<Package[]> {
  const fields = "-json=ImportPath,Dir,GoFiles,Module,Stale";
  const answer = await runGo({ ...run, args: ["list", "-deps", fields, ...flags, ...packages], cwd });
  // It writes one object after the other.
  const listed = JSON.parse(`[${answer.trim().replaceAll(/^}\n{$/gm, "},{")}]`) as Listed[];
  const stale = listed.filter(({ Stale }) => Stale === true);
  return Promise.all(
    stale.map(async ({ ImportPath, Module, Dir, GoFiles = [] }) => {
      const sizes = await Promise.all(GoFiles.map(async (name) => (await stat(join(Dir, name))).size));
      return { path: ImportPath, version: Module?.Version ?? "", bytes: sizes.reduce((sum, size) => sum + size, 0) };
    }),
  );
}

interface Downloaded {
  readonly Dir?: string;
  readonly Error?: string;
}

/**
 * Fetches a module, checked against go.sum.
 *
 * @param moduleDir the folder whose go.mod pins it
 * @returns its folder in Go's module cache; read-only
 */
export async function moduleFolder(module: string, moduleDir: string, run: BatchRun): Promise<string> {
  const answer = await runGo({ ...run, args: ["mod", "download", "-json", module], cwd: moduleDir });
  const downloaded = JSON.parse(answer) as Downloaded;
  if (downloaded.Dir === undefined) throw new Error(`${module}: ${downloaded.Error ?? "not downloaded"}`);
  return downloaded.Dir;
}

/**
 * Go's own version is not among them: it changes often and nothing that matters here, and finding it out would need
 * Go on machines that have all tools in the cache. It is in build.json.
 */
export const platform: readonly string[] = [JSON.stringify(buildSettings), process.platform, process.arch];

/** The text of a folder's go.mod, and the texts of all files that pin or are what is built there. */
export function readPinned(dir: string): { readonly text: string; readonly files: readonly string[] } {
  const goMod = join(dir, "go.mod");
  if (!existsSync(goMod)) throw new Error(`${goMod} is missing; the sandbox's checkout is not complete`);
  // A program of ours may lie beside them.
  const sources = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".go"));
  const files = ["go.mod", "go.sum", ...sources.sort()].map((name) => readFileSync(join(dir, name), "utf8"));
  return { text: files[0] ?? "", files };
}

/** Copies a folder, and lets its owner write what is read-only there. */
export async function copyWritable(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}
