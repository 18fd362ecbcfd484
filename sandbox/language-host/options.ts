/** The runtime options of a project (`runtime.options` in Pulumi.yaml), checked. */
export interface NodeOptions {
  typescript: boolean;
  tsconfig?: string;
  /** Arguments for the node process itself. */
  nodeArgs: string[];
  production: boolean;
  packageManager: string;
}

const PACKAGE_MANAGERS = ["auto", "npm", "yarn", "pnpm", "bun"];

/** Checks runtime options. Throws with the option's name when one has the wrong type. Unknown ones are let pass. */
export function parseOptions(options: Record<string, unknown>): NodeOptions {
  const { typescript = true, tsconfig, nodeargs = "", production = false, packagemanager = "auto" } = options;
  if (typeof typescript !== "boolean") {
    throw new Error("typescript option must be a boolean");
  }
  if (tsconfig !== undefined && typeof tsconfig !== "string") {
    throw new Error("tsconfigpath option must be a string");
  }
  if (typeof nodeargs !== "string") {
    throw new Error("nodeargs option must be a string");
  }
  if (typeof production !== "boolean") {
    throw new Error("production option must be a boolean");
  }
  if (typeof packagemanager !== "string" || !PACKAGE_MANAGERS.includes(packagemanager)) {
    throw new Error("packagemanager option must be one of auto, npm, yarn, pnpm or bun");
  }
  return {
    typescript,
    ...(tsconfig ? { tsconfig } : {}),
    nodeArgs: splitWords(nodeargs),
    production,
    packageManager: packagemanager,
  };
}

/** Splits a line into words the way a shell does, without expansions. Throws when a quote is left open. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const word = /\s+|((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+)|(.)/gsy;
  for (const match of line.matchAll(word)) {
    if (match[2] !== undefined) {
      throw new Error("nodeargs option has a quote that is not closed");
    }
    if (match[1] !== undefined) {
      words.push(
        match[1].replace(
          /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
          (_all, single?: string, double?: string, char?: string) => {
            return single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? char ?? "";
          },
        ),
      );
    }
  }
  return words;
}
