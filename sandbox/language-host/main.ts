#!/usr/bin/env node
import { watchEngine } from "../providers/base/engine.js";
import { LanguageHost } from "./host.js";
import { killPrograms } from "./program.js";

/*
 * The main of the language host: prints its port alone on a line of standard output, and ends with the engine, whose
 * address is the argument that is no flag. However it ends, it leaves no program behind.
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
