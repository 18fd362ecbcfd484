import { layout } from "../core/layout.js";
import { main } from "../process/main.js";
import { stopSandbox } from "../core/start.js";

await main(async () => {
  const here = layout();
  const count = await stopSandbox(here);
  console.log(
    count === 0
      ? "nothing of the sandbox was running"
      : `${count} processes ended. Objects, values and state are kept in ${here.dir}; "make sandbox" goes on with them, "make sandbox-clean" forgets them.`,
  );
});
