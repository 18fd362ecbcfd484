import { command, layout, main, stackNames, startSandbox, stopSandbox, succeed } from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "../support/project.js";
import { checkPullRequest } from "../support/pullRequest.js";

// `make pr-check` shows, as a comment on a pull request would, what the working tree does to the stacks of the commit
// BASE.

await main(async (signal) => {
  // The check has a sandbox of its own, so that the stacks of a person's sandbox stay as the person wants them.
  const here = layout(`${layout().dir}-pr-check`);
  const log = (line: string) => console.error(`• ${line}`);
  const git = { cwd: PULUMI_PROJECT.folder, env: process.env, signal };

  const asked = process.env["BASE"];
  // A fresh clone of another branch has main at its origin only.
  const candidates = asked ? [asked] : ["main", "origin/main"];
  let base = "";
  for (const candidate of candidates) {
    const found = await command("git", ["merge-base", "HEAD", candidate], git);
    if (base === "" && found.code === 0) base = found.stdout.trim();
  }
  if (base === "") throw new Error(`there is no commit ${candidates.join(" or ")} to compare with; set BASE to one`);
  const files = (await succeed("git", ["ls-tree", "--name-only", base], git)).split("\n");
  const stacks = stackNames(PULUMI_PROJECT.folder);
  const sources = new Map<string, string>();
  for (const stack of stacks) {
    const file = `Pulumi.${stack}.yaml`;
    if (files.includes(file)) sources.set(stack, await succeed("git", ["show", `${base}:${file}`], git));
  }
  log(`the change is what the working tree has since ${base.slice(0, 12)}`);

  const sandbox = await startSandbox(here, { project: PULUMI_PROJECT, stacks, log, signal });
  try {
    const { comment, failed } = await checkPullRequest(here, sandbox, { base: sources, stacks, log, signal });
    process.stdout.write(comment);
    if (failed.length > 0) throw new Error(`the preview failed or broke a policy: ${failed.join(", ")}`);
  } finally {
    await stopSandbox(here);
  }
});
