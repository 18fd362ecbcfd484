import { readFileSync } from "node:fs";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { openSecret } from "../github/index.js";
import type { User } from "./user.js";

// What a team does by hand, with the tools it has: the seed's manifests literally, and GitHub's page for secrets.

/** The ClusterSecretStore that the seed shows. */
export const STORE = `
apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata:
  name: doppler-secret-store
spec:
  provider:
    doppler:
      auth:
        secretRef:
          dopplerToken:
            name: doppler-token-auth
            key: dopplerToken
            namespace: external-secrets
`;

/** An ExternalSecret as the seed shows it. */
export function externalSecret(
  namespace: string,
  name: string,
  target: string,
  keys: Readonly<Record<string, string>>,
): string {
  const data = Object.entries(keys).map(
    ([secretKey, key]) => `    - secretKey: ${secretKey}\n      remoteRef:\n        key: ${key}\n`,
  );
  return `
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata:
  name: ${name}
  namespace: ${namespace}
  labels:
    team: by-hand
spec:
  refreshInterval: 1m
  secretStoreRef:
    name: doppler-secret-store
    kind: ClusterSecretStore
  target:
    name: ${target}
    creationPolicy: Owner
  data:
${data.join("")}`;
}

/** Sets an Actions secret of a repository as GitHub's page does: sealed for the repository's key. */
export async function setActionsSecret(user: User, repository: string, name: string, value: string): Promise<void> {
  const secrets = `${user.sandbox.githubUrl}/api/v3/repos/${repository}/actions/secrets`;
  const headers = {
    authorization: `Bearer ${readFileSync(join(user.here.github, "token"), "utf8").trim()}`,
    "content-type": "application/json",
  };
  const key = (await (await fetch(`${secrets}/public-key`, { headers })).json()) as { key_id: string; key: string };
  await sodium.ready;
  const sealed = sodium.crypto_box_seal(Buffer.from(value), Buffer.from(key.key, "base64"));
  const body = { key_id: key.key_id, encrypted_value: Buffer.from(sealed).toString("base64") };
  const answer = await fetch(`${secrets}/${name}`, { method: "PUT", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`setting ${name} of ${repository}: ${answer.status} ${await answer.text()}`);
}

/** What an Actions secret of a repository holds; only its runners can see that. */
export async function actionsSecret(user: User, repository: string, name: string): Promise<string | undefined> {
  return openSecret(user.here.github, { app: "actions", repository }, name);
}
