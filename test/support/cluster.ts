import { Cluster, ClusterError, type ClusterObject } from "../../src/world/kubectl";

/** What kubectl is to find in the cluster. */
export interface ClusterScenario {
  /** Objects, as `kind/[namespace/]name`. */
  objects?: string[];
  /** The versions of the operator's kinds; without them the kinds are not there. */
  served?: string[];
  /** The status of the operator's Helm release. */
  release?: string;
  /** The UIDs of namespaces that are told apart by them, `kube-system` among them; without its own that one is not told. */
  uids?: Record<string, string>;
  /** Namespaces that are not there; all others that are asked for are. */
  missing?: string[];
}

/**
 * Answers in kubectl's place.
 *
 * @param cluster what is there, or why the cluster can't be asked
 * @returns what a test restores in the end
 */
export function mockCluster(cluster: ClusterScenario | string): { mockRestore: () => void }[] {
  const there = () => {
    if (typeof cluster === "string") throw new ClusterError(cluster);
    return cluster;
  };
  const id = ({ kind, namespace, name }: ClusterObject) => [kind, namespace, name].filter(Boolean).join("/");
  return [
    jest.spyOn(Cluster.prototype, "present").mockImplementation((asked) => {
      const { objects = [], served } = there();
      if (served === undefined && asked.some(({ kind }) => kind.endsWith(".external-secrets.io"))) {
        throw new Error("kubectl knows no such kind");
      }
      return Promise.resolve(asked.filter((object) => objects.includes(id(object))));
    }),
    jest.spyOn(Cluster.prototype, "namespaceUids").mockImplementation((names) => {
      const { uids = {}, missing = [] } = there();
      const found = names.filter((name) => !missing.includes(name) && (name !== "kube-system" || name in uids));
      return Promise.resolve(new Map(found.map((name) => [name, uids[name] ?? `uid of ${name}`])));
    }),
    jest.spyOn(Cluster.prototype, "servedVersions").mockImplementation(() => Promise.resolve(there().served)),
    jest.spyOn(Cluster.prototype, "releaseStatus").mockImplementation(() => Promise.resolve(there().release)),
  ];
}
