import { type Reads, totalOf } from "./reads";

// What the program says of the reads of secrets at Doppler. The PR comment takes the plan and the other stacks from the
// text, so what writes the text and what reads it stand side by side.

/** Doppler's plans, and how many reads of secrets each allows a minute: for each token, and for each IP address. */
export const PLANS = {
  developer: { title: "Developer", reads: 120 },
  team: { title: "Team", reads: 240 },
  enterprise: { title: "Enterprise", reads: 480 },
} as const;

/** A plan, as the setting `doppler.plan` names it. */
export type Plan = keyof typeof PLANS;

/** What the reads are compared with where the plan is not known. */
export const SMALLEST_PLAN: Plan = "developer";

/** From this part of the limit on, the program warns. */
const WARN_FROM = 0.8;

/** The reads of secrets that a stack causes, and those that share a limit with them, each minute. */
export interface Budget {
  /** The workplace's plan, where it is known. */
  plan?: Plan | undefined;
  stack: string;
  /** This stack's own, by store: each store has a token of its own. */
  stores: Reads;
  /** By name, other stacks of the same cluster. */
  neighbours: ReadonlyMap<string, number>;
  /** Stacks that may be in the same cluster, and whose files can't be read. */
  uncounted: readonly string[];
  /** What one run of the program asks for. */
  run: number;
}

/** Whether reads stay within their limit: Doppler refuses what is `beyond` it. */
export type Standing = "within" | "near" | "beyond";

/** How many reads a minute a token may make, and an IP address. */
export function limitOf({ plan = SMALLEST_PLAN }: Pick<Budget, "plan">): number {
  return PLANS[plan].reads;
}

/** All reads from the cluster's IP address. A run may come from another one; it is counted, since it may also not. */
export function clusterReads({ stores, neighbours, run }: Pick<Budget, "stores" | "neighbours" | "run">): number {
  return [...neighbours.values()].reduce((sum, reads) => sum + reads, totalOf(stores)) + run;
}

/** The most that any one token or IP address reads. */
export function highestReads(budget: Budget): number {
  return Math.max(...budget.stores.values(), clusterReads(budget));
}

/** How reads stand to a limit. */
export function standing(reads: number, limit: number): Standing {
  if (reads > limit) return "beyond";
  return reads >= WARN_FROM * limit ? "near" : "within";
}

/** A number of reads, as it is written everywhere. */
export const rate = (reads: number) => String(Math.round(reads * 100) / 100);

/** A part of a limit, rounded up, as it is written everywhere. */
export const share = (reads: number, limit: number) => `${Math.ceil(Math.round((reads / limit) * 1e6) / 1e4)} %`;

/** The limit in words. */
export function limitInWords({ plan }: Pick<Budget, "plan">): string {
  const { title, reads } = PLANS[plan ?? SMALLEST_PLAN];
  const allowed = `allows each token and each IP address ${reads}`;
  return plan === undefined
    ? `the smallest plan, ${title}, ${allowed}, and doppler.plan names no other`
    : `the plan ${title} ${allowed}`;
}

/** What reads with a store's token, in words. */
export const storeInWords = (store: string) => `store ${store}, with its token`;

/** What reads from the cluster's IP address, in words. */
export const CLUSTER_IN_WORDS = "the cluster, from its IP address";

/** The notice's text. */
export function readsNotice(budget: Budget): string {
  const limit = limitOf(budget);
  const cost = (reads: number) => `${rate(reads)} (${share(reads, limit)})`;
  const parts = [
    `${rate(totalOf(budget.stores))} for stack ${budget.stack}`,
    ...[...budget.neighbours].map(([stack, reads]) => `${rate(reads)} for stack ${stack}`),
    `${budget.run} for a run of this program`,
  ];
  return [
    `Reads of secrets at Doppler each minute; ${limitInWords(budget)}:`,
    ...[...budget.stores].map(([store, reads]) => `  ${storeInWords(store)}: ${cost(reads)}`),
    `  ${CLUSTER_IN_WORDS}: ${cost(clusterReads(budget))}: ${parts.join(", ")}`,
    ...budget.uncounted.map((stack) => `  not counted: stack ${stack}, whose file can't be read`),
  ].join("\n");
}

/** The budget that such a notice among a run's messages tells of; `undefined` where there is none. */
export function budgetIn(messages: readonly string[]): Budget | undefined {
  const text = messages.find((message) => message.includes("Reads of secrets at Doppler each minute; "));
  const [, whole, allowed] =
    /Reads of secrets at Doppler each minute; (.* allows each token and each IP address (\d+).*):$/m.exec(text ?? "") ??
    [];
  const [, reads = ""] = /^ +the cluster, from its IP address: [^:]*: (.*)$/m.exec(text ?? "") ?? [];
  const [own, ...others] = [...reads.matchAll(/([\d.]+) for stack ([^\s,]+)/g)].map(
    ([, count, stack = ""]) => [stack, Number(count)] as const,
  );
  const run = /(\d+) for a run of this program/.exec(reads)?.[1];
  if (text === undefined || whole === undefined || own === undefined || run === undefined) return undefined;
  const plans = Object.keys(PLANS) as Plan[];
  return {
    plan: whole.startsWith("the smallest") ? undefined : plans.find((plan) => PLANS[plan].reads === Number(allowed)),
    stack: own[0],
    stores: new Map(
      [...text.matchAll(/^ +store (\S+), with its token: ([\d.]+)/gm)].map(([, store = "", n]) => [store, Number(n)]),
    ),
    neighbours: new Map(others),
    uncounted: [...text.matchAll(/^ +not counted: stack ([^\s,]+),/gm)].map(([, stack = ""]) => stack),
    run: Number(run),
  };
}
