import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { canonicalDuration } from "../lib/duration";
import { hopInterval } from "../lib/mirror";
import { externalSecretResource } from "../lib/resourceNames";
import type { JsonPart } from "../lib/wholeTemplates";
import { contentProblem } from "./appSecretsContent";
import { LET_GO } from "./deletion";
import { externalSecretSpec, fetchedData, type KeysOfStore } from "./externalSecretSpec";
import { forcedFields } from "./forcedFields";
import { requirePlain } from "./plain";

/** Where a Secret is. */
export interface SecretPlace {
  /** The Secret's name. */
  secretName: string;
  /** The Secret's namespace. */
  namespace: string;
}

/** The arguments of {@link AppSecrets}. */
export interface AppSecretsArgs {
  /** The namespace of the ExternalSecret and of the Secret it makes. It must exist. */
  namespace: string;

  /** The name of the Secret that pods consume. */
  secretName: string;

  /** The name of the ExternalSecret that makes it. Default: the Secret's. */
  externalSecretName?: string;

  /** The ClusterSecretStore to read from. */
  storeName: pulumi.Input<string>;

  /** How often ESO asks the store, in hours, minutes and seconds. Default: `1m`, and `15s` from a mirror. */
  refreshInterval?: pulumi.Input<string>;

  /**
   * Whether the operator reads each Doppler name by itself, which costs one read of Doppler for each, and has the
   * operator speak of this name alone where it fails. Default: one read for all keys of the Secret.
   */
  perKey?: boolean;

  /**
   * The Secret of a DopplerMirror that holds the Doppler names; `storeName` is then the mirror's store. This costs no read
   * of Doppler. Default: the values come from Doppler.
   */
  mirrorSecret?: pulumi.Input<string>;

  /** The Secret's keys, and the Doppler name that each one's value comes from. */
  keys?: Record<string, string>;

  /**
   * More keys of the Secret, and the template that each one's value is made with, of any number of Doppler names:
   * `postgres://app:{{ .DB_PASSWORD | urlquery }}@{{ .DB_HOST }}/app`. The names themselves are not in the Secret.
   */
  values?: Record<string, string>;

  /**
   * More keys of the Secret, and the part of a JSON object in Doppler that each one's value is: a text as it is, `null` as
   * an empty value, and everything else as JSON, with numbers as they were typed.
   */
  parts?: Record<string, JsonPart>;

  /** Doppler names whose values are JSON objects. Each property is a key of the Secret, with a value as of `parts`. */
  spread?: string[];

  /**
   * Doppler names that are keys of the Secret as they are, whichever there are at each refresh: `*` for all names of the
   * config, `STRIPE_*` for all that begin with `STRIPE_`. Names that Doppler itself puts into each config are left out.
   */
  pattern?: string;

  /**
   * A regular expression, as RE2 and JavaScript both read it, for whole names that neither `pattern` nor `spread` lets
   * into the Secret.
   */
  leaveOut?: string;

  /** Names that `leaveOut` does not apply to. All properties of a JSON object under such a name are let in. */
  keep?: string[];

  /**
   * More keys of the Secret, of other ClusterSecretStores. Each has a name here, in lower-case letters, digits and `_`, by
   * which the operator tells the stores' values apart.
   */
  from?: Record<string, KeysOfStore>;

  /** The Secret's type, such as `kubernetes.io/basic-auth`. It can't be changed later. Default: `Opaque`. */
  type?: string;

  /** Labels of the Secret. */
  labels?: Record<string, string>;

  /** Annotations of the Secret. */
  annotations?: Record<string, string>;

  /**
   * Whether the Secret belongs to somebody else, who makes it. The keys are then added to it, and stay in it when this
   * component is deleted; until the Secret exists, nothing happens. Default: this component makes the Secret, which holds
   * nothing else and is deleted with the component.
   */
  merge?: boolean;

  /** More Secrets with the same keys, such as the one from before a move, until nothing reads it. */
  alsoAs?: SecretPlace[];

  /** Ids of ExternalSecrets that are there already and are taken over, `<namespace>/<name>`. */
  adopt?: string[];
}

/** An entry for a container's `envFrom`. */
export interface EnvFromSecret {
  /** The Secret. */
  secretRef: SecretName;
}

/** A Secret in the pod's own namespace. */
export interface SecretName {
  /** The Secret's name. */
  name: string;
}

