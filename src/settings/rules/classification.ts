import { BY_NAME, credentialIn, credentialsIn, PEM_PRIVATE_KEY } from "../../../lib/credentials";
import type { LeftOut } from "../../../lib/namePattern";
import { parseTemplate, type Sources } from "../../../lib/template";
import { partInClear } from "../encrypted";
import { type ConfigProblem, type Path, problem } from "../problems";
import type { Reading } from "../reading";
import { roleOf, textsOf, withoutTexts } from "../roles";
import type { ConfigSource } from "../source";
import type { SecretRequest } from "../secretRequest";
import { CERT_MANAGER, isTlsName, isTlsSecret, TLS_SOURCE, tlsProblem } from "./tls";

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

/**
 * The same rules for names that only the operator sees: those that a pattern or a JSON object brings. They are left out of
 * the Secret.
 */
export function leftOut({ pattern, spread = [] }: Pick<Sources, "pattern" | "spread">, rules: NameRules): LeftOut {
  if (pattern === undefined && spread.length === 0) return {};
  const plain = [...new Set([...Object.keys(PLAIN_NAMES), ...rules.plainValues])].sort();
  const leaveOut = [...plain, TLS_SOURCE].join("|");
  const refused = new RegExp(`^(?:${leaveOut})$`);
  return { leaveOut, keep: rules.secretNames.filter((name) => refused.test(name) || spread.includes(name)).sort() };
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
  const tlsNames = new Set(requests.secrets.flatMap(tlsNamesOf));
  const spread = new Set(requests.secrets.flatMap(({ rest }) => rest.spread ?? []));
  const problems = (secretNames ?? []).flatMap((name, index) => {
    if (name === undefined) return [];
    const path = ["secretNames", index];
    if (rules.plainValues.includes(name)) return [problem(path, "is in plainValues too; name it in one of the two")];
    if (Object.hasOwn(PLAIN_NAMES, name) || isTlsName(name) || tlsNames.has(name) || spread.has(name)) return [];
    return [problem(path, "has no effect, since nothing refuses this name")];
  });
  for (const { contents } of requests.secrets) {
    for (const { path, type, key, dopplerNames, template } of contents) {
      const found = dopplerNames.map((name) => plainName(name, rules)).find((message) => message !== undefined);
      // A private key in clear is another problem, with a message of its own.
      const texts = template === undefined || PEM_PRIVATE_KEY.test(template) ? [] : [template];
      // A Secret's type speaks of all of it.
      const names = type === undefined ? dopplerNames : contents.flatMap((part) => part.dopplerNames);
      const message =
        found ??
        (key === undefined ? undefined : plainName(key, rules)) ??
        tlsProblem({ type, keys: key === undefined ? [] : [key], dopplerNames: names, texts }, rules.secretNames);
      if (message !== undefined) problems.push(problem(path, message));
    }
  }
  for (const { path, dopplerNames } of requests.ci?.contents ?? []) {
    const message = dopplerNames
      .map((name) => plainName(name.toUpperCase(), rules, "the workflow"))
      .find((found) => found !== undefined);
    if (message !== undefined) problems.push(problem(path, message));
  }
  return problems;
}

/** The Doppler names of what says by its type or its key that it is a TLS certificate. */
function tlsNamesOf({ contents }: SecretRequest): string[] {
  const parts = contents.some(({ type }) => isTlsSecret({ type }))
    ? contents
    : contents.filter(({ key }) => key !== undefined && isTlsSecret({ keys: [key] }));
  return parts.flatMap(({ dopplerNames }) => dopplerNames);
}

function clearProblems({ stack, values, foreign, secretKeys, siblings }: ConfigSource): ConfigProblem[] {
  return Object.entries({ ...values, ...foreign }).flatMap(([key, value]) => {
    const clear = secretKeys.has(key) ? partInClear(siblings.get(stack)?.[key]) : value;
    // Templates are judged below. Credentials in their own settings are judged by the rules of access.ts, and those in
    // URLs and the like by the schema.
    const others = withoutTexts(["template", "credential", "location"], clear, [key]);
    return [
      ...credentialsIn({ [key]: others })
        // Settings that hold names are often called after what is under that name: `keys.password`. Whatever else looks
        // like a credential there is found all the same.
        .filter(({ path, kind }) => !(kind === BY_NAME && roleOf(path) === "name"))
        .map(({ path, kind }) =>
          inClear(path, kind, 'type it into Doppler, or store it with "pulumi config set --secret --path"'),
        ),
      // Encrypted or not: a template is sent to the cluster in clear.
      ...textsOf("template", value, [key]).flatMap(({ path, text }) => {
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
