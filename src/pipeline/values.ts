import * as pulumi from "@pulumi/pulumi";
import { configId, type DopplerProject } from "../../components/dopplerProject";
import type { World } from "../world";

/** The Doppler names that the config which apps read has; `undefined` while it does not exist yet. */
export type TypedNames = ReadonlySet<string> | undefined;

/**
 * The names that have been typed into the config that apps read, an empty value included: the operator delivers it. A
 * config that this run makes is read once it is there, since a branch config begins with what it inherits.
 *
 * @returns `undefined` while a preview can't read the config because it does not exist yet
 * @throws if the config is there and can't be read
 */
export async function typedNames(component: DopplerProject, { doppler, typed }: World): Promise<TypedNames> {
  if (typed.names !== undefined) return typed.names;
  // Project and config are known texts even in the very first preview; the id tells whether there is a config to ask.
  if ((await known(configId(component))) === undefined) return undefined;
  const [project, config] = [await known(component.project), await known(component.config)];
  if (project === undefined || config === undefined) return undefined;
  const names = await doppler.secretNames(project, config);
  // In a preview a config may have an id and still its old name.
  if (names !== undefined || pulumi.runtime.isDryRun()) return names;
  throw new pulumi.RunError(
    `Config "${config}" of Doppler project "${project}" can't be read: there is none that this token may see.`,
  );
}

/**
 * An output's value once it is there, or `undefined` where a preview can't know it yet. For the rare decision of
 * *whether* to ask; not for secrets, since what comes back is plain.
 */
async function known<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  const { value } = (await pulumi.runtime.serializeProperties("known", { value: output })) as { value: T };
  return value === pulumi.runtime.unknownValue ? undefined : value;
}
