import { identityKey, type PipelineStore, placeKey } from "../../lib/pipeline";
import { list, map } from "../../lib/stackResources";
import { answer, type Facts } from "../facts";
import { differences } from "./differences";
import type { Complaint } from "./evidence";
import type { Outcome } from "./judgement";
import { clock, named } from "./words";

// The links in the cluster that all apps share: the operator's kinds, the operator, the token, the store.

/** Whether the cluster answers and is the stack's own. No link is broken by that: then nothing is known of the cluster. */
export function clusterReached({ cluster, clusterId, stack }: Facts): Outcome {
  if ("unknown" in cluster.served && cluster.served.because !== "refused") {
    return { unknown: `the cluster: ${cluster.served.unknown}` };
  }
  const id = answer(cluster.id);
  if (clusterId !== undefined && id !== undefined && id !== clusterId) {
    return { unknown: `this kubeconfig leads to cluster ${id}; stack "${stack}" is in cluster ${clusterId}` };
  }
  return undefined;
}

const KINDS = ["ClusterSecretStore", "ExternalSecret"];

/** Whether the cluster knows the operator's kinds. */
export function kindsServed({ cluster, stack, release: own }: Facts): Outcome {
  const { served } = cluster;
  const release = own === undefined ? "RELEASE --namespace NAMESPACE" : `${own.name} --namespace ${own.namespace}`;
  if ("unknown" in served) return { unknown: `the cluster: ${served.unknown}` };
  const missing = KINDS.filter((kind) => !served.known?.kinds.includes(kind));
  if (missing.length === 0) return undefined;
  const old = served.known !== null && !served.known.versions.includes("v1");
  return {
    broken: {
      fault: "crd-missing",
      subject: `CRD of ${named(missing)}`,
      cause: old
        ? `The cluster serves the operator's kinds as ${named(served.known?.versions ?? [])} only, and not as v1: the operator is older than 0.16.`
        : `The cluster does not know ${named(missing)} of external-secrets.io/v1: the definition was deleted, and Kubernetes deleted every object of the kind with it, and the Secrets of those objects.`,
      remedy: old
        ? ["Upgrade the operator: operator.version in the settings of the stack that owns it."]
        : [
            "Apply the operator's manifest again, which has its definitions:",
            `helm get manifest ${release} | kubectl apply --server-side --force-conflicts --filename -`,
            `pulumi up --refresh --stack ${stack}`,
          ],
    },
  };
}

/** Whether the operator runs. */
export function operatorRuns({ cluster, release, stack }: Facts): Outcome {
  if ("unknown" in cluster.operators) return { unknown: `the cluster: ${cluster.operators.unknown}` };
  const operators = cluster.operators.known;
  if (operators.length === 0) {
    // An operator that somebody else installed may be in any namespace.
    if (release === undefined) return undefined;
    return {
      broken: {
        fault: "operator-missing",
        subject: `operator in namespace ${release.namespace}`,
        cause: `Namespace "${release.namespace}" has no Deployment of the External Secrets Operator.`,
        remedy: [`pulumi up --refresh --stack ${stack}`],
      },
    };
  }
  if (operators.some(({ available }) => available > 0)) return undefined;
  const [{ namespace, name, wanted, waiting }] = operators as [(typeof operators)[number]];
  const subject = `Deployment ${name} in namespace ${namespace}`;
  if (wanted === 0) {
    return {
      broken: {
        fault: "operator-stopped",
        subject,
        cause: "The operator is scaled to 0: nobody reads Doppler for this cluster.",
        remedy: [`kubectl scale deployment ${name} --namespace ${namespace} --replicas=1`],
      },
    };
  }
  return {
    broken: {
      fault: "operator-failing",
      subject,
      cause: `No pod of the operator is available${waiting === undefined ? "" : `: ${waiting}`}.`,
      remedy: [
        `kubectl describe pods --namespace ${namespace} --selector app.kubernetes.io/name=external-secrets`,
        `kubectl logs deployment/${name} --namespace ${namespace}`,
      ],
    },
  };
}

