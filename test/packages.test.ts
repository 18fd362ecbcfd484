import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import ts from "typescript";

// `NODE_ENV=production npm ci`, as a server that runs Pulumi may install, leaves out development packages. What runs must
// not need one.

const ROOT = join(__dirname, "..");

const read = (...path: string[]) => JSON.parse(readFileSync(join(ROOT, ...path), "utf8")) as unknown;
interface Manifest {
  dependencies: Record<string, string>;
}
interface Lock {
  packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean; optional?: boolean }>;
}

/** The TypeScript files of a file or a folder, tests and declarations left out. */
function sources(path: string): string[] {
  if (path.endsWith(".ts")) return [path];
  return readdirSync(join(ROOT, path), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules") return [];
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) return sources(inside);
    return /(?<!\.d|\.test)\.ts$/.test(entry.name) ? [inside] : [];
  });
}

/** The packages that a file imports, types as well: Pulumi reads the components' schema from them. */
function packagesOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), "utf8"), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:") && !builtinModules.includes(name))
    .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"));
}

describe.each([
  ["the program", ".", "@pulumi/pulumi", ["index.ts", "src", "components", "lib", "prcheck"]],
  ["the policies", "policy", "@pulumi/policy", ["policy"]],
])("what %s runs with", (_what, folder, sdk, roots) => {
  const { dependencies } = read(folder, "package.json") as Manifest;
  const { packages } = read(folder, "package-lock.json") as Lock;
  const { compilerOptions, "ts-node": run } = ts.readConfigFile(join(ROOT, folder, "tsconfig.json"), (path) =>
    readFileSync(path, "utf8"),
  ).config as { compilerOptions: { types: string[] }; "ts-node": { swc?: boolean } };
  const needed = [
    ...new Set(roots.flatMap(sources).flatMap(packagesOf)),
    // Pulumi's language host compiles the program with these, if they are there; its own compiler is of 2020.
    ...["typescript", "ts-node", ...(run.swc ? ["@swc/core"] : [])],
    ...compilerOptions.types.map((name) => `@types/${name}`),
  ];

  it("is found", () => {
    expect(needed).toEqual(expect.arrayContaining([sdk, "@types/node", "typescript"]));
    expect(needed).not.toContain("@types/jest");
  });
  it.each(needed)("%s is a dependency, and locked as one", (name) => {
    expect(Object.keys(dependencies)).toContain(name);
    const { dev, devOptional, peer, optional } = packages[`node_modules/${name}`] ?? { dev: true };
    expect({ dev, devOptional, peer, optional }).toEqual({});
  });
});

it("the components' plugin installs what the program does, and no more", () => {
  const { scripts } = read("components", "package.json") as { scripts: { postinstall: string } };
  expect(scripts.postinstall).toContain("npm --prefix .. ci --ignore-scripts");
  expect(existsSync(join(ROOT, "components", "package-lock.json"))).toBe(false);
});
