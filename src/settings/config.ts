import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { argocdSecrets, REPOSITORY_FIELDS } from "./argocd";
import { classificationProblems, sealed } from "./classification";
import { credentialIn } from "../../lib/credentials";
import { canonicalDuration, DURATION_FORM } from "../../lib/duration";
import { claimedSecrets, siblingProblems, usersOf } from "./ownership";
import { DOCKER_HUB, pullSecret } from "./pullSecrets";
import type { SecretSettings } from "./secretSettings";
import { siblingStacks, type Stacks } from "./siblings";
import { dopplerNames, parseTemplate } from "../../lib/template";

// The stack's settings (Pulumi.<stack>.yaml) as one typed, validated object. The only reader of pulumi.Config and of
// the environment. No message here repeats a value: a value in the wrong place may be a credential.

/** A name as one system spells it; the message says which, and how. */
const name = (pattern: RegExp, max: number, expected: string) =>
  z.string().refine((text) => text.length <= max && pattern.test(text), { error: `expected ${expected}` });

const dnsLabel = (what: string) =>
  name(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    63,
    `${what}: lower-case letters, digits and "-", at most 63, first and last alphanumeric`,
  );
const dnsSubdomain = (what: string) =>
  name(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    253,
    `${what}: lower-case letters, digits, "-" and ".", at most 253, first and last alphanumeric`,
  );

const namespaceName = dnsLabel("a Kubernetes namespace name");
const dopplerSlug = (what: string, max: number) =>
  name(/^[a-z0-9][-_a-z0-9]*$/, max, `${what}: lower-case letters, digits, "-" and "_", at most ${max}`);
const dopplerSecretName = name(
  /^[A-Z_][A-Z0-9_]*$/,
  200,
  'a Doppler secret name: upper-case letters, digits and "_", at most 200, not starting with a digit',
);
const secretKey = name(
  /^(?!\.\.?$)[-._a-zA-Z0-9]+$/,
  253,
  'a key of a Kubernetes Secret: letters, digits, "-", "_" and ".", at most 253',
);
const githubSecretName = name(
  /^(?!github_)[a-z_][a-z0-9_]*$/i,
  255,
  'a GitHub secret name: letters, digits and "_", not starting with a digit or GITHUB_',
);
const githubOwner = name(
  /^[a-z0-9](-?[a-z0-9])*$/i,
  39,
  'a GitHub user or organisation: letters, digits and single "-", at most 39',
);
const githubRepository = name(
  /^(?!\.\.?$)[-._a-z0-9]+$/i,
  100,
  'a GitHub repository name without its owner: letters, digits, "-", "_" and ".", at most 100',
);
const url = z
  .url({ protocol: /^https?$/, error: "expected a URL, http:// or https://" })
  .refine((u) => !u.endsWith("/"), {
    error: "expected a URL without a trailing slash",
  });
const text = z.string().min(1, { error: "expected a text that is not empty" });
const duration = z.string().transform((value, context) => {
  try {
    return canonicalDuration(value);
  } catch {
    context.addIssue({ code: "custom", message: `expected ${DURATION_FORM}` });
    return z.NEVER;
  }
});

const keyList = z
  .array(dopplerSecretName)
  .min(1, { error: "expected at least one key" })
  .refine((list) => new Set(list).size === list.length, { error: "expected each name once" });
const KEYS_FORM = "expected a list of Doppler secret names, or a map from key to Doppler secret name";
const keyMap = z
  .record(secretKey, dopplerSecretName)
  .refine((map) => Object.keys(map).length > 0, { error: "expected at least one key" });

/** Either form of `keys`, as a map from Secret key to Doppler name. Not a z.union, whose messages name neither form. */
const keys = z.unknown().transform((raw, context): Record<string, string> => {
  if (typeof raw !== "object" || raw === null) {
    context.addIssue({ code: "custom", message: `${KEYS_FORM}, got ${typeName(raw)}` });
    return z.NEVER;
  }
  const parsed = (Array.isArray(raw) ? keyList : keyMap).safeParse(raw);
  if (parsed.success) {
    return Array.isArray(parsed.data) ? Object.fromEntries(parsed.data.map((key) => [key, key])) : parsed.data;
  }
  for (const issue of parsed.error.issues) {
    context.addIssue({ code: "custom", path: issue.path, message: explain(issue) });
  }
  return z.NEVER;
});

