import { stringify } from "yaml";

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
