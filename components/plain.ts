import * as pulumi from "@pulumi/pulumi";

/**
 * Refuses outputs where a component needs the value itself, to name its children by or to decide what to make. In
 * TypeScript the types see to it; a program in another language may pass one all the same.
 *
 * @throws with the arguments' names. Not as an error of the property, of which the engine would show the value: it may
 *   be a secret
 */
export function requirePlain<Args extends object>(args: Args, ...names: (keyof Args & string)[]): void {
  const wrong = names.filter((name) => hasOutput(args[name]));
  if (wrong.length > 0) {
    throw new pulumi.RunError(
      `${wrong.join(", ")}: expected a value that is known before anything is made, not the output of a resource, nor a secret`,
    );
  }
}

function hasOutput(value: unknown): boolean {
  if (pulumi.Output.isInstance(value)) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasOutput);
}
