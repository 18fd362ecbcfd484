import type { RequestedEnvironment, RequestedProject, RequestedSource } from "../dopplerSources";
import { type ConfigProblem, type Path, problem } from "../problems";
import type { Reading } from "../reading";

// What stacks do to each other in Doppler. A project, and an environment of it, has one owner, and may have other users.

/** A Doppler project or environment that a stack's settings speak of. */
interface Thing {
  path: Path;
  ownedBy?: string | undefined;
  /** The project's name, and the environment's slug where it is an environment. */
  project?: string | undefined;
  slug?: string | undefined;
  kind: "project" | "environment";
}

const ofProject = ({ path, name, ownedBy }: RequestedProject): Thing => ({
  ...{ kind: "project", path, ownedBy, project: name },
});
const ofEnvironment = ({ path, project, slug, ownedBy }: RequestedEnvironment): Thing => ({
  ...{ kind: "environment", path, ownedBy, project: project.name, slug },
});

/** The projects and environments that a stack reads from, each once. */
function thingsOf({ sources }: Reading): Thing[] {
  const environments = [...new Set(sources.map(({ environment }) => environment))];
  const projects = [...new Set(environments.map(({ project }) => project))];
  return [...projects.map(ofProject), ...environments.map(ofEnvironment)];
}

/** Whether two settings mean one thing. What can't be read is the same as nothing. */
const sameThing = (a: Thing, b: Thing) =>
  a.kind === b.kind &&
  a.project !== undefined &&
  a.project === b.project &&
  (a.kind === "project" || (a.slug !== undefined && a.slug === b.slug));

const owns = (stack: string, thing: Thing) => (thing.ownedBy ?? stack) === stack;

const sameDoppler = (a: Reading, b: Reading) => a.settings.doppler?.host === b.settings.doppler?.host;

const called = ({ stack }: Reading) => `stack "${stack}" (Pulumi.${stack}.yaml)`;

/** A setting that names another stack as the owner of something. */
export interface NamedOwner {
  path: Path;
  owner: string | undefined;
  /** Why that stack is not the owner; `undefined` if it is. */
  fault: (stack: Reading) => string | undefined;
}

/** The owners that a stack names of what it reads in Doppler. */
export function namedOwners(mine: Reading): NamedOwner[] {
  return thingsOf(mine).map((thing) => ({
    path: [...thing.path, "ownedBy"],
    owner: thing.ownedBy,
    fault: (other) => {
      const theirs = thingsOf(other).find((one) => sameThing(thing, one));
      if (theirs === undefined) {
        return `stack "${other.stack}" does not have it: Pulumi.${other.stack}.yaml names no such Doppler ${thing.kind}`;
      }
      if (owns(other.stack, theirs)) return undefined;
      return `stack "${other.stack}" does not own it either: Pulumi.${other.stack}.yaml names another owner`;
    },
  }));
}

/** What two stacks claim both, or wait for from each other. */
export function problemsInDoppler(mine: Reading, other: Reading): ConfigProblem[] {
  if (!sameDoppler(mine, other)) return [];
  return [
    ...thingsOf(mine).flatMap((thing) => ownedTwice(mine, thing, other)),
    ...mine.sources.flatMap((source) => other.sources.flatMap((theirs) => sameConfig(source, theirs, other))),
    ...waiting(mine, other),
  ];
}

function ownedTwice(mine: Reading, thing: Thing, other: Reading): ConfigProblem[] {
  const theirs = thingsOf(other).find((one) => sameThing(thing, one));
  if (theirs === undefined || !owns(mine.stack, thing) || !owns(other.stack, theirs)) return [];
  if (thing.kind === "project") {
    const message = `${called(other)} owns this project too; exactly one may: name it here and there`;
    return [problem([...thing.path, "ownedBy"], message)];
  }
  const message = `${called(other)} has the same environment; give this stack one of its own, or name one owner in both files, with environment.ownedBy`;
  return [problem([...thing.path, "slug"], message)];
}

/** A branch config is made by the stack that reads it, and a service token is one stack's. */
function sameConfig(mine: RequestedSource, theirs: RequestedSource, other: Reading): ConfigProblem[] {
  const [of, otherOf] = [mine.environment, theirs.environment];
  const { project } = of;
  if (project.name === undefined || project.name !== otherOf.project.name) return [];
  if (mine.config === undefined || mine.config !== theirs.config) return [];
  if (mine.config !== of.slug) {
    const message = `${called(other)} has the same branch config; each stack makes one of its own`;
    return [problem([...mine.path, "config"], message)];
  }
  // Where both own the environment, another problem says more.
  const shared = of.ownedBy !== undefined || otherOf.ownedBy !== undefined;
  const tokens = mine.oidc === undefined && theirs.oidc === undefined && mine.serviceToken === theirs.serviceToken;
  if (!shared || !tokens) return [];
  const message = `${called(other)} reads the same config with a token of this name; give this stack's token another name`;
  return [problem([...mine.path, "serviceToken"], message)];
}

/** Two stacks of which each waits for the other to come up can neither come up nor be destroyed. */
function waiting(mine: Reading, other: Reading): ConfigProblem[] {
  const waitsFor = (one: Reading, owner: Reading) => thingsOf(one).find(({ ownedBy }) => ownedBy === owner.stack);
  const thing = waitsFor(mine, other);
  const theirs = waitsFor(other, mine);
  if (thing === undefined || theirs === undefined) return [];
  const message = `${called(other)} uses what this stack owns in Doppler, so that each waits for the other to be brought up first: have one of them own both`;
  return [problem([...thing.path, "ownedBy"], message)];
}

/** The key under which an environment's users are listed. */
export const environmentKey = (project: string, slug: string) => `${project}/${slug}`;

/** Who uses what this stack owns in Doppler. */
export interface DopplerUsers {
  /** By project's name. */
  projects: Record<string, string[]>;
  /** By {@link environmentKey}. */
  environments: Record<string, string[]>;
}

/**
 * The stacks that use what this one owns in Doppler.
 *
 * @param unknown stacks that may use everything
 */
export function usersInDoppler(mine: Reading, others: readonly Reading[], unknown: readonly string[]): DopplerUsers {
  const users: DopplerUsers = { projects: {}, environments: {} };
  for (const thing of thingsOf(mine)) {
    const { kind, project, slug } = thing;
    if (project === undefined || !owns(mine.stack, thing)) continue;
    const using = others.filter(
      (other) => sameDoppler(mine, other) && thingsOf(other).some((theirs) => sameThing(thing, theirs)),
    );
    const all = [...using.map(({ stack }) => stack), ...unknown];
    if (kind === "project") users.projects[project] = all;
    else if (slug !== undefined) users.environments[environmentKey(project, slug)] = all;
  }
  return users;
}

/** A project or an environment of which another stack says that this one owns it. */
export interface ExpectedOfOwner {
  stack: string;
  project: string;
  /** The environment's slug; without it, the project is meant. */
  environment?: string | undefined;
}

/** What other stacks expect this one to own in Doppler. */
export function expectedOf(mine: Reading, others: readonly Reading[]): ExpectedOfOwner[] {
  return others.flatMap((other) =>
    thingsOf(other).flatMap(({ ownedBy, project, slug }) =>
      ownedBy === mine.stack && project !== undefined ? [{ stack: other.stack, project, environment: slug }] : [],
    ),
  );
}
