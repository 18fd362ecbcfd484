import { type CiRequest, ciRequest } from "./ciSecrets";
import { KINDS } from "./kinds";
import type { Lenient } from "./lenient";
import type { Settings } from "./schema";
import type { SecretKind, SecretRequest } from "./secretRequest";

/** All the secrets that a stack asks for, as far as its settings can be read. */
export interface Requests {
  /** In the cluster, by the section of the settings that asks for them. */
  secrets: (SecretRequest & { section: keyof typeof KINDS })[];
  /** At GitHub, for CI. */
  ci?: CiRequest | undefined;
}

/** Lists all the secrets that a stack's settings ask for. Every rule and the program itself work on this list. */
export function requestsOf(settings: Lenient<Settings>): Requests {
  const sections = Object.keys(KINDS) as (keyof typeof KINDS)[];
  return {
    secrets: sections.flatMap((section) => {
      const kind: SecretKind = KINDS[section];
      return kind.requests(settings[section]).map((request) => ({ ...request, section }));
    }),
    ci: settings.githubActions && ciRequest(settings.githubActions),
  };
}
