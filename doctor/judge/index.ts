import { ciPlaceKey, type PipelineCiSecret, type PipelineSecret, placeKey } from "../../lib/pipeline";
import { delivered, originsOf, storesOf, upstream } from "../../lib/pipelineWay";
import { answer, type Facts } from "../facts";
import { ciSecretThere, placeInWords } from "./ciLinks";
import {
  clusterReached,
  identityThere,
  kindsServed,
  operatorRuns,
  storeReady,
  storesRecorded,
  storeThere,
} from "./clusterLinks";
import { configThere, dopplerAnswers, type DopplerCase, tokenThere, valuesThere } from "./dopplerLinks";
import { complaintsOf, isFailing } from "./evidence";
import {
  type Break,
  type CiVerdict,
  FAULTS,
  type Finding,
  type Judgement,
  type Outcome,
  type SecretVerdict,
  type Verdict,
} from "./judgement";
import { notices, readsOf, tokensOf } from "./notices";
import {
  changedAt,
  externalSecretThere,
  lateness,
  podsOf,
  refreshed,
  secretOwned,
  secretPlace,
  secretThere,
  workloadsCurrent,
} from "./secretLinks";
import { unaskedOf } from "./unasked";

// From facts to findings. A chain is looked at from Doppler on, and its first broken link is reported; what is broken
// further down is a consequence of it, or shows when this link is mended.

/** What the facts mean. */
export function judge(facts: Facts): Judgement {
  const findings: Finding[] = [];
  const record = (found: Break, concerned: string): number => {
    const link = FAULTS[found.fault];
    const index = findings.findIndex(({ fault, subject }) => fault === found.fault && subject === found.subject);
    const known = findings[index];
    if (known === undefined) return findings.push({ link, ...found, concerns: [concerned] }) - 1;
    known.concerns = [...new Set([...known.concerns, concerned])].sort();
    known.lastWell = Math.max(known.lastWell ?? 0, found.lastWell ?? 0) || undefined;
    return index;
  };
  const secrets = delivered(facts.pipeline).map((secret) => secretVerdict(facts, secret, record));
  const ci = ciVerdicts(facts, record);
  const unasked = unaskedOf(facts);
  const verdicts = [...secrets, ...ci].map(({ verdict }) => verdict);
  return {
    stack: facts.stack,
    at: facts.at,
    verdict: verdicts.includes("broken")
      ? "broken"
      : unasked.length > 0 || verdicts.includes("unknown")
        ? "unknown"
        : "whole",
    secrets,
    ci,
    findings,
    unasked,
    tokens: tokensOf(facts),
    reads: readsOf(facts),
    notices: notices(facts),
  };
}

type Record = (found: Break, concerned: string) => number;

function secretVerdict(facts: Facts, secret: PipelineSecret, record: Record): SecretVerdict {
  const { app, namespace, secretName } = secret;
  const found = answer(facts.cluster.externalSecrets[placeKey(secret)]);
  const object = answer(facts.cluster.secrets[secretPlace(secret)]);
  const pods = podsOf(facts, secret);
  const verdict = {
    app,
    namespace,
    secret: secretName,
    refreshedAt: found?.refreshedAt,
    changedAt: object ? changedAt(object) : undefined,
    pods: pods && { total: pods.using.length, older: pods.older.length },
  };
  let unknown: string | undefined;
  for (const look of chainOf(facts, secret)) {
    const outcome = look();
    if (outcome === undefined) continue;
    if ("broken" in outcome) {
      const lastWell = outcome.broken.lastWell ?? found?.refreshedAt;
      const finding = record({ ...outcome.broken, lastWell }, `app ${app}`);
      return { ...verdict, verdict: "broken", finding };
    }
    unknown ??= outcome.unknown;
  }
  // What the operator has done lately proves every link that could not be looked at, but those that come after it.
  if (unknown === undefined || (arrived(facts, secret) && answer(facts.cluster.pods[namespace]) !== undefined)) {
    return { ...verdict, verdict: "whole" };
  }
  return { ...verdict, verdict: "unknown", unknown };
}

