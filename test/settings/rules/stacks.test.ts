import { readSettings } from "../../../src/settings/reading";
import { readStacks, stackProblems, usersOf } from "../../../src/settings/rules/stacks";
import { stackFile } from "../../support/program";

// What two stack files say of the same thing.

type Values = Record<string, unknown>;
const PREFIX = "secrets-pipeline:";
const checkedIn = (stack: string): Values =>
  Object.fromEntries(Object.entries(stackFile(stack)).map(([key, value]) => [key.slice(PREFIX.length), value]));

const stack = (slug: string, over: Values = {}): Values => ({
  doppler: { project: { name: "acme", ownedBy: "dev" }, environment: { slug } },
  kubernetes: { context: slug },
  apps: [{ name: "web", namespace: "default", keys: ["A"] }],
  ...over,
});
type Faults = Record<string, string>;
const problems = (name: string, values: Values, others: Record<string, Values>, faults: Faults = {}) =>
  stackProblems(
    readSettings(name, values),
    readStacks(new Map(Object.entries({ [name]: values, ...others }))),
    new Map(Object.entries(faults)),
  ).map(({ path, message }) => `${path}: ${message}`);
const users = (name: string, values: Values, files: Record<string, Values>, faults: Faults = {}) =>
  usersOf(readSettings(name, values), readStacks(new Map(Object.entries(files))), new Map(Object.entries(faults)));

it("the checked-in stacks claim nothing twice", () => {
  const both = { dev: checkedIn("dev"), prod: checkedIn("prod") };
  expect(problems("dev", both.dev, both)).toEqual([]);
  expect(problems("prod", both.prod, both)).toEqual([]);
  const projects = { acme: ["prod"], "acme-shared": ["prod"] };
  const expected = Object.keys(projects).map((project) => ({ stack: "prod", project, environment: undefined }));
  const ofDev = { projects, environments: { "acme/dev": [], "acme-shared/dev": [] }, cluster: [], expected };
  expect(users("dev", both.dev, both)).toEqual(ofDev);
  const environments = { "acme/prd": [], "acme-shared/prd": [] };
  const ofProd = { projects: {}, environments, cluster: [], expected: [] };
  expect(users("prod", both.prod, both)).toEqual(ofProd);
});

it("two owners of a project are refused, on both sides", () => {
  const dev = stack("dev", { doppler: { project: { name: "acme" }, environment: { slug: "dev" } } });
  const prod = stack("prd", { doppler: { project: { name: "acme" }, environment: { slug: "prd" } } });
  const too = (other: string) =>
    `doppler.project.ownedBy: stack "${other}" (Pulumi.${other}.yaml) owns this project too; exactly one may: name it here and there`;
  expect(problems("dev", dev, { prod })).toEqual([too("prod")]);
  expect(problems("prod", prod, { dev })).toEqual([too("dev")]);
});

it("an owner that is no stack, or names another owner, is refused", () => {
  const prod = stack("prd", { doppler: { project: { name: "acme", ownedBy: "main" }, environment: { slug: "prd" } } });
  expect(problems("prod", prod, {})).toEqual([
    "doppler.project.ownedBy: there is no stack of this name: Pulumi.main.yaml is missing",
  ]);
  expect(problems("prod", prod, { main: stack("main") })).toEqual([
    'doppler.project.ownedBy: stack "main" does not own it either: Pulumi.main.yaml names another owner',
  ]);
});

it("one environment for two stacks is refused", () => {
  expect(problems("prod", stack("dev", { kubernetes: {} }), { dev: stack("dev") })).toEqual([
    'doppler.environment.slug: stack "dev" (Pulumi.dev.yaml) has the same environment; give this stack one of its own, or name one owner in both files, with environment.ownedBy',
  ]);
});

it("in one cluster, every name that would collide is found", () => {
  const kubernetes = { context: "shared", createNamespaces: ["web"] };
  const apps = [{ name: "web", namespace: "web", keys: ["A"] }];
  const found = problems("prod", stack("prd", { kubernetes, apps }), { dev: stack("dev", { kubernetes, apps }) });
  expect(found.map((problem) => problem.split(":")[0])).toEqual([
    "operator.ownedBy",
    "store.name",
    "store.tokenSecretName",
    "apps[0].secretName",
    "kubernetes.createNamespaces[0]",
  ]);
});

