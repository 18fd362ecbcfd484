import { z } from "zod";
import { requestedNames, requestedSource } from "./contents";
import { DEFAULTS } from "./defaults";
import { MAIN_SOURCE } from "./dopplerSources";
import type { Lenient } from "./lenient";
import { registry } from "./locations";
import { anySource, dopplerSecretName, duration, kubernetesSecretName, namespaceName } from "./names";
import type { RequestedPlace, SecretKind, SecretRequest } from "./secretRequest";

// The Secrets with which a cluster pulls private images: the settings `pullSecrets`. Each is the same in all of its
// namespaces.

const pullSecret = z.strictObject({
  name: kubernetesSecretName,
  namespaces: z
    .array(namespaceName)
    .min(1, { error: "expected at least one namespace" })
    .refine((list) => new Set(list).size === list.length, { error: "expected each namespace once" }),
  registry: registry.default(DEFAULTS.registry),
  source: anySource.optional(),
  username: dopplerSecretName.optional(),
  token: dopplerSecretName.optional(),
  refreshInterval: duration.optional(),
});

const schema = z.array(pullSecret).default([]);

function request(pull: Lenient<z.output<typeof pullSecret>>, index: number): SecretRequest {
  const entry = ["pullSecrets", index];
  const { name, registry = DEFAULTS.registry, source, username, token, refreshInterval } = pull;
  const place = (namespace: string | undefined, i: number): RequestedPlace => ({
    path: [...entry, "namespaces", i],
    namespace,
    secretName: name,
    externalSecretName: name,
  });
  const [first, ...others] = pull.namespaces ?? [];
  return {
    entry,
    name: name === undefined ? undefined : `pull-${name}`,
    places: [place(first, 0), ...others.map((namespace, i) => place(namespace, i + 1))],
    contents: requestedNames(entry, { username, token }),
    sources: requestedSource(entry, source),
    rest: {
      refreshInterval,
      source: source ?? MAIN_SOURCE,
      keys: {},
      values: { ".dockerconfigjson": dockerConfig(registry, username, token) },
      from: {},
      type: "kubernetes.io/dockerconfigjson",
      labels: {},
      annotations: {},
      merge: false,
    },
  };
}

/** The template of a Docker configuration. Each value is written as JSON, since it may hold quotes or backslashes. */
function dockerConfig(
  registry: string,
  username: string = DEFAULTS.registryUsername,
  token: string = DEFAULTS.registryToken,
): string {
  const entry = [
    `"username":{{ .${username} | toJson }}`,
    `"password":{{ .${token} | toJson }}`,
    `"auth":{{ printf "%s:%s" .${username} .${token} | b64enc | toJson }}`,
  ];
  return `{"auths":{${JSON.stringify(registry)}:{${entry.join()}}}}`;
}

export const pullSecrets: SecretKind<typeof schema> = {
  schema,
  requests: (pulls = []) => pulls.flatMap((pull, index) => (pull === undefined ? [] : [request(pull, index)])),
};
