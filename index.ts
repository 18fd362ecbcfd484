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
import { mirrorArgs, operatorArgs, projectArgs, secretArgs, secretOptions, storeArgs } from "./src/pipeline/arguments";
import { checkBudget } from "./src/pipeline/budget";
import { warnOfCiSecrets } from "./src/pipeline/ciNotices";
import { organizationSecrets, repositorySecrets } from "./src/pipeline/ciSecrets";
import { stackOutputs, type StackOutputs } from "./src/pipeline/outputs";
import { tellOfPatterns } from "./src/pipeline/patterns";
import { warnOfPending } from "./src/pipeline/pending";
import { preflight } from "./src/pipeline/preflight";
import { createProviders } from "./src/pipeline/providers";
import { tokenHandover } from "./src/pipeline/rotation";
import { checkOfEach, sharing } from "./src/pipeline/sharing";
import { typedNames } from "./src/pipeline/values";
import { type AppConfig, loadStackConfig } from "./src/settings";
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

  // Doppler: project → environment → config → read-only service token
  const project = new DopplerProject("doppler", projectArgs(settings, adopt), inDoppler, {
    doppler: world.doppler,
    beforeDelete,
  });

  // Kubernetes: operator → token Secret and ClusterSecretStore → (a mirror →) an ExternalSecret per app → the Secret pods
  // consume
  const operator = settings.operator.owned
    ? new ExternalSecretsOperator("external-secrets", operatorArgs(settings, adopt), inCluster, { beforeDelete })
    : undefined;
  // The operator must have brought its CRDs, and must outlive what it has to clean up.
  const afterOperator = { ...inCluster, dependsOn: operator ?? [] };
  const operatorNamespace = operator?.namespace;
  const store = new DopplerSecretStore(
    "doppler-store",
    storeArgs(settings, adopt, { project, operatorNamespace }),
    afterOperator,
    { onMoved: tokenHandover(settings, world) },
  );
  const mirrors = new Map(
    settings.mirrors.map((mirror) => {
      const args = mirrorArgs(mirror, settings, adopt, { store, operatorNamespace });
      return [mirror.store, new DopplerMirror(mirror.component, args, afterOperator)];
    }),
  );
  const fate = { adopt: adopt.cluster.namespaces, deleted: settings.kubernetes.deleteNamespaces };
  const namespaceOpts = { ...inCluster, hooks: { beforeDelete } };
  const namespaces = new Map(
    settings.kubernetes.createNamespaces.map((name) => [name, ownNamespace(name, name, fate, namespaceOpts)]),
  );
  const secretOf = (app: AppConfig) =>
    new AppSecrets(app.name, secretArgs(app, adopt, { store, mirror: mirrors.get(settings.store.name) }), {
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
  const typed = await typedNames(project, world);
  await warnOfPending(settings, typed);
  await tellOfPatterns(settings, typed);

  // A destroy deletes the guard before everything else, or is refused. Every stack has one: where protection was taken
  // back, there still is a guard to unprotect.
  const all = [
    project,
    store,
    ...mirrors.values(),
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

  return stackOutputs(apps, project, store, typed);
}

export = main;
