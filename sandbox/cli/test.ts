import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

// Runs tests and prints a closing line:  node test.js unit|e2e [part of a path]

const [suite, filter = ""] = process.argv.slice(2);
if (suite !== "unit" && suite !== "e2e") throw new Error("usage: test.js unit|e2e [part of a path]");
const e2e = suite === "e2e";

const sandbox = join(import.meta.dirname, "../..");
const source = e2e ? join(sandbox, "../e2e") : sandbox;
const dist = join(source, "dist");
const files = readdirSync(dist, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.js") && path.includes(filter))
  // A test that was moved or deleted may still be there, compiled.
  .filter((path) => existsSync(join(source, path.replace(/\.js$/, ".ts"))))
  .map((path) => join(dist, path))
  .sort();

const stream = run({
  files,
  // An end-to-end test has a control plane of its own: one at a time.
  concurrency: e2e ? 1 : 2,
  // The longest cuts runs off at every place: an hour, and more where there is other work.
  timeout: (e2e ? 240 : 5) * 60_000,
});
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
stream.on("test:stderr", ({ message }) => process.stderr.write(message));

for await (const text of stream.compose(new spec()) as AsyncIterable<string>) process.stdout.write(text);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
if (failed > 0 || passed === 0) process.exitCode = 1;
