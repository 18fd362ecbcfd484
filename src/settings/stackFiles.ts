import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { isMap } from "./values";

/** The settings of a project's stacks by stack name, unchecked, without the project's prefix. */
export type StackFiles = ReadonlyMap<string, Record<string, unknown>>;

/** What the stack files of a project say. */
export interface ReadStackFiles {
  /** The settings of each stack. */
  stacks: StackFiles;
  /** Why a file could not be read, by the stack that it is called after; nothing of the file is in the words. */
  unreadable: ReadonlyMap<string, string>;
}

/**
 * The settings of every stack whose file lies where Pulumi looks for stack files. A file without any setting of the
 * project is not a stack's: `Pulumi.example.yaml` may be anything.
 *
 * @param root Pulumi.yaml's folder; without it, no stack is known
 * @param project the project's name
 */
export function readStackFiles(root: string | undefined, project: string): ReadStackFiles {
  const stacks = new Map<string, Record<string, unknown>>();
  const unreadable = new Map<string, string>();
  const folder = root && join(root, stackFolder(root));
  if (!folder || !existsSync(folder)) return { stacks, unreadable };
  for (const file of readdirSync(folder).sort()) {
    const stack = /^Pulumi\.([A-Za-z0-9._-]+)\.ya?ml$/.exec(file)?.[1];
    if (stack === undefined) continue;
    const { content, fault } = readYaml(join(folder, file));
    if (fault !== undefined) {
      unreadable.set(stack, fault);
      continue;
    }
    const config = isMap(content) && isMap(content["config"]) ? content["config"] : {};
    const own = Object.entries(config).filter(([key]) => key.startsWith(`${project}:`));
    if (own.length === 0) continue;
    stacks.set(stack, Object.fromEntries(own.map(([key, value]) => [key.slice(project.length + 1), value])));
  }
  return { stacks, unreadable };
}

/** The folder of the stack files below Pulumi.yaml's: its setting `stackConfigDir`, which was called `config` before. */
function stackFolder(root: string): string {
  const file = ["Pulumi.yaml", "Pulumi.yml"].map((name) => join(root, name)).find(existsSync);
  const { content } = file === undefined ? {} : readYaml(file);
  const { stackConfigDir, config } = isMap(content) ? content : {};
  return [stackConfigDir, config].find((folder) => typeof folder === "string") ?? "";
}

/** What a YAML file holds, or what is wrong with it. The parser's own words would show a line of the file. */
function readYaml(path: string): { content?: unknown; fault?: string } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return { fault: `it can't be opened (${(error as NodeJS.ErrnoException).code ?? "unknown reason"})` };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) return { fault: `it is no YAML (line ${lines.linePos(error.pos[0]).line})` };
  try {
    return { content: document.toJS() as unknown };
  } catch {
    return { fault: "it is no YAML that can be resolved" };
  }
}
