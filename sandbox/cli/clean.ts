import { rmSync } from "node:fs";
import { layout } from "./layout.js";
import { main } from "./main.js";
import { stopSandbox } from "./sandbox.js";

await main(async () => {
  const here = layout();
  await stopSandbox(here);
  rmSync(here.dir, { recursive: true, force: true });
  console.log(`${here.dir} is gone; the toolchain's cache is kept`);
});
