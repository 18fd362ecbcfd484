import type { z } from "zod";
import type { LeftOut } from "../../lib/namePattern";
import type { Sources } from "../../lib/template";
import type { JsonPart } from "../../lib/wholeTemplates";
import type { Lenient } from "./lenient";
import type { fetchForm } from "./names";
import type { Path } from "./problems";

// What every kind of Secret comes down to. A kind of Secret is a section of the stack's settings (apps, Argo CD, pull
// Secrets): its schema, and how it becomes requests. See kinds.ts.

/** A Secret that the stack's settings ask for, whatever it is for. */
export interface SecretSettings extends Sources, LeftOut {
  /** Unique in the stack. */
  name: string;
  namespace: string;
  secretName: string;
  externalSecretName: string;
  refreshInterval?: string | undefined;
  /** How values are fetched. */
  fetch?: z.output<typeof fetchForm> | undefined;
  /** The source that keys and templates are read from. */
  source: string;
  /** The Secret's key: the Doppler name. */
  keys: Record<string, string>;
  /** The Secret's key: a template over Doppler names. */
  values: Record<string, string>;
  /** The Secret's key: a part of a JSON object in Doppler. */
  parts?: Record<string, JsonPart> | undefined;
  /** Doppler names of JSON objects whose properties are keys of the Secret. */
  spread?: string[] | undefined;
  keep?: string[] | undefined;
  /** More keys, of other sources: by source, the Doppler name by the Secret's key. */
  from: Record<string, Record<string, string>>;
  /** The Secret's type; without it, Opaque. */
  type?: string | undefined;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Whether the keys are added to a Secret that somebody else makes. */
  merge: boolean;
  /** More Secrets with the same contents. */
  alsoAs: { secretName: string; namespace: string }[];
  /** The name that the stack knew it by before. */
  renamedFrom?: string | undefined;
  /** Whether workloads are to restart when a value changes. */
  restartOnChange?: boolean | undefined;
}

/** The namespaces that Secrets go to, in alphabetical order. */
export function namespacesOf(secrets: readonly SecretSettings[]): string[] {
  const places = secrets.flatMap((secret) => [secret, ...secret.alsoAs]);
  return [...new Set(places.map(({ namespace }) => namespace))].sort();
}

/** One Secret in the cluster that a request asks for, as far as its settings can be read. */
export interface RequestedPlace {
  /** The setting that names it. */
  path: Path;
  namespace?: string | undefined;
  secretName?: string | undefined;
  /** The ExternalSecret that makes it. */
  externalSecretName?: string | undefined;
}

/** A part of a Secret, and the setting that asks for it: the Secret's type, one of its keys, or a Doppler name. */
export interface RequestedContent {
  path: Path;
  type?: string | undefined;
  key?: string | undefined;
  dopplerNames: string[];
  /** The template that the key's value is made with. */
  template?: string | undefined;
}

/** What one entry of the settings asks for, as far as it can be read: a Secret, and copies of it in other places. */
export interface SecretRequest {
  /** The entry, such as `apps[0]`. */
  entry: Path;
  /** The name by which the stack knows the entry. */
  name?: string | undefined;
  /** The Secret, then its copies. */
  places: [RequestedPlace, ...RequestedPlace[]];
  contents: RequestedContent[];
  /** The sources that the entry names, each by the setting that names it. An entry that names none reads the main one. */
  sources: { path: Path; name: string }[];
  /** The Secret's other settings. */
  rest: Omit<SecretSettings, "name" | "namespace" | "secretName" | "externalSecretName" | "alsoAs">;
}

/** A kind of Secret: a section of the settings. */
export interface SecretKind<Schema extends z.ZodType = z.ZodType> {
  /** The section's shape. */
  schema: Schema;
  /**
   * What the section asks for.
   *
   * @param settings what can be read of it; whatever the schema refuses is missing
   */
  requests(settings: Lenient<z.output<Schema>> | undefined): SecretRequest[];
}

/** The same as {@link SecretRequest}, checked and whole. */
export function completed({ entry, name, places, rest }: SecretRequest): SecretSettings {
  const [first, ...others] = places.map(({ namespace, secretName, externalSecretName }) => {
    if (namespace === undefined || secretName === undefined || externalSecretName === undefined) {
      throw new Error(`${entry.join(".")} passed the schema and lacks the place of a Secret`);
    }
    return { namespace, secretName, externalSecretName };
  });
  if (name === undefined || first === undefined) {
    throw new Error(`${entry.join(".")} passed the schema and lacks a name`);
  }
  const alsoAs = others.map(({ namespace, secretName }) => ({ namespace, secretName }));
  return { ...rest, ...first, name, alsoAs };
}
