import type * as pulumi from "@pulumi/pulumi";
import type { AppSecretsArgs } from "../../components/appSecrets";
import type { DopplerMirrorArgs } from "../../components/dopplerMirror";
import type { DopplerProject, DopplerProjectArgs } from "../../components/dopplerProject";
import type { DopplerSecretStore, DopplerSecretStoreArgs } from "../../components/dopplerSecretStore";
import type { ExternalSecretsOperatorArgs } from "../../components/externalSecretsOperator";
import { hopInterval } from "../../lib/mirror";
import type { AppConfig, MirrorConfig, StackConfig } from "../settings";
import type { ClusterAdoption } from "./clusterPreflight";
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
  { store, operator, doppler, namespaces, mirrors }: StackConfig,
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
    // A mirror reads from where the operator is.
    admittedNamespaces: mirrors.length === 0 ? namespaces : [...new Set([...namespaces, operator.namespace])].sort(),
    adopt,
  };
}

/** The values of a store in the operator's namespace, for those Secrets that are fed from there. */
export function mirrorArgs(
  { name, names, refreshInterval, namespaces }: MirrorConfig,
  { operator }: StackConfig,
  { cluster: { mirrors: adopted } }: Adoption,
  made: { store: DopplerSecretStore; operatorNamespace: pulumi.Output<string> | undefined },
): DopplerMirrorArgs {
  return {
    storeName: made.store.storeName,
    namespace: made.operatorNamespace ?? operator.namespace,
    names,
    refreshInterval,
    admittedNamespaces: namespaces,
    adopt: adopted[name],
  };
}

/** What is known by these names: a component, or before it is made, its settings. */
type Named<Names extends string> = Readonly<Record<Names, pulumi.Input<string>>>;

/** A Secret of an app, of Argo CD, or one that the cluster pulls images with. */
export function secretArgs(
  app: AppConfig,
  { cluster: { externalSecrets } }: { cluster: Pick<ClusterAdoption, "externalSecrets"> },
  { store, mirror }: { store: Named<"storeName">; mirror: Named<"storeName" | "secretName"> | undefined },
): AppSecretsArgs {
  const fed = app.fetch === "mirror" && mirror !== undefined;
  return {
    ...app,
    perKey: app.fetch === "perKey",
    adopt: externalSecrets,
    ...(fed
      ? {
          storeName: mirror.storeName,
          mirrorSecret: mirror.secretName,
          refreshInterval: hopInterval(app.refreshInterval),
        }
      : { storeName: store.storeName }),
  };
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
