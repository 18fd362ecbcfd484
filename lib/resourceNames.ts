/**
 * The name, in the stack's state, of the ExternalSecret that makes a Secret. It is part of the URN, so it may not change.
 * Two entries can get the same name: `web` in `api-prod` and `web-api` in `prod`.
 *
 * @param entry the name of the app, or of another component that makes Secrets
 */
export function externalSecretResource(entry: string, namespace: string, secretName: string): string {
  return `${entry}-${namespace}-${secretName}`;
}
