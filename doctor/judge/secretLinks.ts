import { type PipelineSecret, placeKey } from "../../lib/pipeline";
import { answer, type ExternalSecretFacts, type Facts, type ObjectFacts } from "../facts";
import { differences } from "./differences";
import type { Complaint } from "./evidence";
import type { Outcome } from "./judgement";
import { clock, count, named, span } from "./words";

// The links of one Secret: the ExternalSecret, the Secret that it makes, and the workloads that read it.

/** A new ExternalSecret has this long until the operator must have looked at it, in milliseconds. */
const FIRST_LOOK = 60_000;

/** The cluster's clock, or else this machine's. */
export const nowOf = ({ cluster, at }: Facts) => cluster.now ?? at;

/** The place of the Secret that an ExternalSecret makes. */
export const secretPlace = ({ namespace, secretName }: Pick<PipelineSecret, "namespace" | "secretName">) =>
  placeKey({ namespace, name: secretName });

/** Whether the ExternalSecret is there and as the stack made it. */
export function externalSecretThere(facts: Facts, secret: PipelineSecret): Outcome {
  const asked = facts.cluster.externalSecrets[placeKey(secret)];
  const subject = `ExternalSecret ${placeKey(secret)}`;
  const remedy = [`pulumi up --refresh --stack ${facts.stack}`];
  if (!secret.recorded) {
    const cause = `The stack's state has no ExternalSecret of "${secret.app}": the last run failed before it made one.`;
    return { broken: { fault: "external-secret-missing", subject, cause, remedy } };
  }
  if (asked === undefined || "unknown" in asked) return { unknown: `the cluster: ${asked?.unknown ?? subject}` };
  const found = asked.known;
  if (found === null || found.deleting) {
    const cause =
      found === null
        ? `The ExternalSecret is not there${secret.owned ? "; Kubernetes deleted its Secret with it" : ""}.`
        : "Somebody deletes the ExternalSecret, and the operator has not let go of it yet.";
    return { broken: { fault: "external-secret-missing", subject, cause, remedy } };
  }
  const edited = differences(secret.spec, found.spec, ["data", "dataFrom", "template", "refreshPolicy"]);
  if (edited.length > 0) {
    const fields = named(edited.map((path) => `spec.${path}`));
    const cause = `Somebody edited the ExternalSecret: ${fields} ${edited.length === 1 ? "differs" : "differ"} from what the stack made.`;
    return { broken: { fault: "external-secret-edited", subject, cause, remedy, lastWell: found.refreshedAt } };
  }
  return undefined;
}

/** Whether the Secret belongs to the ExternalSecret that is to make it. */
export function secretOwned(facts: Facts, secret: PipelineSecret): Outcome {
  const found = answer(facts.cluster.secrets[secretPlace(secret)]);
  const { controller } = found ?? {};
  if (!secret.owned || controller === undefined) return undefined;
  if (controller.kind === "ExternalSecret" && controller.name === secret.name) return undefined;
  return {
    broken: {
      fault: "secret-taken",
      subject: `Secret ${secretPlace(secret)}`,
      cause: `The Secret belongs to ${controller.kind} "${controller.name}", so the operator does not write it for ExternalSecret "${secret.name}".`,
      remedy: [
        `Find out who made ${controller.kind} "${controller.name}", and give one of the two Secrets another name (secretName).`,
        "Or delete the Secret, if nobody else needs it; the operator makes it anew:",
        `kubectl delete secret ${secret.secretName} --namespace ${secret.namespace}`,
      ],
      lastWell: answer(facts.cluster.externalSecrets[placeKey(secret)])?.refreshedAt,
    },
  };
}

/** Whether the operator brings the Secret up to date. Asked after all links that may be the reason why not. */
export function refreshed(facts: Facts, secret: PipelineSecret, complaints: readonly Complaint[]): Outcome {
  const found = answer(facts.cluster.externalSecrets[placeKey(secret)]);
  if (!found) return undefined;
  const subject = `ExternalSecret ${placeKey(secret)}`;
  const { ready, refreshedAt, createdAt } = found;
  const again = [
    "To have the operator try again at once:",
    `kubectl annotate externalsecret ${secret.name} --namespace ${secret.namespace} force-sync=$(date +%s) --overwrite`,
  ];
  if (ready === undefined) {
    const age = nowOf(facts) - createdAt;
    if (age < FIRST_LOOK)
      return { unknown: `the operator has not looked at ${subject} yet, which is ${span(age)} old` };
    const cause = `The operator has not looked at the ExternalSecret since it was made ${span(age)} ago.`;
    return { broken: { fault: "external-secret-late", subject, cause, remedy: again } };
  }
  if (!ready.is) {
    const [latest] = complaints;
    const cause =
      latest === undefined || latest.reason.kind === "other"
        ? `The operator can't make the Secret since ${clock(ready.since)}. Its reason is not repeated here, since it may quote a value.`
        : `The operator failed at ${clock(latest.at)}. What it failed for is mended since, and it has not tried again.`;
    const look = `kubectl describe externalsecret ${secret.name} --namespace ${secret.namespace}`;
    return {
      broken: { fault: "external-secret-failing", subject, cause, remedy: [look, ...again], lastWell: refreshedAt },
    };
  }
  const late = lateness(facts, secret, found);
  const interval = (secret.reading.interval ?? 0) * 1000;
  if (late === undefined || late <= Math.max(interval, FIRST_LOOK)) return undefined;
  const cause = `The operator has not read Doppler for this Secret since ${clock(refreshedAt ?? createdAt)}, and should every ${span(interval)}: ${count(missed(late, interval), "refresh was", "refreshes were")} missed.`;
  return { broken: { fault: "external-secret-late", subject, cause, remedy: again, lastWell: refreshedAt } };
}

