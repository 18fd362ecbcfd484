import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { Plan } from "../../lib/readsNotice";
import { DEFAULTS } from "./defaults";
import { withSecrets } from "./encrypted";
import { neighboursOf } from "./neighbours";
import { type ConfigProblem, issueMessage, shapeProblems, StackConfigError } from "./problems";
import { readSettings } from "./reading";
import { requestsOf } from "./requests";
import { accessProblems, githubOwnerOf } from "./rules/access";
import { ciPlaceProblems } from "./rules/ciPlaces";
import { classificationProblems, leftOut } from "./rules/classification";
import { entryProblems } from "./rules/entries";
import { mirrorProblems } from "./rules/mirrors";
import { sourceProblems } from "./rules/sources";
import { readStacks, stackProblems, type StackUsers, usersOf } from "./rules/stacks";
import type { ExpectedOfOwner } from "./rules/stacksInDoppler";
import { type Settings, settingsSchema } from "./schema";
import { completed, namespacesOf, type SecretSettings } from "./secretRequest";
import type { ConfigSource } from "./source";
import { type SourceConfig, sourceFor, type SourceSettings, sourcesOfStack } from "./sourceConfig";

// A stack's settings as one typed, validated object: Pulumi.<stack>.yaml, completed with defaults and with what the
// environment says.

/** The settings of one app, or of another Secret that is made like an app's. */
export type AppConfig = SecretSettings & Pick<Settings, "refreshInterval" | "fetch">;

export type { SourceConfig, SourceSettings } from "./sourceConfig";

/** A stack's settings: shapes and names checked, defaults filled in, durations canonical, credentials Pulumi secrets. */
export interface StackConfig {
  /** The stack's own name. */
  name: string;
  /** The main source, and how this run gets at Doppler. */
  doppler: SourceSettings & {
    host: string;
    /** What this run reads Doppler with: the stack's own setting, or else the environment's. */
    token: pulumi.Output<string>;
    /** The same, only where it is a setting of the stack. A token of the environment must not get into the state. */
    storedToken?: pulumi.Output<string> | undefined;
    /** The workplace's plan, where the stack says it. */
    plan?: Plan | undefined;
  };
  /** All Doppler configs that Secrets are made from, the main one first. */
  sources: SourceConfig[];
  /** What other stacks' files say that this stack owns in Doppler. */
  expectedOfOwner: ExpectedOfOwner[];
  kubernetes: Settings["kubernetes"] & { kubeconfig?: pulumi.Output<string> | undefined };
  operator: Omit<Settings["operator"], "ownedBy" | "repositoryPassword"> & {
    /** The password of the chart repository's user. */
    repositoryPassword?: pulumi.Output<string> | undefined;
    owned: boolean;
    shared: boolean;
    ownedBy: string;
  };
  apps: AppConfig[];
  /** Argo CD's Secrets, and those that the cluster pulls images with. */
  otherSecrets: AppConfig[];
  githubActions?: GithubActionsConfig | undefined;
  protect: boolean;
  /** Whether things that are there already are taken over. */
  adopt: boolean;
  /** Stacks that use this one's operator or namespaces in its cluster, as their files say. */
  clusterUsers: string[];
  /** The namespaces that Secrets go to, in alphabetical order. */
  namespaces: string[];
  /** Other stacks of the same cluster, as their files say. */
  neighbours: Neighbour[];
}

/** Another stack of the same cluster. */
export interface Neighbour {
  stack: string;
  /** Its settings, as far as its file can be read; `undefined` where too little of it can. */
  config?: Omit<StackConfig, "neighbours"> | undefined;
}

/** CI's secrets at GitHub. */
export interface GithubActionsConfig {
  owner?: string | undefined;
  baseUrl?: string | undefined;
  /** The token, where it is a setting of the stack; the provider takes one from the environment by itself. */
  storedToken?: pulumi.Output<string> | undefined;
  /** The repositories that get secrets of their own. */
  repositories: string[];
  /** The organisation's secrets in place of the repositories' own; which repositories of it may read them. */
  organization?:
    | { owner: string; visibility: "private" | "all" }
    | { owner: string; visibility: "selected"; repositories: string[] }
    | undefined;
  /** Whether the same secrets are written for Dependabot's runs too. */
  dependabot: boolean;
  /** A GitHub environment of each repository that gets the secrets in place of the repository as a whole. */
  environment?: string | undefined;
  createEnvironment: boolean;
  /** The secrets that each repository gets, and the Doppler names they come from. */
  secrets: { secretName: string; dopplerName: string }[];
}

/**
 * The settings of a stack from their source.
 *
 * @throws StackConfigError naming every problem, before anything is created
 */
