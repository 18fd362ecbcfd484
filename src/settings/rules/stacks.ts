import { type ConfigProblem, type Path, pathText } from "../problems";
import { type Reading, readSettings } from "../reading";
import type { Requests } from "../requests";
import type { StackFiles } from "../stackFiles";
import { mirrorSecretOf } from "./mirrors";

// Rules between stacks. What stacks share has one owner: the stack whose file says so. All stacks' files are read
// together, so that two owners, or none, are found before anything is asked of Doppler, a cluster or GitHub.

/** Why the file of a stack could not be read, by stack. */
export type Unreadable = ReadonlyMap<string, string>;

/** The settings of all stacks, as far as they can be read. */
export function readStacks(files: StackFiles): Reading[] {
  return [...files].map(([stack, values]) => readSettings(stack, values));
}

const othersThan = (mine: Reading, stacks: readonly Reading[]) => stacks.filter(({ stack }) => stack !== mine.stack);

const owns = {
  project: ({ stack, settings }: Reading) => (settings.doppler?.project?.ownedBy ?? stack) === stack,
  operator: ({ stack, settings }: Reading) => (settings.operator?.ownedBy ?? stack) === stack,
};

/** Whether two settings that are set, or have a default, are the same. */
const same = (a: string | undefined, b: string | undefined) => a !== undefined && a === b;

const sameProject = (a: Reading, b: Reading) =>
  same(a.settings.doppler?.project?.name, b.settings.doppler?.project?.name) &&
  a.settings.doppler?.host === b.settings.doppler?.host;

/** Whether both stacks say which cluster is theirs. */
const bothSayCluster = (a: Reading, b: Reading) =>
  a.settings.kubernetes?.clusterId !== undefined && b.settings.kubernetes?.clusterId !== undefined;

/** Where a stack does not say which cluster is its own, the name of its context stands for the cluster. */
const sameCluster = (a: Reading, b: Reading) => {
  const [of, otherOf] = [a.settings.kubernetes, b.settings.kubernetes];
  return bothSayCluster(a, b) ? same(of?.clusterId, otherOf?.clusterId) : same(of?.context, otherOf?.context);
};

/**
 * What this stack claims and another stack claims too, and what it relies on and nobody claims.
 *
 * @param stacks those whose files were found, this one's among them; none, where the files are elsewhere
 * @param unreadable stacks whose files could not be read, and why
 */
export function stackProblems(mine: Reading, stacks: readonly Reading[], unreadable: Unreadable): ConfigProblem[] {
  const found = [
    ...ownersOfShared(mine, stacks, unreadable),
    ...othersThan(mine, stacks).flatMap((other) => [
      ...(sameProject(mine, other) ? inProject(mine, other) : []),
      ...(sameCluster(mine, other) ? inCluster(mine, other) : []),
      ...atGithub(mine, other),
    ]),
  ];
  // One message per setting: the first.
  return found.filter(({ path }, index) => found.findIndex((first) => first.path === path) === index);
}

/** An owner that this stack names must own the thing. */
function ownersOfShared(mine: Reading, stacks: readonly Reading[], unreadable: Unreadable): ConfigProblem[] {
  const { doppler, operator } = mine.settings;
  const named = [
    { path: "doppler.project.ownedBy", owner: doppler?.project?.ownedBy, ownsIt: owns.project },
    { path: "operator.ownedBy", owner: operator?.ownedBy, ownsIt: owns.operator },
  ];
  return named.flatMap(({ path, owner, ownsIt }) => {
    if (owner === undefined || owner === mine.stack) return [];
    const fault = unreadable.get(owner);
    if (fault !== undefined) {
      const message = `whether stack "${owner}" owns it can't be known: Pulumi.${owner}.yaml can't be read, since ${fault}`;
      return [{ path, message }];
    }
    if (stacks.length === 0) return [];
    const stack = stacks.find((other) => other.stack === owner);
    if (stack === undefined) {
      return [{ path, message: `there is no stack of this name: Pulumi.${owner}.yaml is missing` }];
    }
    if (ownsIt(stack)) return [];
    return [{ path, message: `stack "${owner}" does not own it either: Pulumi.${owner}.yaml names another owner` }];
  });
}

const called = ({ stack }: Reading) => `stack "${stack}" (Pulumi.${stack}.yaml)`;

function inProject(mine: Reading, other: Reading): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (owns.project(mine) && owns.project(other)) {
    const message = `${called(other)} owns this project too; exactly one may: name it here and there`;
    problems.push({ path: "doppler.project.ownedBy", message });
  }
  if (same(mine.settings.doppler?.environment?.slug, other.settings.doppler?.environment?.slug)) {
    const message = `${called(other)} has the same environment; each stack has one of its own`;
    problems.push({ path: "doppler.environment.slug", message });
  }
  return problems;
}

