import { z } from "zod";
import { DEFAULTS } from "./defaults";
import type { Lenient } from "./lenient";
import { dopplerUrl } from "./locations";
import {
  dopplerConfigName,
  dopplerEnvironmentSlug,
  dopplerPlan,
  dopplerProjectName,
  kubernetesSecretName,
  serviceAccountName,
  sourceName,
  storeName,
  text,
} from "./names";
import type { Path } from "./problems";

// The Doppler configs that a stack reads: the settings `doppler` and `store` for the main one, `sources` for more.

/** The name of a stack's main source. */
export const MAIN_SOURCE = "doppler";

const project = z.strictObject({
  name: dopplerProjectName,
  description: text.optional(),
  ownedBy: text.optional(),
});
const environment = z.strictObject({
  slug: dopplerEnvironmentSlug,
  name: text.optional(),
  ownedBy: text.optional(),
});

export const doppler = z.strictObject({
  host: dopplerUrl.optional(),
  project,
  environment,
  config: dopplerConfigName.optional(),
  plan: dopplerPlan.optional(),
  serviceToken: text.default(DEFAULTS.serviceToken),
});

export const store = z
  .strictObject({
    name: storeName.default(DEFAULTS.storeName),
    tokenSecretName: kubernetesSecretName.default(DEFAULTS.tokenSecretName),
    oidc: z
      .strictObject({ identity: text, serviceAccount: serviceAccountName.default(DEFAULTS.serviceAccount) })
      .optional(),
  })
  .prefault({});

const source = z.strictObject({
  name: sourceName,
  renamedFrom: sourceName.optional(),
  project: project.optional(),
  environment: environment.optional(),
  config: dopplerConfigName.optional(),
  serviceToken: text.default(DEFAULTS.serviceToken),
  store: storeName.optional(),
  tokenSecretName: kubernetesSecretName.optional(),
  oidc: z.strictObject({ identity: text, serviceAccount: serviceAccountName.optional() }).optional(),
});

export const sources = z.array(source).default([]);

type DopplerSettings = Lenient<{
  doppler: z.output<typeof doppler>;
  store: z.output<typeof store>;
  sources: z.output<typeof sources>;
}>;

/** A Doppler project that a stack reads from. Sources with one project have one of these in common. */
export interface RequestedProject {
  /** The setting that says whose it is, without its last part `ownedBy`. */
  path: Path;
  name?: string | undefined;
  description?: string | undefined;
  ownedBy?: string | undefined;
}

/** An environment that a stack reads from. Sources with one environment have one of these in common. */
export interface RequestedEnvironment {
  /** The setting that says whose it is, without its last part `ownedBy`. */
  path: Path;
  project: RequestedProject;
  slug?: string | undefined;
  name?: string | undefined;
  ownedBy?: string | undefined;
}

/** A name of an object in the cluster, and the setting that gives it. */
export interface RequestedName {
  path: Path;
  name?: string | undefined;
}

/** A Doppler config that a stack reads, as far as its settings can be read. */
export interface RequestedSource {
  /** The source's section. */
  path: Path;
  name?: string | undefined;
  renamedFrom?: string | undefined;
  environment: RequestedEnvironment;
  /** The config that is read: the environment's root config or a branch config. */
  config?: string | undefined;
  serviceToken?: string | undefined;
  store: RequestedName;
  /** The Secret with the service token; without one for OIDC. */
  tokenSecret: RequestedName;
  /** In place of a token. */
  oidc?: { identity?: string | undefined; serviceAccount: RequestedName } | undefined;
}

/** The objects in the cluster that a source has of its own, with their names. */
export function objectNames({ store, oidc, tokenSecret }: RequestedSource): (RequestedName & { kind: string })[] {
  return [
    { kind: "a store", ...store },
    oidc === undefined
      ? { kind: "a token Secret", ...tokenSecret }
      : { kind: "a ServiceAccount", ...oidc.serviceAccount },
  ];
}

/** All Doppler configs that a stack reads, the main one first. */
export function sourcesOf({ doppler, store, sources = [] }: DopplerSettings): RequestedSource[] {
  const main: RequestedSource = {
    path: ["doppler"],
    name: MAIN_SOURCE,
    environment: {
      path: ["doppler", "environment"],
      project: { path: ["doppler", "project"], ...doppler?.project },
      ...doppler?.environment,
    },
    config: doppler?.config ?? doppler?.environment?.slug,
    serviceToken: doppler?.serviceToken,
    store: { path: ["store", "name"], name: store?.name },
    tokenSecret: { path: ["store", "tokenSecretName"], name: store?.tokenSecretName },
    oidc: store?.oidc && {
      identity: store.oidc.identity,
      serviceAccount: { path: ["store", "oidc", "serviceAccount"], name: store.oidc.serviceAccount },
    },
  };
  const all = [main];
  sources.forEach((source, index) => {
    if (source !== undefined) all.push(furtherSource(source, ["sources", index], all, main));
  });
  return all;
}

/** A source beside the main one, whose settings it has in common where it says nothing. */
function furtherSource(
  settings: Lenient<z.output<typeof source>>,
  path: Path,
  before: readonly RequestedSource[],
  main: RequestedSource,
): RequestedSource {
  const { name, config, oidc } = settings;
  const environment = environmentOf(settings, path, before, main);
  const derived = (of: RequestedName) =>
    of.name === undefined || name === undefined ? undefined : `${of.name}-${name}`;
  const store = { path: [...path, "store"], name: settings.store ?? derived(main.store) };
  return {
    ...{ path, name, renamedFrom: settings.renamedFrom, environment, store },
    config: config ?? environment.slug,
    serviceToken: settings.serviceToken,
    tokenSecret: { path: [...path, "tokenSecretName"], name: settings.tokenSecretName ?? derived(main.tokenSecret) },
    oidc: oidc && {
      identity: oidc.identity,
      serviceAccount: { path: [...path, "oidc", "serviceAccount"], name: oidc.serviceAccount ?? store.name },
    },
  };
}

function environmentOf(
  { project: ownProject, environment: own }: Lenient<z.output<typeof source>>,
  path: Path,
  before: readonly RequestedSource[],
  main: RequestedSource,
): RequestedEnvironment {
  const known = before.map(({ environment }) => environment);
  const same = (a: string | undefined, b: string | undefined) => a !== undefined && a === b;
  const project =
    ownProject === undefined
      ? main.environment.project
      : (known.find(({ project }) => same(project.name, ownProject.name))?.project ?? {
          path: [...path, "project"],
          ...ownProject,
        });
  const { slug, name } = own ?? main.environment;
  return (
    known.find((other) => other.project === project && same(other.slug, slug)) ?? {
      ...{ path: [...path, "environment"], project, slug, name, ownedBy: own?.ownedBy },
    }
  );
}
