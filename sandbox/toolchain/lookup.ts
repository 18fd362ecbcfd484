import { execFile } from "node:child_process";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, sep } from "node:path";
import type { PathAlternative } from "./tools.js";

export interface FoundOnPath {
  readonly path: string;
  readonly version: string;
}

/** Every executable of that name on PATH, in order, except below the given folders. */
export function candidates(program: string, path: string | undefined, skip: readonly string[]): string[] {
  const skipped = skip.map(real);
  return (path ?? "")
    .split(delimiter)
    .filter((dir) => isAbsolute(dir))
    .filter((dir) => !skipped.some((folder) => real(dir) === folder || real(dir).startsWith(folder + sep)))
    .map((dir) => join(dir, program))
    .filter((file, index, all) => isExecutable(file) && all.indexOf(file) === index)
    .filter((file) => !skipped.some((folder) => real(file).startsWith(folder + sep)));
}

/**
 * The first program on PATH that starts and is of a version that fits. One that doesn't (a version manager's shim with
 * no version chosen, a Helm 4) is passed over, and `rejected` told why.
 */
export async function findOnPath(
  alternative: PathAlternative,
  env: NodeJS.ProcessEnv,
  skip: readonly string[],
  rejected: (path: string, reason: string) => void,
): Promise<FoundOnPath | undefined> {
  for (const path of candidates(alternative.program, env["PATH"], skip)) {
    const answer = await ask(path, alternative.args, env);
    if (typeof answer !== "string") {
      rejected(path, `it does not run (${answer.reason})`);
      continue;
    }
    const match = answer.match(alternative.accept);
    if (match !== null) return { path, version: match[1] ?? match[0] };
    rejected(path, `${alternative.wanted} is needed`);
  }
  return undefined;
}

function ask(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | { readonly reason: string }> {
  return new Promise((resolve) => {
    execFile(
      path,
      args,
      {
        // Only what a version manager's shim needs to find the real program; no tokens, and no look for updates.
        env: {
          PATH: env["PATH"],
          HOME: env["HOME"],
          PULUMI_SKIP_UPDATE_CHECK: "true",
          DOPPLER_ENABLE_VERSION_CHECK: "false",
        },
        timeout: 20_000,
        encoding: "utf8",
      },
      (error, stdout) => {
        if (error === null) resolve(stdout.trim());
        else resolve({ reason: error.killed === true ? "no answer in 20 s" : `exit code ${String(error.code)}` });
      },
    );
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
