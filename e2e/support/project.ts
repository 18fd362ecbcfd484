import { dirname } from "node:path";
import type { Project } from "secrets-pipeline-sandbox";

// What the sandbox is told about this repository's project. Settings are the stack files' own business; here is only
// what has to be there before a stack comes up, as it is in the real world.

/** The settings by which the sandbox's copies of the stack files differ from the checked-in ones. */
const OPERATOR = "secrets-pipeline:operator";
const KUBERNETES = "secrets-pipeline:kubernetes";

/** The Doppler project of each name that the checked-in stacks have elsewhere than in their main project. */
export const PROJECT_OF: Readonly<Record<string, string>> = { SMTP_PASSWORD: "acme-shared" };

/** This repository's Pulumi project with its checked-in stacks, in the order in which they come up from nothing. */
export const PULUMI_PROJECT: Project = {
  // From e2e/dist/support, where this file runs.
  folder: dirname(dirname(dirname(import.meta.dirname))),
  stacks: {
    dev: { context: "acme-dev", doppler: { project: "acme", config: "dev" } },
    prod: { context: "acme-prod", doppler: { project: "acme", config: "prd" }, argocdNamespace: "argocd" },
  },
  repositories: ["acme/bookmarked", "acme/reports", "acme/releases"],
  overrides: ({ chart, adopted }) => [
    // The chart lies in a folder here, and a folder has neither a version to choose nor a repository.
    { path: [OPERATOR, "chart"], value: chart },
    { path: [OPERATOR, "version"] },
    { path: [OPERATOR, "repository"] },
    ...(adopted === undefined ? [] : [{ path: [KUBERNETES, "context"], value: adopted.context }]),
    ...Object.entries(adopted?.chartValues ?? {}).map(([name, value]) => ({
      path: [OPERATOR, "values", name],
      value,
    })),
  ],
};
