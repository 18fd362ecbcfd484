import { rmSync } from "node:fs";
import { layout } from "../core/layout.js";
import { main } from "../process/main.js";
import { stopSandbox } from "../core/start.js";

await main(async () => {
  const here = layout();
  await stopSandbox(here);
  rmSync(here.dir, { recursive: true, force: true });
  console.log(`${here.dir} is gone; the toolchain's cache is kept`);
});
