import * as pulumi from "@pulumi/pulumi";
import { configId, type DopplerProject } from "../../components/dopplerProject";
import type { SourceSettings } from "../settings";
import type { TypedNames, World } from "../world";

/** The names that have been typed into the config of each source, by the source's name. */
export type NamesBySource = ReadonlyMap<string, TypedNames>;

/** The names that have been typed into the config of each source; see {@link typedNames}. */
export async function namesBySource(
  projects: ReadonlyMap<SourceSettings, DopplerProject>,
  world: Pick<World, "doppler" | "names">,
): Promise<NamesBySource> {
  const read = [...projects].map(
    async ([{ name }, project]) => [name, await typedNames(project, name, world)] as const,
  );
  return new Map(await Promise.all(read));
}

/**
 * The names that have been typed into a source's config, an empty value included: the operator delivers it. A config that
 * this run makes is read once it is there, since a branch config begins with what it inherits.
 *
 * @returns `undefined` while a preview can't read the config because it does not exist yet
 * @throws if the config is there and can't be read
 */
async function typedNames(
  component: DopplerProject,
  source: string,
  { doppler, names: found }: Pick<World, "doppler" | "names">,
): Promise<TypedNames> {
  const before = found.get(source);
  if (before !== undefined) return before;
  // Project and config are known texts even in the very first preview; the id tells whether there is a config to ask.
  if ((await known(configId(component))) === undefined) return undefined;
  const [project, config] = [await known(component.project), await known(component.config)];
  if (project === undefined || config === undefined) return undefined;
  const names = await doppler.secretNames(project, config);
  // In a preview a config may have an id and still its old name.
  if (names !== undefined || pulumi.runtime.isDryRun()) return names;
  throw new pulumi.RunError(
    [
      `Config "${config}" of Doppler project "${project}" can't be read: there is none that this token may see.`,
      `  If the config was deleted, by hand or by a run that was cut off: pulumi refresh --stack ${pulumi.getStack()}, then the same command again.`,
    ].join("\n"),
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
