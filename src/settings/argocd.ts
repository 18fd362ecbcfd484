import { z } from "zod";
import { checkContents, requestedContents, requestedNames, requestedSource } from "./contents";
import { DEFAULTS } from "./defaults";
import { MAIN_SOURCE } from "./dopplerSources";
import type { Lenient } from "./lenient";
import { argocdUrl } from "./locations";
import {
  anySource,
  argocdRepositoryName,
  dopplerSecretName,
  duration,
  kubernetesSecretName,
  namespaceName,
  template,
} from "./names";
import type { SecretKind, SecretRequest } from "./secretRequest";

// Argo CD's Secrets: the settings `argocd`. The Secrets are as Argo CD's documentation describes them:
// https://argo-cd.readthedocs.io/en/stable/operator-manual/, under "User Management" and "Declarative Setup".

/** The label by which Argo CD finds its Secrets. */
const SECRET_TYPE = "argocd.argoproj.io/secret-type";

/** The Secret of Argo CD's own settings. Its manifests make it, and Argo CD adds to it. */
const OWN_SECRET = "argocd-secret";

/** The fields of a repository that Argo CD reads, beside `type` and `url`. */
const REPOSITORY_FIELDS = [
  ...["name", "project", "username", "password", "bearerToken", "sshPrivateKey"],
  ...["githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppEnterpriseBaseUrl"],
  ...["tlsClientCertData", "tlsClientCertKey", "gcpServiceAccountKey", "useAzureWorkloadIdentity"],
  ...["insecure", "insecureIgnoreHostKey", "enableLfs", "enableOCI", "insecureOCIForceHttp", "forceHttpBasicAuth"],
  ...["proxy", "noProxy", "depth"],
];
const repositoryField = z
  .string()
  .refine((field) => REPOSITORY_FIELDS.includes(field), { error: `expected one of ${REPOSITORY_FIELDS.join(", ")}` });

const repository = z
  .strictObject({
    name: argocdRepositoryName,
    url: argocdUrl,
    type: z.enum(["git", "helm", "oci"], { error: "expected git, helm or oci" }).default("git"),
    secretName: kubernetesSecretName.optional(),
    source: anySource.optional(),
    keys: z.record(repositoryField, dopplerSecretName).default({}),
    values: z.record(repositoryField, template).default({}),
  })
  .superRefine(({ keys, values }, context) => checkContents({ keys, values, prescribed: true }, context));

const schema = z
  .strictObject({
    namespace: namespaceName.default(DEFAULTS.argocdNamespace),
    refreshInterval: duration.optional(),
    admin: z
      .strictObject({
        source: anySource.optional(),
        passwordHash: dopplerSecretName.optional(),
        passwordMtime: dopplerSecretName.optional(),
      })
      .optional(),
    repositories: z.array(repository).default([]),
    repositoryCredentials: z.array(repository).default([]),
  })
  .optional();

type Argocd = NonNullable<Lenient<z.output<typeof schema>>>;

/** The admin's password, added to Argo CD's own Secret. */
function adminRequest({ namespace, refreshInterval }: Argocd, admin: NonNullable<Argocd["admin"]>): SecretRequest {
  const entry = ["argocd", "admin"];
  const { source, ...names } = admin;
  const { passwordHash = DEFAULTS.argocdPasswordHash, passwordMtime = DEFAULTS.argocdPasswordMtime } = names;
  return {
    entry,
    name: "argocd-admin",
    places: [{ path: entry, namespace, secretName: OWN_SECRET, externalSecretName: "argocd-admin" }],
    contents: requestedNames(entry, names),
    sources: requestedSource(entry, source),
    rest: {
      refreshInterval,
      source: source ?? MAIN_SOURCE,
      keys: {},
      // A value that was piped into Doppler may end with a line break. Argo CD would refuse the hash and the time then.
      values: {
        "admin.password": `{{ .${passwordHash} | trim }}`,
        "admin.passwordMtime": `{{ .${passwordMtime} | trim }}`,
      },
      from: {},
      labels: {},
      annotations: {},
      // The Secret holds Argo CD's signing key as well.
      merge: true,
    },
  };
}

/** The lists of repositories: what Argo CD calls their Secrets, and how the Secrets' names begin. */
const REPOSITORY_LISTS = {
  repositories: { label: "repository", prefix: "repo" },
  repositoryCredentials: { label: "repo-creds", prefix: "repo-creds" },
} as const;

function repositoryRequests(argocd: Argocd, list: keyof typeof REPOSITORY_LISTS): SecretRequest[] {
  const { label, prefix } = REPOSITORY_LISTS[list];
  const { namespace, refreshInterval } = argocd;
  return (argocd[list] ?? []).flatMap((repository, index) => {
    if (repository === undefined) return [];
    const entry = ["argocd", list, index];
    const { name, type, url, source, keys = {}, values = {} } = repository;
    const secretName = repository.secretName ?? (name === undefined ? undefined : `${prefix}-${name}`);
    const location: Record<string, string> = type === undefined || url === undefined ? {} : { type, url };
    return [
      {
        entry,
        name: name === undefined ? undefined : `argocd-${prefix}-${name}`,
        places: [{ path: entry, namespace, secretName, externalSecretName: secretName }],
        contents: requestedContents(entry, { keys, values }),
        sources: requestedSource(entry, source),
        rest: {
          refreshInterval,
          source: source ?? MAIN_SOURCE,
          keys,
          values: { ...location, ...values },
          from: {},
          labels: { [SECRET_TYPE]: label },
          annotations: {},
          merge: false,
        },
      },
    ];
  });
}

export const argocd: SecretKind<typeof schema> = {
  schema,
  requests: (argocd = {}) => [
    ...(argocd.admin === undefined ? [] : [adminRequest(argocd, argocd.admin)]),
    ...repositoryRequests(argocd, "repositories"),
    ...repositoryRequests(argocd, "repositoryCredentials"),
  ],
};