/** What an app team needs to consume its Secret. */
export interface AppSecretReference {
  /** The Secret's name. */
  secretName: string;
  /** The Secret's namespace. */
  namespace: string;
  /** The keys it holds once synced, in alphabetical order, as far as they are named one by one. */
  keys: string[];
  /** The Doppler names that it holds as well, whichever there are, such as `STRIPE_*`; absent where there are none. */
  patterns?: string[];
  /** Doppler names of JSON objects whose properties it holds as well; absent where there are none. */
  spread?: string[];
  /** An entry for a container's `envFrom`. */
  envFrom: EnvFromSecret;
  /** By key, an entry for a container's `env`. */
  env: Record<string, EnvEntry>;
}

/** A variable of a container, with the value of one key. */
export interface EnvEntry {
  /** The key, as a variable is usually spelled where the key is not: `database-url` is `DATABASE_URL`. */
  name: string;
  /** Where the value is. */
  valueFrom: EnvValueFrom;
}

/** Where a variable's value is. */
export interface EnvValueFrom {
  /** The key of a Secret. */
  secretKeyRef: SecretKey;
}

/** One key of a Secret in the pod's own namespace. */
export interface SecretKey {
  /** The Secret's name. */
  name: string;
  /** The key. */
  key: string;
}

/** A Secret: an ExternalSecret that keeps a Kubernetes Secret equal to values in Doppler, or to what is made of them. */
export class AppSecrets extends pulumi.ComponentResource {
  /** How the app refers to its Secret. Names only. */
  readonly reference: pulumi.Output<AppSecretReference>;

  constructor(name: string, args: AppSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("secrets-pipeline:index:AppSecrets", name, {}, opts);
    requirePlain(args, "namespace", "secretName", "externalSecretName", "keys", "values", "alsoAs", "adopt");
    requirePlain(args, "type", "labels", "annotations", "merge", "perKey");
    requirePlain(args, "parts", "spread", "pattern", "leaveOut", "keep");
    const others = Object.values(args.from ?? {});
    for (const other of others) requirePlain(other, "keys");
    const problem = contentProblem(args);
    if (problem !== undefined) throw new pulumi.InputPropertyError(problem);
    const made = [args.keys, args.values, args.parts, ...others.map((other) => other.keys)];
    const keys = made.flatMap((part) => Object.keys(part ?? {})).sort();
    const ownInterval = args.mirrorSecret === undefined ? "1m" : hopInterval("1m");

    const externalSecret = (child: string, secretName: string, namespace: string, own = secretName, was?: string) =>
      new kubernetes.apiextensions.CustomResource(
        child,
        {
          apiVersion: "external-secrets.io/v1",
          kind: "ExternalSecret",
          metadata: forcedFields({ name: own, namespace }),
          spec: externalSecretSpec(fetchedData(args), {
            secretName,
            merge: args.merge,
            storeName: args.storeName,
            refreshInterval: pulumi.output(args.refreshInterval ?? ownInterval).apply(canonicalDuration),
          }),
        },
        {
          ...LET_GO,
          parent: this,
          aliases: was === undefined ? [] : [{ name: was }],
          import: args.adopt?.find((id) => id === `${namespace}/${own}`),
        },
      );
    // The child is named after the Secret. A Secret that moves is therefore made beside the old one, which is deleted
    // last; a Secret that changes places between `secretName` and `alsoAs` is not touched at all.
    const named = (secretName: string, where: string) => externalSecretResource(name, where, secretName);
    externalSecret(
      named(args.secretName, args.namespace),
      args.secretName,
      args.namespace,
      args.externalSecretName,
      `${name}-external-secret`,
    );
    for (const other of args.alsoAs ?? []) {
      externalSecret(named(other.secretName, other.namespace), other.secretName, other.namespace);
    }

    const { secretName, namespace, pattern, spread = [] } = args;
    this.reference = pulumi.output({
      secretName,
      namespace,
      keys,
      ...(pattern !== undefined && { patterns: [pattern] }),
      ...(spread.length > 0 && { spread }),
      envFrom: { secretRef: { name: secretName } },
      env: Object.fromEntries(keys.map((key) => [key, envEntry(secretName, key)])),
    });
    this.registerOutputs({ reference: this.reference });
  }
}

function envEntry(secretName: string, key: string): EnvEntry {
  const name = /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(key)
    ? key
    : key
        .toUpperCase()
        .replace(/[^_A-Z0-9]/g, "_")
        .replace(/^(?=[0-9])/, "_");
  return { name, valueFrom: { secretKeyRef: { name: secretName, key } } };
}
