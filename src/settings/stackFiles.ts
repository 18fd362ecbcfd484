import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** The settings of a project's stacks by stack name, unchecked, without the project's prefix. */
export type StackFiles = ReadonlyMap<string, Record<string, unknown>>;

/**
 * The settings of every stack whose file lies beside Pulumi.yaml.
 *
 * @param folder Pulumi.yaml's; without it, no stack is known
 */
export function readStackFiles(folder: string | undefined, project: string): StackFiles {
  const stacks = new Map<string, Record<string, unknown>>();
  if (!folder || !existsSync(folder)) return stacks;
  for (const file of readdirSync(folder).sort()) {
    const stack = /^Pulumi\.([A-Za-z0-9._-]+)\.ya?ml$/.exec(file)?.[1];
    if (stack === undefined) continue;
    const { config } = (parse(readFileSync(join(folder, file), "utf8")) ?? {}) as { config?: Record<string, unknown> };
    const own = Object.entries(config ?? {}).filter(([key]) => key.startsWith(`${project}:`));
    stacks.set(stack, Object.fromEntries(own.map(([key, value]) => [key.slice(project.length + 1), value])));
  }
  return stacks;
}
