import * as pulumi from "@pulumi/pulumi";
import { X509Certificate } from "node:crypto";
import { BY_NAME, credentialIn, credentialsIn, PEM_PRIVATE_KEY } from "../../lib/credentials";
import type { Stacks } from "./siblings";
import { parseTemplate } from "../../lib/template";

// What belongs into Doppler and what into plain YAML. Harmful if public: Doppler. Could stand in a README: plain YAML.
// A stack's settings are held to both.

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

const CERT_MANAGER = "belongs to cert-manager, which issues it in the cluster and renews it";

/** The keys of a Secret of type kubernetes.io/tls. */
const TLS_KEY = /^tls\.(?:crt|key)$/;
const TLS_NAME = /^(?:\w+_)?(?:TLS|SSL)_(?:(?:PRIVATE_|CERT_|CERTIFICATE_)?KEY|CERT|CRT|CERTIFICATE)$/;

/** A Secret that is asked for. */
export interface SecretTarget {
  /** Its type. */
  type?: string;
  /** Its keys. */
  keys?: readonly string[];
  /** The Doppler names that its values come from. */
  dopplerNames?: readonly string[];
  /** Literal texts in it, such as a template's. */
  texts?: readonly string[];
}

/** Why a Secret is not this program's, where it holds a TLS certificate or the private key of one. */
export function tlsProblem(target: SecretTarget, rules: Pick<NameRules, "secretNames">): string | undefined {
  const names = target.dopplerNames ?? [];
  if (target.type === "kubernetes.io/tls") return `a Secret of type kubernetes.io/tls ${CERT_MANAGER}`;
  if (target.keys?.some((key) => TLS_KEY.test(key))) return `a TLS certificate, or its private key, ${CERT_MANAGER}`;
  if (names.some((name) => TLS_NAME.test(name) && !rules.secretNames.includes(name))) {
    return `a TLS certificate, or its private key, ${CERT_MANAGER}; name it in secretNames if it comes from elsewhere`;
  }
  if (target.texts?.some((text) => PEM_PRIVATE_KEY.test(text))) return `a certificate's private key ${CERT_MANAGER}`;
  return target.texts?.some(holdsServerCertificate) ? `a TLS certificate ${CERT_MANAGER}` : undefined;
}

/** One that a server shows; an authority's is another matter: public, long-lived, and often configuration. */
function holdsServerCertificate(text: string): boolean {
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).some((pem) => {
    try {
      const certificate = new X509Certificate(pem);
      return !certificate.ca && certificate.issuer !== certificate.subject;
    } catch {
      return true;
    }
  });
}

/** What of a stack's settings is judged. */
export interface Classified {
  stack: string;
  values: Readonly<Record<string, unknown>>;
  /** Which of them are, or hold, Pulumi secrets. */
  secretKeys: ReadonlySet<string>;
  /** The stacks' files, which tell what in a value is secret; this stack's among them or not. */
  siblings: Stacks;
}

/** A problem and the path to it; a step of the path may be what must not be shown. */
export interface ClassificationProblem {
  path: readonly PropertyKey[];
  message: string;
}

/** What is asked for as a secret and is none, and what is in clear and is one. */
export function classificationProblems(settings: Classified): ClassificationProblem[] {
  const places = asked(settings.values);
  return [...nameProblems(settings.values, places), ...clearProblems(settings, places)];
}

function nameProblems(values: Classified["values"], places: readonly Asked[]): ClassificationProblem[] {
  const rules = { plainValues: texts(values["plainValues"]), secretNames: texts(values["secretNames"]) };
  const problems: ClassificationProblem[] = [];
  rules.secretNames.forEach((name, index) => {
    const path = ["secretNames", index];
    if (rules.plainValues.includes(name)) {
      problems.push({ path, message: "expected either here or in plainValues" });
    } else if (!Object.hasOwn(PLAIN_NAMES, name) && !TLS_NAME.test(name)) {
      problems.push({ path, message: "has no effect, since nothing refuses this name" });
    }
  });
  for (const { path, type, key, dopplerNames, text } of places) {
    const found = dopplerNames.map((name) => plainName(name, rules)).find((message) => message !== undefined);
    // What is in clear is another problem, and has its own words.
    const texts = text === undefined || PEM_PRIVATE_KEY.test(text) ? [] : [text];
    const message =
      found ??
      (key === undefined ? undefined : plainName(key, rules)) ??
      tlsProblem({ type, keys: key === undefined ? [] : [key], dopplerNames, texts }, rules);
    if (message !== undefined) problems.push({ path, message });
  }
  const ci = values["githubActions"];
  for (const which of ["username", "token"]) {
    const secret = isMap(ci) ? ci[which] : undefined;
    if (!isMap(secret)) continue;
    for (const setting of ["dopplerName", "secretName"]) {
      const name = secret[setting];
      const message = typeof name === "string" ? plainName(name.toUpperCase(), rules, "the workflow") : undefined;
      if (message !== undefined) problems.push({ path: ["githubActions", which, setting], message });
    }
  }
  return problems;
}

/** A part of a Secret that is asked for: its type, or one of its keys and what it is made of. */
interface Asked {
  path: PropertyKey[];
  type?: string;
  key?: string;
  dopplerNames: string[];
  /** The template. */
  text?: string;
}