const templates = z.record(secretKey, text);

const secretType = name(
  /^[-._a-zA-Z0-9]+(?:\/[-._a-zA-Z0-9]+)?$/,
  253,
  "a Secret's type, such as kubernetes.io/basic-auth",
);
const metadataKey = name(
  /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?$/,
  317,
  "a key such as app.kubernetes.io/part-of",
);
const labelValue = name(
  /^(?:[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?)?$/,
  63,
  'a label\'s value: letters, digits, "-", "_" and ".", at most 63, first and last alphanumeric',
);
const annotationValue = z.string().refine((value) => !value.includes("{{"), { error: "expected no template" });

/** The keys without which the API server takes no Secret of a type; of several in one entry, one. */
const TYPE_KEYS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "kubernetes.io/basic-auth": [["username", "password"]],
  "kubernetes.io/ssh-auth": [["ssh-privatekey"]],
  "kubernetes.io/dockerconfigjson": [[".dockerconfigjson"]],
  "kubernetes.io/dockercfg": [[".dockercfg"]],
};

interface Shape {
  keys: Record<string, string>;
  values: Record<string, string>;
  type?: string | undefined;
  labels?: Record<string, string>;
}

/** What is wrong with where a Secret's values come from, by the path in its settings. */
function sourceProblems({ keys, values, type, labels = {} }: Shape): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  // Such a Secret is read by somebody who says what is to be in it, be it a secret or not.
  const prescribed = type !== undefined || Object.keys(labels).length > 0;
  for (const [key, template] of Object.entries(values)) {
    const parsed = parseTemplate(template);
    const none = parsed.names.length === 0 && !prescribed;
    const all = [
      ...parsed.problems,
      ...(key in keys ? ["expected each key once, here or in keys"] : []),
      ...(none && parsed.problems.length === 0
        ? ["expected a Doppler name in it, such as {{ .DB_PASSWORD }}; a plain value belongs into the app's manifests"]
        : []),
    ];
    problems.push(...all.map((message) => ({ path: ["values", key], message })));
  }
  if (problems.length === 0 && dopplerNames({ keys, values }).length === 0) {
    problems.push({ path: ["keys"], message: "expected at least one Doppler name, here or in values" });
  }
  for (const oneOf of TYPE_KEYS[type ?? ""] ?? []) {
    if (oneOf.some((key) => key in keys || key in values)) continue;
    problems.push({ path: ["type"], message: `expected a key ${oneOf.join(" or ")}: this type has it` });
  }
  return problems;
}

const checkSources = (shape: Shape, context: z.core.$RefinementCtx) => {
  for (const { path, message } of sourceProblems(shape)) context.addIssue({ code: "custom", path, message });
};

const app = z
  .strictObject({
    name: dnsSubdomain("an app name"),
    namespace: namespaceName,
    secretName: dnsSubdomain("a Kubernetes Secret name").optional(),
    externalSecretName: dnsSubdomain("an ExternalSecret name").optional(),
    refreshInterval: duration.optional(),
    keys: keys.optional(),
    values: templates.optional(),
    type: secretType.optional(),
    labels: z.record(metadataKey, labelValue).default({}),
    annotations: z.record(metadataKey, annotationValue).default({}),
    merge: z.boolean().default(false),
    restartOnChange: z.boolean().default(false),
    renamedFrom: dnsSubdomain("an app name").optional(),
    alsoAs: z
      .array(
        z.strictObject({
          secretName: dnsSubdomain("a Kubernetes Secret name").optional(),
          namespace: namespaceName.optional(),
        }),
      )
      .default([]),
  })
  .superRefine(({ keys, values, ...a }, context) => {
    if (keys ?? values) checkSources({ ...a, keys: keys ?? {}, values: values ?? {} }, context);
    else context.addIssue({ code: "custom", path: ["keys"], message: `${KEYS_FORM}, got nothing` });
  })
  .transform(({ keys = {}, values = {}, ...a }) => {
    const secretName = a.secretName ?? `${a.name}-secrets`;
    const alsoAs = a.alsoAs.map((other) => ({
      secretName: other.secretName ?? secretName,
      namespace: other.namespace ?? a.namespace,
    }));
    return { ...a, keys, values, secretName, externalSecretName: a.externalSecretName ?? secretName, alsoAs };
  });

