import { createHash } from "node:crypto";
import type { User } from "./user.js";

// Stakater's Reloader can't be installed here. This class does what Reloader's documentation says about the annotation
// in the pipeline's outputs, under the default strategy: a changed Secret changes a variable in the pod template, which
// makes the Deployment roll out.

const ANNOTATION = "secret.reloader.stakater.com/reload";

interface Listed {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace: string;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly data?: Readonly<Record<string, string>>;
    readonly spec?: { readonly template: { readonly spec: { readonly containers: readonly { name: string }[] } } };
  }[];
}

/** Restarts the workloads that ask for it by annotation, after a Secret's values have changed. */
export class Reloader {
  private readonly seen = new Map<string, string>();

  constructor(private readonly user: User) {}

  /**
   * Compares all Secrets with the last call. A Secret that was not there at the last call counts as unchanged.
   *
   * @returns the Deployments that it restarted, as `<namespace>/<name>`
   */
  async look(): Promise<string[]> {
    const restarted: string[] = [];
    for (const { metadata, data } of (await this.list("secrets")).items) {
      const id = `${metadata.namespace}/${metadata.name}`;
      const hash = createHash("sha1")
        .update(JSON.stringify(data ?? {}))
        .digest("hex");
      const before = this.seen.get(id);
      this.seen.set(id, hash);
      if (before !== undefined && before !== hash) {
        restarted.push(...(await this.restart(metadata.namespace, metadata.name, hash)));
      }
    }
    return restarted;
  }

  private async restart(namespace: string, secret: string, hash: string): Promise<string[]> {
    const { items } = await this.list("deployments.apps", namespace);
    const asking = items.filter(({ metadata }) =>
      // The annotation is a list of regular expressions; each has to match a whole name.
      (metadata.annotations?.[ANNOTATION] ?? "")
        .split(",")
        .map((name) => name.trim())
        .some((name) => name !== "" && new RegExp(`^${name}$`).test(secret)),
    );
    for (const { metadata, spec } of asking) {
      const env = [{ name: `STAKATER_${secret.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}_SECRET`, value: hash }];
      const container = { name: spec?.template.spec.containers[0]?.name, env };
      const patch = JSON.stringify({ spec: { template: { spec: { containers: [container] } } } });
      const options = ["--type=strategic", "--field-manager=Reloader", `--namespace=${namespace}`, `--patch=${patch}`];
      await this.user.quietly("kubectl", ["patch", "deployment", metadata.name, ...options]);
    }
    return asking.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  }

  private async list(kind: string, namespace?: string): Promise<Listed> {
    const where = namespace === undefined ? "--all-namespaces" : `--namespace=${namespace}`;
    return JSON.parse(await this.user.quietly("kubectl", ["get", kind, where, "--output=json"])) as Listed;
  }
}
