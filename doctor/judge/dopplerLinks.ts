import { type Source, sourceKey } from "../../lib/pipeline";
import { type Asked, type Facts } from "../facts";
import type { Complaint } from "./evidence";
import type { Outcome } from "./judgement";
import { clock, inConfig, named } from "./words";

// The links in Doppler: the service itself, the config, the values, and the token that reads them.

/** What the links in Doppler are judged by. */
export interface DopplerCase {
  facts: Facts;
  source: Source;
  /** What the operator says, the latest first. */
  complaints: readonly Complaint[];
  /** Whether the operator has failed, for whatever reason. */
  failing: boolean;
}

const of = (complaints: readonly Complaint[], kind: Complaint["reason"]["kind"]) =>
  complaints.find(({ reason }) => reason.kind === kind);

/** Why one of the questions about a config got no answer. */
function silenceOf({ facts, source }: DopplerCase): Extract<Asked<never>, { unknown: string }> | undefined {
  const { names, tokens } = facts.doppler.configs[sourceKey(source)] ?? {};
  return [names, tokens].flatMap((asked) => (asked !== undefined && "unknown" in asked ? [asked] : []))[0];
}

/** Whether Doppler answers. */
export function dopplerAnswers(given: DopplerCase): Outcome {
  const { complaints, failing } = given;
  const silence = silenceOf(given);
  const mine = silence?.because === "unreachable" || silence?.because === "limited" ? silence : undefined;
  const limited = of(complaints, "limited");
  const lost = of(complaints, "unreachable");
  const subject = "Doppler's API";
  // The operator's own words come first: the way from the cluster to Doppler may be another one than from here.
  if (limited !== undefined || (failing && lost === undefined && mine?.because === "limited")) {
    const said = limited === undefined ? "" : ` It said so to the operator at ${clock(limited.at)}.`;
    return {
      broken: {
        fault: "doppler-rate-limit",
        subject,
        cause: `Doppler refuses requests because its rate limit is reached.${said}`,
        remedy: [
          "Wait for a minute: the operator tries again by itself.",
          "If it comes back, set a longer refreshInterval, or find out who else reads with this token or from this address.",
        ],
      },
    };
  }
  if (lost !== undefined || (failing && mine !== undefined)) {
    const here =
      mine === undefined
        ? "Doppler answers this machine now."
        : `This machine gets no answer either (${mine.unknown}).`;
    const there = lost === undefined ? "" : `The operator got no answer from Doppler at ${clock(lost.at)}. `;
    return {
      broken: {
        fault: "doppler-down",
        subject,
        cause: `${there}${here}`,
        remedy:
          mine === undefined
            ? [
                "The operator tries again by itself, at the latest after some minutes.",
                "If it goes on failing, check the way from the cluster to Doppler: DNS, network policies, a proxy.",
              ]
            : ["Check https://www.dopplerstatus.com and the network. The operator tries again by itself."],
      },
    };
  }
  return mine === undefined ? undefined : { unknown: `Doppler: ${mine.unknown}` };
}

/** Whether the config is there. */
export function configThere(given: DopplerCase): Outcome {
  const { facts, source, complaints, failing } = given;
  const { names } = facts.doppler.configs[sourceKey(source)] ?? {};
  const config = `config "${source.config}" of project "${source.project}"`;
  if (names === undefined) return { unknown: `Doppler was not asked about ${config}` };
  if ("unknown" in names) return { unknown: `Doppler: ${names.unknown}` };
  if (names.known !== null) return undefined;
  if (!failing && of(complaints, "noConfig") === undefined) {
    return { unknown: `Doppler shows this token no ${config}` };
  }
  return {
    broken: {
      fault: "config-missing",
      subject: `Doppler config ${sourceKey(source)}`,
      cause: `Doppler has no ${config}, or shows it not to this token.`,
      remedy: [`If somebody deleted it: pulumi up --refresh --stack ${facts.stack}, then type its values again.`],
    },
  };
}

/**
 * Whether the names have values.
 *
 * @param wanted the Doppler names, without which there is no Secret
 */
export function valuesThere({ facts, source, complaints }: DopplerCase, wanted: readonly string[]): Outcome {
  const { names } = facts.doppler.configs[sourceKey(source)] ?? {};
  const known = names !== undefined && "known" in names ? names.known : undefined;
  const said = of(complaints, "absent")?.reason;
  const missing = known
    ? wanted.filter((name) => !known.includes(name))
    : said?.kind === "absent" && said.name !== undefined && wanted.includes(said.name)
      ? [said.name]
      : [];
  if (missing.length === 0) {
    return known ? undefined : { unknown: `Doppler was not asked for the names in ${sourceKey(source)}` };
  }
  return {
    broken: {
      fault: "value-missing",
      subject: `value of ${named(missing)}`,
      cause: `${named(missing)} ${missing.length === 1 ? "has" : "have"} no value in Doppler, project "${source.project}", config "${source.config}". The operator leaves the Secret as it was.`,
      remedy: missing.map((name) => `doppler secrets set ${name} ${inConfig(source)}`),
    },
  };
}

/** Whether the token is there and valid. */
export function tokenThere({ facts, source, complaints }: DopplerCase): Outcome {
  if (source.token === undefined) return undefined;
  const { tokens } = facts.doppler.configs[sourceKey(source)] ?? {};
  const subject = `service token "${source.token}" of config ${sourceKey(source)}`;
  const remedy = [
    "Give doppler.serviceToken a new name in the stack's settings, which makes a new token:",
    `pulumi up --stack ${facts.stack}`,
  ];
  if (tokens === undefined || "unknown" in tokens) {
    if (of(complaints, "refused") === undefined) {
      return { unknown: `Doppler was not asked for the service tokens of ${sourceKey(source)}` };
    }
    const cause =
      "Doppler does not take the token that the cluster has. It was revoked, or the Secret that holds it was edited; Doppler could not be asked which.";
    return { broken: { fault: "token-refused", subject, cause, remedy } };
  }
  const token = tokens.known.find(({ name }) => name === source.token);
  if (token === undefined) {
    const cause = "The token was revoked: Doppler does not list it any more.";
    return {
      broken: { fault: "token-revoked", subject, cause, remedy: [`pulumi up --refresh --stack ${facts.stack}`] },
    };
  }
  if (token.expiresAt !== undefined && token.expiresAt <= facts.at) {
    const cause = `The token expired at ${clock(token.expiresAt)}.`;
    return { broken: { fault: "token-expired", subject, cause, remedy, lastWell: token.expiresAt } };
  }
  return undefined;
}
