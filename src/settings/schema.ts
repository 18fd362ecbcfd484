import { z } from "zod";
import { githubActions } from "./ciSecrets";
import { DEFAULTS } from "./defaults";
import { KIND_SCHEMAS } from "./kinds";
import { chart, chartRepositoryUrl, dopplerUrl } from "./locations";
import {
  clusterId,
  credential,
  dopplerConfigName,
  dopplerEnvironmentSlug,
  dopplerPlan,
  dopplerProjectName,
  dopplerSecretName,
  duration,
  fetchForm,
  kubernetesSecretName,
  namespaceName,
  releaseName,
  serviceAccountName,
  storeName,
  text,
} from "./names";

// The shape of a stack's settings. What entries have to do with each other is in rules/.

const doppler = z.strictObject({
  host: dopplerUrl.optional(),
  project: z.strictObject({ name: dopplerProjectName, description: text.optional(), ownedBy: text.optional() }),
  environment: z.strictObject({ slug: dopplerEnvironmentSlug, name: text.optional() }),
  config: dopplerConfigName.optional(),
  plan: dopplerPlan.optional(),
  serviceToken: text.default(DEFAULTS.serviceToken),
});

const kubernetes = z
  .strictObject({
    context: text.optional(),
    clusterId: clusterId.optional(),
    createNamespaces: z.array(namespaceName).default([]),
    deleteNamespaces: z.boolean().default(false),
  })
  .prefault({});

const operator = z
  .strictObject({
    namespace: namespaceName.default(DEFAULTS.operatorNamespace),
    releaseName: releaseName.default(DEFAULTS.releaseName),
    chart: chart.optional(),
    repository: chartRepositoryUrl.optional(),
    repositoryUsername: text.optional(),
    repositoryPassword: credential.optional(),
    version: text.optional(),
    values: z.record(z.string(), z.unknown()).default({}),
    ownedBy: text.optional(),
  })
  .prefault({});

const store = z
  .strictObject({
    name: storeName.default(DEFAULTS.storeName),
    tokenSecretName: kubernetesSecretName.default(DEFAULTS.tokenSecretName),
    oidc: z
      .strictObject({ identity: text, serviceAccount: serviceAccountName.default(DEFAULTS.serviceAccount) })
      .optional(),
  })
  .prefault({});

export const settingsSchema = z.strictObject({
  dopplerToken: credential.optional(),
  doppler,
  kubeconfig: credential.optional(),
  kubernetes,
  operator,
  store,
  refreshInterval: duration.default(DEFAULTS.refreshInterval),
  fetch: fetchForm.default(DEFAULTS.fetch),
  ...KIND_SCHEMAS,
  plainValues: z.array(dopplerSecretName).default([]),
  secretNames: z.array(dopplerSecretName).default([]),
  githubToken: credential.optional(),
  githubActions: githubActions.optional(),
  protect: z.boolean().default(false),
  adopt: z.boolean().default(false),
});

/** A stack's settings as its file has them, with defaults. */
export type Settings = z.output<typeof settingsSchema>;