function inCluster(mine: Reading, other: Reading): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const too = called(other);
  const add = (path: string, message: string) => {
    // Contexts of two clusters may have the same name. The first problem between two stacks says so for all of them.
    const unless =
      bothSayCluster(mine, other) || problems.length > 0
        ? ""
        : "; if these are two clusters, give each stack its kubernetes.clusterId";
    problems.push({ path, message: `${too} ${message}${unless}` });
  };
  if (owns.operator(mine) && owns.operator(other)) {
    add("operator.ownedBy", "installs the operator in this cluster too; exactly one may: name it here and there");
  }
  const { store, operator, kubernetes } = mine.settings;
  const { store: otherStore, operator: otherOperator, kubernetes: otherKubernetes } = other.settings;
  if (same(store?.name, otherStore?.name)) add("store.name", "has a store of this name in this cluster");
  if (
    same(store?.tokenSecretName, otherStore?.tokenSecretName) &&
    same(operator?.namespace, otherOperator?.namespace)
  ) {
    add("store.tokenSecretName", "has a token Secret of this name in this cluster");
  }
  if (hasNameOfMirror(mine, other)) add("store.name", "has a mirror whose name an object of this stack has");
  if (hasNameOfMirror(other, mine)) add("store.name", "has an object with the name of this store's mirror");
  const taken = new Set(targets(other.requests).map(({ target }) => target));
  for (const { path, target } of targets(mine.requests)) {
    if (taken.has(target)) add(pathText(path), "makes the same Secret in this cluster");
  }
  (kubernetes?.createNamespaces ?? []).forEach((namespace, index) => {
    if (namespace !== undefined && otherKubernetes?.createNamespaces?.includes(namespace)) {
      add(`kubernetes.createNamespaces[${index}]`, "makes this namespace too; exactly one may");
    }
  });
  return problems;
}

/** Whether a stack has an object that is called as another stack's mirror is. */
function hasNameOfMirror({ settings, requests }: Reading, other: Reading): boolean {
  const mirror = mirrorSecretOf(other);
  if (mirror === undefined) return false;
  const secrets = targets(requests).map(({ target }) => target);
  if (settings.operator?.namespace !== undefined && settings.store?.tokenSecretName !== undefined) {
    secrets.push(`${settings.operator.namespace}/${settings.store.tokenSecretName}`);
  }
  return settings.store?.name === mirror.name || secrets.includes(`${mirror.namespace}/${mirror.name}`);
}

/** The Secrets of a cluster that are asked for. */
function targets({ secrets }: Requests): { path: Path; namespace: string; target: string }[] {
  return secrets.flatMap(({ places }) =>
    places.flatMap(({ path, namespace, secretName }) =>
      namespace === undefined || secretName === undefined
        ? []
        : [{ path, namespace, target: `${namespace}/${secretName}` }],
    ),
  );
}

function atGithub(mine: Reading, other: Reading): ConfigProblem[] {
  const written = new Set(actionsSecrets(other.requests).map(({ secret }) => secret));
  return actionsSecrets(mine.requests)
    .filter(({ secret }) => written.has(secret))
    .map(({ path, ofOrganization }) => {
      const instead = ofOrganization ? "other names (secretName)" : "githubActions.environment";
      const message = `${called(other)} writes the same Actions secrets; leave them to one stack, or use ${instead}`;
      return { path: pathText(path), message };
    });
}

/** Actions secrets that are asked for. A Dependabot secret is never without one, so these stand for both. */
function actionsSecrets({ ci }: Requests): { path: Path; ofOrganization: boolean; secret: string }[] {
  if (ci === undefined) return [];
  return ci.places.flatMap(({ path, owner = "", repository, environment = "" }) =>
    ci.secrets.map(({ secretName }) => ({
      path,
      ofOrganization: repository === undefined,
      // A repository's name has at least one character, so no repository's secret is taken for the organisation's.
      secret: [owner, repository ?? "", environment, secretName].join("/").toLowerCase(),
    })),
  );
}

/** The other stacks that say of themselves that they are in the same cluster. */
export function clusterMates(mine: Reading, stacks: readonly Reading[]): Reading[] {
  const ownerOf = ({ stack, settings }: Reading) => settings.operator?.ownedBy ?? stack;
  return othersThan(mine, stacks).filter((other) => sameCluster(mine, other) || ownerOf(mine) === ownerOf(other));
}

/** The stacks that use what a stack owns. */
export interface StackUsers {
  /** Users of its Doppler project. */
  project: string[];
  /** Users of its operator or its namespaces in its cluster. */
  cluster: string[];
}

/**
 * The stacks that use what this one owns, as their files say. A stack whose file can't be read may use everything: what
 * it uses would be lost if this stack let go of it.
 */
export function usersOf(mine: Reading, stacks: readonly Reading[], unreadable: Unreadable): StackUsers {
  const others = othersThan(mine, stacks);
  const unknown = [...unreadable.keys()].filter((stack) => stack !== mine.stack);
  const created = mine.settings.kubernetes?.createNamespaces ?? [];
  const usesCluster = (other: Reading) =>
    other.settings.operator?.ownedBy === mine.stack ||
    (sameCluster(mine, other) && targets(other.requests).some(({ namespace }) => created.includes(namespace)));
  return {
    project: owns.project(mine)
      ? [...others.filter((other) => sameProject(mine, other)).map(({ stack }) => stack), ...unknown]
      : [],
    cluster: [...others.filter(usesCluster).map(({ stack }) => stack), ...unknown],
  };
}
