import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chartMetadata, crdTemplates } from "./chart.js";
import { runGo, type GoCommand } from "./go.js";
import { externalSecrets } from "./tools.js";

/**
 * The providers and generators left in the operator: what the pipeline uses, and those that cost nothing. With all of
 * them in, the build pulls the SDK of every cloud.
 */
const kept: Readonly<Record<string, readonly string[]>> = {
  "pkg/provider": ["doppler", "fake", "kubernetes"],
  "pkg/generator": ["fake", "password", "uuid"],
};

/** All that decides what {@link buildOperator} makes, besides go.mod and go.sum. */
export const operatorRecipe = JSON.stringify({ kept, ldflags: "-s -w" });

type Run = Omit<GoCommand, "args" | "cwd">;

interface Downloaded {
  readonly Dir?: string;
  readonly Error?: string;
}

/**
 * Fetches the operator's module, checked against go.sum.
 *
 * @param moduleDir the folder whose go.mod pins it
 * @returns its folder in Go's module cache; read-only
 */
export async function fetchModule(moduleDir: string, run: Run): Promise<string> {
  const answer = await runGo({ ...run, args: ["mod", "download", "-json", externalSecrets.module], cwd: moduleDir });
  const downloaded = JSON.parse(answer) as Downloaded;
  if (downloaded.Dir === undefined)
    throw new Error(`${externalSecrets.module}: ${downloaded.Error ?? "not downloaded"}`);
  return downloaded.Dir;
}

/**
 * Builds the operator from a copy of its module that registers only the providers kept. A copy, since files inside
 * Go's module cache can't be replaced for a build.
 */
export async function buildOperator(module: string, dir: string, run: Run): Promise<void> {
  const source = join(dir, "source");
  await copyWritable(module, source);
  for (const [parent, names] of Object.entries(kept)) {
    const imports = names.map((name) => `\t_ "${externalSecrets.module}/${parent}/${name}"\n`).join("");
    await writeFile(join(source, parent, "register", "register.go"), `package register\n\nimport (\n${imports})\n`);
  }
  await runGo({
    ...run,
    args: ["build", "-ldflags", "-s -w", "-o", join(dir, "external-secrets"), "."],
    cwd: source,
  });
  await rm(source, { recursive: true, force: true });
}

/** Makes the chart as it is released out of what the module has of it. */
export async function writeChart(module: string, dir: string, version: string): Promise<void> {
  const chart = join(dir, "external-secrets");
  await copyWritable(join(module, "deploy", "charts", "external-secrets"), chart);
  // Development files, which the packaged chart has not, and the lock of the dependency that is taken out.
  for (const name of ["tests", "ci", "README.md.gotmpl", "Chart.lock"]) {
    await rm(join(chart, name), { recursive: true, force: true });
  }
  const metadata = join(chart, "Chart.yaml");
  await writeFile(metadata, chartMetadata(await readFile(metadata, "utf8"), version));
  const crds = join(chart, "templates", "crds");
  await rm(crds, { recursive: true, force: true });
  await mkdir(crds);
  const bundle = await readFile(join(module, "deploy", "crds", "bundle.yaml"), "utf8");
  for (const [file, text] of crdTemplates(bundle)) await writeFile(join(crds, file), text);
}

async function copyWritable(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}
