import { z } from "zod";
import { FAULTS, type Fault, type Judgement, LINKS } from "../judge/judgement";

// What `doctor --json` writes. Fields are added and never renamed or removed while the version stays.

export const REPORT_VERSION = 1;

const time = z.iso.datetime().nullable().describe("UTC; null where it is not known");
const verdict = z
  .enum(["whole", "broken", "unknown"])
  .describe("unknown: nothing is seen to be broken, and not everything could be looked at");

export const reportSchema = z.object({
  version: z.literal(REPORT_VERSION),
  stack: z.string(),
  at: z.iso.datetime().describe("when the facts were gathered, UTC"),
  verdict,
  findings: z
    .array(
      z.object({
        fault: z
          .enum(Object.keys(FAULTS) as [Fault, ...Fault[]])
          .describe("what is wrong; see docs/operations/doctor.md"),
        link: z.enum(LINKS).describe("the link of the chain that is broken"),
        subject: z.string().describe("the thing that is broken"),
        cause: z.string(),
        remedy: z.array(z.string()).describe("commands and sentences, in their order"),
        lastWell: time.describe("when the link was last known to be whole, UTC; null where it is not known"),
        concerns: z.array(z.string()).describe("apps and places of CI that are not whole because of it"),
      }),
    )
    .describe("the first broken link of each chain, each once"),
  secrets: z
    .array(
      z.object({
        app: z.string(),
        namespace: z.string(),
        secret: z.string(),
        verdict,
        finding: z.int().nullable().describe("index in findings"),
        unknown: z.string().nullable().describe("why nothing could be known"),
        refreshedAt: time.describe("when the operator read all values last, UTC"),
        changedAt: time.describe("when the Secret's data changed last, UTC"),
        pods: z
          .object({ total: z.int(), older: z.int().describe("started before the Secret changed last") })
          .nullable()
          .describe("pods that use the Secret; null where they could not be asked about"),
      }),
    )
    .describe("each Secret that an app, Argo CD or the cluster reads"),
  ci: z.array(
    z.object({
      place: z.string().describe("repository, environment or organisation"),
      secrets: z.array(z.string()),
      verdict,
      findings: z.array(z.int()).describe("indices in findings"),
      unknown: z.string().nullable(),
    }),
  ),
  unasked: z.array(z.object({ whom: z.string(), why: z.string() })).describe("questions that got no answer"),
  tokens: z.array(
    z.object({
      name: z.string(),
      project: z.string(),
      config: z.string(),
      used: z.boolean().describe("whether this stack's cluster reads with it"),
      createdAt: time,
      lastSeenAt: time.describe("when a request last came with it, UTC; null if never, or not known"),
      expiresAt: time.describe("UTC; null if it does not expire"),
    }),
  ),
  reads: z.object({
    perMinute: z.number().describe("reads of secrets that this stack's cluster sends to Doppler"),
    limit: z.int().nullable().describe("reads a minute that Doppler allows for one token and for one address"),
  }),
  notices: z.array(
    z.object({
      about: z.enum(["unconsumedNames", "leftoverKeys", "tokens", "missedRefreshes", "reads", "versions", "drift"]),
      text: z.string(),
    }),
  ),
});
export type Report = z.infer<typeof reportSchema>;

const iso = (milliseconds: number | null | undefined) =>
  milliseconds == null ? null : new Date(milliseconds).toISOString();

/** A judgement in the documented form. */
export function reportOf(judgement: Judgement): Report {
  const { stack, at, verdict: whole, findings, secrets, ci, unasked, tokens, reads, notices } = judgement;
  return {
    version: REPORT_VERSION,
    stack,
    at: new Date(at).toISOString(),
    verdict: whole,
    findings: findings.map(({ fault, link, subject, cause, remedy, lastWell, concerns }) => ({
      fault,
      link,
      subject,
      cause,
      remedy,
      lastWell: iso(lastWell),
      concerns,
    })),
    secrets: secrets.map((secret) => ({
      app: secret.app,
      namespace: secret.namespace,
      secret: secret.secret,
      verdict: secret.verdict,
      finding: secret.finding ?? null,
      unknown: secret.unknown ?? null,
      refreshedAt: iso(secret.refreshedAt),
      changedAt: iso(secret.changedAt),
      pods: secret.pods ?? null,
    })),
    ci: ci.map((place) => ({ ...place, unknown: place.unknown ?? null })),
    unasked,
    tokens: tokens.map((token) => ({
      ...token,
      createdAt: iso(token.createdAt),
      lastSeenAt: iso(token.lastSeenAt),
      expiresAt: iso(token.expiresAt),
    })),
    reads: { perMinute: Math.round(reads.perMinute * 100) / 100, limit: reads.limit ?? null },
    notices,
  };
}
