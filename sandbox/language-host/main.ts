#!/usr/bin/env node
import { watchEngine } from "../providers/base/engine.js";
import { LanguageHost } from "./host.js";
import { killPrograms } from "./program.js";

/*
 * The main of the language host. It prints its port alone on a line of standard output, and ends when the engine ends,
 * whose address is the argument that is no flag. It ends all programs that it has started before it ends itself.
 */
function end(): void {
  killPrograms();
  process.exit(0);
}

const engine = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";
const host = new LanguageHost(engine, (address) => void watchEngine(address, end));
const server = await host.listen();
process.on("SIGTERM", end);
process.on("SIGINT", end);
if (engine !== "") {
  watchEngine(engine, end);
}
process.stdout.write(`${server.port}\n`);
