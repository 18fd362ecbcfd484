import type * as pulumi from "@pulumi/pulumi";
import type { AppSecretsArgs } from "../../components/appSecrets";
import type { DopplerMirror, DopplerMirrorArgs } from "../../components/dopplerMirror";
import type { DopplerProject, DopplerProjectArgs } from "../../components/dopplerProject";
import type { DopplerSecretStore, DopplerSecretStoreArgs } from "../../components/dopplerSecretStore";
import type { ExternalSecretsOperatorArgs } from "../../components/externalSecretsOperator";
import { hopInterval } from "../../lib/mirror";
import type { AppConfig, MirrorConfig, SourceConfig, StackConfig } from "../settings";
import type { ClusterAdoption } from "./clusterPreflight";
import type { Adoption } from "./preflight";
import { nameInTemplates, projectResource, renamed } from "./sourceNames";

// The arguments of each component, from the settings and from what was found to be taken over.

/** What is made for a source: its part of Doppler, and the ways from the cluster to it. */
export interface MadeSource {
  project: DopplerProject;
  store: DopplerSecretStore;
  mirror: DopplerMirror | undefined;
}

/** A source's project, environment, config and service token in Doppler. */
export function projectArgs(
  { name, project, environment, branchConfig, serviceToken, store }: SourceConfig,
  { protect }: StackConfig,
  { doppler: adopt }: Adoption,
): DopplerProjectArgs {
  return {
    project: project.name,
    description: project.description,
    createProject: project.created,
    environment: environment.slug,
    environmentName: environment.name,
    createEnvironment: environment.created,
    branchConfig,
    serviceTokenName: store.oidc === undefined ? serviceToken : undefined,
    protect,
    adopt: adopt.get(name),
  };
}

/** The options of a source's project: it is made after the source that makes its project or its environment. */
export function projectOptions(
  source: SourceConfig,
  made: ReadonlyMap<SourceConfig, DopplerProject>,
): pulumi.ComponentResourceOptions {
  const makers = [...made].filter(
    ([{ project, environment }]) =>
      project.name === source.project.name &&
      (project.created || (environment.created && environment.slug === source.environment.slug)),
  );
  return { dependsOn: makers.map(([, component]) => component), ...renamed(source, projectResource) };
}

/** The operator, and its namespace. */
export function operatorArgs(
  { operator, kubernetes }: StackConfig,
  { cluster: adopt }: Adoption,
): ExternalSecretsOperatorArgs {
  return { ...operator, deleteNamespace: kubernetes.deleteNamespaces, adopt };
}

/** The way from the cluster to a source's config. */
export function storeArgs(
  { store, serviceToken: serviceTokenName, namespaces, mirror }: SourceConfig,
  { operator }: StackConfig,
  { cluster: adopt }: Adoption,
  made: { project: DopplerProject; operatorNamespace: pulumi.Output<string> | undefined },
): DopplerSecretStoreArgs {
  const { project, config, serviceToken } = made.project;
  const identity = `${operator.namespace}/${store.oidc?.serviceAccount ?? store.tokenSecretName}`;
  return {
    storeName: store.name,
    tokenSecretName: store.tokenSecretName,
    namespace: made.operatorNamespace ?? operator.namespace,
    serviceToken,
    serviceTokenName,
    oidc: store.oidc && { ...store.oidc, project, config },
    // A mirror reads from where the operator is. A store without a list would be open to all.
    admittedNamespaces:
      mirror === undefined && namespaces.length > 0
        ? namespaces
        : [...new Set([...namespaces, operator.namespace])].sort(),
    adopt: {
      identity: adopt.identities.find((id) => id === identity),
      store: adopt.stores.find((id) => id === store.name),
    },
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

/** The stores of a source. */
interface StoresOfSource {
  store: Named<"storeName">;
  mirror: Named<"storeName" | "secretName"> | undefined;
}

/** A Secret of an app, of Argo CD, or one that the cluster pulls images with. */
export function secretArgs(
  { source, from, ...app }: AppConfig,
  { cluster: { externalSecrets } }: { cluster: Pick<ClusterAdoption, "externalSecrets"> },
  sources: ReadonlyMap<string, StoresOfSource>,
): AppSecretsArgs {
  const storeOf = (name: string): Pick<AppSecretsArgs, "storeName" | "mirrorSecret"> => {
    const made = sources.get(name);
    if (made === undefined) throw new Error(`nothing was made for source "${name}"`);
    const { store, mirror } = made;
    return app.fetch === "mirror" && mirror !== undefined
      ? { storeName: mirror.storeName, mirrorSecret: mirror.secretName }
      : { storeName: store.storeName };
  };
  const others = Object.entries(from).map(([name, keys]) => [nameInTemplates(name), { ...storeOf(name), keys }]);
  return {
    ...app,
    ...storeOf(source),
    from: Object.fromEntries(others) as AppSecretsArgs["from"],
    perKey: app.fetch === "perKey",
    adopt: externalSecrets,
    ...(app.fetch === "mirror" && { refreshInterval: hopInterval(app.refreshInterval) }),
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
