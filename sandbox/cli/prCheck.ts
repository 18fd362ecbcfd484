import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, succeed } from "./command.js";
import type { Layout } from "./layout.js";
import { layStackFiles, settingsIn, syncProject } from "./project.js";
import { forStack, type Sandbox, sandboxEnvironment } from "./sandbox.js";
import { dopplerNames, typeMissing } from "./values.js";

// The check of a pull request, in the sandbox: the stacks as they are before the change, then what the change would do.

/** What {@link prCheck} is asked to compare. */
export interface PrCheckOptions {
  /** The stack files before the change, by stack. */
  readonly base: ReadonlyMap<string, string>;
  /** The stacks to look at. */
  readonly stacks: readonly string[];
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How a check ended. */
export interface PrCheckResult {
  /** The comment, as it would be on the pull request. */
  readonly comment: string;
  /** Stacks whose preview failed or broke a policy. */
  readonly failed: string[];
}

/** Who makes what others use comes first. */
function ownersFirst([a, sourceA]: [string, string], [b, sourceB]: [string, string]): number {
  const foreign = (stack: string, source: string) => {
    const { doppler, operator } = settingsIn(source) as {
      doppler?: { project?: { ownedBy?: string } };
      operator?: { ownedBy?: string };
    };
    return [doppler?.project?.ownedBy, operator?.ownedBy].filter((by) => by !== undefined && by !== stack).length;
  };
  return foreign(a, sourceA) - foreign(b, sourceB) || (a < b ? -1 : 1);
}

/** Runs the check with the commands that the workflows run, in a sandbox that is up for these stacks. */
export async function prCheck(layout: Layout, sandbox: Sandbox, options: PrCheckOptions): Promise<PrCheckResult> {
  const { base, stacks, log, signal } = options;
  const toolFor = (stack: string) => ({
    env: sandboxEnvironment(layout, forStack(sandbox, stack)),
    cwd: layout.program,
    signal,
  });

  layStackFiles(layout, sandbox.overrides, base);
  // The engine itself, since the command on PATH would lay the present files.
  const pulumi = (stack: string, ...args: string[]) =>
    succeed(sandbox.engine.pulumi, ["-C", layout.project, ...args, "--non-interactive", "--color", "never"], {
      ...toolFor(stack),
      // Types are checked where the change itself is looked at.
      env: { ...toolFor(stack).env, PULUMI_NODEJS_TRANSPILE_ONLY: "true" },
    });
  for (const [stack, source] of [...base].sort(ownersFirst)) {
    log(`stack ${stack} as it is before the change …`);
    const up = ["up", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"];
    await pulumi(stack, "stack", "select", "--create", stack);
    await pulumi(stack, ...up);
    // The second run hands the DockerHub credentials on.
    const typed = await typeMissing(dopplerNames(settingsIn(source)), toolFor(stack), () => undefined);
    if (typed.length > 0) await pulumi(stack, ...up);
  }

  syncProject(layout, sandbox.overrides);
  const reports = join(layout.dir, "pr-check");
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const failed: string[] = [];
  for (const stack of stacks) {
    log(`preview of stack ${stack} with the change …`);
    const tool = toolFor(stack);
    await succeed("pulumi", ["stack", "select", "--create", stack, "--non-interactive"], tool);
    const { code, stderr } = await command(join(layout.program, "prcheck", "preview.sh"), [stack, reports], tool);
    if (code !== 0) {
      failed.push(stack);
      log(`the preview of stack ${stack} failed:\n${stderr.trim()}`);
    }
  }
  const [first = ""] = stacks;
  const script = join(layout.program, "prcheck", "comment.sh");
  const comment = await succeed(script, [reports, ...stacks], toolFor(first));
  writeFileSync(join(reports, "comment.md"), comment);
  return { comment, failed };
}
