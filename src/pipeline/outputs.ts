import * as pulumi from "@pulumi/pulumi";
import type { AppSecretReference, AppSecrets } from "../../components/appSecrets";
import type { DopplerProject } from "../../components/dopplerProject";
import type { DopplerSecretStore } from "../../components/dopplerSecretStore";
import type { LeftOut } from "../../lib/namePattern";
import type { Sources } from "../../lib/template";
import { type AppConfig, MAIN_SOURCE } from "../settings";
import { pendingKeys } from "./pending";
import type { NamesBySource } from "./values";

/** Where values are typed in Doppler. */
export interface DopplerPlace {
  project: pulumi.Output<string>;
  config: pulumi.Output<string>;
}

/** What app teams read with `pulumi stack output` or a StackReference. Names only: no value and no token. */
export interface StackOutputs {
  /** How each app refers to its Secret, by app name. */
  apps: Record<string, pulumi.Output<AppOutput>>;
  /** The main source's ClusterSecretStore. */
  store: pulumi.Output<string>;
  /** Where values of the main source are typed. */
  doppler: DopplerPlace;
  /** The same of each further source, by its name. Absent where there is none. */
  sources?: Record<string, DopplerPlace & { store: pulumi.Output<string> }>;
}

/** What an app team reads of its app. */
export interface AppOutput extends AppSecretReference {
  /**
   * The keys that had no value when the stack was last brought up, and the Doppler names to type. A pattern that no name
   * matched, and a JSON object that is to be spread, stand here for their keys.
   */
  pending: Record<string, string[]>;
  /** Annotations for workloads that are to restart when a value changes; none where the app has not opted in. */
  workloadAnnotations: Record<string, string>;
  /** Where the app's values are typed, where that is not the stack's main source. */
  doppler?: pulumi.Unwrap<DopplerPlace>;
  /** By key, where its value is typed, for keys from other sources than the app's own. Absent where there are none. */
  from?: Record<string, pulumi.Unwrap<DopplerPlace>>;
}

/** What was made for a source. */
export interface MadeSource {
  project: Pick<DopplerProject, "project" | "config">;
  store: Pick<DopplerSecretStore, "storeName">;
}

/**
 * The stack's outputs.
 *
 * @param made what was made for each source, by the source's name
 */
export function stackOutputs(
  apps: readonly { app: AppConfig; secret: AppSecrets }[],
  made: ReadonlyMap<string, MadeSource>,
  typed: NamesBySource,
): StackOutputs {
  const places = new Map([...made].map(([name, { project }]) => [name, placeOf(project)]));
  const sources = Object.fromEntries(
    [...made].map(([name, { project, store }]) => [name, { ...placeOf(project), store: store.storeName }]),
  );
  const { [MAIN_SOURCE]: main, ...others } = sources;
  if (main === undefined) throw new Error("a stack without a main source");
  const { store, ...doppler } = main;
  return {
    apps: Object.fromEntries(
      apps.map(({ app, secret }) => [app.name, appOutput(app, secret.reference, typed, places)]),
    ),
    store,
    doppler,
    ...(Object.keys(others).length > 0 && { sources: others }),
  };
}

const placeOf = ({ project, config }: DopplerPlace): DopplerPlace => ({ project, config });

/**
 * An app's outputs.
 *
 * @param typed the Doppler names that have values, empty ones included, by source
 * @param places where values are typed, by source
 */
export function appOutput(
  app: Sources & LeftOut & Pick<AppConfig, "source" | "from" | "secretName" | "restartOnChange">,
  reference: pulumi.Input<AppSecretReference>,
  typed: NamesBySource,
  places: ReadonlyMap<string, DopplerPlace>,
): pulumi.Output<AppOutput> {
  const pending = pendingKeys(app, typed);
  // Reloader's annotation for workloads. The Secret itself carries none: see docs/app-teams.md.
  const workloadAnnotations: Record<string, string> = app.restartOnChange
    ? { "secret.reloader.stakater.com/reload": app.secretName }
    : {};
  const elsewhere = Object.entries(app.from).flatMap(([source, keys]) => {
    const place = places.get(source);
    return place === undefined ? [] : Object.keys(keys).map((key): [string, DopplerPlace] => [key, place]);
  });
  const doppler = app.source === MAIN_SOURCE ? undefined : places.get(app.source);
  return pulumi.all([reference, doppler, Object.fromEntries(elsewhere)]).apply(([own, doppler, from]) => ({
    ...own,
    pending,
    workloadAnnotations,
    ...(doppler && { doppler }),
    ...(elsewhere.length > 0 && { from }),
  }));
}
