import { type RequestedSource, sourcesOf } from "./dopplerSources";
import { type MirrorConfig, mirrorOf } from "./mirrors";
import { pathText } from "./problems";
import type { StackUsers } from "./rules/stacks";
import { environmentKey } from "./rules/stacksInDoppler";
import type { Settings } from "./schema";
import { namespacesOf, type SecretSettings } from "./secretRequest";

/** What stacks share, and who makes it. */
interface Owned {
  /** Whether it is this stack's. */
  owned: boolean;
  /** Owned by this stack, and used by others. */
  shared: boolean;
  ownedBy: string;
}

/** The settings of a Doppler config that Secrets are made from, and of the way to it from the cluster. */
export interface SourceSettings {
  /** The name by which Secrets name it; the main one is called `doppler`. */
  name: string;
  /** Its section in the settings, for messages: `doppler`, `sources[0]`. */
  setting: string;
  /** The name that the stack knew it by before. */
  renamedFrom?: string | undefined;
  /** `created`: made with this source; of several sources with one project, the first makes it. */
  project: Owned & { name: string; description?: string | undefined; created: boolean };
  /** `users`: the stacks that use this stack's environment, as their files say. */
  environment: Owned & { slug: string; name: string; created: boolean; users: string[] };
  /** The config that is read. */
  config: string;
  /** The same, where it is a branch config; the root config comes with the environment. */
  branchConfig?: string | undefined;
  serviceToken: string;
  store: {
    name: string;
    tokenSecretName: string;
    oidc?: { identity: string; serviceAccount: string } | undefined;
  };
}

/** The same, and what the Secrets need that are made from it. */
export interface SourceConfig extends SourceSettings {
  /** The namespaces of these Secrets, in alphabetical order. */
  namespaces: string[];
  /** Its mirror, where Secrets are fed from one. */
  mirror?: MirrorConfig | undefined;
}

/** A source, as these Secrets of its stack need it. */
export function sourceFor(
  secrets: readonly (SecretSettings & { refreshInterval: string })[],
  source: SourceSettings,
): SourceConfig {
  const { name, store } = source;
  const made = secrets.filter((secret) => secret.source === name || name in secret.from);
  return { ...source, namespaces: namespacesOf(made), mirror: mirrorOf(name, store.name, made) };
}

/** All sources of a stack whose settings have been checked, the main one first. */
export function sourcesOfStack(
  settings: Settings,
  stack: string,
  users: StackUsers,
): [SourceSettings, ...SourceSettings[]] {
  const requested = sourcesOf(settings);
  const [main, ...others] = requested.map((source, index) =>
    sourceSettings(source, requested.slice(0, index), stack, users),
  );
  if (main === undefined) throw new Error("a stack without a main source");
  return [main, ...others];
}

function sourceSettings(
  { path, name, renamedFrom, environment, config, serviceToken, store, tokenSecret, oidc }: RequestedSource,
  before: readonly RequestedSource[],
  stack: string,
  users: StackUsers,
): SourceSettings {
  const setting = pathText(path);
  const set = (text: string | undefined, what: string): string => {
    if (text === undefined) throw new Error(`${setting} passed the schema and lacks ${what}`);
    return text;
  };
  const { project } = environment;
  const [ofProject, slug] = [set(project.name, "a project"), set(environment.slug, "an environment")];
  const owned = (thing: { ownedBy?: string | undefined }, usedBy: readonly string[] = []): Owned => ({
    owned: (thing.ownedBy ?? stack) === stack,
    shared: thing.ownedBy === stack || usedBy.length > 0,
    ownedBy: thing.ownedBy ?? stack,
  });
  const whose = owned(project, users.projects[ofProject]);
  const usedBy = users.environments[environmentKey(ofProject, slug)] ?? [];
  const whoseEnvironment = owned(environment, usedBy);
  return {
    name: set(name, "a name"),
    setting,
    renamedFrom,
    project: {
      name: ofProject,
      description: project.description,
      ...whose,
      created: whose.owned && before.every((other) => other.environment.project !== project),
    },
    environment: {
      slug,
      name: environment.name ?? slug,
      ...whoseEnvironment,
      created: whoseEnvironment.owned && before.every((other) => other.environment !== environment),
      users: usedBy,
    },
    config: config ?? slug,
    branchConfig: config === slug ? undefined : config,
    serviceToken: set(serviceToken, "a service token's name"),
    store: {
      name: set(store.name, "a store's name"),
      tokenSecretName: set(tokenSecret.name, "a token Secret's name"),
      oidc: oidc && {
        identity: set(oidc.identity, "an identity"),
        serviceAccount: set(oidc.serviceAccount.name, "a ServiceAccount's name"),
      },
    },
  };
}
