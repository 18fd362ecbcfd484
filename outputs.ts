import type * as pulumi from "@pulumi/pulumi";
import type { AppSecretReference } from "./components/appSecrets";

/** What app teams read with `pulumi stack output` or a StackReference. Names only: no value and no token. */
export interface StackOutputs {
  /** How each app refers to its Secret, by app name. */
  apps: Record<string, pulumi.Output<AppSecretReference>>;
  /** The ClusterSecretStore's name. */
  store: pulumi.Output<string>;
  /** Where values are typed. */
  doppler: { project: pulumi.Output<string>; config: pulumi.Output<string> };
}
