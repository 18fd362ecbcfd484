import { apps } from "./apps";
import { argocd } from "./argocd";
import { pullSecrets } from "./pullSecrets";
import type { SecretKind } from "./secretRequest";

/**
 * The kinds of Secrets that a stack can ask for, each by its section of the settings. A new kind is a file such as
 * pullSecrets.ts and a line here: the schema, the list of all Secrets and every rule take it from this table.
 */
export const KINDS = { apps, argocd, pullSecrets } satisfies Record<string, SecretKind>;

type Kinds = typeof KINDS;

/** The schema of each kind, by its section. */
export const KIND_SCHEMAS = Object.fromEntries(
  Object.entries(KINDS).map(([section, { schema }]) => [section, schema]),
) as { [Section in keyof Kinds]: Kinds[Section]["schema"] };
