import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
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
  /** `stand-in` only where the machine has no other. */
  readonly from: "PATH" | "plugin folder" | "stand-in";
  readonly path: string;
}

/** The programs and plugins put together for a sandbox. */
export interface Engine {
  readonly pulumi: string;
  readonly languageHost: { readonly from: "PATH" | "sandbox"; readonly path: string };
  readonly plugins: readonly PluginOrigin[];
}

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

  const pluginFolder = join(caller["PULUMI_HOME"] ?? join(homedir(), ".pulumi"), "plugins");
  const ownFolder = join(layout.pulumiHome, "plugins");
  rmSync(ownFolder, { recursive: true, force: true });
  mkdirSync(ownFolder, { recursive: true, mode: 0o700 });

  const plugins = (Object.keys(PACKAGES) as PluginName[]).map((name): PluginOrigin => {
    const program = `pulumi-resource-${name}`;
    const found = onPath(program);
    if (found !== undefined) return { name, from: "PATH", path: found };
    const versioned = `resource-${name}-v${sdkVersion(folder, name)}`;
    const released = join(pluginFolder, versioned);
    if (existsSync(join(released, program))) {
      symlinkSync(released, join(ownFolder, versioned));
      return { name, from: "plugin folder", path: join(released, program) };
    }
    const main = join(layout.dist, name === "kubernetes" ? "plugins" : "providers", name, "main.js");
    return {
      name,
      from: "stand-in",
      path: script(join(ownFolder, versioned), program, `exec ${node()} ${quote(main)} "$@"`),
    };
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

/** The version of a provider's SDK that the program uses; its plugin has the same. */
function sdkVersion(folder: string, name: PluginName): string {
  const file = join(folder, "node_modules", PACKAGES[name], "package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version.replace(/^v/, "");
}

function script(folder: string, name: string, body: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o700 });
  chmodSync(file, 0o700);
  return file;
}

/** The Node this runs on: the version that is checked, whatever PATH says later. */
function node(): string {
  return quote(process.execPath);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
