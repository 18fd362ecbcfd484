import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A provider plugin that a program needs, as its SDK package says. */
export interface RequiredPackage {
  name: string;
  /** With a leading `v`. */
  version: string;
  /** Where to download the plugin from; empty for the usual place. */
  server: string;
  parameterization?: Parameterization;
  extension?: Parameterization;
}

export interface Parameterization {
  name: string;
  version: string;
  /** Base64. */
  value: string;
}

interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: {
    resource?: boolean;
    name?: string;
    version?: string;
    server?: string;
    parameterization?: Parameterization;
    extensionParameterization?: Parameterization;
  };
}

/**
 * Finds the SDK packages in every node_modules folder at or below a program's folder. Policy packs are left out:
 * what they need is not the program's business. A package that cannot be read is passed over.
 */
export function requiredPackages(programDirectory: string): RequiredPackage[] {
  const found: RequiredPackage[] = [];
  const visited = new Set<string>();

  const visitFolder = (folder: string): void => {
    for (const child of subfolders(folder, visited)) {
      if (basename(child) === "node_modules") {
        visitModules(child);
      } else if (basename(child) !== ".git" && !isPolicyPack(child)) {
        visitFolder(child);
      }
    }
  };
  // Packages lie directly in node_modules or in a scope there; their own folders are full of code and not searched.
  const visitModules = (modules: string): void => {
    for (const child of subfolders(modules, visited)) {
      const packages = basename(child).startsWith("@") ? subfolders(child, visited) : [child];
      for (const folder of packages) {
        const manifest = readManifest(folder);
        const required = manifest && pluginOf(manifest);
        if (required) {
          found.push(required);
        }
        const nested = join(folder, "node_modules");
        if (existsSync(nested)) {
          visitModules(nested);
        }
      }
    }
  };
  visitFolder(programDirectory);
  return found;
}

/** The packages a program's own package.json names, with the versions installed. */
export function directDependencies(programDirectory: string): { name: string; version: string }[] {
  const manifest = readManifest(programDirectory);
  const names = Object.keys({ ...manifest?.dependencies, ...manifest?.devDependencies });
  return names.flatMap((name) => {
    for (let folder = programDirectory; ; folder = dirname(folder)) {
      const version = readManifest(join(folder, "node_modules", name))?.version;
      if (version !== undefined) {
        return [{ name, version }];
      }
      if (dirname(folder) === folder) {
        return [];
      }
    }
  });
}

function subfolders(folder: string, visited: Set<string>): string[] {
  const folders: string[] = [];
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    try {
      if (entry.isDirectory() || (entry.isSymbolicLink() && statSync(path).isDirectory())) {
        const real = realpathSync(path);
        if (!visited.has(real)) {
          visited.add(real);
          folders.push(path);
        }
      }
    } catch {
      // The link leads nowhere, or the folder was removed meanwhile.
    }
  }
  return folders;
}

function isPolicyPack(folder: string): boolean {
  return ["PulumiPolicy.yaml", "PulumiPolicy.yml", "PulumiPolicy.json"].some((name) => existsSync(join(folder, name)));
}

function readManifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

function pluginOf({ name = "", version, pulumi }: Manifest): RequiredPackage | undefined {
  const pluginVersion = pulumi?.version || version;
  // Packages outside the @pulumi scope have to name their plugin themselves.
  const pluginName = pulumi?.name || (name.startsWith("@pulumi/") ? name.slice("@pulumi/".length) : "");
  if (pulumi?.resource !== true || !pluginName || !pluginVersion) {
    return undefined;
  }
  return {
    name: pluginName,
    version: pluginVersion.startsWith("v") ? pluginVersion : `v${pluginVersion}`,
    server: pulumi.server ?? "",
    ...(pulumi.parameterization ? { parameterization: pulumi.parameterization } : {}),
    ...(pulumi.extensionParameterization ? { extension: pulumi.extensionParameterization } : {}),
  };
}
