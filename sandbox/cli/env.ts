import { shellExports } from "../core/exports.js";
import { layout } from "../core/layout.js";
import { main } from "../process/main.js";
import { forStack, isUp, readSandbox, sandboxExports } from "../core/sandbox.js";

await main(() => {
  const here = layout();
  const sandbox = readSandbox(here);
  if (sandbox === undefined || !isUp(here, sandbox))
    throw new Error('the sandbox is not up; start it with "make sandbox"');
  const stack = process.argv[2] ?? sandbox.stack;
  process.stdout.write(shellExports(here, sandboxExports(here, forStack(sandbox, stack))));
  return Promise.resolve();
});
