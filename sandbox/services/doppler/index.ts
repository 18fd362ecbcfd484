import { mkdirSync, readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Faults } from "../faults/faults.js";
import { AccessLog } from "./accessLog.js";
import type { Plan } from "./plans.js";
import { createServer } from "./server.js";
import { Store, writeFileDurably, type State } from "./state.js";
import { issueToken } from "./tokens.js";
import { WorkplacePlan } from "./workplacePlan.js";

export type { AccessLogEntry } from "./accessLog.js";
export { buyPlan } from "./workplacePlan.js";
export { isPlan, PLAN_LIMITS, PLANS, type Plan, type PlanLimits, type RequestClass } from "./plans.js";

/** The default plan. It is the middle one, and the lowest that has service accounts. */
export const DEFAULT_PLAN: Plan = "team";

export interface DopplerStandInOptions {
  /** Folder of the stand-in's state; made when missing. */
  data: string;
  plan?: Plan;
  /** TCP port on 127.0.0.1; 0, the default, leaves the choice to the kernel. */
  port?: number;
  /** Milliseconds since the epoch. For tests of limits and expiry. */
  now?: () => number;
}

export interface DopplerStandIn {
  /** `http://127.0.0.1:PORT`, without a trailing slash: Doppler's clients append paths to it. */
  url: string;
  close(): Promise<void>;
}

/** Where a data folder keeps what others may read. */
export const dopplerPaths = (data: string) => ({
  state: join(data, "state.json"),
  /** The workplace's personal token. */
  token: join(data, "token"),
  /** The access log, one {@link AccessLogEntry} a line. */
  requests: join(data, "requests.jsonl"),
});

/**
 * The personal token with which a workplace is managed.
 * @throws if the stand-in has not yet started on this folder.
 */
export function readManagementToken(data: string): string {
  return readFileSync(dopplerPaths(data).token, "utf8").trim();
}

/**
 * Starts the stand-in for Doppler's service.
 * @throws if the state can't be read or the port is taken.
 */
export async function startDopplerStandIn(options: DopplerStandInOptions): Promise<DopplerStandIn> {
  const { data, plan = DEFAULT_PLAN, port = 0, now = Date.now } = options;
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const paths = dopplerPaths(data);
  const store = Store.open(data, () => newWorkplace(paths.token, now));
  const log = new AccessLog(paths.requests);
  const app = createServer({ store, log, plan: new WorkplacePlan(data, plan), faults: new Faults(data), now });
  try {
    await app.listen({ host: "127.0.0.1", port });
  } catch (error) {
    log.close();
    throw error;
  }
  const address = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: async () => {
      await app.close();
      store.flush();
      log.close();
    },
  };
}

// The token file is written before the state that knows its hash: a start cut off in between simply starts over.
function newWorkplace(tokenPath: string, now: () => number): State {
  const { key, stored } = issueToken("dp.pt", "management", new Date(now()).toISOString());
  writeFileDurably(tokenPath, `${key}\n`);
  return {
    version: 1,
    workplace: { slug: randomBytes(10).toString("hex"), name: "sandbox", billingEmail: "" },
    personalTokens: [stored],
    serviceAccounts: [],
    projects: [],
  };
}
