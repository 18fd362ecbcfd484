import { releasedPlugins } from "../core/engine.js";
import { layout } from "../core/layout.js";
import { main } from "../process/main.js";
import { ensureToolchain } from "../toolchain/build.js";

// Finds or builds the sandbox's programs, and starts nothing:
//   node buildTools.js FOLDER
// The folder is the Pulumi project's. Its package-lock.json is read; its packages need not be installed yet.

await main(async (signal) => {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: node buildTools.js FOLDER");
  const here = layout();
  const hasKubernetesPlugin = releasedPlugins(here, folder).some(({ name }) => name === "kubernetes");
  const progress = (line: string) => console.log(`• ${line}`);
  await ensureToolchain({ progress, skipOnPath: [here.bin], hasKubernetesPlugin, signal });
});