const repositoryField = z
  .string()
  .refine((field) => REPOSITORY_FIELDS.includes(field), { error: `expected one of ${REPOSITORY_FIELDS.join(", ")}` });
const argocdRepository = z
  .strictObject({
    name: dnsLabel("a name for the repository"),
    url: name(/^[^\s{}]+$/, 2000, "the URL as Argo CD's applications have it"),
    type: z.enum(["git", "helm", "oci"], { error: "expected git, helm or oci" }).default("git"),
    secretName: dnsSubdomain("a Kubernetes Secret name").optional(),
    keys: z.record(repositoryField, dopplerSecretName).default({}),
    values: z.record(repositoryField, text).default({}),
  })
  .superRefine((repository, context) =>
    checkSources({ ...repository, labels: { is: "prescribed" }, type: undefined }, context),
  );

const argocd = z.strictObject({
  namespace: namespaceName.default("argocd"),
  refreshInterval: duration.optional(),
  admin: z
    .strictObject({
      passwordHash: dopplerSecretName.default("ARGOCD_ADMIN_PASSWORD_HASH"),
      passwordMtime: dopplerSecretName.default("ARGOCD_ADMIN_PASSWORD_MTIME"),
    })
    .optional(),
  repositories: z.array(argocdRepository).default([]),
  repositoryCredentials: z.array(argocdRepository).default([]),
});

