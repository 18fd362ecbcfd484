import { parseArgs } from "node:util";
import { z } from "zod";
import { gather } from "./gather";
import { StackError } from "./gather/pulumi";
import { judge } from "./judge";
import type { Verdict } from "./judge/judgement";
import { paintFor } from "./show/paint";
import { reportOf, reportSchema } from "./show/report";
import { render } from "./show/table";

// npm run doctor -- --stack STACK: is every secret where it belongs, and if not, which link is broken?

const USAGE = `usage: npm run doctor -- --stack STACK [--json]
       npm run --silent doctor -- --schema

Follows each secret of a stack from Doppler to whoever reads it, and names the first link that is broken.
It reads only, and reads no value. See docs/operations/doctor.md.

  --stack STACK   the Pulumi stack
  --json          for scripts: the form that --schema writes
  --schema        the JSON Schema of that form

Exit status: 0 all is whole, 1 something is broken, 2 not everything could be looked at.`;

const EXIT: Readonly<Record<Verdict, number>> = { whole: 0, broken: 1, unknown: 2 };

/** The state comes first, and everything else at once: together less than five seconds, whoever does not answer. */
const PATIENCE = { state: 30_000, each: 3_000 };

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      stack: { type: "string" },
      json: { type: "boolean" },
      schema: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.schema) {
    console.log(JSON.stringify(z.toJSONSchema(reportSchema), undefined, 2));
    return 0;
  }
  const { stack } = values;
  if (stack === undefined || stack === "") throw new UsageError("--stack is missing");
  const judgement = judge(await gather(stack, PATIENCE));
  process.stdout.write(
    values.json
      ? `${JSON.stringify(reportOf(judgement), undefined, 2)}\n`
      : render(judgement, paintFor(process.stdout, process.env)),
  );
  return EXIT[judgement.verdict];
}

class UsageError extends Error {}

main().then(
  (status) => end(status),
  (error: unknown) => {
    const code = (error as { code?: string }).code ?? "";
    if (error instanceof UsageError || code.startsWith("ERR_PARSE_ARGS")) {
      console.error(`${(error as Error).message}\n\n${USAGE}`);
    } else if (error instanceof StackError) console.error(`The state of the stack can't be read: ${error.message}`);
    else console.error(error);
    end(2);
  },
);

/** Ends at once, whoever still owes an answer, when all that was written has gone out. */
function end(status: number): void {
  process.stdout.write("", () => process.exit(status));
}
