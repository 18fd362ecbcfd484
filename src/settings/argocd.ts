import type { SecretSettings } from "./secretSettings";

// Argo CD's Secrets, as its documentation describes them: https://argo-cd.readthedocs.io/en/stable/operator-manual/
// under "User Management" and "Declarative Setup".

/** What Argo CD tells its Secrets by. */
const SECRET_TYPE = "argocd.argoproj.io/secret-type";

/** The Secret of Argo CD's own settings. Its manifests make it, and Argo CD adds to it. */
const OWN_SECRET = "argocd-secret";

/** The fields of a repository that Argo CD reads, beside `type` and `url`. */
export const REPOSITORY_FIELDS = [
  ...["name", "project", "username", "password", "bearerToken", "sshPrivateKey"],
  ...["githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppEnterpriseBaseUrl"],
  ...["tlsClientCertData", "tlsClientCertKey", "gcpServiceAccountKey", "useAzureWorkloadIdentity"],
  ...["insecure", "insecureIgnoreHostKey", "enableLfs", "enableOCI", "insecureOCIForceHttp", "forceHttpBasicAuth"],
  ...["proxy", "noProxy", "depth"],
];

/** A repository, or what is common to those whose URL begins so. */
export interface ArgocdRepository {
  name: string;
  url: string;
  type: string;
  secretName?: string;
  keys: Record<string, string>;
  values: Record<string, string>;
}

/** The stack's `argocd` settings. */
export interface ArgocdSettings {
  namespace: string;
  refreshInterval?: string;
  admin?: { passwordHash: string; passwordMtime: string };
  repositories: ArgocdRepository[];
  repositoryCredentials: ArgocdRepository[];
}

/** The Secrets that these settings ask for, each with its place in them. */
export function argocdSecrets(argocd: ArgocdSettings): { path: string; secret: SecretSettings }[] {
  const { namespace, refreshInterval, admin } = argocd;
  const common = { namespace, refreshInterval, annotations: {}, alsoAs: [] };
  const repository = (kind: "repository" | "repo-creds", prefix: string, of: ArgocdRepository): SecretSettings => {
    const secretName = of.secretName ?? `${prefix}-${of.name}`;
    return {
      ...common,
      name: `argocd-${prefix}-${of.name}`,
      secretName,
      externalSecretName: secretName,
      keys: of.keys,
      values: { type: of.type, url: of.url, ...of.values },
      labels: { [SECRET_TYPE]: kind },
      merge: false,
    };
  };
  return [
    ...(admin === undefined
      ? []
      : [
          {
            path: "argocd.admin",
            secret: {
              ...common,
              name: "argocd-admin",
              secretName: OWN_SECRET,
              externalSecretName: "argocd-admin",
              keys: {},
              // With a line break at its end, as a pipe may type it, neither would be one to Argo CD.
              values: {
                "admin.password": `{{ .${admin.passwordHash} | trim }}`,
                "admin.passwordMtime": `{{ .${admin.passwordMtime} | trim }}`,
              },
              labels: {},
              // Argo CD's signing key is in there as well.
              merge: true,
            },
          },
        ]),
    ...argocd.repositories.map((of, index) => ({
      path: `argocd.repositories[${index}]`,
      secret: repository("repository", "repo", of),
    })),
    ...argocd.repositoryCredentials.map((of, index) => ({
      path: `argocd.repositoryCredentials[${index}]`,
      secret: repository("repo-creds", "repo-creds", of),
    })),
  ];
}