export function parseStackConfig(source: ConfigSource): StackConfig {
  const { stack, values, env } = source;
  const parsed = settingsSchema.safeParse(values, { error: issueMessage });
  const shape = parsed.success ? [] : shapeProblems(parsed.error.issues);
  // Rules judge what can be read of the settings, so that a problem with one of them does not hide others.
  const reading = readSettings(stack, values);
  const stacks = readStacks(source.siblings);
  const unreadable = source.unreadable ?? new Map<string, string>();
  const problems = [
    ...shape,
    ...withoutRepeated(
      [
        ...entryProblems(reading),
        ...sourceProblems(reading),
        ...mirrorProblems(reading),
        ...ciPlaceProblems(reading, env),
      ],
      shape,
    ),
    ...accessProblems(source),
    ...classificationProblems(reading, source),
    ...stackProblems(reading, stacks, unreadable),
  ];
  if (!parsed.success || problems.length > 0) throw new StackConfigError(stack, problems);
  const users = usersOf(reading, stacks, unreadable);
  const neighbours = neighboursOf(reading, stacks, unreadable).map(({ stack, settings }) => ({
    stack,
    config: settings && completedConfig(settings, { ...source, stack, secretKeys: new Set() }, NOBODY),
  }));
  return { ...completedConfig(parsed.data, source, users), neighbours };
}

/** Of another stack it does not matter who uses it. */
const NOBODY: StackUsers = { projects: {}, environments: {}, cluster: [], expected: [] };

/** Problems without those of a setting whose shape is wrong already. */
function withoutRepeated(problems: ConfigProblem[], shape: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.filter(({ path }) => !shape.some((known) => known.path === path));
}

function completedConfig(settings: Settings, source: ConfigSource, users: StackUsers): Omit<StackConfig, "neighbours"> {
  const { stack, env } = source;
  const { kubernetes, kubeconfig, protect, adopt } = settings;
  const { secrets, ci } = requestsOf(settings);
  const [apps, otherSecrets] = [true, false].map((ofApps) =>
    secrets
      .filter(({ section }) => (section === "apps") === ofApps)
      .map((request) => {
        const secret = completed(request);
        const { refreshInterval = settings.refreshInterval, fetch = settings.fetch } = secret;
        return { ...secret, ...leftOut(secret, settings), refreshInterval, fetch };
      }),
  ) as [AppConfig[], AppConfig[]];
  const { ownedBy: operatorOwner = stack, ...operator } = settings.operator;
  const [main, ...others] = sourcesOfStack(settings, stack, users);
  return {
    name: stack,
    doppler: {
      ...main,
      // The provider joins host and path as they are.
      host: settings.doppler.host ?? env["DOPPLER_API_HOST"]?.replace(/\/+$/, "") ?? DEFAULTS.dopplerHost,
      token: pulumi.secret(settings.dopplerToken ?? env["DOPPLER_TOKEN"] ?? ""),
      storedToken: secretText(settings.dopplerToken),
      plan: settings.doppler.plan,
    },
    sources: [main, ...others].map((one) => sourceFor([...apps, ...otherSecrets], one)),
    expectedOfOwner: users.expected,
    // Without it, the provider finds a kubeconfig as kubectl does.
    kubernetes: { kubeconfig: secretText(kubeconfig), ...kubernetes },
    operator: {
      ...operator,
      repositoryPassword: secretText(operator.repositoryPassword),
      values: chartValues(operator.values, source),
      owned: operatorOwner === stack,
      shared: settings.operator.ownedBy === stack || users.cluster.length > 0,
      ownedBy: operatorOwner,
    },
    apps,
    otherSecrets,
    githubActions: settings.githubActions && githubConfig(settings, settings.githubActions, ci?.secrets ?? [], env),
    protect,
    adopt,
    clusterUsers: users.cluster,
    namespaces: namespacesOf([...apps, ...otherSecrets]),
  };
}

/** What a stack would be with other settings of its Secrets: the same, and the mirrors that these Secrets need. */
export function withOtherSecrets(stack: StackConfig, change: (secret: AppConfig) => AppConfig): StackConfig {
  const [apps, otherSecrets] = [stack.apps.map(change), stack.otherSecrets.map(change)];
  const sources = stack.sources.map((source) => sourceFor([...apps, ...otherSecrets], source));
  return { ...stack, apps, otherSecrets, sources };
}

function githubConfig(
  { githubToken }: Settings,
  github: NonNullable<Settings["githubActions"]>,
  secrets: GithubActionsConfig["secrets"],
  env: ConfigSource["env"],
): GithubActionsConfig {
  const { organization, repositories = [], dependabot, environment, createEnvironment } = github;
  const owner = githubOwnerOf(github.owner, env) ?? "";
  return {
    owner: github.owner ?? env["GITHUB_OWNER"],
    baseUrl: github.baseUrl ?? env["GITHUB_BASE_URL"],
    storedToken: secretText(githubToken),
    repositories: organization === undefined ? repositories : [],
    organization: organization && {
      owner,
      ...(organization.visibility === "selected"
        ? { visibility: organization.visibility, repositories }
        : { visibility: organization.visibility }),
    },
    dependabot,
    environment,
    createEnvironment,
    secrets,
  };
}

function secretText(text: string | undefined): pulumi.Output<string> | undefined {
  return text ? pulumi.secret(text) : undefined;
}

/** The chart's values; those that are encrypted in the stack's file are secrets, since values go into the state. */
function chartValues(
  values: Settings["operator"]["values"],
  { stack, secretKeys, siblings }: ConfigSource,
): Settings["operator"]["values"] {
  if (!secretKeys.has("operator")) return values;
  const file = z.object({ values: z.unknown() }).safeParse(siblings.get(stack)?.["operator"]);
  return withSecrets(values, file.data?.values) as Settings["operator"]["values"];
}
