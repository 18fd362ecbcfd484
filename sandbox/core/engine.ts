import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { cacheRoot } from "../toolchain/cache.js";
import { candidates } from "../toolchain/lookup.js";
import type { Toolchain } from "../toolchain/build.js";
import type { Layout } from "./layout.js";

// Which engine, language host and provider plugins the sandbox uses: the released ones where the machine has them.

/** The packages whose plugins the program needs. */
const PACKAGES = {
  doppler: "@pulumiverse/doppler",
  github: "@pulumi/github",
  kubernetes: "@pulumi/kubernetes",
} as const;
type PluginName = keyof typeof PACKAGES;

/** A plugin and where it comes from. */
export interface PluginOrigin {
  readonly name: PluginName;
  /** `built` or `stand-in` only where the machine has no other. */
  readonly from: "PATH" | "plugin folder" | "built" | "stand-in";
  readonly path: string;
  /** Without a leading v; undefined where it takes a start of the plugin to know. */
  readonly version?: string;
  /** The version that the program's SDK asks for. */
  readonly wanted: string;
}

/** The programs and plugins put together for a sandbox. */
export interface Engine {
  readonly pulumi: string;
  readonly languageHost: { readonly from: "PATH" | "sandbox"; readonly path: string };
  readonly plugins: readonly PluginOrigin[];
}

/**
 * The released plugins that the machine has: `pulumi-resource-<name>` on PATH, whatever its version, else the one in
 * Pulumi's plugin folder that the project's SDK asks for.
 *
 * @param folder the Pulumi project's, whose SDKs say which plugins are needed
 */
export function releasedPlugins(
  layout: Layout,
  folder: string,
  caller: NodeJS.ProcessEnv = process.env,
): PluginOrigin[] {
  const pluginFolder = join(caller["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  return (Object.keys(PACKAGES) as PluginName[]).flatMap((name): PluginOrigin[] => {
    const wanted = sdkVersion(folder, name);
    // One that was built for a sandbox is not the machine's own.
    const found = candidates(programOf(name), caller["PATH"], [layout.bin, cacheRoot(caller)])[0];
    if (found !== undefined) return [{ name, from: "PATH", path: found, wanted }];
    const path = join(pluginFolder, folderOf(name, wanted), programOf(name));
    return existsSync(path) ? [{ name, from: "plugin folder", path, version: wanted, wanted }] : [];
  });
}

const programOf = (name: PluginName) => `pulumi-resource-${name}`;

const folderOf = (name: PluginName, version: string) => `resource-${name}-v${version}`;

/**
 * Finds plugins and language host, and lays out the sandbox's `bin` folder and Pulumi home accordingly.
 *
 * @param folder the Pulumi project's, whose SDKs say which plugins are needed
 */
export function assembleEngine(
  layout: Layout,
  folder: string,
  toolchain: Toolchain,
  caller: NodeJS.ProcessEnv = process.env,
): Engine {
  rmSync(layout.bin, { recursive: true, force: true });
  mkdirSync(layout.bin, { recursive: true, mode: 0o700 });
  const path = caller["PATH"];
  const onPath = (program: string) => candidates(program, path, [layout.bin])[0];

  const ownFolder = join(layout.pulumiHome, "plugins");
  rmSync(ownFolder, { recursive: true, force: true });
  mkdirSync(ownFolder, { recursive: true, mode: 0o700 });
  const released = releasedPlugins(layout, folder, caller);
  const plugins = (Object.keys(PACKAGES) as PluginName[]).map((name): PluginOrigin => {
    const found = released.find((plugin) => plugin.name === name);
    if (found?.from === "PATH") return found;
    const wanted = sdkVersion(folder, name);
    const ownPlugin = join(ownFolder, folderOf(name, wanted));
    if (found !== undefined) {
      symlinkSync(dirname(found.path), ownPlugin);
      return found;
    }
    if (name === "kubernetes") {
      const { program, version } = builtPlugin(toolchain);
      // On PATH, where Pulumi takes a plugin of any version; its plugin folder is for the version in the folder's name.
      symlinkSync(program, join(layout.bin, programOf(name)));
      return { name, from: "built", path: program, version, wanted };
    }
    const main = join(layout.dist, "providers", name, "main.js");
    const path = script(ownPlugin, programOf(name), `exec ${node()} ${quote(main)} "$@"`);
    return { name, from: "stand-in", path, wanted };
  });

  const host = onPath("pulumi-language-nodejs");
  const languageHost =
    host === undefined
      ? {
          from: "sandbox" as const,
          path: script(
            layout.bin,
            "pulumi-language-nodejs",
            `exec ${node()} ${quote(join(layout.dist, "language-host", "main.js"))} "$@"`,
          ),
        }
      : { from: "PATH" as const, path: host };

  for (const program of ["kubectl", "helm"] as const) symlinkSync(toolchain[program], join(layout.bin, program));
  // Whatever DOPPLER_CONFIG_DIR says, the Doppler CLI also writes below HOME, where a person's real settings are.
  mkdirSync(join(layout.dopplerCli, ".doppler"), { recursive: true, mode: 0o700 });
  script(layout.bin, "doppler", `HOME=${quote(layout.dopplerCli)} exec ${quote(toolchain.doppler)} "$@"`);
  // In the project's folder, `pulumi` takes the sandbox's copy of the project; anywhere else it is Pulumi as it is.
  script(
    layout.bin,
    "pulumi",
    [
      `project=$(${node()} ${quote(join(layout.dist, "cli", "projectOf.js"))} "$PWD") || exit 1`,
      `if [ -n "$project" ]; then exec ${quote(toolchain.pulumi)} -C "$project" "$@"; fi`,
      `exec ${quote(toolchain.pulumi)} "$@"`,
    ].join("\n"),
  );
  return { pulumi: toolchain.pulumi, languageHost, plugins };
}

function builtPlugin({ kubernetesPlugin }: Toolchain) {
  if (kubernetesPlugin === undefined) throw new Error("no Kubernetes provider plugin was built");
  return kubernetesPlugin;
}

/**
 * The version of a provider's SDK that the project pins; its plugin has the same.
 *
 * @throws when the project's package-lock.json has no such package
 */
function sdkVersion(folder: string, name: PluginName): string {
  const file = join(folder, "package-lock.json");
  const { packages } = JSON.parse(readFileSync(file, "utf8")) as { packages?: Record<string, { version?: string }> };
  const version = packages?.[`node_modules/${PACKAGES[name]}`]?.version;
  if (version === undefined) throw new Error(`${file} has no ${PACKAGES[name]}`);
  return version.replace(/^v/, "");
}

function script(folder: string, name: string, body: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o700 });
  chmodSync(file, 0o700);
  return file;
}

/** The Node that runs this process. Scripts use it too, whatever PATH says later. */
function node(): string {
  return quote(process.execPath);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