const pullSecretModel = z.strictObject({
  name: dnsSubdomain("a Kubernetes Secret name"),
  namespaces: z
    .array(namespaceName)
    .min(1, { error: "expected at least one namespace" })
    .refine((list) => new Set(list).size === list.length, { error: "expected each namespace once" }),
  registry: name(/^[^\s"{}\\]+$/, 500, "a registry as images are named by it, or Docker Hub's URL").default(DOCKER_HUB),
  username: dopplerSecretName.default("DOCKERHUB_USERNAME"),
  token: dopplerSecretName.default("DOCKERHUB_TOKEN"),
  refreshInterval: duration.optional(),
});

const actionsSecret = (secretName: string) =>
  z
    .strictObject({
      secretName: githubSecretName.default(secretName),
      dopplerName: dopplerSecretName.optional(),
    })
    .transform((s) => ({ secretName: s.secretName, dopplerName: s.dopplerName ?? s.secretName.toUpperCase() }))
    .prefault({});

const model = z.strictObject({
  dopplerToken: text.optional(),
  doppler: z.strictObject({
    host: url.optional(),
    project: z.strictObject({
      name: dopplerSlug("a Doppler project name", 100),
      description: text.optional(),
      ownedBy: text.optional(),
    }),
    environment: z.strictObject({
      slug: dopplerSlug("a Doppler environment slug", 60),
      name: text.optional(),
    }),
    config: dopplerSlug("a Doppler config name", 60).optional(),
    serviceToken: text.default("external-secrets"),
  }),
  kubeconfig: text.optional(),
  kubernetes: z
    .strictObject({
      context: text.optional(),
      createNamespaces: z.array(namespaceName).default([]),
    })
    .prefault({}),
  operator: z
    .strictObject({
      namespace: namespaceName.default("external-secrets"),
      releaseName: name(
        /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
        53,
        'a Helm release name: lower-case letters, digits and "-", at most 53, first and last alphanumeric',
      ).default("external-secrets"),
      chart: text.optional(),
      repository: url.optional(),
      version: text.optional(),
      values: z.record(z.string(), z.unknown()).default({}),
      ownedBy: text.optional(),
    })
    .prefault({}),
  store: z
    .strictObject({
      name: dnsSubdomain("a ClusterSecretStore name").default("doppler-secret-store"),
      tokenSecretName: dnsSubdomain("a Kubernetes Secret name").default("doppler-token-auth"),
      oidc: z
        .strictObject({
          identity: text,
          serviceAccount: dnsSubdomain("a ServiceAccount name").default("doppler-secret-store"),
        })
        .optional(),
    })
    .prefault({}),
  refreshInterval: duration.default("1m0s"),
  apps: z.array(app).min(1, { error: "expected at least one app" }),
  argocd: argocd.optional(),
  pullSecrets: z.array(pullSecretModel).default([]),
  plainValues: z.array(dopplerSecretName).default([]),
  secretNames: z.array(dopplerSecretName).default([]),
  githubToken: text.optional(),
  githubActions: z
    .strictObject({
      owner: githubOwner.optional(),
      baseUrl: url.optional(),
      repositories: z
        .array(githubRepository)
        .min(1, { error: "expected at least one repository" })
        .refine((list) => new Set(list.map((r) => r.toLowerCase())).size === list.length, {
          error: "expected each repository once",
        })
        .optional(),
      organization: z
        .strictObject({
          visibility: z
            .enum(["selected", "private", "all"], { error: 'expected "selected", "private" or "all"' })
            .default("selected"),
        })
        .optional(),
      dependabot: z.boolean().default(false),
      environment: text.optional(),
      createEnvironment: z.boolean().default(false),
      username: actionsSecret("DOCKERHUB_USERNAME"),
      token: actionsSecret("DOCKERHUB_TOKEN"),
    })
    .optional(),
  protect: z.boolean().default(false),
  adopt: z.boolean().default(false),
});

type Model = z.output<typeof model>;

/** The settings of one app, or of another Secret that is made like an app's. */
export type AppConfig = SecretSettings & {
  refreshInterval: string;
  renamedFrom?: string | undefined;
  restartOnChange?: boolean | undefined;
};

/** A stack's settings: shapes and names checked, defaults filled in, durations canonical, credentials Pulumi secrets. */
export interface StackConfig {
  /** The stack's own name. */
  name: string;
  doppler: {
    host: string;
    /** What this run reads Doppler with: the stack's own setting, or else the environment's. */
    token: pulumi.Output<string>;
    /** The same, only where it is a setting of the stack. A token of the environment must not get into the state. */
    storedToken?: pulumi.Output<string>;
    /** `shared`: owned by this stack, and used by others. */
    project: { name: string; description?: string; owned: boolean; shared: boolean; ownedBy: string };
    environment: { slug: string; name: string };
    /** The config that apps read. */
    config: string;
    /** The same, where it is a branch config; the root config comes with the environment. */
    branchConfig?: string;
    serviceToken: string;
  };
  kubernetes: { kubeconfig?: pulumi.Output<string>; context?: string; createNamespaces: string[] };
  operator: Omit<Model["operator"], "ownedBy"> & { owned: boolean; shared: boolean; ownedBy: string };
  store: Model["store"];
  apps: AppConfig[];
  /** Argo CD's Secrets, and those that the cluster pulls images with. */
  otherSecrets: AppConfig[];
  githubActions?: {
    owner?: string;
    baseUrl?: string;
    /** The token, where it is a setting of the stack; the provider takes one from the environment by itself. */
    storedToken?: pulumi.Output<string>;
    /** The repositories that get secrets of their own. */
    repositories: string[];
    /** The organisation's secrets in place of the repositories' own; which repositories of it may read them. */
    organization?:
      | { owner: string; visibility: "private" | "all" }
      | { owner: string; visibility: "selected"; repositories: string[] };
    /** Whether the same secrets are written for Dependabot's runs too. */
    dependabot: boolean;
    /** A GitHub environment of each repository that gets the secrets in place of the repository as a whole. */
    environment?: string;
    createEnvironment: boolean;
    /** The secrets that each repository gets, and the Doppler names they come from. */
    secrets: { secretName: string; dopplerName: string }[];
  };
  protect: boolean;
  /** Whether things that are there already are taken over. */
  adopt: boolean;
  /** Stacks that use this one's operator or namespaces in its cluster, as their files say. */
  clusterUsers: string[];
  /** The namespaces that Secrets go to, in alphabetical order. */
  namespaces: string[];
}

/** A problem with the stack's settings: where, and what is expected there. */
export interface ConfigProblem {
  path: string;
  message: string;
}

/** All that is wrong with a stack's settings, in one error. */
export class StackConfigError extends pulumi.RunError {
  constructor(
    stack: string,
    readonly problems: ConfigProblem[],
  ) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(
      [
        `${count} in the configuration of stack "${stack}" (Pulumi.${stack}.yaml). Nothing was created or changed.`,
        ...problems.map(({ path, message }) => `  ${path}: ${message}`),
      ].join("\n"),
    );
  }
}

/** What a stack's settings are read from; a test gives its own. */
export interface ConfigSource {
  stack: string;
  /** Parsed values of the project's own keys, without its `<project>:` prefix. */
  values: Record<string, unknown>;
  /** Which of them are stored as secrets. */
  secretKeys: ReadonlySet<string>;
  /** Keys of other namespaces in the stack's file, such as `kubernetes:context`. */
  foreignKeys: readonly string[];
  /** The values of those that are not stored as secrets. */
  foreign?: Readonly<Record<string, string>>;
  env: Readonly<Record<string, string | undefined>>;
  /** The settings of the project's stacks, this one's among them or not. */
  siblings: Stacks;
}

/** Keys that hold a credential: they must be stored with `pulumi config set --secret`. */
const CREDENTIALS = ["dopplerToken", "githubToken", "kubeconfig"] as const;

const OTHER_PROVIDERS: Record<string, string> = {
  doppler: "doppler",
  github: "githubActions",
  kubernetes: "kubernetes",
};

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : `a ${typeof value}`;
}

