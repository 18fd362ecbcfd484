import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { comment } from "./comment";
import { NotAPreview, parsePreview } from "./preview";
import { report, type StackReport } from "./report";

// The check's two halves:
//   pulumi preview --json … | main.ts read STACK > STACK.json     what the preview means, names only
//   main.ts write FOLDER STACK… [--waiting=STACK…]                the comment, from the reports in a folder

const USAGE =
  "usage: main.ts read STACK < preview > report, or main.ts write FOLDER STACK… [--waiting=STACK…] > comment";

const [command, first, ...rest] = process.argv.slice(2);
try {
  if (command === "read" && first !== undefined && rest.length === 0) {
    const preview = parsePreview(readFileSync(0, "utf8"));
    // For the job's log, as Pulumi itself would have shown it.
    for (const { severity, text } of preview.messages) if (severity !== "info") console.error(text.trimEnd());
    for (const { policy, urn, message } of preview.violations) console.error(`${policy}: ${urn}: ${message.trim()}`);
    process.stdout.write(`${JSON.stringify(report(first, preview), undefined, 2)}\n`);
  } else if (command === "write" && first !== undefined && rest.length > 0) {
    const WAITING = "--waiting=";
    const waiting = rest.filter((arg) => arg.startsWith(WAITING)).map((arg) => arg.slice(WAITING.length));
    const stacks = rest.filter((arg) => !arg.startsWith(WAITING));
    const reports = stacks.flatMap((stack) => {
      const file = join(first, `${stack}.json`);
      return existsSync(file) ? [JSON.parse(readFileSync(file, "utf8")) as StackReport] : [];
    });
    process.stdout.write(comment(stacks, reports, waiting));
  } else {
    throw new NotAPreview(USAGE);
  }
} catch (error) {
  // Any other error might repeat a part of what was read.
  console.error(error instanceof NotAPreview ? error.message : "the preview could not be read");
  process.exitCode = 1;
}
