// The components that other programs use: as a package, and in any language as Pulumi's provider `secrets-pipeline`.
export { type AppSecretReference, AppSecrets, type AppSecretsArgs } from "./appSecrets";
export { DopplerMirror, type DopplerMirrorArgs } from "./dopplerMirror";
export { DopplerProject, type DopplerProjectArgs } from "./dopplerProject";
export { DopplerSecretStore, type DopplerSecretStoreArgs } from "./dopplerSecretStore";
export { ExternalSecretsOperator, type ExternalSecretsOperatorArgs } from "./externalSecretsOperator";
export { GithubActionsSecrets, type GithubActionsSecretsArgs } from "./githubActionsSecrets";
export { GithubOrganizationSecrets, type GithubOrganizationSecretsArgs } from "./githubOrganizationSecrets";
