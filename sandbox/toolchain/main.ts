/** `node dist/toolchain/main.js`: finds or builds all tools and prints where they are, as JSON. */
import { ensureToolchain } from "./build.js";

const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort(new Error(`${signal}`)));

try {
  const toolchain = await ensureToolchain({
    progress: (line) => process.stderr.write(`${line}\n`),
    signal: abort.signal,
  });
  process.stdout.write(`${JSON.stringify(toolchain, null, 2)}\n`);
} catch (error) {
  if (abort.signal.aborted) {
    process.stderr.write("interrupted; what was finished is kept\n");
    process.exitCode = 130;
  } else {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