const EXPECTED: Record<string, string> = {
  string: "a text",
  array: "a list",
  object: "a map",
  record: "a map",
  boolean: "true or false",
};

/** zod's issue in our words. */
function explain(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string {
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? "is not valid";
  if (issue.code === "invalid_type") {
    return `expected ${EXPECTED[issue.expected] ?? issue.expected}, got ${typeName(issue.input)}`;
  }
  return issue.message ?? "is not valid";
}

function pathText(path: readonly PropertyKey[]): string {
  // A key in the wrong place may be a credential as well.
  const shown = (key: string) => (credentialIn(key) === undefined ? key : "(not shown)");
  return path
    .map((p, i) => (typeof p === "number" ? `[${p}]` : i === 0 ? shown(String(p)) : `.${shown(String(p))}`))
    .join("");
}

function shapeProblems(error: z.ZodError): ConfigProblem[] {
  return error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: issue.message }))
      : [{ path: pathText(issue.path) || "(file)", message: issue.message }],
  );
}

/** Just enough of the shape to compare entries with each other, whatever else is wrong with them. */
const comparable = z.object({
  doppler: z
    .object({
      environment: z.object({ slug: z.string() }).optional().catch(undefined),
      config: z.string().optional().catch(undefined),
    })
    .catch({}),
  kubernetes: z.object({ createNamespaces: z.array(z.string().catch("")).catch([]) }).catch({ createNamespaces: [] }),
  operator: z
    .object({ namespace: z.string().default("external-secrets"), version: z.string().optional().catch(undefined) })
    .catch({ namespace: "external-secrets" }),
  store: z.object({ oidc: z.unknown() }).partial().catch({}),
  githubActions: z
    .object({
      owner: z.string().optional().catch(undefined),
      repositories: z.unknown(),
      organization: z.object({ visibility: z.unknown() }).partial().optional().catch(undefined),
      environment: z.unknown(),
      dependabot: z.unknown(),
    })
    .partial()
    .optional()
    .catch(undefined),
});

