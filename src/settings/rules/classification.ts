import { BY_NAME, credentialIn, credentialsIn, PEM_PRIVATE_KEY } from "../../../lib/credentials";
import { parseTemplate } from "../../../lib/template";
import { partInClear } from "../encrypted";
import { schemasAt } from "../lenient";
import { type TextRole, textRoles } from "../names";
import { type ConfigProblem, type Path, problem } from "../problems";
import type { Reading } from "../reading";
import { settingsSchema } from "../schema";
import { type ConfigSource, CREDENTIALS } from "../source";
import { isMap } from "../values";
import { CERT_MANAGER, isTlsName, tlsProblem } from "./tls";

// What belongs into Doppler and what into plain YAML. A value that would be harmful if it were public belongs into
// Doppler; a value that could stand in a README belongs into plain YAML. A stack's settings are held to both.

/** Names of plain configuration, each with the reason why it is no secret. */
export const PLAIN_NAMES: Readonly<Record<string, string>> = {
  PROMETHEUS_URL: "internal cluster DNS, not sensitive",
  PORT: "an application's port number",
  NODE_ENV: "an environment's identifier",
  ALLOWED_ORIGINS: "CORS origins, publicly visible in responses",
};

/** What a stack says about names. */
export interface NameRules {
  /** Names of plain configuration beside {@link PLAIN_NAMES}. */
  plainValues: readonly string[];
  /** Names that are secrets in this stack although they look otherwise. */
  secretNames: readonly string[];
}

/**
 * Why this name is not to be asked for as a secret; `undefined` if it may be.
 *
 * @param instead where a plain value is written
 */
export function plainName(name: string, rules: NameRules, instead = "the app's manifests"): string | undefined {
  if (rules.secretNames.includes(name)) return undefined;
  const reason = Object.hasOwn(PLAIN_NAMES, name) ? PLAIN_NAMES[name] : undefined;
  if (reason !== undefined) {
    return `is plain configuration (${reason}): write it into ${instead}, or name it in secretNames if it is a secret here`;
  }
  return rules.plainValues.includes(name)
    ? `is plain configuration (plainValues names it): write it into ${instead}`
    : undefined;
}

/** What is asked for as a secret and is none, and what is in clear and is one. */
export function classificationProblems(reading: Reading, source: ConfigSource): ConfigProblem[] {
  return [...nameProblems(reading), ...clearProblems(source)];
}

function nameProblems({ settings, requests }: Reading): ConfigProblem[] {
  const { plainValues, secretNames } = settings;
  const rules = {
    plainValues: (plainValues ?? []).filter((name) => name !== undefined),
    secretNames: (secretNames ?? []).filter((name) => name !== undefined),
  };
  const problems = (secretNames ?? []).flatMap((name, index) => {
    if (name === undefined) return [];
    const path = ["secretNames", index];
    if (rules.plainValues.includes(name)) return [problem(path, "is in plainValues too; name it in one of the two")];
    if (Object.hasOwn(PLAIN_NAMES, name) || isTlsName(name)) return [];
    return [problem(path, "has no effect, since nothing refuses this name")];
  });
  for (const { path, type, key, dopplerNames, template } of requests.secrets.flatMap(({ contents }) => contents)) {
    const found = dopplerNames.map((name) => plainName(name, rules)).find((message) => message !== undefined);
    // A private key in clear is another problem, with a message of its own.
    const texts = template === undefined || PEM_PRIVATE_KEY.test(template) ? [] : [template];
    const message =
      found ??
      (key === undefined ? undefined : plainName(key, rules)) ??
      tlsProblem({ type, keys: key === undefined ? [] : [key], dopplerNames, texts }, rules.secretNames);
    if (message !== undefined) problems.push(problem(path, message));
  }
  for (const { path, dopplerNames } of requests.ci?.contents ?? []) {
    const message = dopplerNames
      .map((name) => plainName(name.toUpperCase(), rules, "the workflow"))
      .find((found) => found !== undefined);
    if (message !== undefined) problems.push(problem(path, message));
  }
  return problems;
}

/** What the setting at a path is for, as its schema says. */
function roleOf(path: Path): TextRole | undefined {
  return schemasAt(settingsSchema, path)
    .map((schema) => textRoles.get(schema)?.role)
    .find((role) => role !== undefined);
}

function clearProblems({ stack, values, foreign, secretKeys, siblings }: ConfigSource): ConfigProblem[] {
  // What is wrong with credentials' own settings is said by the rules of access.ts.
  const judged = Object.entries({ ...values, ...foreign }).filter(([key]) => !CREDENTIALS.some((c) => c === key));
  return judged.flatMap(([key, value]) => {
    const clear = secretKeys.has(key) ? partInClear(siblings.get(stack)?.[key]) : value;
    return [
      ...credentialsIn({ [key]: withoutTemplates(clear, [key]) })
        // Settings that hold names are often called after what is under that name: `keys.password`. Whatever else looks
        // like a credential there is found all the same.
        .filter(({ path, kind }) => !(kind === BY_NAME && roleOf(path) === "name"))
        .map(({ path, kind }) =>
          inClear(path, kind, 'type it into Doppler, or store it with "pulumi config set --secret --path"'),
        ),
      // Encrypted or not: a template is sent to the cluster in clear.
      ...templatesIn(value, [key]).flatMap(({ path, text }) => {
        const kind = credentialInTemplate(text, String(path.at(-1)));
        return kind === undefined ? [] : [inClear(path, kind, "type it into Doppler, and write its name here")];
      }),
    ];
  });
}

function inClear(path: Path, kind: string, instead: string): ConfigProblem {
  const certificate = kind === "a private key" ? `. A certificate's ${CERT_MANAGER}` : "";
  return problem(
    path,
    `is, or looks like, ${kind} in clear: ${instead}; replace it, since it has been in a file${certificate}`,
  );
}

/** A credential around the actions of a template, whose values come from Doppler, or in quotes within them. */
function credentialInTemplate(template: string, key: string): string | undefined {
  const { text, quoted, defaults } = parseTemplate(template);
  return [
    credentialIn(text, key),
    ...quoted.map((literal) => credentialIn(literal)),
    ...defaults.map((literal) => credentialIn(literal, key)),
  ].find((kind) => kind !== undefined);
}

/** The templates among settings. */
function templatesIn(value: unknown, path: Path): { path: Path; text: string }[] {
  if (typeof value === "string") return roleOf(path) === "template" ? [{ path, text: value }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => templatesIn(item, [...path, index]));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => templatesIn(item, [...path, key]));
}

/** The same settings with nothing in place of each template. */
function withoutTemplates(value: unknown, path: Path): unknown {
  if (typeof value === "string") return roleOf(path) === "template" ? "" : value;
  if (Array.isArray(value)) return value.map((item, index) => withoutTemplates(item, [...path, index]));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutTemplates(item, [...path, key])]));
}
