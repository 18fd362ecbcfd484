import type { Toolchain } from "../toolchain/build.js";
import { compareVersions } from "../toolchain/go.js";
import type { Engine, PluginOrigin } from "./engine.js";
import { pluginVersion } from "./pluginVersion.js";

/** Says, in a few lines for a person, which programs and plugins a sandbox uses and where they come from. */
export async function describeEngine(toolchain: Toolchain, engine: Engine): Promise<string[]> {
  const origin = (name: keyof Toolchain["origins"]) => {
    const { from, version } = toolchain.origins[name];
    return `${name} ${version} (${from === "PATH" ? "from PATH" : "own toolchain"})`;
  };
  const plugins = await Promise.all(engine.plugins.map(describePlugin));
  return [
    `engine: ${origin("pulumi")}; Node language host: ${engine.languageHost.from === "PATH" ? "from PATH" : "the sandbox's"}`,
    `provider plugins: ${plugins.map(({ label }) => label).join(", ")}`,
    ...plugins.flatMap(({ warning }) => warning ?? []),
    `clients: ${(["kubectl", "helm", "doppler"] as const).map(origin).join(", ")}`,
  ];
}

const pluginSources = {
  PATH: "from PATH",
  "plugin folder": "from Pulumi's plugin folder",
  built: "own toolchain",
  "stand-in": "stand-in",
} as const;

/** Names a plugin, and warns, as Pulumi would at each run, if the project's SDK asks for a later version. */
async function describePlugin(plugin: PluginOrigin): Promise<{ label: string; warning?: string }> {
  const { name, from, path, wanted } = plugin;
  if (from === "stand-in") return { label: `${name} (${pluginSources[from]})` };
  const version = plugin.version ?? (await pluginVersion(path));
  const label = `${name} ${version ?? "of an unknown version"} (${pluginSources[from]})`;
  if (version !== undefined && compareVersions(version, wanted) >= 0) return { label };
  return {
    label,
    warning: `  the ${name} plugin is ${version ?? "of an unknown version"}, and the project's SDK asks for ${wanted}; Pulumi is not asked to say so at each run`,
  };
}
