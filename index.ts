import * as pulumi from "@pulumi/pulumi";
import { AppSecrets } from "./components/appSecrets";
import { DopplerProject } from "./components/dopplerProject";
import { DopplerSecretStore } from "./components/dopplerSecretStore";
import { ExternalSecretsOperator } from "./components/externalSecretsOperator";
import { GithubActionsSecrets } from "./components/githubActionsSecrets";
import { GithubOrganizationSecrets } from "./components/githubOrganizationSecrets";
import { guardCheck, SharedGuard } from "./components/sharedGuard";
import { ownNamespace } from "./components/ownNamespace";
import { type AppConfig, loadStackConfig } from "./src/settings";
import { organizationSecrets, repositorySecrets } from "./src/pipeline/ciSecrets";
import { appOutput, type StackOutputs } from "./src/pipeline/outputs";
import { pendingValues } from "./src/pipeline/pending";
import { createProviders } from "./src/pipeline/providers";
import { surveyStack } from "./src/world/survey";

async function main(): Promise<StackOutputs> {
  const stack = loadStackConfig();
  // What is there already, of this stack and of those it shares with; refuses a run that would collide with them.
  const survey = await surveyStack(stack);
  const providers = createProviders(stack);
  const inCluster = { provider: providers.kubernetes };
  const adopt = survey.adoption.cluster;

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
      serviceTokenName: stack.store.oidc === undefined ? stack.doppler.serviceToken : undefined,
      protect: stack.protect,
      adopt: survey.adoption,
    },
    { provider: providers.doppler },
    { workplace: survey.workplace },
  );

  // Kubernetes: operator → token Secret and ClusterSecretStore → an ExternalSecret per app → the Secret pods consume
  const operator = stack.operator.owned
    ? new ExternalSecretsOperator("external-secrets", { ...stack.operator, adopt }, inCluster)
    : undefined;
  // The operator must have brought its CRDs, and must outlive what it has to clean up.
  const underOperator = { ...inCluster, dependsOn: operator ?? [] };

  const store = new DopplerSecretStore(
    "doppler-store",
    {
      storeName: stack.store.name,
      tokenSecretName: stack.store.tokenSecretName,
      namespace: operator?.namespace ?? stack.operator.namespace,
      serviceToken: project.serviceToken,
      serviceTokenName: stack.doppler.serviceToken,
      oidc: stack.store.oidc && { ...stack.store.oidc, project: project.project, config: project.config },
      admittedNamespaces: stack.namespaces,
      adopt,
    },
    underOperator,
    { onMoved: survey.handover },
  );

  const namespaces = new Map(
    stack.kubernetes.createNamespaces.map((name) => [name, ownNamespace(name, name, adopt, inCluster)]),
  );

  const secretsOf = (app: AppConfig) => {
    const own = [app, ...app.alsoAs].flatMap(({ namespace }) => namespaces.get(namespace) ?? []);
    const opts = {
      dependsOn: operator === undefined ? own : [operator, ...own],
      aliases: app.renamedFrom === undefined ? [] : [{ name: app.renamedFrom }],
    };
    const args = { ...app, storeName: store.storeName, adopt: adopt.externalSecrets };
    return new AppSecrets(app.name, args, { ...inCluster, ...opts });
  };
  const apps = stack.apps.map((app) => ({ app, secrets: secretsOf(app) }));
  // Argo CD's, and those that the cluster pulls images with
  const others = stack.otherSecrets.map(secretsOf);

  // GitHub: Doppler values → Actions secrets per repository or of the organisation, as far as they have been typed
  const values = await project.values();
  const inGithub = { provider: providers.github };
  const github: pulumi.ComponentResource[] = [];
  for (const args of await repositorySecrets(stack, values, { ...survey, ...inGithub })) {
    github.push(new GithubActionsSecrets(`github-${args.repository}`, args, inGithub));
  }
  const shared = await organizationSecrets(stack, values, { ...survey, ...inGithub });
  if (shared !== undefined) github.push(new GithubOrganizationSecrets("github-organization", shared, inGithub));

  const pending = pendingValues(stack, values);
  if (pending !== undefined) await pulumi.log.warn(pending);

  // What others use is deleted only when nobody does any more, and what is protected not at all. In every stack, since
  // one that is protected no longer still has a guard to unprotect.
  const all = [project, store, ...namespaces.values(), ...apps.map(({ secrets }) => secrets), ...others, ...github];
  new SharedGuard(
    "guard",
    { shared: survey.shared, users: survey.users, check: guardCheck(survey), protect: stack.protect },
    { dependsOn: operator === undefined ? all : [...all, operator] },
  );

  return {
    apps: Object.fromEntries(apps.map(({ app, secrets }) => [app.name, appOutput(app, secrets.reference, values)])),
    store: store.storeName,
    doppler: { project: project.project, config: project.config },
  };
}

export = main;