it("in one cluster, Argo CD's Secrets and those that images are pulled with are found, too", () => {
  const kubernetes = { context: "shared", createNamespaces: ["argocd"] };
  const over = {
    ...{ kubernetes, operator: { ownedBy: "dev" } },
    argocd: {
      admin: {},
      repositories: [{ name: "deploy" }],
      repositoryCredentials: [{ name: "all", secretName: "own" }],
    },
    pullSecrets: [{ name: "hub", namespaces: ["default", "jobs"] }],
  };
  const prod = stack("prd", {
    ...{ ...over, kubernetes: { context: "shared" }, store: { name: "prd-store", tokenSecretName: "prd-auth" } },
    apps: [{ name: "api", namespace: "default", keys: ["A"] }],
  });
  const dev = stack("dev", over);
  const found = problems("prod", prod, { dev });
  expect(found.map((problem) => problem.split(":")[0])).toEqual([
    "argocd.admin",
    "argocd.repositories[0]",
    "argocd.repositoryCredentials[0]",
    "pullSecrets[0].namespaces[0]",
    "pullSecrets[0].namespaces[1]",
  ]);
  // The namespace is dev's, and prod's Secrets are in it.
  const other = { ...prod, apps: [], pullSecrets: [], operator: {}, argocd: { repositories: [{ name: "other" }] } };
  expect(users("dev", dev, { prod: other }).cluster).toEqual(["prod"]);
});

it("in one cluster, names of their own and one operator are fine, and its owner knows its users", () => {
  const dev = stack("dev", { kubernetes: { context: "shared" }, operator: { ownedBy: "dev" } });
  const prod = stack("prd", {
    kubernetes: { context: "shared" },
    operator: { ownedBy: "dev" },
    store: { name: "prd-store", tokenSecretName: "prd-auth" },
    apps: [{ name: "web", namespace: "prd", keys: ["A"] }],
  });
  expect(problems("prod", prod, { dev })).toEqual([]);
  expect(problems("dev", dev, { prod })).toEqual([]);
  expect(users("dev", dev, { prod }).cluster).toEqual(["prod"]);
});

it("in one cluster, what is called as another stack's mirror is found, on both sides", () => {
  const kubernetes = { context: "shared" };
  const dev = stack("dev", { kubernetes, operator: { ownedBy: "dev" }, fetch: "mirror" });
  const prod = (over: Values) =>
    stack("prd", {
      ...{ kubernetes, operator: { ownedBy: "dev" }, store: { name: "prd-store", tokenSecretName: "prd-auth" } },
      ...{ apps: [{ name: "api", namespace: "default", keys: ["A"] }], ...over },
    });
  const name = "doppler-secret-store-mirror";
  for (const over of [
    { store: { name, tokenSecretName: "prd-auth" } },
    { store: { name: "prd-store", tokenSecretName: name } },
    { apps: [{ name: "api", namespace: "external-secrets", secretName: name, keys: ["A"] }] },
  ]) {
    expect(problems("prod", prod(over), { dev })).toEqual([
      'store.name: stack "dev" (Pulumi.dev.yaml) has a mirror whose name an object of this stack has; if these are two clusters, give each stack its kubernetes.clusterId',
    ]);
    expect(problems("dev", dev, { prod: prod(over) })).toEqual([
      'store.name: stack "prod" (Pulumi.prod.yaml) has an object with the name of this store\'s mirror; if these are two clusters, give each stack its kubernetes.clusterId',
    ]);
  }
  expect(problems("prod", prod({ fetch: "mirror" }), { dev })).toEqual([]);
});

it("the same Actions secret from two stacks is refused; another GitHub environment's is another", () => {
  const github = (over: Values = {}) => ({ githubActions: { owner: "acme", repositories: ["Web"], ...over } });
  const dev = stack("dev", github());
  expect(problems("prod", stack("prd", github({ repositories: ["web"] })), { dev })).toEqual([
    'githubActions.repositories[0]: stack "dev" (Pulumi.dev.yaml) writes the same Actions secrets; leave them to one stack, or use githubActions.environment',
  ]);
  expect(problems("prod", stack("prd", github({ environment: "production" })), { dev })).toEqual([]);
  // A repository's own goes before the organisation's.
  expect(problems("prod", stack("prd", github({ organization: {} })), { dev })).toEqual([]);
  expect(
    problems("prod", stack("prd", github({ username: { secretName: "U" }, token: { secretName: "T" } })), { dev }),
  ).toEqual([]);
});

