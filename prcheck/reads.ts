import { type Reads, sumOfReads, totalOf } from "../lib/reads";
import {
  type Budget,
  budgetIn,
  CLUSTER_IN_WORDS,
  clusterReads,
  limitInWords,
  limitOf,
  type Plan,
  rate,
  share,
  standing,
  storeInWords,
} from "../lib/readsNotice";
import { readsOf } from "./externalSecrets";
import { cell, code } from "./markdown";
import type { Preview, State } from "./preview";

// Reads of secrets at Doppler each minute, before and after a change, in the words in which the program says it. What the
// preview alone does not show (the plan, other stacks of the cluster) is taken from what the program says.

type ByName = Record<string, number>;

/** The reads that a stack causes, and those that share their limits. Names only. */
export interface ReadsChange {
  /** By store; absent where the program refused to run, and the preview shows nothing of what there is. */
  before?: ByName;
  /** By store. */
  after: ByName;
  /** The workplace's plan, where the stack says it. */
  plan?: Plan;
  /** Other stacks of the cluster, by name. */
  neighbours: ByName;
  /** Other stacks whose reads are not known. */
  uncounted: string[];
  /** What a run of the program reads. */
  run: number;
}

const map = (reads: ByName): Reads => new Map(Object.entries(reads));

/** What a preview says of the reads. */
export function readsChange(
  { messages }: Preview,
  before: ReadonlyMap<string, State>,
  after: ReadonlyMap<string, State>,
): ReadsChange {
  const textsOf = (errors: boolean) =>
    messages.filter(({ severity }) => (severity === "error") === errors).map(({ text }) => text);
  const refused = budgetIn(textsOf(true));
  const said = refused ?? budgetIn(textsOf(false));
  return {
    ...(refused === undefined && { before: Object.fromEntries(readsOf([...before.values()])) }),
    after: Object.fromEntries(refused?.stores ?? readsOf([...after.values()])),
    ...(said?.plan !== undefined && { plan: said.plan }),
    neighbours: Object.fromEntries(said?.neighbours ?? []),
    uncounted: [...(said?.uncounted ?? [])],
    run: said?.run ?? 0,
  };
}

/** One line of the table: what reads, and the reads before and after. */
interface Line {
  what: string;
  before: number | undefined;
  after: number;
}

/** All that has a limit of its own: each token, and the cluster's IP address. */
function linesOf({ before, after, neighbours, run, uncounted }: ReadsChange): Line[] {
  const stores = [...sumOfReads([map(before ?? {}), map(after)]).keys()];
  const cluster = (own: ByName): Pick<Budget, "stores" | "neighbours" | "run"> => ({
    stores: map(own),
    neighbours: map(neighbours),
    run,
  });
  const others = [
    ...Object.entries(neighbours).map(([stack, reads]) => `${rate(reads)} for stack ${code(stack)}`),
    ...(run > 0 ? [`${run} for a run of the program`] : []),
    ...uncounted.map((stack) => `stack ${code(stack)} not counted, since its file can't be read`),
  ];
  return [
    ...stores.map((store) => ({
      what: storeInWords(code(store)),
      before: before && (before[store] ?? 0),
      after: after[store] ?? 0,
    })),
    {
      what: `${CLUSTER_IN_WORDS}${others.length === 0 ? "" : `, with ${others.join(", ")}`}`,
      before: before && clusterReads(cluster(before)),
      after: clusterReads(cluster(after)),
    },
  ];
}

const MARKS = { within: "", near: "⚠️ ", beyond: "❌ " } as const;

/** A part of a limit, marked where the program warns or refuses. */
const marked = (reads: number, limit: number) => `${MARKS[standing(reads, limit)]}${share(reads, limit)}`;

/** Reads before and after, as one text. */
function change(before: number | undefined, after: number): string {
  if (before === undefined) return `? → ${rate(after)}`;
  return before === after ? rate(after) : `${rate(before)} → ${rate(after)}`;
}

/** The stack's reads, and how they stand to the limit where they are not far from it. */
export function readsSummary(reads: ReadsChange): string {
  const { before, after } = reads;
  const limit = limitOf(reads);
  const highest = Math.max(...linesOf(reads).map((line) => line.after));
  const mark = standing(highest, limit) === "within" ? "" : ` (${marked(highest, limit)})`;
  return `${change(before && totalOf(map(before)), totalOf(map(after)))}${mark}`;
}

/** The comment's section on what the reads cost. */
export function readsSection(reports: readonly { stack: string; reads: ReadsChange }[]): string[] {
  if (reports.length === 0) return [];
  const rows = reports.flatMap(({ stack, reads }) =>
    linesOf(reads).map(
      ({ what, before, after }) =>
        `| ${cell(code(stack))} | ${cell(what)} | ${before === undefined ? "?" : rate(before)} | ${rate(after)} | ${marked(after, limitOf(reads))} |`,
    ),
  );
  const sum = (which: (reads: ReadsChange) => ByName) =>
    reports.reduce((total, { reads }) => total + totalOf(map(which(reads))), 0);
  const [before, after] = [sum((reads) => reads.before ?? {}), sum((reads) => reads.after)];
  const known = reports.every(({ reads }) => reads.before !== undefined);
  const compared = !known ? "" : before === after ? ", as before" : `, ${rate(before)} before`;
  return [
    "### Reads of secrets at Doppler each minute",
    "",
    "| stack | what reads | before | after | of the limit |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    ...reports.map(({ stack, reads }) => `- ${code(stack)}: ${limitInWords(reads)}.`),
    `- ${rate(after)} reads a minute for all stacks together${compared}. Clusters may share an IP address.`,
    "",
    "",
  ];
}
