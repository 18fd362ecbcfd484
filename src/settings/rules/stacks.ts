import { objectNames } from "../dopplerSources";
import { type ConfigProblem, type Path, pathText } from "../problems";
import { type Reading, readSettings } from "../reading";
import type { Requests } from "../requests";
import type { StackFiles } from "../stackFiles";
import { mirrorsOf } from "./mirrors";
import {
  type DopplerUsers,
  type ExpectedOfOwner,
  expectedOf,
  type NamedOwner,
  namedOwners,
  problemsInDoppler,
  usersInDoppler,
} from "./stacksInDoppler";

// Rules between stacks. What stacks share has one owner: the stack whose file says so. All stacks' files are read
// together, so that two owners, or none, are found before anything is asked of Doppler, a cluster or GitHub.

/** Why the file of a stack could not be read, by stack. */
export type Unreadable = ReadonlyMap<string, string>;

/** The settings of all stacks, as far as they can be read. */
export function readStacks(files: StackFiles): Reading[] {
  return [...files].map(([stack, values]) => readSettings(stack, values));
}

const othersThan = (mine: Reading, stacks: readonly Reading[]) => stacks.filter(({ stack }) => stack !== mine.stack);

const ownsOperator = ({ stack, settings }: Reading) => (settings.operator?.ownedBy ?? stack) === stack;

/** Whether two settings that are set, or have a default, are the same. */
const same = (a: string | undefined, b: string | undefined) => a !== undefined && a === b;

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
      ...problemsInDoppler(mine, other),
      ...(sameCluster(mine, other) ? inCluster(mine, other) : []),
      ...atGithub(mine, other),
    ]),
  ];
  // One message per setting: the first.
  return found.filter(({ path }, index) => found.findIndex((first) => first.path === path) === index);
}

/** An owner that this stack names must own the thing. */
function ownersOfShared(mine: Reading, stacks: readonly Reading[], unreadable: Unreadable): ConfigProblem[] {
  const operator: NamedOwner = {
    path: ["operator", "ownedBy"],
    owner: mine.settings.operator?.ownedBy,
    fault: (other) =>
      ownsOperator(other)
        ? undefined
        : `stack "${other.stack}" does not own it either: Pulumi.${other.stack}.yaml names another owner`,
  };
  return [...namedOwners(mine), operator].flatMap(({ path: setting, owner, fault }) => {
    const path = pathText(setting);
    if (owner === undefined || owner === mine.stack) return [];
    const unread = unreadable.get(owner);
    if (unread !== undefined) {
      const message = `whether stack "${owner}" owns it can't be known: Pulumi.${owner}.yaml can't be read, since ${unread}`;
      return [{ path, message }];
    }
    if (stacks.length === 0) return [];
    const stack = stacks.find((other) => other.stack === owner);
    if (stack === undefined) {
      return [{ path, message: `there is no stack of this name: Pulumi.${owner}.yaml is missing` }];
    }
    const message = fault(stack);
    return message === undefined ? [] : [{ path, message }];
  });
}

const called = ({ stack }: Reading) => `stack "${stack}" (Pulumi.${stack}.yaml)`;

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
  if (ownsOperator(mine) && ownsOperator(other)) {
    add("operator.ownedBy", "installs the operator in this cluster too; exactly one may: name it here and there");
  }
  const { operator, kubernetes } = mine.settings;
  const { operator: otherOperator, kubernetes: otherKubernetes } = other.settings;
  const sameNamespace = same(operator?.namespace, otherOperator?.namespace);
  const theirs = other.sources.flatMap(objectNames);
  for (const { kind, path, name } of mine.sources.flatMap(objectNames)) {
    if (kind !== "a store" && !sameNamespace) continue;
    if (name === undefined || !theirs.some((object) => object.kind === kind && object.name === name)) continue;
    add(pathText(path), `has ${kind} of this name in this cluster`);
  }
  for (const { path } of mirrorsTakenBy(mine, other)) {
    add(pathText(path), "has an object with the name of this store's mirror");
  }
  if (mirrorsTakenBy(other, mine).length > 0) {
    add("store.name", "has a mirror whose name an object of this stack has");
  }
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

/** The mirrors of a stack whose name an object of another stack has. */
function mirrorsTakenBy(of: Reading, other: Reading): ReturnType<typeof mirrorsOf> {
  const secrets = targets(other.requests).map(({ target }) => target);
  const names = other.sources.flatMap(objectNames);
  return mirrorsOf(of).filter(
    ({ namespace, name }) =>
      secrets.includes(`${namespace}/${name}`) ||
      names.some(
        (object) =>
          object.name === name && (object.kind === "a store" || other.settings.operator?.namespace === namespace),
      ),
  );
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
export interface StackUsers extends DopplerUsers {
  /** Users of its operator or its namespaces in its cluster. */
  cluster: string[];
  /** What other stacks expect this one to own in Doppler. */
  expected: ExpectedOfOwner[];
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
    ...usersInDoppler(mine, others, unknown),
    cluster: [...others.filter(usesCluster).map(({ stack }) => stack), ...unknown],
    expected: expectedOf(mine, others),
  };
}