it("the same secret of an organisation from two stacks is refused, whoever may read it", () => {
  const github = (over: Values = {}) => ({
    githubActions: { owner: "acme", organization: { visibility: "all" }, dependabot: true, ...over },
  });
  const dev = stack("dev", github());
  const problem =
    'githubActions.organization: stack "dev" (Pulumi.dev.yaml) writes the same Actions secrets; leave them to one stack, or use other names (secretName)';
  expect(problems("prod", stack("prd", github()), { dev })).toEqual([problem]);
  const selected = { organization: { visibility: "selected" }, repositories: ["releases"], dependabot: false };
  expect(problems("prod", stack("prd", github(selected)), { dev })).toEqual([problem]);
  expect(problems("prod", stack("prd", github({ owner: "other" })), { dev })).toEqual([]);
  const names = { username: { secretName: "RELEASE_USER" }, token: { secretName: "RELEASE_TOKEN" } };
  expect(problems("prod", stack("prd", github(names)), { dev })).toEqual([]);
});

it("two clusters with contexts of one name are told apart by their ids", () => {
  const id = (digit: string) => `${digit.repeat(8)}-0000-4000-8000-000000000000`;
  const at = (slug: string, kubernetes: Values) => stack(slug, { kubernetes: { context: "default", ...kubernetes } });
  const [one, two] = [at("one", { clusterId: id("1") }), at("two", { clusterId: id("2") })];
  expect(problems("one", one, { two })).toEqual(problems("one", one, {}));
  expect(problems("one", one, { two: at("two", {}) }).length).toBeGreaterThan(problems("one", one, {}).length);
  const renamed = stack("two", { kubernetes: { context: "renamed", clusterId: id("1") } });
  expect(problems("one", one, { two: renamed }).join()).toContain("has a store of this name in this cluster");
});

describe("which cluster is a stack's", () => {
  const A = "5f0a1f3c-7a52-4d0e-9d55-0d3c1d3f0a11";
  const B = "c2b1b0de-52a4-4c0e-8f1a-9a4d2e7b6c22";
  const inCluster = (slug: string, kubernetes: Values) => stack(slug, { kubernetes });
  const paths = (mine: Values, other: Values) =>
    problems("prod", inCluster("prd", mine), { dev: inCluster("dev", other) }).map((found) => found.split(":")[0]);
  const collisions = ["operator.ownedBy", "store.name", "store.tokenSecretName", "apps[0].secretName"];

  it("two clusters whose contexts have one name are two, once both stacks say which", () => {
    expect(paths({ context: "default", clusterId: A }, { context: "default", clusterId: B })).toEqual([]);
  });
  it("one cluster with two contexts is one, once both stacks say which", () => {
    expect(paths({ context: "ci", clusterId: A }, { context: "laptop", clusterId: A.toUpperCase() })).toEqual(
      collisions,
    );
  });
  it("the context's name stands for the cluster as long as one of them does not say, and the problem tells the way out", () => {
    expect(paths({ context: "default", clusterId: A }, { context: "default" })).toEqual(collisions);
    expect(paths({ clusterId: A }, { context: "default" })).toEqual([]);
    expect(problems("prod", inCluster("prd", { context: "x" }), { dev: inCluster("dev", { context: "x" }) })[0]).toBe(
      'operator.ownedBy: stack "dev" (Pulumi.dev.yaml) installs the operator in this cluster too; exactly one may: name it here and there; if these are two clusters, give each stack its kubernetes.clusterId',
    );
  });
});

describe("a stack whose file can't be read", () => {
  const faults = { dev: "it is no YAML (line 3)" };

  it("is not taken for the owner that this stack names", () => {
    expect(problems("prod", stack("prd"), {}, faults)).toEqual([
      "doppler.project.ownedBy: whether stack \"dev\" owns it can't be known: Pulumi.dev.yaml can't be read, since it is no YAML (line 3)",
    ]);
  });
  it("does not stop a stack that names another owner, or none", () => {
    const own = stack("prd", { doppler: { project: { name: "acme" }, environment: { slug: "prd" } } });
    expect(problems("prod", own, {}, faults)).toEqual([]);
  });
  it("may use what this stack owns, so that this stack does not let go of it unasked", () => {
    const own = stack("prd", { doppler: { project: { name: "acme" }, environment: { slug: "prd" } } });
    const all = (stacks: string[]) => ({
      ...{ projects: { acme: stacks }, environments: { "acme/prd": stacks }, cluster: stacks, expected: [] },
    });
    expect(users("prod", own, {}, faults)).toEqual(all(["dev"]));
    expect(users("prod", own, {}, { prod: "it is no YAML (line 1)" })).toEqual(all([]));
  });
});
