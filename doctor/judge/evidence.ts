import type { OperatorReason } from "../../lib/operatorWords";
import { type PipelineSecret, placeKey } from "../../lib/pipeline";
import { storesOf, upstream } from "../../lib/pipelineWay";
import { answer, type Facts } from "../facts";

// What the operator itself says is wrong. One fault shows at several objects: a token that was revoked makes the store and
// all its ExternalSecrets fail. The operator's words tell which link they are about.

/** Something that the operator has said. */
export interface Complaint {
  reason: OperatorReason;
  at: number;
}

/** What the operator says of an ExternalSecret and of everything on its way, the latest first. */
export function complaintsOf({ pipeline, cluster }: Facts, secret: PipelineSecret): Complaint[] {
  const objects = [
    ...[...upstream(pipeline, secret), secret].map((from) => answer(cluster.externalSecrets[placeKey(from)])),
    ...storesOf(pipeline, secret).map(({ name }) => answer(cluster.stores[name])),
  ];
  return objects
    .flatMap((object) => (object?.ready?.is === false && object.complaint ? [object.complaint] : []))
    .sort((a, b) => b.at - a.at);
}

/** Whether the operator has failed with an ExternalSecret or something on its way, for whatever reason. */
export function isFailing({ pipeline, cluster }: Facts, secret: PipelineSecret): boolean {
  return [...upstream(pipeline, secret), secret].some(
    (from) => answer(cluster.externalSecrets[placeKey(from)])?.ready?.is === false,
  );
}
