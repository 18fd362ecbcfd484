import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where a cluster of the sandbox keeps what it writes. */
export interface ClusterLayout {
  readonly cluster: string;
  readonly operator: string;
  /** The processes that belong to it. */
  readonly processes: string;
}

/** Where a sandbox keeps what it writes. The paths of {@link ClusterLayout} are those of the first cluster. */
export interface Layout extends ClusterLayout {
  /** The compiled code of this package. */
  readonly dist: string;
  /** Everything the sandbox writes is below this folder, which only its user can read. */
  readonly dir: string;
  /** Programs put first on PATH. */
  readonly bin: string;
  /** The sandbox's copy of the Pulumi project: the stack files with the overrides. */
  readonly project: string;
  readonly pulumiHome: string;
  /** Pulumi's file backend. */
  readonly backend: string;
  readonly passphraseFile: string;
  /** The Doppler stand-in's own store. */
  readonly doppler: string;
  /** The GitHub stand-in's own store. */
  readonly github: string;
  readonly dopplerCli: string;
  readonly logs: string;
  /** A kubeconfig for each stack. */
  readonly kubeconfigs: string;
  /** The file that says what is up, and where; see {@link Sandbox}. */
  readonly stateFile: string;
  /** The lock that is held while the sandbox is brought up or taken down. */
  readonly lockFile: string;
}

/** The first cluster's place below the sandbox's folder; the stand-ins' processes are written down there, too. */
export const FIRST_CLUSTER = ".";

/** The place, below the sandbox's folder, of a cluster that was made for this stack and is not the first. */
export const ownCluster = (stack: string) => join("clusters", stack);

/** The layout of the cluster at a place. */
export function clusterLayout(layout: Layout, place: string): ClusterLayout {
  const at = (name: string) => join(layout.dir, place, name);
  return { cluster: at("cluster"), operator: at("operator"), processes: at("processes") };
}

/** The places of all clusters that were ever started. */
export function clusterPlaces(layout: Layout): string[] {
  const others = join(layout.dir, "clusters");
  return [FIRST_CLUSTER, ...(existsSync(others) ? readdirSync(others).map(ownCluster) : [])];
}

/**
 * The layout of the sandbox below `dir`; by default `SANDBOX_DIR`, else `.run` beside this package, so that every clone
 * has a sandbox of its own.
 */
export function layout(dir = process.env["SANDBOX_DIR"]): Layout {
  const dist = resolve(dirname(fileURLToPath(import.meta.url)), "..");
  const root = resolve(dir ?? join(dirname(dist), ".run"));
  return {
    dist,
    dir: root,
    bin: join(root, "bin"),
    project: join(root, "project"),
    pulumiHome: join(root, "pulumi-home"),
    backend: join(root, "state"),
    passphraseFile: join(root, "passphrase"),
    doppler: join(root, "doppler"),
    github: join(root, "github"),
    dopplerCli: join(root, "doppler-cli"),
    cluster: join(root, "cluster"),
    operator: join(root, "operator"),
    logs: join(root, "logs"),
    kubeconfigs: join(root, "kubeconfigs"),
    processes: join(root, "processes"),
    stateFile: join(root, "sandbox.json"),
    lockFile: join(root, "lock"),
  };
}
