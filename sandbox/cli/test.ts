import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";

// Runs the compiled tests of a folder and prints a closing line, "N passed, N failed":
//   node test.js [--concurrency=N] [--minutes=N] FOLDER [parts of paths: all files that have one of them]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** How many files run at the same time. */
    concurrency: { type: "string", default: "2" },
    /** How long a file may take. */
    minutes: { type: "string", default: "5" },
  },
});
const [folder = "dist", ...parts] = positionals;
const dist = resolve(folder);
// The path of a compiled file below the folder "dist" is that of its source beside it.
const source = dirname(dist);

const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.js") && (parts.length === 0 || parts.some((part) => path.includes(part))))
  // A test that was moved or deleted may still be there, compiled.
  .filter((path) => existsSync(join(source, path.replace(/\.js$/, ".ts"))))
  .map((path) => join(dist, path))
  .sort();

const stream = run({ files, concurrency: Number(values.concurrency), timeout: Number(values.minutes) * 60_000 });
let passed = 0;
let failed = 0;
let skipped = 0;
const isTest = (details: object) => !("type" in details && details.type === "suite");
stream.on("test:pass", ({ details, skip }) => {
  if (!isTest(details)) return;
  if (skip === undefined) passed += 1;
  else skipped += 1;
});
stream.on("test:fail", ({ details }) => (failed += isTest(details) ? 1 : 0));

for await (const text of stream.compose(new spec()) as AsyncIterable<string>) process.stdout.write(text);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
if (failed > 0 || passed === 0) process.exitCode = 1;
