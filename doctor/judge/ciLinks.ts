import { ciPlaceKey, type PipelineCiSecret } from "../../lib/pipeline";
import type { Facts } from "../facts";
import type { Outcome } from "./judgement";
import { moment } from "./words";

// The last link of CI's secrets: what GitHub has. GitHub tells nobody a value, only when each secret was written.

/** The place of CI's secrets in words. */
export function placeInWords({ app, repository, environment }: PipelineCiSecret, owner: string | undefined): string {
  const where = repository ?? `organisation ${owner ?? ""}`.trim();
  return `${where}${environment === undefined ? "" : `, environment ${environment}`}${app === "dependabot" ? " (Dependabot)" : ""}`;
}

/** Whether GitHub has a secret as this stack wrote it. */
export function ciSecretThere(facts: Facts, secret: PipelineCiSecret): Outcome {
  const asked = facts.github.places[ciPlaceKey(secret)];
  if (asked === undefined || "unknown" in asked) return { unknown: `GitHub: ${asked?.unknown ?? "not asked"}` };
  const place = placeInWords(secret, facts.github.owner);
  const subject = `${secret.app === "actions" ? "Actions" : "Dependabot"} secret ${secret.name} of ${place}`;
  const remedy = [`pulumi up --stack ${facts.stack}`];
  const lastWell = secret.writtenAt;
  const found = asked.known[secret.name.toUpperCase()];
  if (found === undefined) {
    const cause = "The secret is not at GitHub any more: somebody deleted it.";
    return { broken: { fault: "actions-secret-missing", subject, cause, remedy, lastWell } };
  }
  if (lastWell !== undefined && found.updatedAt !== lastWell) {
    const cause = `Somebody else wrote the secret at ${moment(found.updatedAt)}; this stack wrote it last at ${moment(lastWell)}.`;
    return { broken: { fault: "actions-secret-overwritten", subject, cause, remedy, lastWell } };
  }
  if (secret.visibility !== undefined && found.visibility !== secret.visibility) {
    const cause = `Somebody gave the secret the visibility "${found.visibility ?? ""}" in place of "${secret.visibility}".`;
    return { broken: { fault: "actions-secret-visibility", subject, cause, remedy, lastWell } };
  }
  return undefined;
}
