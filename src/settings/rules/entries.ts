import type { Lenient } from "../lenient";
import { type ConfigProblem, pathText, problem } from "../problems";
import type { Reading } from "../reading";
import type { Requests } from "../requests";
import type { Settings } from "../schema";

// Rules between entries of one stack's settings, which no single setting can break.

/** What entries of a stack's settings do to each other. */
export function entryProblems({ settings, requests }: Reading): ConfigProblem[] {
  return [
    ...sharedNames(requests),
    ...sharedSecrets(requests),
    ...configOfEnvironment(settings),
    ...createdNamespaces(settings, requests),
    ...operatorOfStore(settings),
  ];
}

/** Entries are told apart by name, in URNs and outputs. */
function sharedNames({ secrets }: Requests): ConfigProblem[] {
  const entries = new Map<string, string>();
  return secrets.flatMap(({ entry, section, name }) => {
    if (name === undefined) return [];
    const first = entries.get(name);
    if (first === undefined) {
      entries.set(name, pathText(entry));
      return [];
    }
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

/** Who has taken `key` before; takes it for `by` otherwise. */
function taken(known: Map<string, string>, key: string, by: string): string | undefined {
  const first = known.get(key);
  if (first === undefined) known.set(key, by);
  return first;
}

/** Doppler begins the names of an environment's branch configs with the environment's slug. */
function configOfEnvironment({ doppler }: Lenient<Settings>): ConfigProblem[] {
  const slug = doppler?.environment?.slug;
  const config = doppler?.config;
  if (slug === undefined || config === undefined || config === slug || config.startsWith(`${slug}_`)) return [];
  const expected = 'expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name';
  return [problem(["doppler", "config"], expected)];
}

function createdNamespaces({ kubernetes, operator }: Lenient<Settings>, { secrets }: Requests): ConfigProblem[] {
  const used = new Set(secrets.flatMap(({ places }) => places.map(({ namespace }) => namespace)));
  const created = kubernetes?.createNamespaces ?? [];
  return created.flatMap((namespace, index) => {
    if (namespace === undefined) return [];
    const problems: string[] = [];
    if (namespace === "default" || namespace.startsWith("kube-")) {
      problems.push("the cluster makes this namespace itself; take it out of this list");
    } else if (namespace === operator?.namespace) {
      problems.push("the operator's namespace is made together with the operator; take it out of this list");
    } else if (!used.has(namespace)) {
      problems.push("expected the namespace of one of the apps");
    }
    if (created.indexOf(namespace) !== index) problems.push("expected each namespace once");
    return problems.map((message) => problem(["kubernetes", "createNamespaces", index], message));
  });
}

/** The store's `auth.oidcConfig` came with version 1.2.0 of the operator. */
function operatorOfStore({ operator, store }: Lenient<Settings>): ConfigProblem[] {
  const version = operator?.version;
  if (store?.oidc === undefined || version === undefined) return [];
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  if (major > 1 || (major === 1 && minor >= 2)) return [];
  return [problem(["store", "oidc"], "expected operator.version 1.2.0 or newer: older ones know no OIDC")];
}
