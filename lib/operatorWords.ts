// The operator gives its reasons as texts, in events. The texts may quote a value, so nothing here repeats them.

/** Why the operator can't make a Secret, or use a store. */
export type OperatorReason =
  /** Doppler has no such name; the name is absent where the operator does not give it. */
  | { kind: "absent"; name?: string | undefined }
  /** Doppler does not take the token. */
  | { kind: "refused" }
  /** The token may not read the project or the config, or there is none. */
  | { kind: "noConfig" }
  /** Doppler's rate limit. */
  | { kind: "limited" }
  /** No answer of Doppler. */
  | { kind: "unreachable" }
  /** The store does not admit the namespace. */
  | { kind: "notAdmitted" }
  | { kind: "storeMissing" }
  /** The store is not ready; the store itself has the reason. */
  | { kind: "storeNotReady" }
  /** The Secret with the token is missing, or has no such key. */
  | { kind: "tokenMissing" }
  /** The Secret belongs to somebody else. */
  | { kind: "owned" }
  /** Something else. */
  | { kind: "other" };

const REASONS: readonly [RegExp, Exclude<OperatorReason["kind"], "absent" | "other">][] = [
  [/rate limit|HTTP 429|\b429 status code|too many requests/i, "limited"],
  [/invalid (?:auth|service) token|HTTP 401|\b401 status code|unauthorized/i, "refused"],
  [/does not have access to requested|could not find requested (?:project|config)/i, "noConfig"],
  [/is not allowed from namespace|denied by spec\.condition/, "notAdmitted"],
  [/could not get (?:Cluster)?SecretStore/, "storeMissing"],
  [/SecretStore "[^"]*" is not ready/, "storeNotReady"],
  [/cannot get Kubernetes secret|cannot find secret data for key/, "tokenMissing"],
  [/owned by another|already owned|controller reference on secret/i, "owned"],
  [
    /connection refused|connection reset|no such host|network is unreachable|no route to host|timeout|deadline exceeded|\bEOF\b|tls:|x509:|accessing external store|unable to load response|HTTP 5\d\d/i,
    "unreachable",
  ],
];

/** The reason in the operator's words. */
export function operatorReason(words: string): OperatorReason {
  const absent = /secret '([^']+)' not found|requested secret: (\S+)|map has no entry for key "([^"]+)"/.exec(words);
  if (absent !== null) return { kind: "absent", name: absent[1] ?? absent[2] ?? absent[3] };
  return { kind: REASONS.find(([pattern]) => pattern.test(words))?.[1] ?? "other" };
}
