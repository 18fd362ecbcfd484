import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  command,
  forStack,
  type Layout,
  layStackFiles,
  type Sandbox,
  sandboxEnvironment,
  succeed,
  syncProject,
} from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "./project.js";
import { namesWithoutValue, typeValues } from "./values.js";

// The check of a pull request in the sandbox: the stacks are brought up as they are before the change, then the
// workflow's own commands say what the change would do to them.

/** What {@link checkPullRequest} is asked to compare. */
export interface PullRequestOptions {
  /** The stack files before the change, by stack. */
  readonly base: ReadonlyMap<string, string>;
  /** The stacks to look at. */
  readonly stacks: readonly string[];
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How a check ended. */
export interface PullRequestResult {
  /** The comment, as it would be on the pull request. */
  readonly comment: string;
  /** Stacks whose preview failed or broke a policy. */
  readonly failed: string[];
}

/** Runs the check with the commands that the workflows run, in a sandbox that is up for these stacks. */
export async function checkPullRequest(
  layout: Layout,
  sandbox: Sandbox,
  options: PullRequestOptions,
): Promise<PullRequestResult> {
  const { base, stacks, log, signal } = options;
  const { folder } = PULUMI_PROJECT;
  const toolFor = (stack: string) => ({
    env: sandboxEnvironment(layout, forStack(sandbox, stack)),
    cwd: folder,
    signal,
  });

  layStackFiles(layout, sandbox, base);
  // The `pulumi` on PATH would put the present stack files in the place of those; the engine itself does not.
  const pulumi = (stack: string, ...args: string[]) =>
    succeed(sandbox.engine.pulumi, ["-C", layout.project, ...args, "--non-interactive", "--color", "never"], {
      ...toolFor(stack),
      // Types are checked where the change itself is looked at.
      env: { ...toolFor(stack).env, PULUMI_NODEJS_TRANSPILE_ONLY: "true" },
    });
  // A stack that makes what others use comes before them in the project's order.
  const inOrder = Object.keys(PULUMI_PROJECT.stacks).filter((stack) => base.has(stack));
  for (const stack of inOrder) {
    log(`stack ${stack} as it is before the change …`);
    const up = ["up", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"];
    await pulumi(stack, "stack", "select", "--create", stack);
    const names = namesWithoutValue(await pulumi(stack, ...up));
    await typeValues(names, toolFor(stack));
    // The second run writes the DockerHub credentials to GitHub.
    if (names.length > 0) await pulumi(stack, ...up);
  }

  syncProject(layout, sandbox);
  const reports = join(layout.dir, "pr-check");
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const failed: string[] = [];
  for (const stack of stacks) {
    log(`preview of stack ${stack} with the change …`);
    const tool = toolFor(stack);
    await succeed("pulumi", ["stack", "select", "--create", stack, "--non-interactive"], tool);
    const { code, stderr } = await command(join(folder, "prcheck", "preview.sh"), [stack, reports], tool);
    if (code !== 0) {
      failed.push(stack);
      log(`the preview of stack ${stack} failed:\n${stderr.trim()}`);
    }
  }
  const [first = ""] = stacks;
  const script = join(folder, "prcheck", "comment.sh");
  const comment = await succeed(script, [reports, ...stacks], toolFor(first));
  writeFileSync(join(reports, "comment.md"), comment);
  return { comment, failed };
}