/** Rules between entries, which no single field can break. */
function crossProblems({ values, env }: ConfigSource): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const { doppler, kubernetes, operator, store, githubActions } = comparable.parse(values);
  const secrets = claimedSecrets(values);

  const names = new Map<string, string>();
  const targets = new Map<string, string>();
  const makers = new Map<string, string>();
  for (const { path, entry, name, namePath, namespace, secretName, externalSecretName } of secrets) {
    if (name !== undefined) {
      const first = names.get(name);
      if (first === undefined) names.set(name, entry);
      else if (first !== entry && !problems.some((p) => p.path === namePath)) {
        const same = first.startsWith("apps") && entry.startsWith("apps") ? `${first}.name` : first;
        problems.push({ path: namePath, message: `expected a name of its own, same as ${same}` });
      }
    }
    if (namespace === undefined || secretName === undefined) continue;
    const first = targets.get(`${namespace}/${secretName}`);
    if (first === undefined) targets.set(`${namespace}/${secretName}`, entry);
    else {
      problems.push({ path, message: `expected a Secret of its own, same Secret in the same namespace as ${first}` });
      continue;
    }
    const maker = `${namespace}/${externalSecretName ?? secretName}`;
    const other = makers.get(maker);
    if (other === undefined) makers.set(maker, entry);
    else {
      const where = path.replace(/\.secretName$/, ".externalSecretName");
      problems.push({
        path: where,
        message: `expected an ExternalSecret of its own, same name and namespace as ${other}`,
      });
    }
  }

  const slug = doppler.environment?.slug;
  if (
    slug !== undefined &&
    doppler.config !== undefined &&
    doppler.config !== slug &&
    !doppler.config.startsWith(`${slug}_`)
  ) {
    problems.push({
      path: "doppler.config",
      message: 'expected the environment\'s slug (its root config), or a branch config: the slug, "_" and a name',
    });
  }

  const used = new Set(secrets.map(({ namespace }) => namespace));
  kubernetes.createNamespaces.forEach((namespace, index) => {
    const path = `kubernetes.createNamespaces[${index}]`;
    if (namespace === "default" || namespace.startsWith("kube-")) {
      problems.push({ path, message: "expected a namespace that the cluster does not make itself" });
    } else if (namespace === operator.namespace) {
      problems.push({ path, message: "expected an app's namespace; the operator's own is created with it" });
    } else if (!used.has(namespace)) {
      problems.push({ path, message: "expected the namespace of one of the apps" });
    }
    if (kubernetes.createNamespaces.indexOf(namespace) !== index) {
      problems.push({ path, message: "expected each namespace once" });
    }
  });

  const [major = 0, minor = 0] = (operator.version ?? "").replace(/^v/, "").split(".").map(Number);
  if (store.oidc !== undefined && operator.version !== undefined && (major < 1 || (major === 1 && minor < 2))) {
    problems.push({ path: "store.oidc", message: "expected operator.version 1.2.0 or newer: older ones know no OIDC" });
  }

  // The provider lets these two variables win over its `owner` argument.
  if (githubActions?.owner !== undefined) {
    for (const variable of ["GITHUB_OWNER", "GITHUB_ORGANIZATION"]) {
      const ambient = env[variable];
      if (ambient && ambient.toLowerCase() !== githubActions.owner.toLowerCase()) {
        problems.push({
          path: "githubActions.owner",
          message: `the environment variable ${variable} names another owner and would win over this one: unset it`,
        });
      }
    }
  }
  if (githubActions !== undefined) problems.push(...placeProblems(githubActions, ownerOf(githubActions.owner, env)));
  return problems;
}

/** The owner that the provider works for, as far as it is named anywhere. */
function ownerOf(owner: string | undefined, env: ConfigSource["env"]): string | undefined {
  return [owner, env["GITHUB_ORGANIZATION"], env["GITHUB_OWNER"]].find(Boolean);
}

/** Which of a repository's, a GitHub environment's and an organisation's secrets are meant. */
function placeProblems(
  place: NonNullable<z.output<typeof comparable>["githubActions"]>,
  owner: string | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (setting: string, message: string) => problems.push({ path: `githubActions.${setting}`, message });
  const { organization, repositories, environment, dependabot } = place;
  const named = organization === undefined || (organization.visibility ?? "selected") === "selected";
  if (named && repositories === undefined) {
    add(
      "repositories",
      organization === undefined
        ? "expected a list, got nothing"
        : 'expected a list, got nothing: the repositories that may read the secrets; or organization.visibility "private" or "all"',
    );
  } else if (!named && repositories !== undefined) {
    add("repositories", 'has no effect, since organization.visibility is not "selected"');
  }
  if (organization !== undefined && owner === undefined) {
    add("owner", "expected the organisation; without it, secrets would be the token's user's");
  }
  if (organization !== undefined && environment !== undefined) {
    add("environment", "expected either this or organization: an organisation's secrets are for no environment");
  }
  // Written to the repository, they would go past the environment's protection rules.
  if (dependabot === true && environment !== undefined) {
    add("dependabot", "expected either this or environment: GitHub environments have no Dependabot secrets");
  }
  return problems;
}

