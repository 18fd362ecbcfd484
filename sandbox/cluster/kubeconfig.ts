import { parse, stringify } from "yaml";

export interface KubeconfigSpec {
  /** The API server, e.g. https://127.0.0.1:6443 */
  readonly server: string;
  /** The certificates to trust, PEM. */
  readonly ca: string;
  readonly user: string;
  /** The bearer token, or the file it is read from again and again, which is how it can be renewed. */
  readonly auth: { readonly token: string } | { readonly tokenFile: string };
  /** Names under which this cluster is known; the first is the current one. */
  readonly contexts: readonly [string, ...string[]];
  /** The namespace of each context; `default` when left out. */
  readonly namespace?: string;
}

/** The text of a kubeconfig in which every context is the same user on the same cluster. Holds a credential: keep it private. */
export function kubeconfig(spec: KubeconfigSpec): string {
  const names = [...new Set(spec.contexts)];
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": spec.contexts[0],
      // A cluster entry per context: tools show and compare it by name.
      clusters: names.map((name) => ({
        name,
        cluster: {
          server: spec.server,
          "certificate-authority-data": Buffer.from(spec.ca).toString("base64"),
        },
      })),
      contexts: names.map((name) => ({
        name,
        context: {
          cluster: name,
          user: spec.user,
          ...(spec.namespace === undefined ? {} : { namespace: spec.namespace }),
        },
      })),
      users: [{ name: spec.user, user: spec.auth }],
    },
    { lineWidth: 0 },
  );
}

/** A kubeconfig whose current context is to be known by another name. */
export interface NamedKubeconfig {
  readonly context: string;
  /** The text of a kubeconfig. */
  readonly text: string;
}

/** The text of a kubeconfig that has the current context of each of these, under its new name. */
export function mergedKubeconfig(currentContext: string, parts: readonly NamedKubeconfig[]): string {
  // Stacks of one cluster may go by one name.
  const found = [...new Map(parts.map(({ context, text }) => [context, { name: context, ...current(text) }])).values()];
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": currentContext,
      clusters: found.map(({ name, cluster }) => ({ name, cluster })),
      contexts: found.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
      users: found.map(({ name, user }) => ({ name, user })),
    },
    { lineWidth: 0 },
  );
}

interface KubeconfigFile {
  readonly "current-context": string;
  readonly clusters: readonly { readonly name: string; readonly cluster: unknown }[];
  readonly contexts: readonly { readonly name: string; readonly context: { cluster: string; user: string } }[];
  readonly users: readonly { readonly name: string; readonly user: unknown }[];
}

function current(text: string): { cluster: unknown; user: unknown } {
  const file = parse(text) as KubeconfigFile;
  const named = <T extends { readonly name: string }>(list: readonly T[], name: string | undefined): T => {
    const entry = list.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new Error(`a kubeconfig refers to ${name}, which it does not have`);
    return entry;
  };
  const { context } = named(file.contexts, file["current-context"]);
  return { cluster: named(file.clusters, context.cluster).cluster, user: named(file.users, context.user).user };
}
