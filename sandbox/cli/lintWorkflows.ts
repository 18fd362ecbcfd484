import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { main } from "../process/main.js";
import { ensureTool } from "../toolchain/build.js";
import { actionlint } from "../toolchain/tools.js";

// `make lint-workflows`: actionlint, built if need be, on the workflows of the repository in the current folder.

await main(async (signal) => {
  const folder = await ensureTool(actionlint, { progress: (line) => console.error(`• ${line}`), signal });
  // Whether shellcheck is on a machine must not decide what passes.
  const args = ["-shellcheck=", "-pyflakes=", "-no-color"];
  const { status, error } = spawnSync(join(folder, "actionlint"), args, { stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error("actionlint found fault with the workflows");
  console.log("actionlint: the workflows are in order");
});