/** Credentials: present somewhere, and never in clear in the file. */
function credentialProblems({ values, secretKeys, env }: ConfigSource): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const key of CREDENTIALS) {
    if (values[key] !== undefined && !secretKeys.has(key)) {
      problems.push({
        path: key,
        message: `is in clear in the file: set it with "pulumi config set --secret ${key}", and replace the credential`,
      });
    }
  }
  if (values["dopplerToken"] === undefined && !env["DOPPLER_TOKEN"]) {
    problems.push({
      path: "dopplerToken",
      message:
        'expected a Doppler token: "pulumi config set --secret dopplerToken", or the environment variable DOPPLER_TOKEN',
    });
  }
  if (values["githubActions"] !== undefined) {
    if (values["githubToken"] !== undefined && githubApp(env)) {
      problems.push({
        path: "githubToken",
        message:
          "GITHUB_APP_ID, GITHUB_APP_INSTALLATION_ID and GITHUB_APP_PEM_FILE are set in the environment and would win over this token: unset them",
      });
    }
    if (values["githubToken"] === undefined && !env["GITHUB_TOKEN"] && !githubApp(env)) {
      problems.push({
        path: "githubToken",
        message:
          'expected a GitHub token: "pulumi config set --secret githubToken", or the environment variable GITHUB_TOKEN',
      });
    }
  }
  return problems;
}

function githubApp(env: ConfigSource["env"]): boolean {
  return Boolean(env["GITHUB_APP_ID"] && env["GITHUB_APP_INSTALLATION_ID"] && env["GITHUB_APP_PEM_FILE"]);
}

/** Plain configuration asked for as a secret, and credentials in clear elsewhere than under {@link CREDENTIALS}. */
function misplacedProblems({ stack, values, foreign, secretKeys, siblings }: ConfigSource): ConfigProblem[] {
  const others = Object.entries({ ...values, ...foreign }).filter(([key]) => !CREDENTIALS.some((c) => c === key));
  return classificationProblems({ stack, values: Object.fromEntries(others), secretKeys, siblings }).map(
    ({ path, message }) => ({ path: pathText(path), message }),
  );
}

/** Settings of a provider we always configure ourselves: they would be ignored in silence. */
function foreignProblems(keys: readonly string[]): ConfigProblem[] {
  return keys.flatMap((key) => {
    const section = OTHER_PROVIDERS[key.split(":")[0] ?? ""];
    return section === undefined
      ? []
      : [
          {
            path: key,
            message: `has no effect, since the providers are explicit: use ${section} in this project's own settings`,
          },
        ];
  });
}

/**
 * The settings of a stack from their source.
 *
 * @throws StackConfigError naming every problem, before anything is created
 */