/** Whether the store has what it proves itself with. */
export function identityThere(
  facts: Facts,
  { identity, source }: PipelineStore,
  complaints: readonly Complaint[],
): Outcome {
  if (identity === undefined) return undefined;
  const asked = facts.cluster.identities[identityKey(identity)];
  const subject = `${identity.kind} ${placeKey(identity)}`;
  const remedy = [`pulumi up --refresh --stack ${facts.stack}`];
  if (asked === undefined || "unknown" in asked) return { unknown: `the cluster: ${asked?.unknown ?? subject}` };
  const found = asked.known;
  if (found === null) {
    const what =
      identity.kind === "Secret" ? "Secret with the service token" : "ServiceAccount that the operator signs in with";
    return { broken: { fault: "identity-missing", subject, cause: `The ${what} is not there.`, remedy } };
  }
  const { key } = identity;
  if (identity.kind !== "Secret" || key === undefined) return undefined;
  if (!found.keys.includes(key)) {
    const cause = `The Secret has no key ${key}, which holds the service token.`;
    return { broken: { fault: "token-secret-edited", subject, cause, remedy } };
  }
  const writers = found.writers.filter(({ keys }) => keys.includes(key));
  const [last] = writers.sort((a, b) => b.at - a.at);
  const refused = complaints.find(({ reason }) => reason.kind === "refused");
  const edited = last !== undefined && !/^pulumi/.test(last.manager) ? last : undefined;
  if (edited === undefined && (refused === undefined || (last !== undefined && refused.at <= last.at)))
    return undefined;
  const who = edited === undefined ? "" : ` ${edited.manager} wrote this key at ${clock(edited.at)}.`;
  const token = source?.token === undefined ? "the stack's service token" : `service token "${source.token}"`;
  return {
    broken: {
      fault: "token-secret-edited",
      subject,
      cause: `The Secret does not hold ${token}, which is valid in Doppler.${who}`,
      remedy,
      lastWell: edited?.at,
    },
  };
}

/** Whether the stack's state has the stores. A run that failed may have left one out. */
export function storesRecorded({ pipeline, stack }: Facts, names: readonly string[]): Outcome {
  const missing = names.filter((name) => !pipeline.stores.some((store) => store.name === name));
  if (missing.length === 0) return undefined;
  return {
    broken: {
      fault: "store-missing",
      subject: `ClusterSecretStore ${named(missing)}`,
      cause: "The stack's state does not have the store: the last run failed before it made the store.",
      remedy: [`pulumi up --stack ${stack}`],
    },
  };
}

/** Whether the store is there, as the stack made it, and admits a namespace. */
export function storeThere(facts: Facts, { name, spec }: PipelineStore, namespace: string): Outcome {
  const asked = facts.cluster.stores[name];
  const subject = `ClusterSecretStore ${name}`;
  const remedy = [`pulumi up --refresh --stack ${facts.stack}`];
  if (asked === undefined || "unknown" in asked) return { unknown: `the cluster: ${asked?.unknown ?? subject}` };
  const store = asked.known;
  if (store === null || store.deleting) {
    const cause = store === null ? "The store is not there." : "Somebody is deleting the store.";
    return { broken: { fault: "store-missing", subject, cause, remedy } };
  }
  const edited = differences(spec["provider"], store.spec["provider"], []);
  if (edited.length > 0) {
    const cause = `Somebody edited the store: spec.provider.${named(edited)} differs from what the stack made.`;
    return { broken: { fault: "store-edited", subject, cause, remedy } };
  }
  if (!admits(store.spec, namespace)) {
    const cause = `The store does not admit namespace "${namespace}": somebody edited its conditions.`;
    return {
      broken: { fault: "store-namespace-not-admitted", subject: `${subject}, namespace ${namespace}`, cause, remedy },
    };
  }
  return undefined;
}

/** Whether the operator takes the store for ready. Asked last: other links may be the reason. */
export function storeReady({ cluster }: Facts, { name }: PipelineStore): Outcome {
  const store = answer(cluster.stores[name]);
  if (store?.ready?.is !== false) return undefined;
  return {
    broken: {
      fault: "store-not-ready",
      subject: `ClusterSecretStore ${name}`,
      cause: `The operator takes the store for not ready since ${clock(store.ready.since)} (${store.ready.reason}).`,
      remedy: [
        `kubectl describe clustersecretstore ${name}`,
        "The operator looks again every five minutes. To have it look at once:",
        `kubectl annotate clustersecretstore ${name} look-again=$(date +%s) --overwrite`,
      ],
    },
  };
}

/** Whether a store's conditions admit a namespace by name. Other kinds of conditions are not this program's. */
function admits(spec: Readonly<Record<string, unknown>>, namespace: string): boolean {
  const conditions = list(spec["conditions"]).map(map);
  if (conditions.length === 0) return true;
  return conditions.some((condition) => {
    if ("namespaceSelector" in condition || "namespaceRegexes" in condition) return true;
    return list(condition["namespaces"]).includes(namespace);
  });
}