/** By how much a refresh is late, in milliseconds; `undefined` where none is due. */
export function lateness(facts: Facts, { reading }: PipelineSecret, found: ExternalSecretFacts): number | undefined {
  if (reading.interval === undefined || found.refreshedAt === undefined) return undefined;
  const late = nowOf(facts) - found.refreshedAt - reading.interval * 1000;
  return late > 0 ? late : undefined;
}

/** How many refreshes were missed. */
export const missed = (late: number, interval: number) => Math.max(1, Math.floor(late / interval));

/** Whether the Secret is there, with all its keys. */
export function secretThere(facts: Facts, secret: PipelineSecret): Outcome {
  const asked = facts.cluster.secrets[secretPlace(secret)];
  const subject = `Secret ${secretPlace(secret)}`;
  if (asked === undefined || "unknown" in asked) return { unknown: `the cluster: ${asked?.unknown ?? subject}` };
  const found = asked.known;
  const remedy = [
    "To have the operator make it at once:",
    `kubectl annotate externalsecret ${secret.name} --namespace ${secret.namespace} force-sync=$(date +%s) --overwrite`,
  ];
  if (found === null) {
    if (!secret.owned) {
      const cause = "The Secret is not there. Somebody else makes it, and the operator only adds keys to it.";
      return { broken: { fault: "secret-missing", subject, cause, remedy: ["Let its owner make it."] } };
    }
    return { broken: { fault: "secret-missing", subject, cause: "The Secret is not there.", remedy } };
  }
  const missing = Object.keys(secret.reading.keys).filter((key) => !found.keys.includes(key));
  if (missing.length === 0) return undefined;
  const cause = `The Secret lacks ${named(missing)}.`;
  return { broken: { fault: "secret-incomplete", subject, cause, remedy } };
}

/** When a Secret's data changed last. */
export const changedAt = ({ writers }: ObjectFacts): number | undefined =>
  writers.length === 0 ? undefined : Math.max(...writers.map(({ at }) => at));

/** The pods that use a Secret, and those of them that started before the Secret changed last. */
export function podsOf(facts: Facts, secret: PipelineSecret) {
  const pods = answer(facts.cluster.pods[secret.namespace]);
  const found = answer(facts.cluster.secrets[secretPlace(secret)]);
  if (pods === undefined || !found) return undefined;
  const { secretName } = secret;
  const using = pods.filter(({ startedWith, mounted }) => secretName in startedWith || mounted.includes(secretName));
  const changed = changedAt(found);
  const older = using.filter(({ startedWith }) => (startedWith[secretName] ?? Infinity) < (changed ?? -Infinity));
  return { using, older, changed };
}

/** Whether the workloads have been started since the Secret changed. */
export function workloadsCurrent(facts: Facts, secret: PipelineSecret): Outcome {
  const asked = facts.cluster.pods[secret.namespace];
  if (asked === undefined || "unknown" in asked) return { unknown: `the cluster: ${asked?.unknown ?? "pods"}` };
  const { older, changed } = podsOf(facts, secret) ?? { older: [], changed: undefined };
  if (older.length === 0 || changed === undefined) return undefined;
  const workloads = [...new Set(older.map(({ workload }) => workload))].sort();
  const restart = workloads.map((workload) => {
    const [kind = "", name = ""] = workload.split(" ");
    return kind === "Pod"
      ? `Delete Pod ${name} and make it anew: nothing restarts a pod that belongs to no workload.`
      : `kubectl rollout restart ${kind.toLowerCase()} ${name} --namespace ${secret.namespace}`;
  });
  return {
    broken: {
      fault: "workload-old-value",
      subject: workloads.map((workload) => `${workload} in namespace ${secret.namespace}`).join(", "),
      cause: `${count(older.length, "pod was", "pods were")} started before Secret ${secretPlace(secret)} changed at ${clock(changed)}, and may run with an older value: a container reads its environment only when it starts.`,
      remedy: [...restart, "To have that done by itself next time: restartOnChange in the app's settings."],
      lastWell: changed,
    },
  };
}
