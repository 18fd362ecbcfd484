import type { ConfigPlace } from "./access.js";
import { badRequest } from "./errors.js";
import { SECRET_LIMITS } from "./plans.js";
import {
  VISIBILITIES,
  type Config,
  type Environment,
  type Project,
  type Secret,
  type State,
  type Visibility,
} from "./state.js";

/** A secret as one config has it. */
export interface ResolvedSecret {
  raw: string;
  /** With references replaced. */
  computed: string;
  rawVisibility: Visibility;
  /** The most closed of the secret's own and of those it refers to. */
  computedVisibility: Visibility;
}

const REFERENCE = /\$\{((?:[a-z0-9_-]+\.){0,2}[A-Z0-9_]+)\}/g;

/**
 * The secrets of a config, sorted by name: its own, those of its environment's root config that it
 * does not override, and the three that Doppler adds.
 */
export function configSecrets(state: State, place: ConfigPlace): Map<string, ResolvedSecret> {
  const names = Object.keys(effectiveSecrets(place)).sort();
  const resolved = new Map<string, ResolvedSecret>();
  for (const name of names) {
    const secret = resolveSecret(state, place, name, []);
    if (secret !== undefined) resolved.set(name, secret);
  }
  return resolved;
}

/** One secret of a config, or undefined when there is none of that name. */
export function configSecret(state: State, place: ConfigPlace, name: string): ResolvedSecret | undefined {
  return resolveSecret(state, place, name, []);
}

function effectiveSecrets({ project, environment, config }: ConfigPlace): Record<string, Secret> {
  const managed = (value: string): Secret => ({ value, visibility: "unmasked" });
  return {
    ...rootConfig(environment).secrets,
    ...config.secrets,
    DOPPLER_PROJECT: managed(project.name),
    DOPPLER_ENVIRONMENT: managed(environment.slug),
    DOPPLER_CONFIG: managed(config.name),
  };
}

export function rootConfig(environment: Environment): Config {
  const root = environment.configs.find((config) => config.root);
  if (root === undefined) throw new Error(`environment ${environment.slug} has no root config`);
  return root;
}

function resolveSecret(
  state: State,
  place: ConfigPlace,
  name: string,
  chain: readonly string[],
): ResolvedSecret | undefined {
  const secret = effectiveSecrets(place)[name];
  const id = `${place.project.name}.${place.config.name}.${name}`;
  // A secret that refers to itself, directly or through others, keeps its reference as text.
  if (secret === undefined || chain.includes(id)) return undefined;
  let computedVisibility = secret.visibility;
  const computed = secret.value.replace(REFERENCE, (text, path: string) => {
    const target = followReference(state, place, path);
    const referenced = target && resolveSecret(state, target.place, target.name, [...chain, id]);
    if (referenced === undefined) return text;
    computedVisibility = mostClosed(computedVisibility, referenced.computedVisibility);
    return referenced.computed;
  });
  return { raw: secret.value, computed, rawVisibility: secret.visibility, computedVisibility };
}

/** `NAME`, `config.NAME` or `project.config.NAME`. */
function followReference(
  state: State,
  from: ConfigPlace,
  path: string,
): { place: ConfigPlace; name: string } | undefined {
  const parts = path.split(".");
  const name = parts.pop() ?? "";
  const configName = parts.pop();
  const projectName = parts.pop();
  if (configName === undefined) return { place: from, name };
  const project = projectName === undefined ? from.project : state.projects.find(({ name }) => name === projectName);
  const place = project && findConfig(project, configName);
  return place && { place, name };
}

export function findConfig(project: Project, name: string): ConfigPlace | undefined {
  for (const environment of project.environments) {
    const config = environment.configs.find((candidate) => candidate.name === name);
    if (config !== undefined) return { project, environment, config };
  }
  return undefined;
}

function mostClosed(one: Visibility, other: Visibility): Visibility {
  return VISIBILITIES.indexOf(one) > VISIBILITIES.indexOf(other) ? one : other;
}

/** Refuses a config that has outgrown Doppler's limits. */
export function checkConfigSize(config: Config): void {
  const secrets = Object.values(config.secrets);
  if (secrets.length > SECRET_LIMITS.perConfig) {
    throw badRequest(`Config '${config.name}' may not have more than ${SECRET_LIMITS.perConfig} secrets`);
  }
  const bytes = secrets.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
  if (bytes > SECRET_LIMITS.configPayload) {
    throw badRequest(`Config '${config.name}' may not hold more than ${SECRET_LIMITS.configPayload / 1024} KiB`);
  }
}
