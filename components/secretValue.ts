import * as pulumi from "@pulumi/pulumi";

/** What a secret is set to. */
export interface ActionsSecretValue {
  /**
   * Made a secret here if it isn't one. An empty value can't be expressed by the provider. Without a value, the secret
   * stays as it was written last; one that was never written is refused by the provider.
   */
  value?: pulumi.Input<string>;

  /**
   * A flag that changes nothing but that a change of it writes the value anew, in place. The provider plans no update
   * for a secret that was overwritten or deleted by hand.
   */
  rewritten?: boolean;
}

// How the flag is written into a resource's inputs, and how it is read back from a state.

/** The inputs of a resource that has an argument with no other effect; the flag is written into this argument. */
export function flagged({ value, rewritten }: ActionsSecretValue): {
  value?: pulumi.Output<string>;
  destroyOnDrift?: true;
} {
  if (value === undefined) return {};
  return { value: pulumi.secret(value), ...(rewritten && { destroyOnDrift: true }) };
}

/**
 * The inputs of a resource without such an argument. There the value has two names, `value` and the older
 * `plaintextValue`; the flag moves the value from one to the other.
 */
export function unflagged({ value, rewritten }: ActionsSecretValue): {
  value?: pulumi.Output<string>;
  plaintextValue?: pulumi.Output<string>;
} {
  if (value === undefined) return {};
  return { [rewritten ? "plaintextValue" : "value"]: pulumi.secret(value) };
}

/**
 * The options of a resource that has no value: the engine takes the recorded one, and the flag with it, from the state.
 * That is no change to it, and the value need not be known to this run.
 */
export function kept({ value }: ActionsSecretValue, ...flags: string[]): { ignoreChanges?: string[] } {
  return value === undefined ? { ignoreChanges: ["value", "plaintextValue", ...flags] } : {};
}

/** The flag that a secret was written with last, from its outputs in a state. */
export function wasRewritten(outputs: Readonly<Record<string, unknown>>): boolean {
  // The provider leaves the name that it does not use behind, empty.
  return outputs["destroyOnDrift"] === true || Boolean(outputs["plaintextValue"]);
}
