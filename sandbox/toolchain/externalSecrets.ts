import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Artefact,
  bare,
  type Batch,
  compilerFlags,
  copyWritable,
  listPackages,
  moduleFolder,
  platform,
  readPinned,
} from "./batch.js";
import { cacheKey } from "./cache.js";
import { chartMetadata, crdTemplates } from "./chart.js";
import { readGoMod, runGo } from "./go.js";
import { type EarlierOperator, externalSecrets, type laterChart } from "./tools.js";

/**
 * The providers and generators left in the operator: what the pipeline uses, and those that cost nothing. With all of
 * them in, the build pulls the SDK of every cloud.
 */
const kept: Readonly<Record<string, readonly string[]>> = {
  "pkg/provider": ["doppler", "fake", "kubernetes"],
  "pkg/generator": ["fake", "password", "uuid"],
};

const flags = [...compilerFlags, "-ldflags=-s -w"];

/** Besides the operator's program, its chart has a folder in the cache. */
export const chartName = "external-secrets-chart";

/** The operator's program and its chart. */
export function operatorBatch(modules: string, other?: EarlierOperator | typeof laterChart): Batch {
  const dir = join(modules, [externalSecrets.moduleDir, ...(other === undefined ? [] : [other])].join("-"));
  const pinned = readPinned(dir);
  const { version, go } = readGoMod(pinned.text, externalSecrets.module);
  const recipe = JSON.stringify({ kept, flags });
  // The chart is made by code, not by a compiler with a version: a change in that code makes another chart.
  const chartCode = readFileSync(new URL("./chart.js", import.meta.url), "utf8");
  const artefacts: Artefact[] = [
    {
      name: externalSecrets.name,
      version,
      key: cacheKey(version, [...pinned.files, recipe, ...platform]),
    },
    { name: chartName, version, key: cacheKey(version, [...pinned.files, chartCode, writeChart.toString()]) },
  ];
  const batchOf = (wanted: readonly Artefact[]): Batch => {
    const compiles = wanted.some(({ name }) => name === externalSecrets.name);
    return {
      label: `the External Secrets Operator${other === undefined ? "" : ` ${other}`}${compiles ? "" : "'s chart"}`,
      name: [externalSecrets.name, ...(other === undefined ? [] : [other])].join("-"),
      artefacts: wanted,
      go,
      only: batchOf,
      async prepare(run) {
        const module = await moduleFolder(externalSecrets.module, dir, run);
        const source = join(run.work, "source");
        const program = join(run.work, externalSecrets.name);
        if (compiles) await copyTrimmed(module, source);
        return {
          packages: compiles ? await listPackages(["."], flags, source, run) : [],
          async make(making) {
            if (!compiles) return;
            await runGo({ ...making, args: ["build", "-v", ...flags, "-o", program, "."], cwd: source });
          },
          async fill(artefact, to) {
            if (artefact.name === chartName) await writeChart(module, to, bare(version));
            else await rename(program, join(to, externalSecrets.name));
          },
        };
      },
    };
  };
  return batchOf(artefacts);
}

/**
 * Copies the operator's module and registers only the providers kept in it. A copy, since files inside Go's module
 * cache can't be replaced for a build.
 */
async function copyTrimmed(module: string, source: string): Promise<void> {
  await rm(source, { recursive: true, force: true });
  await copyWritable(module, source);
  for (const [parent, names] of Object.entries(kept)) {
    const imports = names.map((name) => `\t_ "${externalSecrets.module}/${parent}/${name}"\n`).join("");
    await writeFile(join(source, parent, "register", "register.go"), `package register\n\nimport (\n${imports})\n`);
  }
}

/** Makes the chart as it is released out of what the module has of it. */
async function writeChart(module: string, dir: string, version: string): Promise<void> {
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
