import { readFileSync } from "node:fs";
import { join } from "node:path";
import sodium from "libsodium-wrappers";
import { openSecret } from "secrets-pipeline-sandbox";
import { PROJECT_OF } from "./project.js";
import type { User } from "./user.js";

// What a team does by hand: it applies manifests of its own, and types secrets on GitHub's page.

/** A ClusterSecretStore as a team writes it by hand. */
export const store = (name: string, tokenSecret: string) => `
apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata:
  name: ${name}
spec:
  provider:
    doppler:
      auth:
        secretRef:
          dopplerToken:
            name: ${tokenSecret}
            key: dopplerToken
            namespace: external-secrets
`;

/**
 * An ExternalSecret as a team writes it by hand.
 *
 * @param elsewhere more keys, by the store that they come from
 */
export function externalSecret(
  namespace: string,
  name: string,
  target: string,
  keys: Readonly<Record<string, string>>,
  elsewhere: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): string {
  const item = (secretKey: string, key: string, other = "") =>
    `    - secretKey: ${secretKey}\n      remoteRef:\n        key: ${key}\n${other}`;
  const data = [
    ...Object.entries(keys).map(([secretKey, key]) => item(secretKey, key)),
    ...Object.entries(elsewhere).flatMap(([other, more]) => {
      const ref = `      sourceRef:\n        storeRef:\n          name: ${other}\n          kind: ClusterSecretStore\n`;
      return Object.entries(more).map(([secretKey, key]) => item(secretKey, key, ref));
    }),
  ];
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

/** Asks GitHub's API under the person's own token. */
export async function github(user: User, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${user.sandbox.githubUrl}/api/v3/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${readFileSync(join(user.here.github, "token"), "utf8").trim()}`,
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/**
 * Sets a secret of the stack's Doppler config as Doppler's page does: there, a value may be empty, and a name may be
 * restricted. The doppler command can do neither.
 */
export async function setInDoppler(
  user: User,
  name: string,
  value: string,
  visibility: "masked" | "restricted" = "masked",
): Promise<void> {
  const { DOPPLER_PROJECT: main, DOPPLER_CONFIG: config, DOPPLER_TOKEN: token, DOPPLER_API_HOST: host } = user.env;
  const project = PROJECT_OF[name] ?? main;
  const answer = await fetch(`${host}/v3/configs/config/secrets`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ project, config, change_requests: [{ name, originalName: name, value, visibility }] }),
  });
  if (!answer.ok) throw new Error(`${name} can't be set in Doppler: ${answer.status} ${await answer.text()}`);
}

/** The names of the secrets of a place, such as `repos/acme/web/actions/secrets`, as GitHub lists them. */
export async function secretNames(user: User, place: string): Promise<string[]> {
  const { secrets } = (await github(user, "GET", place)) as { secrets: { name: string }[] };
  return secrets.map(({ name }) => name).sort();
}

/**
 * Sets a secret as GitHub's page does: sealed for the key of its place.
 *
 * @param place such as `repos/acme/web/actions/secrets`
 * @param access who may read it, where it is an organisation's
 */
export async function setSecret(
  user: User,
  place: string,
  name: string,
  value: string,
  access: object = {},
): Promise<"created" | "overwritten"> {
  const key = (await github(user, "GET", `${place}/public-key`)) as { key_id: string; key: string };
  await sodium.ready;
  const sealed = sodium.crypto_box_seal(Buffer.from(value), Buffer.from(key.key, "base64"));
  const body = { key_id: key.key_id, encrypted_value: Buffer.from(sealed).toString("base64"), ...access };
  // GitHub's answer has a body only if the secret is new.
  return (await github(user, "PUT", `${place}/${name}`, body)) === undefined ? "overwritten" : "created";
}

/** Sets an Actions secret of a repository. */
export const setActionsSecret = (user: User, repository: string, name: string, value: string) =>
  setSecret(user, `repos/${repository}/actions/secrets`, name, value);

/** The value of an Actions secret of a repository. On GitHub, only the repository's runners can see it. */
export async function actionsSecret(user: User, repository: string, name: string): Promise<string | undefined> {
  return openSecret(user.here.github, { app: "actions", repository }, name);
}
