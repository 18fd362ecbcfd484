import type * as pulumi from "@pulumi/pulumi";

/** The value of an output that is known, such as a credential from the settings. */
export function plain(output: pulumi.Output<string>): Promise<string> {
  return new Promise((resolve) => output.apply(resolve));
}
