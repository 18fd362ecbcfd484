import * as doppler from "@pulumiverse/doppler";
import * as pulumi from "@pulumi/pulumi";

/**
 * The values that have been typed into a Doppler config, each a Pulumi secret, by Doppler name. A name without a value,
 * or with an empty one, is absent.
 *
 * @throws what Doppler answers, if the config can't be read
 */
export async function typedValues(
  config: { project: string; config: string },
  opts: pulumi.InvokeOptions,
): Promise<Map<string, pulumi.Output<string>>> {
  const { map } = await doppler.getSecrets(config, opts);
  return new Map(
    Object.entries(map)
      // An empty text becomes "no value" in the SDKs that it would be handed on to.
      .filter(([, value]) => value !== "")
      // The SDK's result is plain.
      .map(([key, value]) => [key, pulumi.secret(value)]),
  );
}
