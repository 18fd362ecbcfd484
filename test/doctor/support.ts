import type { Asked, ExternalSecretFacts, Facts, ObjectFacts, OperatedFacts } from "../../doctor/facts";
import { identityKey, pipelineOf, placeKey } from "../../lib/pipeline";
import type { StackResource } from "../../lib/stackResources";

// A stack with two apps and CI's secrets of a repository, as its state has it; and facts in which all of it is whole.

/** The moment at which the facts were gathered. */
export const NOW = Date.parse("2026-06-01T12:00:00Z");

/** A moment so many seconds before. */
export const ago = (seconds: number) => NOW - seconds * 1000;

const STACK = "urn:pulumi:dev::secrets-pipeline::pulumi:pulumi:Stack::secrets-pipeline-dev";

/** A resource of the stack. */
export function resource(type: string, name: string, inputs: object, more: Partial<StackResource> = {}): StackResource {
  const urn = `urn:pulumi:dev::secrets-pipeline::${type}::${name}`;
  return { urn, parent: STACK, inputs: inputs as Record<string, unknown>, outputs: {}, ...more };
}

const component = (type: string, name: string, outputs: object = {}) =>
  resource(`secrets-pipeline:index:${type}`, name, {}, { outputs: outputs as Record<string, unknown> });

/** An ExternalSecret of an app. */
export function externalSecret(app: string, namespace: string, name: string, spec: object): StackResource {
  return resource(
    `kubernetes:external-secrets.io/v1:ExternalSecret`,
    `${app}-${namespace}-${name}`,
    { metadata: { name, namespace }, spec },
    { parent: component("AppSecrets", app).urn },
  );
}

/** The specification of an ExternalSecret that reads all names at once. */
export function perApp(name: string, keys: Record<string, string>, store = "doppler-secret-store"): object {
  const names = [...new Set([...Object.values(keys), "DOPPLER_CONFIG"])].sort();
  return {
    refreshInterval: "1m0s",
    secretStoreRef: { kind: "ClusterSecretStore", name: store },
    dataFrom: [{ find: { name: { regexp: `^(${names.join("|")})$` } } }],
    target: {
      name,
      creationPolicy: "Owner",
      template: {
        engineVersion: "v2",
        mergePolicy: "Replace",
        data: Object.fromEntries(Object.entries(keys).map(([key, from]) => [key, `{{ .${from} }}`])),
      },
    },
  };
}

const WEB = perApp("web-secrets", { DATABASE_URL: "DATABASE_URL", JWT_SECRET: "JWT_SECRET" });
const REPORTS = perApp("reports-credentials", { "database-url": "REPORTS_DATABASE_URL" });

const token = resource(
  "doppler:index/serviceToken:ServiceToken",
  "doppler-token",
  { project: "acme", config: "dev", name: "eso-1", access: "read" },
  { parent: component("DopplerProject", "doppler").urn },
);
const tokenSecret = resource(
  "kubernetes:core/v1:Secret",
  "doppler-store-token",
  { metadata: { name: "doppler-token-auth", namespace: "external-secrets" } },
  { dependencies: [token.urn] },
);
/** The store's specification. */
export const STORE = {
  conditions: [{ namespaces: ["default", "reports"] }],
  provider: {
    doppler: {
      auth: {
        secretRef: { dopplerToken: { name: "doppler-token-auth", key: "dopplerToken", namespace: "external-secrets" } },
      },
    },
  },
};
const store = resource(
  "kubernetes:external-secrets.io/v1:ClusterSecretStore",
  "doppler-store-store",
  {
    metadata: { name: "doppler-secret-store", annotations: { "secrets-pipeline/service-token": "eso-1" } },
    spec: STORE,
  },
  { parent: component("DopplerSecretStore", "doppler-store").urn },
);
const actionsSecret = resource(
  "github:index/actionsSecret:ActionsSecret",
  "github-web-DOCKERHUB_TOKEN",
  { repository: "web", secretName: "DOCKERHUB_TOKEN" },
  { outputs: { updatedAt: "2026-05-01 10:00:00 +0000 UTC" } },
);

/** The stack's resources. */
export const RESOURCES: readonly StackResource[] = [
  resource(
    "pulumi:pulumi:Stack",
    "secrets-pipeline-dev",
    {},
    {
      urn: STACK,
      parent: undefined,
      outputs: { store: "doppler-secret-store", doppler: { project: "acme", config: "dev" } },
    },
  ),
  component("DopplerProject", "doppler"),
  token,
  component("DopplerSecretStore", "doppler-store"),
  tokenSecret,
  store,
  component("AppSecrets", "web"),
  externalSecret("web", "default", "web-secrets", WEB),
  component("AppSecrets", "reports"),
  externalSecret("reports", "reports", "reports-credentials", REPORTS),
  actionsSecret,
  component("SharedGuard", "guard", { clusterId: "cluster-1", ciNames: {} }),
];

