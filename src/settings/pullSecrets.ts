import type { SecretSettings } from "./secretSettings";

/** Docker Hub, as a Docker configuration calls it. */
export const DOCKER_HUB = "https://index.docker.io/v1/";

/** One of the stack's `pullSecrets`. */
export interface PullSecretSettings {
  name: string;
  namespaces: string[];
  registry: string;
  username: string;
  token: string;
  refreshInterval?: string;
}

/** The Secret with which a cluster pulls private images from a registry: the same in each of its namespaces. */
export function pullSecret({ name, namespaces, refreshInterval, ...of }: PullSecretSettings): SecretSettings {
  const [namespace = "", ...others] = namespaces;
  return {
    name: `pull-${name}`,
    namespace,
    secretName: name,
    externalSecretName: name,
    refreshInterval,
    keys: {},
    values: { ".dockerconfigjson": dockerConfig(of) },
    type: "kubernetes.io/dockerconfigjson",
    labels: {},
    annotations: {},
    merge: false,
    alsoAs: others.map((other) => ({ namespace: other, secretName: name })),
  };
}

/** The template of a Docker configuration. A value may hold what JSON has a use for. */
function dockerConfig({ registry, username, token }: Pick<PullSecretSettings, "registry" | "username" | "token">) {
  const entry = [
    `"username":{{ .${username} | toJson }}`,
    `"password":{{ .${token} | toJson }}`,
    `"auth":{{ printf "%s:%s" .${username} .${token} | b64enc | toJson }}`,
  ];
  return `{"auths":{${JSON.stringify(registry)}:{${entry.join()}}}}`;
}
