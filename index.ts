import type * as pulumi from "@pulumi/pulumi";
import { AppSecrets } from "./components/appSecrets";
import { DopplerMirror } from "./components/dopplerMirror";
import { DopplerProject } from "./components/dopplerProject";
import { DopplerSecretStore } from "./components/dopplerSecretStore";
import { ExternalSecretsOperator } from "./components/externalSecretsOperator";
import { GithubActionsSecrets } from "./components/githubActionsSecrets";
import { GithubOrganizationSecrets } from "./components/githubOrganizationSecrets";
import { ownNamespace } from "./components/ownNamespace";
import { guardCheck, SharedGuard } from "./components/sharedGuard";
import {
  type MadeSource,
  mirrorArgs,
  operatorArgs,
  projectArgs,
  projectOptions,
  secretArgs,
  secretOptions,
  storeArgs,
} from "./src/pipeline/arguments";
import { checkBudget } from "./src/pipeline/budget";
import { warnOfCiSecrets } from "./src/pipeline/ciNotices";
import { organizationSecrets, repositorySecrets } from "./src/pipeline/ciSecrets";
import { stackOutputs, type StackOutputs } from "./src/pipeline/outputs";
import { tellOfPatterns } from "./src/pipeline/patterns";
import { warnOfPending } from "./src/pipeline/pending";
import { preflight } from "./src/pipeline/preflight";
import { createProviders } from "./src/pipeline/providers";
import { tokenHandover } from "./src/pipeline/rotation";
import { checkOfEach, checkOfShared, sharing } from "./src/pipeline/sharing";
import { mirrorResource, projectResource, renamed, storeResource } from "./src/pipeline/sourceNames";
import { namesBySource } from "./src/pipeline/values";
import { type AppConfig, loadStackConfig, type SourceConfig } from "./src/settings";
import { readWorld } from "./src/world";

async function main(): Promise<StackOutputs> {
  const settings = await loadStackConfig();
  await checkBudget(settings);
  const world = await readWorld(settings);
  const adopt = await preflight(settings, world);
  const providers = createProviders(settings, adopt.clusterIdentity);
  const inDoppler = { provider: providers.doppler };
  const inCluster = { provider: providers.kubernetes };
  const inGithub = { provider: providers.github };

  const shared = sharing(settings, world);
  const check = guardCheck(shared);
  const beforeDelete = checkOfEach(shared, world, check);

  // Doppler: project → environment → config → read-only service token, for each source
  const projects = new Map<SourceConfig, DopplerProject>();
  for (const source of settings.sources) {
    const options = { ...inDoppler, ...projectOptions(source, projects) };
    const help = { doppler: world.doppler, ...checkOfShared(source, beforeDelete) };
    const args = projectArgs(source, settings, adopt);
    projects.set(source, new DopplerProject(projectResource(source.name), args, options, help));
  }

  // Kubernetes: operator → token Secret and ClusterSecretStore of each source → (its mirror →) an ExternalSecret per app →
  // the Secret pods consume
  const operator = settings.operator.owned
    ? new ExternalSecretsOperator("external-secrets", operatorArgs(settings, adopt), inCluster, { beforeDelete })
    : undefined;
  // The operator must have brought its CRDs, and must outlive what it has to clean up.
  const afterOperator = { ...inCluster, dependsOn: operator ?? [] };
  const operatorNamespace = operator?.namespace;
  const sources = new Map<string, MadeSource>();
  for (const [source, project] of projects) {
    const store = new DopplerSecretStore(
      storeResource(source.name),
      storeArgs(source, settings, adopt, { project, operatorNamespace }),
      { ...afterOperator, ...renamed(source, storeResource) },
      { onMoved: tokenHandover(source, world) },
    );
    const mirror =
      source.mirror &&
      new DopplerMirror(
        mirrorResource(source.name),
        mirrorArgs(source.mirror, settings, adopt, { store, operatorNamespace }),
        { ...afterOperator, ...renamed(source, mirrorResource) },
      );
    sources.set(source.name, { project, store, mirror });
  }
  const fate = { adopt: adopt.cluster.namespaces, deleted: settings.kubernetes.deleteNamespaces };
  const namespaceOpts = { ...inCluster, hooks: { beforeDelete } };
  const namespaces = new Map(
    settings.kubernetes.createNamespaces.map((name) => [name, ownNamespace(name, name, fate, namespaceOpts)]),
  );
  const secretOf = (app: AppConfig) =>
    new AppSecrets(app.name, secretArgs(app, adopt, sources), {
      ...inCluster,
      ...secretOptions(app, namespaces, operator),
    });
  const apps = settings.apps.map((app) => ({ app, secret: secretOf(app) }));
  const others = settings.otherSecrets.map(secretOf);

  // GitHub: Doppler values → Actions secrets per repository or of the organisation, as far as they have been typed
  const github: pulumi.Resource[] = [
    ...repositorySecrets(settings, world).map(
      (args) => new GithubActionsSecrets(`github-${args.repository}`, args, inGithub),
    ),
    ...organizationSecrets(settings, world).map(
      (args) => new GithubOrganizationSecrets("github-organization", args, inGithub),
    ),
  ];
  await warnOfCiSecrets(settings, world);
  const typed = await namesBySource(projects, world);
  await warnOfPending(settings, typed);
  await tellOfPatterns(settings, typed);

  // A destroy deletes the guard before everything else, or is refused. Every stack has one: where protection was taken
  // back, there still is a guard to unprotect.
  const all = [
    ...[...sources.values()].flatMap(({ project, store, mirror }) => [project, store, ...(mirror ? [mirror] : [])]),
    ...namespaces.values(),
    ...apps.map(({ secret }) => secret),
    ...others,
    ...github,
  ];
  new SharedGuard(
    "guard",
    { ...shared, check, protect: settings.protect, clusterId: adopt.clusterIdentity.id },
    { dependsOn: operator === undefined ? all : [...all, operator] },
  );

  return stackOutputs(apps, sources, typed);
}

export = main;
