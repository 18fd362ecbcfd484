import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../settings";
import type { DopplerClient } from "./doppler";
import { DopplerError } from "./dopplerRequests";

/**
 * A value that has been typed into Doppler, as a Pulumi secret; or why this run has none:
 * - `empty`: it is an empty text
 * - `restricted`: Doppler gives it to service tokens and service accounts, and not to a user's token
 * - `refused`: Doppler gives this token none of the config's values
 */
export type TypedValue = pulumi.Output<string> | "empty" | "restricted" | "refused";

/** Whether there is a value that can be handed on. */
export function hasValue(typed: TypedValue | undefined): typed is pulumi.Output<string> {
  return pulumi.Output.isInstance(typed);
}

/** The names that a config has, whatever their values; `undefined` where Doppler shows this token no such config. */
export type TypedNames = ReadonlySet<string> | undefined;

/** What has been typed into the config of the main source. */
export interface TypedValues {
  /** The names that the config has. */
  names?: TypedNames;
  /** The values that CI gets, by Doppler name. Nothing else of this program needs a value. */
  values: ReadonlyMap<string, TypedValue>;
}

/**
 * Reads the names of the main source's config, and the values that CI gets.
 *
 * @throws DopplerError if Doppler can't be reached, or refuses the names of a config that is there
 */
export async function readTypedValues(
  { doppler: { project, config }, githubActions }: Pick<StackConfig, "doppler" | "githubActions">,
  client: DopplerClient,
): Promise<TypedValues> {
  const names = await client.secretNames(project.name, config);
  const wanted = [...new Set(githubActions?.secrets.map(({ dopplerName }) => dopplerName))].filter((name) =>
    names?.has(name),
  );
  if (wanted.length === 0) return { names, values: new Map() };
  try {
    const found = await client.secrets(project.name, config, wanted);
    // A name that was there a moment ago and has no value now was taken away in between.
    const present = wanted.filter((name) => found.has(name));
    return { names, values: new Map(present.map((name) => [name, typed(found.get(name) ?? null)])) };
  } catch (error) {
    if (!(error instanceof DopplerError) || error.status !== 403) throw error;
    return { names, values: new Map(wanted.map((name) => [name, "refused"])) };
  }
}

/** Reads the names of every other source's config, by the source's name. */
export async function readNames(
  { sources: [, ...others] }: Pick<StackConfig, "sources">,
  client: DopplerClient,
): Promise<[string, TypedNames][]> {
  return Promise.all(
    others.map(async ({ name, project, config }) => [name, await client.secretNames(project.name, config)]),
  );
}

function typed(value: string | null): TypedValue {
  if (value === null) return "restricted";
  return value === "" ? "empty" : pulumi.secret(value);
}
