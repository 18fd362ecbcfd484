import sodium from "libsodium-wrappers";
import { newKeyId, readState, resolveScope, scopeKey, type ScopeRef, type SecretScope, type State } from "./state.js";

/** A new key pair with no secrets yet. */
export async function newScope(): Promise<SecretScope> {
  await sodium.ready;
  const pair = sodium.crypto_box_keypair();
  return {
    keyId: newKeyId(),
    publicKey: Buffer.from(pair.publicKey).toString("base64"),
    privateKey: Buffer.from(pair.privateKey).toString("base64"),
    secrets: {},
  };
}

/** What is in the sealed box (base64), or undefined if it was not sealed to this scope's public key. */
export async function openSealedBox(scope: SecretScope, ciphertext: string): Promise<Buffer | undefined> {
  await sodium.ready;
  try {
    return Buffer.from(
      sodium.crypto_box_seal_open(
        Buffer.from(ciphertext, "base64"),
        Buffer.from(scope.publicKey, "base64"),
        Buffer.from(scope.privateKey, "base64"),
      ),
    );
  } catch {
    return undefined;
  }
}

/**
 * For tests: the value of a secret, opened with the stand-in's private key. No route does this.
 * @param source the stand-in's data folder, or its state
 * @param name in any case, as on GitHub
 * @throws if there is no such scope or secret
 */
export async function openSecret(source: string | State, scope: ScopeRef, name: string): Promise<string> {
  const state = typeof source === "string" ? readState(source) : source;
  const id = resolveScope(state, scope);
  const stored = id && state.scopes[scopeKey(id)];
  const secret = stored?.secrets[name.toUpperCase()];
  if (!stored || !secret) {
    throw new Error(`GitHub stand-in: no secret ${name} in ${JSON.stringify(scope)}`);
  }
  const value = await openSealedBox(stored, secret.ciphertext);
  if (!value) {
    throw new Error(`GitHub stand-in: secret ${name} in ${JSON.stringify(scope)} is not sealed to its scope's key`);
  }
  return value.toString("utf8");
}
