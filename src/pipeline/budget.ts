import * as pulumi from "@pulumi/pulumi";
import { externalSecretSpec, fetchedData, mirroredData } from "../../components/externalSecretSpec";
import { canonicalDuration, seconds } from "../../lib/duration";
import { type OperatorObject, readsOfObjects, totalOf } from "../../lib/reads";
import {
  type Budget,
  clusterReads,
  highestReads,
  limitOf,
  type Plan,
  PLANS,
  rate,
  readsNotice,
  share,
  type Standing,
  standing,
} from "../../lib/readsNotice";
import { type AppConfig, FETCH_FORMS, type StackConfig, withOtherSecrets } from "../settings";
import { secretArgs } from "./arguments";
import { PreflightError } from "./preflight";

// What the stack's reads cost at Doppler, before anything is asked or made. Doppler limits the reads of secrets of each
// token, and of each IP address: there, all stacks of a cluster count together.

/** The budget concerns what is made, wherever it comes from. */
const NOTHING_ADOPTED = { cluster: { externalSecrets: [] } };

/** A stack's settings, without what other stacks have to do with it. */
type OwnSettings = Omit<StackConfig, "neighbours">;

/**
 * Every ExternalSecret that a stack makes, as it is before Pulumi knows it, and each store that does not read from Doppler.
 */
export function operatorObjectsOf(stack: OwnSettings): OperatorObject[] {
  const { apps, otherSecrets, operator, sources } = stack;
  const stores = new Map(
    sources.map(({ name, store, mirror }) => [
      name,
      {
        store: { storeName: store.name },
        mirror: mirror && { storeName: mirror.name, secretName: mirror.name },
      },
    ]),
  );
  const secrets = [...apps, ...otherSecrets].flatMap((app) => {
    const args = secretArgs(app, NOTHING_ADOPTED, stores);
    return [app, ...app.alsoAs].map(({ namespace, secretName }) => ({
      kind: "ExternalSecret",
      namespace,
      name: secretName,
      spec: externalSecretSpec(fetchedData(args), { refreshInterval: app.refreshInterval, ...args, secretName }),
    }));
  });
  const mirrors = sources.flatMap(({ store, mirror }) => {
    if (mirror === undefined) return [];
    const { name, names, refreshInterval } = mirror;
    const delivery = { secretName: name, storeName: store.name, refreshInterval };
    return [
      {
        kind: "ExternalSecret",
        namespace: operator.namespace,
        name,
        spec: externalSecretSpec(mirroredData(names), delivery),
      },
      { kind: "ClusterSecretStore", name, spec: { provider: { kubernetes: {} } } },
    ];
  });
  return [...secrets, ...mirrors];
}

/** The reads of secrets that a stack causes, and of those that share its limits. */
export function budgetOf(stack: StackConfig): Budget {
  const stores = readsOfObjects(operatorObjectsOf(stack));
  const neighbours = stack.neighbours.flatMap(({ stack: name, config }) =>
    config?.doppler.host === stack.doppler.host
      ? [[name, totalOf(readsOfObjects(operatorObjectsOf(config)))] as const]
      : [],
  );
  return {
    plan: stack.doppler.plan,
    stack: stack.name,
    stores,
    neighbours: new Map(neighbours),
    uncounted: stack.neighbours.filter(({ config }) => config === undefined).map(({ stack: name }) => name),
    run: readsOfRun(stack),
  };
}

/**
 * What one run reads: the names of each config, and the values that CI gets. The first run reads the names once more, when
 * it has made the config.
 */
function readsOfRun({ githubActions, sources }: OwnSettings): number {
  return sources.length + ((githubActions?.secrets.length ?? 0) > 0 ? 1 : 0);
}

/** One way to need less of a limit, and what the reads then come to. */
interface Remedy {
  setting: string;
  reads: number;
  limit: number;
}

/** The refresh intervals that are proposed, the shortest first. */
const INTERVALS = ["1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h"].map(canonicalDuration);

/**
 * The settings of which each by itself brings the stack's reads to where they are to be.
 *
 * @param good how reads are then to stand to the limit
 */
export function remedies(stack: StackConfig, good: readonly Standing[]): Remedy[] {
  const { doppler } = stack;
  const limit = limitOf(doppler);
  const changed = (change: (secret: AppConfig) => AppConfig) => highestReads(budgetOf(withOtherSecrets(stack, change)));
  const forms = FETCH_FORMS.map((fetch) => ({
    setting: `fetch: ${fetch}, for all Secrets`,
    reads: changed((secret) => ({ ...secret, fetch })),
    limit,
  }));
  const intervals = INTERVALS.map((interval) => ({
    setting: `a refreshInterval of ${interval} or more, for all Secrets`,
    reads: changed((secret) => ({ ...secret, refreshInterval: longer(secret.refreshInterval, interval) })),
    limit,
  }));
  const now = highestReads(budgetOf(stack));
  const plans = (Object.keys(PLANS) as Plan[])
    .filter((plan) => PLANS[plan].reads > limit)
    .map((plan) => ({
      setting: `doppler.plan: ${plan}, where the workplace is on the plan ${PLANS[plan].title}`,
      reads: now,
      limit: PLANS[plan].reads,
    }));
  const fits = ({ reads, limit: allowed }: Remedy) => good.includes(standing(reads, allowed));
  // Of the intervals and plans, the first that fits costs least.
  return [...forms.filter(fits), ...intervals.filter(fits).slice(0, 1), ...plans.filter(fits).slice(0, 1)];
}

function longer(one: string, other: string): string {
  return (seconds(one) ?? 0) >= (seconds(other) ?? 0) ? one : other;
}

/**
 * Says what the stack's reads cost at Doppler, and warns where they come near a limit.
 *
 * @throws PreflightError where they are beyond the limit of the plan that the stack names. Where this stack alone would
 *   fit and others of the cluster are beyond the limit without it, this stack is not the one to change.
 */
export async function checkBudget(stack: StackConfig): Promise<void> {
  const budget = budgetOf(stack);
  const notice = readsNotice(budget);
  const limit = limitOf(budget);
  const how = standing(highestReads(budget), limit);
  if (how === "within") return pulumi.log.info(notice);
  if (how === "beyond" && budget.plan !== undefined && isCause(budget, limit)) {
    const consequence = "Doppler refuses what is above 100 % (HTTP 429), and Secrets would be late.";
    throw new PreflightError(stack.name, [
      ...notice.split("\n"),
      ...advice(consequence, remedies(stack, ["within", "near"]), "Any one of these fits"),
    ]);
  }
  const consequence = "Doppler refuses what is above 100 % (HTTP 429), and Secrets are then late.";
  await pulumi.log.warn(
    [notice, ...advice(consequence, remedies(stack, ["within"]), "Any one of these needs less")].join("\n"),
  );
}

/** Whether this stack's reads are what is beyond the limit, and not those of the other stacks alone. */
function isCause({ stores, neighbours, run }: Budget, limit: number): boolean {
  return Math.max(...stores.values()) > limit || clusterReads({ stores: new Map(), neighbours, run }) <= limit;
}

function advice(consequence: string, found: readonly Remedy[], introduction: string): string[] {
  if (found.length === 0) {
    return [`${consequence} No single setting of this stack changes that: combine several, or move apps elsewhere.`];
  }
  return [
    `${consequence} ${introduction}:`,
    ...found.map(({ setting, reads, limit }) => `  ${setting}: ${rate(reads)} (${share(reads, limit)})`),
  ];
}