const known = <T>(value: T): Asked<T> => ({ known: value });
/** An answer that did not come. */
export const silence = (
  because: Extract<Asked<never>, { unknown: string }>["because"],
  unknown = "no answer",
): Asked<never> => ({
  unknown,
  because,
});

/** An object of the operator's that is well. */
export const operated = (spec: object): OperatedFacts => ({
  generation: 2,
  createdAt: ago(86_400),
  deleting: false,
  spec: spec as Record<string, unknown>,
  ready: { is: true, since: ago(80_000), reason: "Valid" },
});

/** An ExternalSecret that is well. */
export const synced = (spec: object): ExternalSecretFacts => ({
  ...operated(spec),
  ready: { is: true, since: ago(80_000), reason: "SecretSynced" },
  refreshedAt: ago(20),
  refreshedGeneration: 2,
});

/** A Secret that an ExternalSecret has written. */
export function written(owner: string, keys: string[], at = ago(3_600)): ObjectFacts {
  return {
    resourceVersion: "10",
    createdAt: ago(86_400),
    controller: { kind: "ExternalSecret", name: owner },
    keys,
    writers: [{ manager: `externalsecrets.external-secrets.io/${owner}`, at, keys }],
  };
}

/** Facts in which all is whole, of the stack or of other resources whose objects in the cluster are as asked. */
export function wholeFacts(resources: readonly StackResource[] = RESOURCES): Facts {
  const pipeline = pipelineOf(resources);
  const names = pipeline.secrets.flatMap(({ reading }) => reading.names.map(({ name }) => name));
  const each = <T>(keys: string[], value: (key: string) => T) =>
    Object.fromEntries(keys.map((key) => [key, known(value(key))]));
  const places = pipeline.secrets.map(({ namespace, secretName }) => ({ namespace, name: secretName }));
  return {
    stack: "dev",
    at: NOW,
    pipeline,
    release: { namespace: "external-secrets", name: "external-secrets" },
    clusterId: "cluster-1",
    doppler: {
      configs: Object.fromEntries(
        pipeline.sources.map(({ project, config, token: name }) => [
          `${project}/${config}`,
          {
            names: known([...new Set([...names, "DOCKERHUB_TOKEN", "DOPPLER_CONFIG", "DOPPLER_PROJECT"])].sort()),
            tokens: known([{ name: name ?? "", createdAt: ago(86_400), lastSeenAt: ago(20) }]),
          },
        ]),
      ),
      readLimit: 240,
    },
    cluster: {
      now: NOW,
      id: known("cluster-1"),
      served: known({ kinds: ["ClusterSecretStore", "ExternalSecret", "SecretStore"], versions: ["v1"] }),
      operators: known([
        { namespace: "external-secrets", name: "external-secrets", version: "2.9.0", wanted: 1, available: 1 },
      ]),
      identities: each(
        pipeline.stores.flatMap(({ identity }) => (identity ? [identityKey(identity)] : [])),
        () => ({
          resourceVersion: "5",
          createdAt: ago(86_400),
          keys: ["dopplerToken"],
          writers: [{ manager: "pulumi-kubernetes-1", at: ago(86_400), keys: ["dopplerToken"] }],
        }),
      ),
      stores: Object.fromEntries(pipeline.stores.map(({ name, spec }) => [name, known(operated(spec))])),
      externalSecrets: Object.fromEntries(
        pipeline.secrets.map((secret) => [placeKey(secret), known(synced(secret.spec))]),
      ),
      secrets: Object.fromEntries(
        pipeline.secrets.map(({ namespace, secretName, name, reading }) => [
          `${namespace}/${secretName}`,
          known(written(name, Object.keys(reading.keys))),
        ]),
      ),
      pods: each([...new Set(places.map(({ namespace }) => namespace))], () => []),
    },
    github: {
      owner: "acme",
      places: { "actions web/": known({ DOCKERHUB_TOKEN: { updatedAt: Date.parse("2026-05-01T10:00:00Z") } }) },
    },
    versions: { pulumi: known("3.259.0"), providers: { doppler: "0.9.0", github: "6.15.0", kubernetes: "4.34.2" } },
  };
}

/** What is known of a question. */
export function value<T>(asked: Asked<T> | undefined): NonNullable<T> {
  if (asked === undefined || "unknown" in asked || asked.known == null) throw new Error("the facts do not have it");
  return asked.known;
}

/** A complaint of the operator's about an object. */
export function failing<T extends OperatedFacts>(
  object: T,
  reason: NonNullable<T["complaint"]>["reason"],
  since = 30,
): T {
  return {
    ...object,
    ready: { is: false, since: ago(since), reason: "SecretSyncedError" },
    complaint: { reason, at: ago(since - 1) },
  };
}
