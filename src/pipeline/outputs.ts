import * as pulumi from "@pulumi/pulumi";
import type { AppSecretReference, AppSecrets } from "../../components/appSecrets";
import type { DopplerProject } from "../../components/dopplerProject";
import type { DopplerSecretStore } from "../../components/dopplerSecretStore";
import type { LeftOut } from "../../lib/namePattern";
import type { Sources } from "../../lib/template";
import type { AppConfig } from "../settings";
import { pendingKeys } from "./pending";
import type { TypedNames } from "./values";

/** What app teams read with `pulumi stack output` or a StackReference. Names only: no value and no token. */
export interface StackOutputs {
  /** How each app refers to its Secret, by app name. */
  apps: Record<string, pulumi.Output<AppOutput>>;
  /** The ClusterSecretStore's name. */
  store: pulumi.Output<string>;
  /** Where values are typed. */
  doppler: { project: pulumi.Output<string>; config: pulumi.Output<string> };
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
}

/** The stack's outputs. */
export function stackOutputs(
  apps: readonly { app: AppConfig; secret: AppSecrets }[],
  { project, config }: DopplerProject,
  { storeName }: DopplerSecretStore,
  typed: TypedNames,
): StackOutputs {
  return {
    apps: Object.fromEntries(apps.map(({ app, secret }) => [app.name, appOutput(app, secret.reference, typed)])),
    store: storeName,
    doppler: { project, config },
  };
}

/**
 * An app's outputs.
 *
 * @param typed the Doppler names that have values, empty ones included, or `undefined` while the config does not exist yet
 */
export function appOutput(
  app: Sources & LeftOut & Pick<AppConfig, "secretName" | "restartOnChange">,
  reference: pulumi.Input<AppSecretReference>,
  typed: TypedNames,
): pulumi.Output<AppOutput> {
  const pending = pendingKeys(app, typed);
  // Reloader's annotation for workloads. The Secret itself carries none: see docs/app-teams.md.
  const workloadAnnotations: Record<string, string> = app.restartOnChange
    ? { "secret.reloader.stakater.com/reload": app.secretName }
    : {};
  return pulumi.output(reference).apply((own) => ({ ...own, pending, workloadAnnotations }));
}