/** Everything that is asked for as a secret for the cluster, whatever else is wrong with it. */
function asked(values: Classified["values"]): Asked[] {
  const found: Asked[] = [];
  const secret = (path: PropertyKey[], settings: unknown) => {
    if (!isMap(settings)) return;
    const { type, keys, values: templates } = settings;
    if (typeof type === "string") found.push({ path: [...path, "type"], type, dopplerNames: [] });
    const entries: [PropertyKey, unknown][] = Array.isArray(keys)
      ? keys.map((name: unknown, i) => [i, name])
      : Object.entries(isMap(keys) ? keys : {});
    for (const [at, name] of entries) {
      if (typeof name !== "string") continue;
      found.push({
        path: [...path, "keys", at],
        key: typeof at === "string" ? at : name,
        dopplerNames: [name],
      });
    }
    for (const [key, text] of Object.entries(isMap(templates) ? templates : {})) {
      if (typeof text !== "string") continue;
      found.push({ path: [...path, "values", key], key, dopplerNames: parseTemplate(text).names, text });
    }
  };
  /** Settings that are Doppler names. */
  const names = (path: PropertyKey[], settings: unknown, ...keys: string[]) => {
    for (const key of keys) {
      const name = isMap(settings) ? settings[key] : undefined;
      if (typeof name === "string") found.push({ path: [...path, key], dopplerNames: [name] });
    }
  };
  const argocd = isMap(values["argocd"]) ? values["argocd"] : {};
  list(values["apps"]).forEach((app, index) => secret(["apps", index], app));
  names(["argocd", "admin"], argocd["admin"], "passwordHash", "passwordMtime");
  for (const kind of ["repositories", "repositoryCredentials"]) {
    list(argocd[kind]).forEach((repository, index) => {
      const { keys, values: templates } = isMap(repository) ? repository : {};
      secret(["argocd", kind, index], { keys, values: templates });
    });
  }
  list(values["pullSecrets"]).forEach((pull, index) => names(["pullSecrets", index], pull, "username", "token"));
  return found;
}

function clearProblems(
  { stack, values, secretKeys, siblings }: Classified,
  places: readonly Asked[],
): ClassificationProblem[] {
  const byPath = new Map(places.map((place) => [place.path.join(), place]));
  const at = (path: readonly PropertyKey[]) => byPath.get(path.join());
  const found = Object.entries(values).flatMap(([key, value]) => {
    const clear = secretKeys.has(key) ? inClear(siblings.get(stack)?.[key]) : value;
    // Templates are judged below.
    const others = replaced(clear, [key], (path, text) => (at(path)?.text === undefined ? text : ""));
    return (
      credentialsIn({ [key]: others })
        // Keys are called after what they hold, and hold names; credentials in their place are found all the same.
        .filter(({ path, kind }) => !(kind === BY_NAME && at(path) !== undefined))
        .map((problem) => ({ ...problem, instead: 'store it with "pulumi config set --secret --path"' }))
    );
  });
  // Encrypted or not: a template is sent to the cluster in clear.
  const inTemplates = places.flatMap(({ path, key, text }) => {
    const kind = text === undefined ? undefined : credentialInTemplate(text, key);
    return kind === undefined ? [] : [{ path, kind, instead: undefined }];
  });
  return [...found, ...inTemplates].map(({ path, kind, instead }) => ({
    path,
    message: `is, or looks like, ${kind} in clear: type it into Doppler, ${
      instead === undefined ? "and write its name here" : `or ${instead}`
    }; replace it, since it has been in a file${kind === "a private key" ? `. A certificate's ${CERT_MANAGER}` : ""}`,
  }));
}

/** A credential around the actions of a template, whose values come from Doppler, or in quotes within them. */
function credentialInTemplate(template: string, key: string | undefined): string | undefined {
  const { text, quoted, defaults } = parseTemplate(template);
  return [
    credentialIn(text, key),
    ...quoted.map((literal) => credentialIn(literal)),
    ...defaults.map((literal) => credentialIn(literal, key)),
  ].find((kind) => kind !== undefined);
}

/** The same settings with other texts. */
function replaced(
  value: unknown,
  path: readonly PropertyKey[],
  text: (path: readonly PropertyKey[], text: string) => string,
): unknown {
  if (typeof value === "string") return text(path, value);
  if (Array.isArray(value)) return value.map((item, index) => replaced(item, [...path, index], text));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaced(item, [...path, key], text)]));
}

/** A value as the stack's file has it, without what is encrypted there. */
function inClear(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inClear);
  if (!isMap(value)) return value;
  if (isEncrypted(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inClear(item)]));
}

/**
 * A value whose encrypted parts are Pulumi secrets again; all of it where the stack's file does not tell which. Maps stay
 * maps, so that they can be merged.
 */
export function sealed(value: unknown, inFile: unknown): unknown {
  const hidden = inFile === undefined || isEncrypted(inFile);
  if (isMap(value)) {
    const below = (key: string) => (hidden ? inFile : isMap(inFile) ? inFile[key] : undefined);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sealed(item, below(key))]));
  }
  if (Array.isArray(value) && Array.isArray(inFile)) return value.map((item, i) => sealed(item, inFile[i]));
  return hidden ? pulumi.secret(value) : value;
}

function isEncrypted(inFile: unknown): boolean {
  return isMap(inFile) && typeof inFile["secure"] === "string" && Object.keys(inFile).length === 1;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
