import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isPlan, type Plan, PLAN_LIMITS, type PlanLimits } from "./plans.js";

// A workplace's owner can buy another plan at any time. A test does so by a file in the stand-in's data folder, so that
// the stand-in's API stays what the real one's is.

const planFile = (data: string) => join(data, "plan");

/** Buys another plan for a workplace whose stand-in runs. Its limits hold from the next request on. */
export function buyPlan(data: string, plan: Plan): void {
  writeFileSync(planFile(data), plan, { mode: 0o600 });
}

/** The stand-in's side: the plan that it was started with, until another one is bought. */
export class WorkplacePlan {
  readonly #data: string;
  readonly #atStart: Plan;

  constructor(data: string, atStart: Plan) {
    this.#data = data;
    this.#atStart = atStart;
    rmSync(planFile(data), { force: true });
  }

  get limits(): PlanLimits {
    return PLAN_LIMITS[this.#bought() ?? this.#atStart];
  }

  #bought(): Plan | undefined {
    try {
      const plan = readFileSync(planFile(this.#data), "utf8");
      return isPlan(plan) ? plan : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}
