import type * as pulumi from "@pulumi/pulumi";
import type { AppSecretsArgs } from "../../components/appSecrets";
import type { DopplerProject, DopplerProjectArgs } from "../../components/dopplerProject";
import type { DopplerSecretStoreArgs } from "../../components/dopplerSecretStore";
import type { ExternalSecretsOperatorArgs } from "../../components/externalSecretsOperator";
import type { AppConfig, StackConfig } from "../settings";
import type { Adoption } from "./preflight";

// The arguments of each component, from the settings and from what was found to be taken over.

/** Doppler's project, environment, config and service token. */
export function projectArgs(
  { doppler, store, protect }: StackConfig,
  { doppler: adopt }: Adoption,
): DopplerProjectArgs {
  return {
    project: doppler.project.name,
    description: doppler.project.description,
    createProject: doppler.project.owned,
    environment: doppler.environment.slug,
    environmentName: doppler.environment.name,
    branchConfig: doppler.branchConfig,
    serviceTokenName: store.oidc === undefined ? doppler.serviceToken : undefined,
    protect,
    adopt,
  };
}

/** The operator, and its namespace. */
export function operatorArgs(
  { operator, kubernetes }: StackConfig,
  { cluster: adopt }: Adoption,
): ExternalSecretsOperatorArgs {
  return { ...operator, deleteNamespace: kubernetes.deleteNamespaces, adopt };
}

/** The way from the cluster to the project's config. */
export function storeArgs(
  { store, operator, doppler, namespaces }: StackConfig,
  { cluster: adopt }: Adoption,
  made: { project: DopplerProject; operatorNamespace: pulumi.Output<string> | undefined },
): DopplerSecretStoreArgs {
  const { project, config, serviceToken } = made.project;
  return {
    storeName: store.name,
    tokenSecretName: store.tokenSecretName,
    namespace: made.operatorNamespace ?? operator.namespace,
    serviceToken,
    serviceTokenName: doppler.serviceToken,
    oidc: store.oidc && { ...store.oidc, project, config },
    admittedNamespaces: namespaces,
    adopt,
  };
}

/** A Secret of an app, of Argo CD, or one that the cluster pulls images with. */
export function secretArgs(
  app: AppConfig,
  { cluster: { externalSecrets } }: Adoption,
  storeName: pulumi.Output<string>,
): AppSecretsArgs {
  return { ...app, perKey: app.fetch === "perKey", storeName, adopt: externalSecrets };
}

/** The options of such a Secret: it is made after the namespaces that it goes to, and keeps its resources when it is renamed. */
export function secretOptions(
  app: AppConfig,
  namespaces: ReadonlyMap<string, pulumi.Resource>,
  operator: pulumi.Resource | undefined,
): pulumi.ComponentResourceOptions {
  const own = [app, ...app.alsoAs].flatMap(({ namespace }) => namespaces.get(namespace) ?? []);
  return {
    dependsOn: operator === undefined ? own : [operator, ...own],
    aliases: app.renamedFrom === undefined ? [] : [{ name: app.renamedFrom }],
  };
}
