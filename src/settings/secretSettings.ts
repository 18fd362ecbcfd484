import type { Sources } from "../../lib/template";

/** A Secret that the stack's settings ask for, whatever it is for. */
export interface SecretSettings extends Sources {
  /** Unique in the stack. */
  name: string;
  namespace: string;
  secretName: string;
  externalSecretName: string;
  refreshInterval?: string | undefined;
  /** The Secret's key: the Doppler name. */
  keys: Record<string, string>;
  /** The Secret's key: a template over Doppler names. */
  values: Record<string, string>;
  /** The Secret's type; without it, Opaque. */
  type?: string | undefined;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Whether the keys are added to a Secret that somebody else makes. */
  merge: boolean;
  /** More Secrets with the same contents. */
  alsoAs: { secretName: string; namespace: string }[];
}
