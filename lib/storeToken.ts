// A store says in an annotation which service token it works with. What writes the annotation and what reads it stand
// side by side.

const TOKEN_ANNOTATION = "secrets-pipeline/service-token";

/**
 * The annotation that says on a store which service token it works with. A change of it has the operator look at the
 * store at once.
 */
export function tokenAnnotation<Name>(serviceTokenName: Name | undefined): Record<string, Name> | undefined {
  return serviceTokenName === undefined ? undefined : { [TOKEN_ANNOTATION]: serviceTokenName };
}

/** The name of the service token that a store works with, from the store's inputs or outputs in a state. */
export function serviceTokenOf(store: Readonly<Record<string, unknown>>): string | undefined {
  const metadata = store["metadata"] as { annotations?: Record<string, unknown> } | undefined;
  const name = metadata?.annotations?.[TOKEN_ANNOTATION];
  return typeof name === "string" ? name : undefined;
}
