import { z } from "zod";
import { githubActions } from "./ciSecrets";
import { DEFAULTS } from "./defaults";
import { doppler, sources, store } from "./dopplerSources";
import { KIND_SCHEMAS } from "./kinds";
import { chart, chartRepositoryUrl } from "./locations";
import {
  clusterId,
  credential,
  dopplerSecretName,
  duration,
  fetchForm,
  namespaceName,
  releaseName,
  text,
} from "./names";

// The shape of a stack's settings. What entries have to do with each other is in rules/.

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

export const settingsSchema = z.strictObject({
  dopplerToken: credential.optional(),
  doppler,
  kubeconfig: credential.optional(),
  kubernetes,
  operator,
  store,
  sources,
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