/** Whether the Secret is there, and was brought up to date when it was due. */
function arrived(facts: Facts, secret: PipelineSecret): boolean {
  if (clusterReached(facts) !== undefined) return false;
  const found = answer(facts.cluster.externalSecrets[placeKey(secret)]);
  const isThere = answer(facts.cluster.secrets[secretPlace(secret)]) != null;
  return found?.ready?.is === true && isThere && lateness(facts, secret, found) === undefined;
}

/** The links of a Secret's chain in their order, each looked at when it is called. */
function chainOf(facts: Facts, secret: PipelineSecret): (() => Outcome)[] {
  const { pipeline } = facts;
  const before = upstream(pipeline, secret);
  const stores = storesOf(pipeline, secret);
  const complaints = complaintsOf(facts, secret);
  const failing = isFailing(facts, secret);
  const inDoppler = originsOf(pipeline, secret).map(({ source, names }) => ({
    facts,
    source,
    names,
    complaints,
    failing,
  }));
  const eachSource = (look: (given: DopplerCase & { names: string[] }) => Outcome) =>
    inDoppler.map((given) => () => look(given));
  const all = [...before, secret];
  const readBy = ({ reading }: PipelineSecret) => stores.filter(({ name }) => reading.stores.includes(name));
  const reached = clusterReached(facts);
  const inCluster = [
    () => kindsServed(facts),
    () => operatorRuns(facts),
    ...stores.map((store) => () => identityThere(facts, store, complaints)),
    ...all.flatMap((from) => [
      () => storesRecorded(facts, from.reading.stores),
      ...readBy(from).map((store) => () => storeThere(facts, store, from.namespace)),
    ]),
    ...all.flatMap((from) => [
      () => externalSecretThere(facts, from),
      () => secretOwned(facts, from),
      ...readBy(from).map((store) => () => storeReady(facts, store)),
      () => refreshed(facts, from, complaints),
      () => secretThere(facts, from),
    ]),
    () => workloadsCurrent(facts, secret),
  ];
  return [
    ...eachSource(dopplerAnswers),
    ...eachSource(configThere),
    ...eachSource((given) => valuesThere(given, given.names)),
    ...eachSource(tokenThere),
    ...(reached === undefined ? inCluster : [() => reached]),
  ];
}

function ciVerdicts(facts: Facts, record: Record): CiVerdict[] {
  const places = new Map<string, PipelineCiSecret[]>();
  for (const secret of facts.pipeline.ci) {
    const key = ciPlaceKey(secret);
    places.set(key, [...(places.get(key) ?? []), secret]);
  }
  return [...places.values()].map((secrets): CiVerdict => {
    const [first] = secrets as [PipelineCiSecret];
    const place = placeInWords(first, facts.github.owner);
    const findings = new Set<number>();
    let unknown: string | undefined;
    for (const secret of secrets) {
      const [outcome, silence] = ciOutcome(facts, secret);
      unknown ??= silence;
      if (outcome !== undefined) findings.add(record(outcome, `CI of ${place}`));
    }
    const verdict: Verdict = findings.size > 0 ? "broken" : unknown === undefined ? "whole" : "unknown";
    return { place, secrets: secrets.map(({ name }) => name).sort(), verdict, findings: [...findings], unknown };
  });
}

/** The first broken link of a secret of CI, and what could not be known of it. */
function ciOutcome(facts: Facts, secret: PipelineCiSecret): [Break | undefined, string | undefined] {
  const source = facts.pipeline.main;
  const given = source && { facts, source, complaints: [], failing: false };
  const value = given && valuesThere(given, [secret.dopplerName]);
  if (value !== undefined && "broken" in value) return [{ ...value.broken, lastWell: secret.writtenAt }, undefined];
  const last = ciSecretThere(facts, secret);
  if (last === undefined) return [undefined, undefined];
  return "broken" in last ? [last.broken, undefined] : [undefined, last.unknown];
}
