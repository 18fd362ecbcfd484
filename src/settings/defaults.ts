// What a stack's settings mean where they say nothing. Each default stands here and nowhere else in this folder.

export const DEFAULTS = {
  dopplerHost: "https://api.doppler.com",
  serviceToken: "external-secrets",
  operatorNamespace: "external-secrets",
  releaseName: "external-secrets",
  storeName: "doppler-secret-store",
  tokenSecretName: "doppler-token-auth",
  serviceAccount: "doppler-secret-store",
  /** In the form in which Go prints a duration; see lib/duration.ts. */
  refreshInterval: "1m0s",
  fetch: "perApp",
  argocdNamespace: "argocd",
  argocdPasswordHash: "ARGOCD_ADMIN_PASSWORD_HASH",
  argocdPasswordMtime: "ARGOCD_ADMIN_PASSWORD_MTIME",
  /** Docker Hub, as a Docker configuration names it. */
  registry: "https://index.docker.io/v1/",
  registryUsername: "DOCKERHUB_USERNAME",
  registryToken: "DOCKERHUB_TOKEN",
} as const;