export function parseStackConfig(source: ConfigSource): StackConfig {
  const { stack, values, env } = source;
  const parsed = model.safeParse(values, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `is not a setting; expected one of ${issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape).join(", ") : "those documented"}`
        : explain(issue),
  });
  const problems = [
    ...(parsed.success ? [] : shapeProblems(parsed.error)),
    ...crossProblems(source),
    ...credentialProblems(source),
    ...foreignProblems(source.foreignKeys),
    ...misplacedProblems(source),
    ...siblingProblems(stack, values, source.siblings),
  ];
  if (!parsed.success || problems.length > 0) throw new StackConfigError(stack, problems);

  const { doppler, kubernetes, githubActions, ...rest } = parsed.data;
  const withInterval = (secret: SecretSettings) => ({
    ...secret,
    refreshInterval: secret.refreshInterval ?? rest.refreshInterval,
  });
  const apps: AppConfig[] = rest.apps.map(withInterval);
  const otherSecrets = [
    ...(rest.argocd === undefined ? [] : argocdSecrets(rest.argocd)).map(({ secret }) => secret),
    ...rest.pullSecrets.map(pullSecret),
  ].map(withInterval);
  const secret = (value: string | undefined) => (value ? pulumi.secret(value) : undefined);
  const { ownedBy: operatorOwner, ...operator } = rest.operator;
  const users = usersOf(stack, values, source.siblings);
  return {
    name: stack,
    doppler: {
      // The provider joins host and path as they are.
      host: doppler.host ?? env["DOPPLER_API_HOST"]?.replace(/\/+$/, "") ?? "https://api.doppler.com",
      token: pulumi.secret(rest.dopplerToken ?? env["DOPPLER_TOKEN"] ?? ""),
      storedToken: secret(rest.dopplerToken),
      project: {
        name: doppler.project.name,
        description: doppler.project.description,
        owned: doppler.project.ownedBy === undefined || doppler.project.ownedBy === stack,
        shared: doppler.project.ownedBy === stack || users.project.length > 0,
        ownedBy: doppler.project.ownedBy ?? stack,
      },
      environment: { slug: doppler.environment.slug, name: doppler.environment.name ?? doppler.environment.slug },
      config: doppler.config ?? doppler.environment.slug,
      branchConfig: doppler.config === doppler.environment.slug ? undefined : doppler.config,
      serviceToken: doppler.serviceToken,
    },
    // Without it, the provider finds a kubeconfig as kubectl does.
    kubernetes: { kubeconfig: secret(rest.kubeconfig), ...kubernetes },
    operator: {
      ...operator,
      values: source.secretKeys.has("operator") ? sealedValues(operator.values, source) : operator.values,
      owned: operatorOwner === undefined || operatorOwner === stack,
      shared: operatorOwner === stack || users.cluster.length > 0,
      ownedBy: operatorOwner ?? stack,
    },
    store: rest.store,
    apps,
    otherSecrets,
    githubActions: githubActions && {
      owner: githubActions.owner ?? env["GITHUB_OWNER"],
      baseUrl: githubActions.baseUrl ?? env["GITHUB_BASE_URL"],
      storedToken: secret(rest.githubToken),
      repositories: githubActions.organization === undefined ? (githubActions.repositories ?? []) : [],
      organization: githubActions.organization && {
        owner: ownerOf(githubActions.owner, env) ?? "",
        ...(githubActions.organization.visibility === "selected"
          ? { visibility: "selected", repositories: githubActions.repositories ?? [] }
          : { visibility: githubActions.organization.visibility }),
      },
      dependabot: githubActions.dependabot,
      environment: githubActions.environment,
      createEnvironment: githubActions.createEnvironment,
      secrets: [githubActions.username, githubActions.token],
    },
    protect: rest.protect,
    adopt: rest.adopt,
    clusterUsers: users.cluster,
    namespaces: [
      ...new Set([...apps, ...otherSecrets].flatMap((a) => [a, ...a.alsoAs].map(({ namespace }) => namespace))),
    ].sort(),
  };
}

/** The chart's values, those that are encrypted in the stack's file as secrets: they go into the state. */
function sealedValues(values: Model["operator"]["values"], { stack, siblings }: ConfigSource): Record<string, unknown> {
  const file = z.object({ values: z.unknown() }).safeParse(siblings.get(stack)?.["operator"]);
  return sealed(values, file.data?.values) as Record<string, unknown>;
}

/** What `pulumi` handed to this run. */
export function configSource(): ConfigSource {
  const prefix = `${pulumi.getProject()}:`;
  const all = pulumi.runtime.allConfig();
  const own = Object.keys(all).filter((key) => key.startsWith(prefix));
  const config = new pulumi.Config();
  const scalar = new Set<string>([...CREDENTIALS, "refreshInterval"]);
  const values: Record<string, unknown> = {};
  for (const key of own.map((k) => k.slice(prefix.length))) {
    values[key] = scalar.has(key) ? config.get(key) : structured(config.get(key));
  }
  // The language runtime's own protocol: a JSON list of the full names of the secret keys.
  const secrets = z.array(z.string()).parse(JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]"));
  const foreignKeys = Object.keys(all).filter((key) => !key.startsWith(prefix));
  const foreign = foreignKeys.filter((key) => !secrets.includes(key)).map((key) => [key, all[key] ?? ""] as const);
  return {
    stack: pulumi.getStack(),
    values,
    secretKeys: new Set(secrets.filter((k) => k.startsWith(prefix)).map((k) => k.slice(prefix.length))),
    foreignKeys,
    foreign: Object.fromEntries(foreign),
    env: process.env,
    siblings: siblingStacks(),
  };
}

/** Pulumi hands maps, lists and booleans over as JSON, and plain texts as they are. */
function structured(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The settings of the stack that is being run. */
export function loadStackConfig(): StackConfig {
  return parseStackConfig(configSource());
}
