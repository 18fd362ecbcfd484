import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The Pulumi provider can't tell which cluster it is, nor whether an object exists before it is created. kubectl is asked
// instead: kubectl knows every way to sign in. Names and UIDs are read, contents never.

/** An object by kubectl's name of its kind, such as `secret` or `externalsecret.external-secrets.io`. */
export interface ClusterObject {
  kind: string;
  name: string;
  /** Absent for kinds that are in no namespace. */
  namespace?: string;
}

/** kubectl is missing, or the cluster refused or did not answer. */
export class ClusterError extends Error {}

/** The stack's cluster. */
export class Cluster {
  readonly #kubeconfig: string | undefined;
  readonly #context: string | undefined;

  /**
   * @param kubeconfig a kubeconfig's contents; without it, kubectl finds one as it always does
   * @param context the context's name; without it, the current one
   */
  constructor(kubeconfig: string | undefined, context: string | undefined) {
    this.#kubeconfig = kubeconfig;
    this.#context = context;
  }

  /** Those of the objects that are there. Their kinds must be served. */
  async present<T extends ClusterObject>(objects: readonly T[]): Promise<T[]> {
    const found: T[] = [];
    for (const namespace of new Set(objects.map((object) => object.namespace))) {
      const asked = objects.filter((object) => object.namespace === namespace);
      const names = await this.#kubectl([
        "get",
        ...asked.map(({ kind, name }) => `${kind}/${name}`),
        "--ignore-not-found",
        "--output=name",
        ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
      ]);
      const there = new Set(names.split("\n"));
      found.push(...asked.filter(({ kind, name }) => there.has(`${kind}/${name}`)));
    }
    return found;
  }

  /** The UIDs of those of the namespaces that are there, by name. */
  async namespaceUids(names: readonly string[]): Promise<Map<string, string>> {
    const lines = await this.#kubectl([
      "get",
      ...names.map((name) => `namespace/${name}`),
      "--ignore-not-found",
      "--no-headers",
      "--output=custom-columns=NAME:.metadata.name,UID:.metadata.uid",
    ]);
    const rows = lines.split("\n").map((line) => line.trim().split(/\s+/));
    return new Map(rows.flatMap(([name, uid]) => (name && uid ? [[name, uid] as const] : [])));
  }

  /** The versions of a custom resource that are served; `undefined` if there is no such definition. */
  async servedVersions(definition: string): Promise<string[] | undefined> {
    const versions = await this.#kubectl([
      "get",
      `customresourcedefinition/${definition}`,
      "--ignore-not-found",
      "--output=jsonpath={.spec.versions[?(@.served==true)].name}",
    ]);
    return versions === "" ? undefined : versions.trim().split(" ");
  }

  /** The status of a Helm release, such as `deployed`; `undefined` if there is none of that name. */
  async releaseStatus(namespace: string, name: string): Promise<string | undefined> {
    const revisions = await this.#kubectl([
      "get",
      "secrets",
      `--namespace=${namespace}`,
      `--selector=owner=helm,name=${name}`,
      '--output=jsonpath={range .items[*]}{.metadata.labels.version} {.metadata.labels.status}{"\\n"}{end}',
    ]);
    const [last] = revisions
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(" "))
      .sort(([a], [b]) => Number(b) - Number(a));
    return last?.[1];
  }

  async #kubectl(args: string[]): Promise<string> {
    const dir = this.#kubeconfig === undefined ? undefined : await mkdtemp(join(tmpdir(), "secrets-pipeline-"));
    try {
      const file = dir && join(dir, "kubeconfig");
      if (file !== undefined) await writeFile(file, this.#kubeconfig ?? "", { mode: 0o600 });
      const all = [
        ...args,
        "--request-timeout=15s",
        ...(file === undefined ? [] : [`--kubeconfig=${file}`]),
        ...(this.#context === undefined ? [] : [`--context=${this.#context}`]),
      ];
      return await new Promise((resolve, reject) => {
        const options = { env: process.env, timeout: 60_000, maxBuffer: 64 << 20 };
        execFile("kubectl", all, options, (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else if (error.code === "ENOENT") reject(new ClusterError("kubectl is not on PATH"));
          // kubectl writes a line for each attempt; the last line says why it gave up.
          else reject(new ClusterError(stderr.trim().split("\n").at(-1) || error.message));
        });
      });
    } finally {
      if (dir !== undefined) await rm(dir, { recursive: true, force: true });
    }
  }
}
