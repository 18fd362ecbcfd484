import { parseArgs } from "node:util";
import { DEFAULT_PLAN, isPlan, PLANS, startDopplerStandIn } from "./index.js";

const USAGE = `usage: main.js --data DIR [--plan ${PLANS.join("|")}] [--port N]   (plan: ${DEFAULT_PLAN})`;

function fail(message: string): never {
  process.stderr.write(`doppler stand-in: ${message}\n${USAGE}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        data: { type: "string" },
        plan: { type: "string", default: DEFAULT_PLAN },
        port: { type: "string", default: "0" },
      },
    }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const { data, plan, port } = readArguments();
if (data === undefined || data === "") fail("--data is required");
if (!isPlan(plan)) fail(`unknown plan ${plan}`);
if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) fail(`--port must be a number from 0 to 65535, not ${port}`);

const standIn = await startDopplerStandIn({ data, plan, port: Number(port) });
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    void standIn.close().then(() => process.exit(0));
  });
}
process.stdout.write(`${JSON.stringify({ url: standIn.url })}\n`);
