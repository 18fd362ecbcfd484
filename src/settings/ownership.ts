import { z } from "zod";
import { argocdSecrets } from "./argocd";
import { pullSecret } from "./pullSecrets";
import type { Stacks } from "./siblings";

// What stacks share has one owner: the stack whose file says so. Stack files lie side by side, so that two owners, or
// none, are seen before anything is asked of anybody.

const repository = z.object({ name: z.string(), secretName: z.string() }).partial().catch({});

/** Just enough of a stack's settings to compare it with another's, whatever else is wrong with it. */
const claims = z.object({
  doppler: z
    .object({
      host: z.string().optional().catch(undefined),
      project: z
        .object({ name: z.string().optional().catch(undefined), ownedBy: z.string().optional().catch(undefined) })
        .catch({}),
      environment: z.object({ slug: z.string().optional().catch(undefined) }).catch({}),
    })
    .catch({ project: {}, environment: {} }),
  kubernetes: z
    .object({
      context: z.string().optional().catch(undefined),
      createNamespaces: z.array(z.string().catch("")).default([]).catch([]),
    })
    .catch({ createNamespaces: [] }),
  operator: z
    .object({
      namespace: z.string().default("external-secrets"),
      ownedBy: z.string().optional().catch(undefined),
    })
    .catch({ namespace: "external-secrets" }),
  store: z
    .object({
      name: z.string().default("doppler-secret-store"),
      tokenSecretName: z.string().default("doppler-token-auth"),
    })
    .catch({ name: "doppler-secret-store", tokenSecretName: "doppler-token-auth" }),
  apps: z
    .array(
      z
        .object({
          name: z.string(),
          namespace: z.string(),
          secretName: z.string(),
          externalSecretName: z.string(),
          alsoAs: z.array(z.object({ namespace: z.string(), secretName: z.string() }).partial()),
        })
        .partial()
        .catch({}),
    )
    .catch([]),
  argocd: z
    .object({
      namespace: z.string().default("argocd"),
      admin: z.object({}).optional().catch(undefined),
      repositories: z.array(repository).default([]).catch([]),
      repositoryCredentials: z.array(repository).default([]).catch([]),
    })
    .optional()
    .catch(undefined),
  pullSecrets: z
    .array(z.object({ name: z.string(), namespaces: z.array(z.string().catch("")) }).partial())
    .default([])
    .catch([]),
  githubActions: z
    .object({
      owner: z.string().optional().catch(undefined),
      environment: z.string().optional().catch(undefined),
      repositories: z.array(z.string().catch("")).catch([]),
      organization: z.object({}).optional().catch(undefined),
      username: z.object({ secretName: z.string().optional() }).optional().catch(undefined),
      token: z.object({ secretName: z.string().optional() }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});
type Claims = z.output<typeof claims>;

const read = (values: unknown): Claims =>
  claims.parse({ doppler: {}, kubernetes: {}, operator: {}, store: {}, apps: [], ...(values as object) });

const ownsProject = (stack: string, c: Claims) => (c.doppler.project.ownedBy ?? stack) === stack;
const ownsOperator = (stack: string, c: Claims) => (c.operator.ownedBy ?? stack) === stack;
const sameProject = (a: Claims, b: Claims) =>
  a.doppler.project.name !== undefined &&
  a.doppler.project.name === b.doppler.project.name &&
  a.doppler.host === b.doppler.host;
/** Contexts are told apart by name, since that is how a stack names its cluster. */
const sameCluster = (a: Claims, b: Claims) =>
  a.kubernetes.context !== undefined && a.kubernetes.context === b.kubernetes.context;

/** A Secret that a stack's settings ask for. */
export interface ClaimedSecret {
  /** Where in the settings. */
  path: string;
  /** The setting that it is an entry of; the same for those that one entry asks for. */
  entry: string;
  /** The name by which the stack knows the entry, and where that is set. */
  name?: string | undefined;
  namePath: string;
  namespace?: string | undefined;
  secretName?: string | undefined;
  /** The ExternalSecret that makes it. */
  externalSecretName?: string | undefined;
}

function claimed(c: Claims): ClaimedSecret[] {
  const apps = c.apps.flatMap((app, index): ClaimedSecret[] => {
    const entry = `apps[${index}]`;
    const named = { entry, name: app.name, namePath: `${entry}.name` };
    const secretName = app.secretName ?? (app.name === undefined ? undefined : `${app.name}-secrets`);
    const others = (app.alsoAs ?? []).map((other, i) => ({
      ...named,
      path: `${entry}.alsoAs[${i}]`,
      namespace: other.namespace ?? app.namespace,
      secretName: other.secretName ?? secretName,
      externalSecretName: other.secretName ?? secretName,
    }));
    const { namespace, externalSecretName = secretName } = app;
    return [{ ...named, path: `${entry}.secretName`, namespace, secretName, externalSecretName }, ...others];
  });
  const whole = ({ name = "", secretName }: z.output<typeof repository>) => ({
    ...{ name, secretName, type: "", url: "", keys: {}, values: {} },
  });
  const argocd = argocdSecrets({
    namespace: c.argocd?.namespace ?? "",
    admin: c.argocd?.admin && { passwordHash: "", passwordMtime: "" },
    repositories: c.argocd?.repositories.map(whole) ?? [],
    repositoryCredentials: c.argocd?.repositoryCredentials.map(whole) ?? [],
  }).map(({ path, secret }) => ({ ...secret, path, entry: path, namePath: `${path}.name` }));
  const pulls = c.pullSecrets.flatMap(({ name = "", namespaces = [] }, index) => {
    const entry = `pullSecrets[${index}]`;
    const secret = pullSecret({ name, namespaces, registry: "", username: "", token: "" });
    return [secret, ...secret.alsoAs].map(({ namespace, secretName }, i) => ({
      ...{ path: `${entry}.namespaces[${i}]`, entry, namespace, secretName, externalSecretName: secretName },
      ...{ name: secret.name, namePath: `${entry}.name` },
    }));
  });
  return [...apps, ...argocd, ...pulls];
}

/** The Secrets that settings ask for, whatever else is wrong with them. */
export function claimedSecrets(values: Record<string, unknown>): ClaimedSecret[] {
  return claimed(read(values));
}

function targets(c: Claims): { path: string; target: string }[] {
  return claimed(c).map(({ path, namespace = "", secretName = "" }) => ({
    path,
    target: `${namespace}/${secretName}`,
  }));
}

/** Dependabot secrets lie beside Actions secrets and never without them, so these tell of both. */
function actionsSecrets(c: Claims): { path: string; secret: string }[] {
  const { githubActions } = c;
  if (githubActions === undefined) return [];
  const owner = githubActions.owner ?? "";
  const names = [
    githubActions.username?.secretName ?? "DOCKERHUB_USERNAME",
    githubActions.token?.secretName ?? "DOCKERHUB_TOKEN",
  ];
  // A repository's name has at least one character, so no repository's secret is taken for the organisation's.
  const places =
    githubActions.organization === undefined
      ? githubActions.repositories.map((repository, index) => ({
          path: `githubActions.repositories[${index}]`,
          place: [owner, repository, githubActions.environment ?? ""],
        }))
      : [{ path: "githubActions.organization", place: [owner, "", ""] }];
  return places.flatMap(({ path, place }) =>
    names.map((name) => ({ path, secret: [...place, name].join("/").toLowerCase() })),
  );
}

/** What this stack's settings claim that another stack's settings claim too, or rely on and nobody claims. */
export function siblingProblems(
  stack: string,
  values: Record<string, unknown>,
  siblings: Stacks,
): { path: string; message: string }[] {
  const problems: { path: string; message: string }[] = [];
  const mine = read(values);
  const others = [...siblings].filter(([name]) => name !== stack);
  const add = (path: string, message: string) => {
    if (!problems.some((p) => p.path === path)) problems.push({ path, message });
  };

  for (const [path, owner, owns] of [
    ["doppler.project.ownedBy", mine.doppler.project.ownedBy, ownsProject],
    ["operator.ownedBy", mine.operator.ownedBy, ownsOperator],
  ] as const) {
    if (owner === undefined || owner === stack || siblings.size === 0) continue;
    const file = siblings.get(owner);
    if (file === undefined) {
      add(path, `there is no stack of this name: Pulumi.${owner}.yaml is missing`);
    } else if (!owns(owner, read(file))) {
      add(path, `stack "${owner}" does not own it either: Pulumi.${owner}.yaml names another owner`);
    }
  }

  for (const [name, file] of others) {
    const other = read(file);
    const too = `stack "${name}" (Pulumi.${name}.yaml)`;
    if (sameProject(mine, other)) {
      if (ownsProject(stack, mine) && ownsProject(name, other)) {
        add("doppler.project.ownedBy", `${too} owns this project too; exactly one may: name it here and there`);
      }
      if (
        mine.doppler.environment.slug !== undefined &&
        mine.doppler.environment.slug === other.doppler.environment.slug
      ) {
        add("doppler.environment.slug", `${too} has the same environment; each stack has one of its own`);
      }
    }
    if (sameCluster(mine, other)) {
      if (ownsOperator(stack, mine) && ownsOperator(name, other)) {
        add(
          "operator.ownedBy",
          `${too} installs the operator in this cluster too; exactly one may: name it here and there`,
        );
      }
      if (mine.store.name === other.store.name) add("store.name", `${too} has a store of this name in this cluster`);
      if (
        mine.store.tokenSecretName === other.store.tokenSecretName &&
        mine.operator.namespace === other.operator.namespace
      ) {
        add("store.tokenSecretName", `${too} has a token Secret of this name in this cluster`);
      }
      const taken = new Set(targets(other).map(({ target }) => target));
      for (const { path, target } of targets(mine)) {
        if (taken.has(target)) add(path, `${too} makes the same Secret in this cluster`);
      }
      mine.kubernetes.createNamespaces.forEach((namespace, index) => {
        if (other.kubernetes.createNamespaces.includes(namespace)) {
          add(`kubernetes.createNamespaces[${index}]`, `${too} makes this namespace too; exactly one may`);
        }
      });
    }
    const written = new Set(actionsSecrets(other).map(({ secret }) => secret));
    for (const { path, secret } of actionsSecrets(mine)) {
      if (written.has(secret)) {
        const instead =
          path === "githubActions.organization" ? "other names (secretName)" : "githubActions.environment";
        add(path, `${too} writes the same Actions secrets; leave them to one stack, or use ${instead}`);
      }
    }
  }
  return problems;
}

/** The stacks that use what this one owns: its Doppler project, or its operator or namespaces in its cluster. */
export function usersOf(
  stack: string,
  values: Record<string, unknown>,
  siblings: Stacks,
): { project: string[]; cluster: string[] } {
  const mine = read(values);
  const others = [...siblings].filter(([name]) => name !== stack).map(([name, file]) => ({ name, claims: read(file) }));
  const usesCluster = (other: Claims) =>
    other.operator.ownedBy === stack ||
    (sameCluster(mine, other) &&
      targets(other).some(({ target }) => mine.kubernetes.createNamespaces.includes(target.split("/")[0] ?? "")));
  return {
    project: ownsProject(stack, mine)
      ? others.filter(({ claims: c }) => sameProject(mine, c)).map(({ name }) => name)
      : [],
    cluster: others.filter(({ claims: c }) => usesCluster(c)).map(({ name }) => name),
  };
}
