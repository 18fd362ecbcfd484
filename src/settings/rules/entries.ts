import semver from "semver";
import { isChartFile } from "../../../lib/chart";
import { externalSecretResource } from "../../../lib/resourceNames";
import type { RequestedSource } from "../dopplerSources";
import type { Lenient } from "../lenient";
import { type ConfigProblem, pathText, problem } from "../problems";
import type { Reading } from "../reading";
import type { Requests } from "../requests";
import type { Settings } from "../schema";

// Rules between entries of one stack's settings, which no single setting can break.

/** What entries of a stack's settings do to each other. */
export function entryProblems({ settings, requests, sources }: Reading): ConfigProblem[] {
  return [
    ...sharedNames(requests),
    ...sharedSecrets(requests),
    ...sharedResources(requests),
    ...createdNamespaces(settings),
    ...operatorVersion(settings),
    ...operatorOfStore(settings, sources),
    ...chartRepositoryAccess(settings),
  ];
}

/** Entries are told apart by name, in URNs and outputs. */
function sharedNames({ secrets }: Requests): ConfigProblem[] {
  const entries = new Map<string, string>();
  return secrets.flatMap(({ entry, section, name }) => {
    if (name === undefined) return [];
    const first = taken(entries, name, pathText(entry));
    if (first === undefined) return [];
    const derived = section === "apps" && first.startsWith("apps") ? "has this name too" : "is known by this name too";
    return [problem([...entry, "name"], `${first} ${derived}; each needs a name of its own`)];
  });
}

/** A Secret has one maker, and an ExternalSecret makes one Secret. */
function sharedSecrets({ secrets }: Requests): ConfigProblem[] {
  const targets = new Map<string, string>();
  const makers = new Map<string, string>();
  return secrets.flatMap(({ entry, places }) =>
    places.flatMap(({ path, namespace, secretName, externalSecretName }) => {
      if (namespace === undefined || secretName === undefined) return [];
      const target = taken(targets, `${namespace}/${secretName}`, pathText(entry));
      if (target !== undefined) {
        const message = `${target} asks for the same Secret in the same namespace; one of them needs another name or namespace`;
        return [problem(path, message)];
      }
      const maker = taken(makers, `${namespace}/${externalSecretName}`, pathText(entry));
      if (maker === undefined) return [];
      const where = path.at(-1) === "secretName" ? [...path.slice(0, -1), "externalSecretName"] : path;
      return [problem(where, `${maker} has an ExternalSecret of the same name in the same namespace`)];
    }),
  );
}

/** Every ExternalSecret is a resource with a name of its own in the stack's state. */
function sharedResources({ secrets }: Requests): ConfigProblem[] {
  const resources = new Map<string, { entry: string; target: string }>();
  return secrets.flatMap(({ entry, name, places }) =>
    places.flatMap(({ path, namespace, secretName }) => {
      if (name === undefined || namespace === undefined || secretName === undefined) return [];
      const resource = externalSecretResource(name, namespace, secretName);
      const target = `${namespace}/${secretName}`;
      const first = resources.get(resource);
      if (first === undefined) resources.set(resource, { entry: pathText(entry), target });
      // Entries with one name, or with one Secret, have a problem that says more.
      if (first === undefined || first.target === target) return [];
      const message = `its ExternalSecret would have the same name in the stack's state as one of ${first.entry}, since both are made of the entry's name, the namespace and the Secret's name; give one of them another secretName`;
      return [problem(path, message)];
    }),
  );
}

/** Who has taken `key` before; takes it for `by` otherwise. */
export function taken(known: Map<string, string>, key: string, by: string): string | undefined {
  const first = known.get(key);
  if (first === undefined) known.set(key, by);
  return first;
}

function createdNamespaces({ kubernetes, operator }: Lenient<Settings>): ConfigProblem[] {
  const created = kubernetes?.createNamespaces ?? [];
  return created.flatMap((namespace, index) => {
    if (namespace === undefined) return [];
    const problems: string[] = [];
    if (namespace === "default" || namespace.startsWith("kube-")) {
      problems.push("the cluster makes this namespace itself; take it out of this list");
    } else if (namespace === operator?.namespace) {
      problems.push("the operator's namespace is made together with the operator; take it out of this list");
    }
    if (created.indexOf(namespace) !== index) problems.push("expected each namespace once");
    return problems.map((message) => problem(["kubernetes", "createNamespaces", index], message));
  });
}

/** The first version of the operator that serves `external-secrets.io/v1`. */
const OLDEST_OPERATOR = "0.17.0";
/** The first version of the operator whose stores know `auth.oidcConfig`. */
const OLDEST_WITH_OIDC = "1.2.0";

/** The lowest version that is meant; Helm takes ranges, too. `undefined` for what is no version. */
const lowestVersion = (version: string) => (semver.validRange(version) ? semver.minVersion(version) : undefined);

function operatorVersion({ operator }: Lenient<Settings>): ConfigProblem[] {
  // A chart from a folder or an archive has a version of its own, and this one has no effect.
  if (operator?.version === undefined || isChartFile(operator.chart)) return [];
  const path = ["operator", "version"];
  const lowest = lowestVersion(operator.version);
  if (!lowest) return [problem(path, 'expected a version, such as "2.9.0"')];
  if (semver.gte(lowest, OLDEST_OPERATOR)) return [];
  return [problem(path, `expected ${OLDEST_OPERATOR} or newer: older operators do not serve external-secrets.io/v1`)];
}

function operatorOfStore({ operator }: Lenient<Settings>, sources: readonly RequestedSource[]): ConfigProblem[] {
  if (operator?.version === undefined) return [];
  const lowest = lowestVersion(operator.version);
  if (!lowest || semver.gte(lowest, OLDEST_WITH_OIDC)) return [];
  const message = `expected operator.version ${OLDEST_WITH_OIDC} or newer: older ones know no OIDC`;
  return sources.flatMap(({ oidc }) =>
    oidc === undefined ? [] : [problem(oidc.serviceAccount.path.slice(0, -1), message)],
  );
}

/** Helm sends a user and a password to the repository of a chart that is given by name, and to nothing else. */
function chartRepositoryAccess({ operator }: Lenient<Settings>): ConfigProblem[] {
  const { repositoryUsername, repositoryPassword, repository, chart } = operator ?? {};
  if (repositoryUsername === undefined && repositoryPassword === undefined) return [];
  const at = (setting: string, message: string) => [problem(["operator", setting], message)];
  const given = repositoryPassword === undefined ? "repositoryUsername" : "repositoryPassword";
  if (chart?.startsWith("oci:")) {
    return at(given, 'has no effect on an oci:// chart: log in with "helm registry login" before each run');
  }
  if (isChartFile(chart)) return at(given, "has no effect on a chart that is a file, a folder or a URL");
  if (repository === undefined) return at(given, "expected operator.repository, the repository that asks for it");
  if (repositoryUsername === undefined) return at("repositoryUsername", "expected the user of repositoryPassword");
  if (repositoryPassword === undefined) {
    const set = "pulumi config set --secret --path operator.repositoryPassword";
    return at("repositoryPassword", `expected the password of repositoryUsername: "${set}"`);
  }
  return [];
}
