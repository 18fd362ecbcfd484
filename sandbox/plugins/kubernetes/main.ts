import { serve } from "../../providers/base/index.js";
import { engineLog } from "./log.js";
import { KubernetesProvider } from "./provider.js";

/** The released plugin's version that this one stands in for. */
const VERSION = "4.34.2";

const engine = process.argv[2];
const provider = new KubernetesProvider(engine === undefined ? {} : { log: engineLog(engine) });
await serve({ name: "kubernetes", version: VERSION, provider, supportsAutonaming: true });
