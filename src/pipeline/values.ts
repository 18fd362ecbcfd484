import * as pulumi from "@pulumi/pulumi";
import { configId, type DopplerProject } from "../../components/dopplerProject";
import { typedValues } from "../world";

/** Values typed into Doppler, each a secret, by Doppler name; `undefined` while the config does not exist yet. */
export type Values = ReadonlyMap<string, pulumi.Output<string>> | undefined;

/**
 * The values typed so far into the config that apps read; a name without a value, or with an empty one, is absent.
 *
 * @returns `undefined` while a preview can't read them because the config does not exist yet
 * @throws what Doppler answers, if the config can't be read
 */
export async function valuesOf(component: DopplerProject, opts: pulumi.InvokeOptions): Promise<Values> {
  // Project and config are known texts even in the very first preview; the id tells whether there is a config to ask.
  if ((await known(configId(component))) === undefined) return undefined;
  const [project, config] = [await known(component.project), await known(component.config)];
  if (project === undefined || config === undefined) return undefined;
  return typedValues({ project, config }, opts);
}

/**
 * An output's value once it is there, or `undefined` where a preview can't know it yet. For the rare decision of
 * *whether* to declare a resource; not for secrets, since what comes back is plain.
 */
async function known<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  const { value } = (await pulumi.runtime.serializeProperties("known", { value: output })) as { value: T };
  return value === pulumi.runtime.unknownValue ? undefined : value;
}
