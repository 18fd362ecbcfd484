import { shellExports } from "./environment.js";
import { layout } from "./layout.js";
import { main } from "./main.js";
import { forStack, isUp, readSandbox, sandboxExports } from "./sandbox.js";

await main(() => {
  const here = layout();
  const sandbox = readSandbox(here);
  if (sandbox === undefined || !isUp(here, sandbox))
    throw new Error('the sandbox is not up; start it with "make sandbox"');
  const stack = process.argv[2] ?? sandbox.stack;
  process.stdout.write(shellExports(here, sandboxExports(here, forStack(sandbox, stack))));
  return Promise.resolve();
});
