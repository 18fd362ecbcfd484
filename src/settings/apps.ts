import { z } from "zod";
import {
  askedKeys,
  checkContents,
  from,
  fromOthers,
  keys,
  KEYS_FORM,
  requestedContents,
  requestedFrom,
  requestedSource,
  spread,
  values,
  withDopplerNames,
} from "./contents";
import { MAIN_SOURCE } from "./dopplerSources";
import type { Lenient } from "./lenient";
import {
  annotationValue,
  anySource,
  appName,
  duration,
  externalSecretName,
  fetchForm,
  kubernetesSecretName,
  labelValue,
  metadataKey,
  namespaceName,
  secretType,
} from "./names";
import type { SecretKind, SecretRequest } from "./secretRequest";

// The Secrets of apps: the settings `apps`.

const app = z
  .strictObject({
    name: appName,
    namespace: namespaceName,
    secretName: kubernetesSecretName.optional(),
    externalSecretName: externalSecretName.optional(),
    refreshInterval: duration.optional(),
    fetch: fetchForm.optional(),
    source: anySource.optional(),
    keys: keys.optional(),
    dopplerNames: z.boolean().default(false),
    spread: spread.optional(),
    values: values.optional(),
    from: from.default({}),
    type: secretType.optional(),
    labels: z.record(metadataKey, labelValue).default({}),
    annotations: z.record(metadataKey, annotationValue).default({}),
    merge: z.boolean().default(false),
    restartOnChange: z.boolean().default(false),
    renamedFrom: appName.optional(),
    alsoAs: z
      .array(z.strictObject({ secretName: kubernetesSecretName.optional(), namespace: namespaceName.optional() }))
      .default([]),
  })
  .superRefine(({ keys, dopplerNames, spread, values, from, type, labels }, context) => {
    const asked = askedKeys(keys);
    if (dopplerNames && asked.pattern === undefined) {
      const message = "has no effect without a pattern in keys; a list of keys may have Doppler's own names in it";
      context.addIssue({ code: "custom", path: ["dopplerNames"], message });
    } else if ([keys, values, spread].some((setting) => setting !== undefined)) {
      const prescribed = type !== undefined || Object.keys(labels).length > 0;
      const all = { ...withDopplerNames(asked, dopplerNames), values: values ?? {}, spread, from: fromOthers(from) };
      checkContents({ ...all, type, prescribed }, context);
    } else context.addIssue({ code: "custom", path: ["keys"], message: `${KEYS_FORM}, got nothing` });
  });

type App = Lenient<z.output<typeof app>>;

const schema = z.array(app).min(1, { error: "expected at least one app" });

function request(app: App, index: number): SecretRequest {
  const entry = ["apps", index];
  const { name, namespace } = app;
  const secretName = app.secretName ?? (name === undefined ? undefined : `${name}-secrets`);
  const copies = (app.alsoAs ?? []).map((copy, i) => {
    const copied = copy?.secretName ?? secretName;
    return {
      ...{ path: [...entry, "alsoAs", i], namespace: copy?.namespace ?? namespace },
      ...{ secretName: copied, externalSecretName: copied },
    };
  });
  const {
    refreshInterval,
    fetch,
    source = MAIN_SOURCE,
    type,
    labels = {},
    annotations = {},
    merge = false,
    renamedFrom,
    restartOnChange,
  } = app;
  return {
    entry,
    name,
    places: [
      {
        ...{ path: [...entry, "secretName"], namespace, secretName },
        externalSecretName: app.externalSecretName ?? secretName,
      },
      ...copies,
    ],
    contents: [...requestedContents(entry, app), ...requestedFrom(entry, app.from)],
    sources: [
      ...requestedSource(entry, app.source),
      ...Object.keys(app.from ?? {}).map((name) => ({ path: [...entry, "from", name], name })),
    ],
    rest: {
      ...withDopplerNames(askedKeys(app.keys), app.dopplerNames),
      ...(app.spread && { spread: app.spread.filter((name) => name !== undefined) }),
      ...{ source, values: app.values ?? {}, from: fromOthers(app.from), type, labels, annotations, merge },
      ...{ refreshInterval, fetch, renamedFrom, restartOnChange },
    },
  };
}

export const apps: SecretKind<typeof schema> = {
  schema,
  requests: (apps = []) => apps.flatMap((app, index) => (app === undefined ? [] : [request(app, index)])),
};
