import { objectNames, type RequestedSource } from "../dopplerSources";
import { type ConfigProblem, type Path, pathText, problem } from "../problems";
import type { Reading } from "../reading";
import type { Requests } from "../requests";
import { taken } from "./entries";

// Rules between the sources of one stack, and between a source and who reads it.

/** What is contradictory in the Doppler configs that a stack reads. */
export function sourceProblems({ requests, sources, settings: { sources: given = [] } }: Reading): ConfigProblem[] {
  return [
    ...sharedNames(sources),
    ...sharedConfigs(sources),
    ...sharedObjects(sources),
    ...configsOfEnvironments(sources),
    ...given.flatMap((settings, index) => (settings === undefined ? [] : saidTwice(settings, index, sources))),
    ...unknownSources(requests, sources),
  ];
}

/** Sources are told apart by name, in URNs, in outputs and by the Secrets that read them. */
function sharedNames(sources: readonly RequestedSource[]): ConfigProblem[] {
  const known = new Map<string, string>();
  return sources.flatMap(({ name, path }) => {
    const first = name === undefined ? undefined : taken(known, name, pathText(path));
    if (first === undefined) return [];
    return [problem([...path, "name"], `${first} has this name too; each source needs a name of its own`)];
  });
}

/** A second token and a second store for one config would give nobody anything. */
function sharedConfigs(sources: readonly RequestedSource[]): ConfigProblem[] {
  const known = new Map<string, string>();
  return sources.flatMap(({ environment: { project }, config, path }) => {
    if (project.name === undefined || config === undefined) return [];
    const first = taken(known, `${project.name}/${config}`, pathText(path));
    if (first === undefined) return [];
    return [problem(path, `${first} reads the same Doppler config; have apps read that source, and take this one out`)];
  });
}

/** Each source has a store of its own, and a Secret or a ServiceAccount with which the operator proves itself. */
function sharedObjects(sources: readonly RequestedSource[]): ConfigProblem[] {
  const known = new Map<string, string>();
  return sources.flatMap(objectNames).flatMap(({ kind, path, name }) => {
    const first = name === undefined ? undefined : taken(known, `${kind} ${name}`, pathText(path));
    if (first === undefined) return [];
    return [problem(path, `${first} gives ${kind} this name too; each source needs one of its own`)];
  });
}

/** Doppler begins the names of an environment's branch configs with the environment's slug. */
function configsOfEnvironments(sources: readonly RequestedSource[]): ConfigProblem[] {
  return sources.flatMap(({ environment: { slug }, config, path }) => {
    if (slug === undefined || config === undefined || config === slug || config.startsWith(`${slug}_`)) return [];
    const expected = 'expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name';
    return [problem([...path, "config"], expected)];
  });
}

/** What sources have in common is said once: by the first of them. */
function saidTwice(
  { project, environment }: NonNullable<NonNullable<Reading["settings"]["sources"]>[number]>,
  index: number,
  sources: readonly RequestedSource[],
): ConfigProblem[] {
  const path: Path = ["sources", index];
  const own = sources.find((source) => pathText(source.path) === pathText(path));
  if (own === undefined) return [];
  const repeated = (section: "project" | "environment", said: object | undefined, where: Path, settings: string[]) =>
    pathText(where) === pathText([...path, section])
      ? []
      : Object.keys(said ?? {})
          .filter((setting) => settings.includes(setting))
          .map((setting) =>
            problem(
              [...path, section, setting],
              `has no effect, since ${pathText(where)} is the same ${section}: say it there`,
            ),
          );
  return [
    ...repeated("project", project, own.environment.project.path, ["description", "ownedBy"]),
    ...repeated("environment", environment, own.environment.path, ["name", "ownedBy"]),
  ];
}

/** A Secret is read from sources that there are. Its further sources are others than its own. */
function unknownSources({ secrets }: Requests, sources: readonly RequestedSource[]): ConfigProblem[] {
  const names = sources.flatMap(({ name }) => name ?? []);
  return secrets.flatMap(({ sources: named, rest }) =>
    named.flatMap(({ path, name }) => {
      if (!names.includes(name)) {
        return [problem(path, `there is no source of this name; expected one of ${names.join(", ")}`)];
      }
      const own = path.at(-2) === "from" && name === rest.source;
      return own ? [problem(path, "is the entry's own source: write these keys into keys")] : [];
    }),
  );
}
