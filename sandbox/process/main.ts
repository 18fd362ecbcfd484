import process from "node:process";

/**
 * Runs a command of the sandbox: an error is shown without a stack trace, and Ctrl-C aborts `body` and lets it clean
 * up.
 */
export async function main(body: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (!abort.signal.aborted) console.error("\ninterrupted: stopping what was started …");
      abort.abort(new Error("interrupted"));
    });
  }
  try {
    await body(abort.signal);
  } catch (error) {
    console.error(`\nerror: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
