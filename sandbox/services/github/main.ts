import { parseArgs } from "node:util";
import { createServer } from "./server.js";

const USAGE = "usage: node main.js --data DIR [--repository owner/name]... [--user LOGIN] [--port N]";

function fail(problem: string): never {
  console.error(`GitHub stand-in: ${problem}\n${USAGE}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      options: {
        data: { type: "string" },
        repository: { type: "string", multiple: true, default: [] },
        user: { type: "string", default: "sandbox-user" },
        port: { type: "string", default: "0" },
      },
    }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const { data, repository, user, port } = options();
if (data === undefined) {
  fail("--data is required");
}
if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
  fail(`--port ${port} is not a port number`);
}

try {
  const server = createServer({ dataDir: data, repositories: repository, user });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void server.close().then(() => process.exit(0)));
  }
  const url = await server.listen({ host: "127.0.0.1", port: Number(port) });
  console.log(JSON.stringify({ url }));
} catch (error) {
  console.error(`GitHub stand-in: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
