import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { join } from "node:path";
import { stringify } from "yaml";
import { keepPrivate } from "./files.js";

/** The users of the API server that are known by a static token. */
const users = {
  admin: { user: "sandbox-admin", group: "system:masters" },
  // The names that the API server's own roles are bound to.
  controllerManager: { user: "system:kube-controller-manager", group: "" },
  scheduler: { user: "system:kube-scheduler", group: "" },
} as const;

export type ClusterUser = keyof typeof users;

export interface Credentials {
  readonly tokens: Readonly<Record<ClusterUser, string>>;
  /** For --token-auth-file. */
  readonly tokenFile: string;
  /** Signs the tokens of ServiceAccounts. */
  readonly serviceAccountKey: string;
  /** Checks them. */
  readonly serviceAccountPublicKey: string;
  /** For --encryption-provider-config. */
  readonly encryptionConfig: string;
}

/**
 * The cluster's credentials in `dir`, made where missing, so that those given out stay good as long as the folder does.
 * Every file is its owner's only.
 */
export function ensureCredentials(dir: string): Credentials {
  const token = (user: ClusterUser) => keepPrivate(join(dir, `${user}.token`), () => randomBytes(32).toString("hex"));
  const tokens = {
    admin: token("admin"),
    controllerManager: token("controllerManager"),
    scheduler: token("scheduler"),
  };
  const lines = (Object.keys(users) as ClusterUser[]).map((name) => {
    const { user, group } = users[name];
    return [tokens[name], user, user, ...(group === "" ? [] : [`"${group}"`])].join(",");
  });
  const tokenFile = join(dir, "tokens.csv");
  keepPrivate(tokenFile, () => `${lines.join("\n")}\n`);

  const serviceAccountKey = join(dir, "service-account.key");
  const serviceAccountPublicKey = join(dir, "service-account.pub");
  const privateKey = keepPrivate(serviceAccountKey, () =>
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );
  keepPrivate(serviceAccountPublicKey, () =>
    createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString(),
  );

  const encryptionConfig = join(dir, "encryption.yaml");
  keepPrivate(encryptionConfig, () => encryption(randomBytes(32)));
  return { tokens, tokenFile, serviceAccountKey, serviceAccountPublicKey, encryptionConfig };
}

/** Secrets are encrypted at rest, as clusters in earnest have them: no value stands in clear in etcd's files. */
function encryption(key: Buffer): string {
  return stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        providers: [{ secretbox: { keys: [{ name: "sandbox", secret: key.toString("base64") }] } }, { identity: {} }],
      },
    ],
  });
}
