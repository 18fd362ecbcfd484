import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AppSecrets } from "./components/appSecrets";
import { DopplerProject } from "./components/dopplerProject";
import { DopplerSecretStore } from "./components/dopplerSecretStore";
import { ExternalSecretsOperator } from "./components/externalSecretsOperator";
import { GithubActionsSecrets } from "./components/githubActionsSecrets";
import { loadStackConfig } from "./config";
import type { StackOutputs } from "./outputs";
import { pendingValues } from "./pending";
import { createProviders } from "./providers";

async function main(): Promise<StackOutputs> {
  const stack = loadStackConfig();
  const providers = createProviders(stack);
  const inCluster = { provider: providers.kubernetes };

  // Doppler: project → environment → config → read-only service token
  const project = new DopplerProject(
    "doppler",
    {
      project: stack.doppler.project.name,
      description: stack.doppler.project.description,
      createProject: stack.doppler.project.owned,
      environment: stack.doppler.environment.slug,
      environmentName: stack.doppler.environment.name,
      branchConfig: stack.doppler.branchConfig,
      serviceTokenName: stack.doppler.serviceToken,
      protect: stack.protect,
    },
    { provider: providers.doppler },
  );

  // Kubernetes: operator → token Secret and ClusterSecretStore → an ExternalSecret per app → the Secret pods consume
  const operator = new ExternalSecretsOperator("external-secrets", stack.operator, inCluster);

  const store = new DopplerSecretStore(
    "doppler-store",
    {
      storeName: stack.store.name,
      tokenSecretName: stack.store.tokenSecretName,
      namespace: operator.namespace,
      serviceToken: project.serviceToken,
      admittedNamespaces: [...new Set(stack.apps.map((app) => app.namespace))].sort(),
    },
    // The operator must have brought its CRDs, and must outlive what it has to clean up.
    { ...inCluster, dependsOn: operator },
  );

  const namespaces = new Map(
    stack.kubernetes.createNamespaces.map((name) => [
      name,
      new kubernetes.core.v1.Namespace(name, { metadata: { name } }, inCluster).metadata.name,
    ]),
  );

  const apps = stack.apps.map((app) => ({
    name: app.name,
    secrets: new AppSecrets(
      app.name,
      { ...app, namespace: namespaces.get(app.namespace) ?? app.namespace, storeName: store.storeName },
      { ...inCluster, dependsOn: operator },
    ),
  }));

  // GitHub: Doppler values → Actions secrets per repository, as far as they have been typed
  const values = await project.values();
  for (const repository of stack.githubActions?.repositories ?? []) {
    const secrets = Object.fromEntries(
      (stack.githubActions?.secrets ?? []).flatMap(({ secretName, dopplerName }) => {
        const value = values?.get(dopplerName);
        return value === undefined ? [] : [[secretName, value]];
      }),
    );
    new GithubActionsSecrets(`github-${repository}`, { repository, secrets }, { provider: providers.github });
  }

  const pending = pendingValues(stack, values);
  if (pending !== undefined) await pulumi.log.warn(pending);

  return {
    apps: Object.fromEntries(apps.map(({ name, secrets }) => [name, secrets.reference])),
    store: store.storeName,
    doppler: { project: project.project, config: project.config },
  };
}

export = main;
