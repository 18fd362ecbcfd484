import { z } from "zod";
import { requestedNames } from "./contents";
import { DEFAULTS } from "./defaults";
import type { Lenient } from "./lenient";
import { githubUrl } from "./locations";
import { dopplerSecretName, githubOwner, githubRepository, githubSecretName, text } from "./names";
import type { Path } from "./problems";
import type { RequestedContent } from "./secretRequest";

// CI's secrets at GitHub: the settings `githubActions`.

const ciSecret = z
  .strictObject({ secretName: githubSecretName.optional(), dopplerName: dopplerSecretName.optional() })
  .optional();

export const githubActions = z.strictObject({
  owner: githubOwner.optional(),
  baseUrl: githubUrl.optional(),
  repositories: z
    .array(githubRepository)
    .min(1, { error: "expected at least one repository" })
    .refine((list) => new Set(list.map((r) => r.toLowerCase())).size === list.length, {
      error: "expected each repository once",
    })
    .optional(),
  organization: z
    .strictObject({
      visibility: z
        .enum(["selected", "private", "all"], { error: 'expected "selected", "private" or "all"' })
        .default("selected"),
    })
    .optional(),
  dependabot: z.boolean().default(false),
  environment: text.optional(),
  createEnvironment: z.boolean().default(false),
  username: ciSecret,
  token: ciSecret,
});

/** A secret for CI, and the Doppler name that its value comes from. */
export interface CiSecret {
  secretName: string;
  dopplerName: string;
}

/** A place at GitHub that gets all of CI's secrets: a repository, one of its environments, or an organisation. */
export interface CiPlace {
  /** The setting that names it. */
  path: Path;
  owner?: string | undefined;
  /** `undefined`: the organisation. */
  repository?: string | undefined;
  environment?: string | undefined;
}

/** What the settings ask for at GitHub, as far as they can be read. */
export interface CiRequest {
  secrets: CiSecret[];
  places: CiPlace[];
  contents: RequestedContent[];
}

/** The settings of each of CI's secrets, and the name that it has without them. */
const SECRETS = { username: DEFAULTS.registryUsername, token: DEFAULTS.registryToken } as const;

/** What these settings ask for. */
export function ciRequest(settings: Lenient<z.output<typeof githubActions>>): CiRequest {
  const { owner, environment, organization, repositories = [] } = settings;
  const names = Object.keys(SECRETS) as (keyof typeof SECRETS)[];
  return {
    secrets: names.map((which) => {
      const { secretName = SECRETS[which], dopplerName = secretName.toUpperCase() } = settings[which] ?? {};
      return { secretName, dopplerName };
    }),
    places:
      organization === undefined
        ? repositories.flatMap((repository, index) =>
            repository === undefined
              ? []
              : [{ path: ["githubActions", "repositories", index], owner, repository, environment }],
          )
        : [{ path: ["githubActions", "organization"], owner }],
    contents: names.flatMap((which) => {
      const { dopplerName, secretName } = settings[which] ?? {};
      return requestedNames(["githubActions", which], { dopplerName, secretName });
    }),
  };
}
