// What the facts mean.

/** A link of the chain from Doppler to whoever reads the secret, in the order of the chain. */
export const LINKS = [
  "doppler",
  "config",
  "value",
  "token",
  "crd",
  "operator",
  "identity",
  "store",
  "externalSecret",
  "secret",
  "workload",
  "actionsSecret",
] as const;
export type Link = (typeof LINKS)[number];

/** What may be wrong, each with the link that is broken by it. Scripts know a fault by this name, so a name stays. */
export const FAULTS = {
  "doppler-down": "doppler",
  "doppler-rate-limit": "doppler",
  "config-missing": "config",
  "value-missing": "value",
  "token-revoked": "token",
  "token-expired": "token",
  "token-refused": "token",
  "crd-missing": "crd",
  "operator-missing": "operator",
  "operator-stopped": "operator",
  "operator-failing": "operator",
  "identity-missing": "identity",
  "token-secret-edited": "identity",
  "store-missing": "store",
  "store-edited": "store",
  "store-namespace-not-admitted": "store",
  "store-not-ready": "store",
  "external-secret-missing": "externalSecret",
  "external-secret-edited": "externalSecret",
  "external-secret-failing": "externalSecret",
  "external-secret-late": "externalSecret",
  "secret-missing": "secret",
  "secret-taken": "secret",
  "secret-incomplete": "secret",
  "workload-old-value": "workload",
  "actions-secret-missing": "actionsSecret",
  "actions-secret-overwritten": "actionsSecret",
  "actions-secret-visibility": "actionsSecret",
} as const satisfies Record<string, Link>;
export type Fault = keyof typeof FAULTS;

/** A broken link. */
export interface Break {
  fault: Fault;
  /** The thing that is broken: `ClusterSecretStore doppler-secret-store`. */
  subject: string;
  /** What is wrong with it, in sentences. */
  cause: string;
  /** What to do, one step each. */
  remedy: string[];
  /** When the link was last known to be whole. */
  lastWell?: number | undefined;
}

/** A broken link, and everything that is not whole because of it. */
export interface Finding extends Break {
  link: Link;
  /** Apps and places of CI, in words. */
  concerns: string[];
}

/** The outcome of one look at one link: nothing where it is whole. */
export type Outcome = { broken: Break } | { unknown: string } | undefined;

export type Verdict = "whole" | "broken" | "unknown";

/** A Secret of an app. */
export interface SecretVerdict {
  app: string;
  namespace: string;
  secret: string;
  verdict: Verdict;
  /** The place of its finding in the list. */
  finding?: number | undefined;
  /** Why nothing could be known. */
  unknown?: string | undefined;
  /** When the operator brought the Secret up to date last. */
  refreshedAt?: number | undefined;
  /** When the Secret changed last. */
  changedAt?: number | undefined;
  /** The pods that use it; absent where they could not be asked about. */
  pods?: { total: number; older: number } | undefined;
}

/** The secrets of CI in one place. */
export interface CiVerdict {
  place: string;
  secrets: string[];
  verdict: Verdict;
  findings: number[];
  unknown?: string | undefined;
}

/** A service token. */
export interface TokenVerdict {
  name: string;
  project: string;
  config: string;
  /** Whether this stack's cluster reads with it. */
  used: boolean;
  createdAt?: number | undefined;
  lastSeenAt?: number | null | undefined;
  expiresAt?: number | undefined;
}

/** Something that breaks nothing. */
export interface Notice {
  about: "unconsumedNames" | "leftoverKeys" | "tokens" | "missedRefreshes" | "reads" | "versions" | "drift";
  text: string;
}

/** A question that got no answer. */
export interface Unasked {
  whom: string;
  why: string;
}

/** Everything that is known of a stack. */
export interface Judgement {
  stack: string;
  at: number;
  verdict: Verdict;
  secrets: SecretVerdict[];
  ci: CiVerdict[];
  findings: Finding[];
  unasked: Unasked[];
  tokens: TokenVerdict[];
  reads: { perMinute: number; limit?: number | undefined };
  notices: Notice[];
}
