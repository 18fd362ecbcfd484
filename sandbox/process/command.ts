import { spawn } from "node:child_process";

/** How a tool ended and what it wrote. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link command}. */
export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Written to the tool's standard input. Values go this way, since every user of the machine can read argv. */
  readonly input?: string;
  /** Shows its output as it comes. */
  readonly show?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a tool to its end, whatever its exit code. */
export function command(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: options.env,
      cwd: options.cwd,
      signal: options.signal,
      killSignal: "SIGINT",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (options.show) process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (options.show) process.stderr.write(text);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin.on("error", () => undefined); // A tool may end without reading all of its input.
    child.stdin.end(options.input ?? "");
  });
}

/**
 * Runs a tool that must succeed, and gives its standard output.
 *
 * @throws with the end of what it wrote
 */
export async function succeed(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const result = await command(program, args, options);
  if (result.code !== 0) {
    const output = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-30).join("\n");
    throw new Error(
      `"${[program, ...args].join(" ")}" failed with exit code ${result.code}${options.show ? "" : `:\n${output}`}`,
    );
  }
  return result.stdout;
}
