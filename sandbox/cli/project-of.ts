// Prints the sandbox's Pulumi project, brought up to date, if the given folder is in the program; else nothing.
import { layout } from "./layout.js";
import { main } from "./main.js";
import { isInProgram, syncProject } from "./project.js";
import { readSandbox } from "./sandbox.js";

await main(() => {
  const here = layout();
  const sandbox = readSandbox(here);
  if (sandbox !== undefined && isInProgram(here, process.argv[2] ?? process.cwd())) {
    syncProject(here, sandbox.overrides);
    console.log(here.project);
  }
  return Promise.resolve();
});
