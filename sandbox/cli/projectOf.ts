// Prints the folder of the sandbox's copy of the Pulumi project, brought up to date, if the given folder is in the
// project; else nothing.
import { layout } from "../core/layout.js";
import { isInProject, syncProject } from "../core/pulumiProject.js";
import { readSandbox } from "../core/sandbox.js";
import { main } from "../process/main.js";

await main(() => {
  const here = layout();
  const sandbox = readSandbox(here);
  if (sandbox !== undefined && isInProject(sandbox.project, process.argv[2] ?? process.cwd())) {
    syncProject(here, sandbox);
    console.log(here.project);
  }
  return Promise.resolve();
});
