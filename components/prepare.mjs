// Compiles the components for programs that install this repository as a package. Without the development packages, as
// where the program itself is only to be run, there is no compiler, and nobody needs one.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

let compiler;
try {
  compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
} catch {
  process.exit(0);
}
execFileSync(process.execPath, [compiler, "--project", fileURLToPath(new URL(".", import.meta.url))], {
  stdio: "inherit",
});
