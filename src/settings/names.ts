import { z } from "zod";
import { canonicalDuration, DURATION_FORM } from "../../lib/duration";
import { NAME_PATTERN } from "../../lib/namePattern";
import { type Plan, PLANS } from "../../lib/readsNotice";
import { JSON_PROPERTY } from "../../lib/wholeTemplates";

// The texts that settings are made of, and how Kubernetes, Doppler and GitHub spell their names. No message repeats the
// text that it refuses: a text in the wrong place may be a credential.

/** What a text is for, where that changes how it is judged. */
export type TextRole =
  /** A name whose characters and length are checked here. */
  | "name"
  /** A template over Doppler names, which the operator renders. */
  | "template"
  /** Where something is. The schema itself refuses credentials in it. */
  | "location"
  /** A credential, which has to be encrypted in the stack's file. */
  | "credential";

/** The role of each schema of a text that has one. */
export const textRoles = z.registry<{ role: TextRole }>();

/** What Pulumi makes of an unquoted date in a stack's file: `2025-11-25 00:00:00 +0000 UTC`. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)? [+-]\d{4} \S+$/;
const QUOTE_DATE = "is a date without quotes, which Pulumi reads as a point in time: quote it";

/** The message for a text that is refused: a date without quotes has a reason of its own. */
const refusal = (expected: string) => (issue: { input?: unknown }) =>
  typeof issue.input === "string" && TIMESTAMP.test(issue.input) ? QUOTE_DATE : `expected ${expected}`;

const spelled = (pattern: RegExp, max: number, expected: string) =>
  z.string().refine((text) => text.length <= max && pattern.test(text), { error: refusal(expected) });

const name = (pattern: RegExp, max: number, expected: string) =>
  spelled(pattern, max, expected).register(textRoles, { role: "name" });

const dnsLabel = (what: string, max = 63) =>
  name(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    max,
    `${what}: lower-case letters, digits and "-", at most ${max}, first and last alphanumeric`,
  );
const dnsSubdomain = (what: string) =>
  name(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    253,
    `${what}: lower-case letters, digits, "-" and ".", at most 253, first and last alphanumeric`,
  );
const dopplerSlug = (what: string, max: number) =>
  name(/^[a-z0-9][-_a-z0-9]*$/, max, `${what}: lower-case letters, digits, "-" and "_", at most ${max}`);

// The stack's own.
export const appName = dnsSubdomain("an app name");
const SOURCE = 'lower-case letters, digits and "-", at most 63, the first a letter, the last alphanumeric';
/** The name of a source beside the main one. Templates call its values by it, so it begins with a letter. */
export const sourceName = name(
  /^(?!doppler$)[a-z]([-a-z0-9]*[a-z0-9])?$/,
  63,
  `a name for the source: ${SOURCE}; "doppler" is the main source`,
);
/** The name of any source. */
export const anySource = name(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, 63, `the name of a source: ${SOURCE}`);
export const argocdRepositoryName = dnsLabel("a name for the repository");

// Kubernetes and Helm.
export const clusterId = name(
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  36,
  "a cluster's id, the UID of its kube-system namespace: kubectl get namespace kube-system -o jsonpath={.metadata.uid}",
)
  // Kubernetes writes its UIDs in lower case.
  .transform((uid) => uid.toLowerCase())
  .register(textRoles, { role: "name" });
export const namespaceName = dnsLabel("a Kubernetes namespace name");
export const kubernetesSecretName = dnsSubdomain("a Kubernetes Secret name");
export const externalSecretName = dnsSubdomain("an ExternalSecret name");
export const storeName = dnsSubdomain("a ClusterSecretStore name");
export const serviceAccountName = dnsSubdomain("a ServiceAccount name");
export const releaseName = dnsLabel("a Helm release name", 53);
export const secretKey = name(
  /^(?!\.\.?$)[-._a-zA-Z0-9]+$/,
  253,
  'a key of a Kubernetes Secret: letters, digits, "-", "_" and ".", at most 253',
);
export const secretType = name(
  /^[-._a-zA-Z0-9]+(?:\/[-._a-zA-Z0-9]+)?$/,
  253,
  "a Secret's type, such as kubernetes.io/basic-auth",
);
export const metadataKey = name(
  /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?$/,
  317,
  "a key such as app.kubernetes.io/part-of",
);
/** Any text may stand in a label, so it has no role. */
export const labelValue = spelled(
  /^(?:[A-Za-z0-9](?:[-._A-Za-z0-9]*[A-Za-z0-9])?)?$/,
  63,
  'a label\'s value: letters, digits, "-", "_" and ".", at most 63, first and last alphanumeric',
);

// Doppler.
export const dopplerProjectName = dopplerSlug("a Doppler project name", 100);
export const dopplerEnvironmentSlug = dopplerSlug("a Doppler environment slug", 60);
export const dopplerConfigName = dopplerSlug("a Doppler config name", 60);
export const dopplerSecretName = name(
  /^[A-Z_][A-Z0-9_]*$/,
  200,
  'a Doppler secret name: upper-case letters, digits and "_", at most 200, not starting with a digit',
);
/** All names of a config, or all that begin so. */
export const dopplerNamePattern = name(
  NAME_PATTERN,
  200,
  'a list of Doppler secret names, "*" for all of the config, or how names begin and "*", such as "STRIPE_*"',
);
export const jsonProperty = name(
  JSON_PROPERTY,
  1000,
  'the way to a part of a JSON object, such as "db.password": names of letters, digits, "-" and "_", with dots between them',
);

// GitHub.
export const githubSecretName = name(
  /^(?!github_)[a-z_][a-z0-9_]*$/i,
  255,
  'a GitHub secret name: letters, digits and "_", not starting with a digit or GITHUB_',
);
export const githubOwner = name(
  /^[a-z0-9](-?[a-z0-9])*$/i,
  39,
  'a GitHub user or organisation: letters, digits and single "-", at most 39',
);
export const githubRepository = name(
  /^(?!\.\.?$)[-._a-z0-9]+$/i,
  100,
  'a GitHub repository name without its owner: letters, digits, "-", "_" and ".", at most 100',
);

// Other texts. Any of them may hold a credential by mistake.
export const text = z
  .string()
  .refine((value) => value !== "" && !TIMESTAMP.test(value), { error: refusal("a text that is not empty") });
export const credential = z
  .string()
  .min(1, { error: "expected a text that is not empty" })
  .register(textRoles, { role: "credential" });
export const template = z
  .string()
  .min(1, { error: "expected a text that is not empty" })
  .register(textRoles, { role: "template" });
export const annotationValue = z.string().refine((value) => !value.includes("{{"), { error: "expected no template" });

/** Doppler's plans. */
export const dopplerPlan = z.enum(Object.keys(PLANS) as [Plan, ...Plan[]], {
  error: "expected developer, team or enterprise",
});

/** How the operator fetches values. */
export const fetchForm = z.enum(["perApp", "perKey", "mirror"], { error: "expected perApp, perKey or mirror" });
export const FETCH_FORMS = fetchForm.options;

/** A duration, in the form in which the operator writes it. */
export const duration = z.string().transform((value, context) => {
  try {
    return canonicalDuration(value);
  } catch {
    context.addIssue({ code: "custom", message: `expected ${DURATION_FORM}` });
    return z.NEVER;
  }
});
