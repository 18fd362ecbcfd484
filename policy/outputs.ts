import type { StackValidationPolicy } from "@pulumi/policy";
import { credentialIn } from "../lib/credentials";
import { at, isKnown, isMap, list, texts } from "./properties";

// The one policy that compares texts. What it compares is chosen so that it is never wrong about a name: a rule that
// refuses a stack because CI's user name is also an app's name is switched off, and then finds no token either.

type Resource = Parameters<StackValidationPolicy["validateStack"]>[0]["resources"][number];

/** A shorter one may be a word, and a part of a name by chance. */
const SECRET_LENGTH = 8;

/** Properties that are credentials whatever is in them. None of them is ever a name. */
const TOKENS: Readonly<Record<string, readonly string[]>> = {
  "pulumi:providers:doppler": ["dopplerToken"],
  "pulumi:providers:github": ["token"],
  "pulumi:providers:kubernetes": ["kubeconfig"],
  "kubernetes:core/v1:Secret": ["data", "stringData"],
  "doppler:index/serviceToken:ServiceToken": ["key"],
};

/** Properties by which resources are called, or call others. */
const NAMES = new Set([
  ...["name", "namespace", "namespaces", "secretName", "repository", "environment", "project", "config", "slug"],
]);

/** `bookmarked`, `acme-robot`: a user name, and what else may be called so. A token of DockerHub's is none. */
const READS_AS_NAME = /^[a-z0-9]+(?:[-._][a-z0-9]+)*$/;

/** What no output may repeat. */
interface Held {
  /** Tokens, and values that can't be names. A text that contains one repeats it. */
  anywhere: string[];
  /** Values that read as names. A text repeats one only if it is nothing else, and if no resource is called so. */
  whole: Set<string>;
}

/** The secrets that a stack's resources hold, which a policy gets in clear. */
function heldBy(resources: readonly Resource[]): Held {
  const tokens = new Set<string>();
  const values = new Set<string>();
  for (const { type, props, opts } of resources) {
    const ofToken = TOKENS[type] ?? [];
    for (const property of ofToken) {
      for (const text of textsIn(at(props, property))) {
        // A kubeconfig's path is no secret.
        if (property === "kubeconfig" && !text.includes("\n")) continue;
        tokens.add(text);
        if (property === "data") tokens.add(Buffer.from(text, "base64").toString("utf8"));
      }
    }
    // Values that came from Doppler, such as an Actions secret's.
    for (const property of opts.additionalSecretOutputs) {
      if (!ofToken.includes(property)) textsIn(at(props, property)).forEach((text) => values.add(text));
    }
  }
  const names = new Set(resources.flatMap(namesOf));
  const long = (text: string) => text.length >= SECRET_LENGTH;
  return {
    anywhere: [...tokens, ...[...values].filter((value) => !READS_AS_NAME.test(value))].filter(long),
    whole: new Set([...values].filter((value) => READS_AS_NAME.test(value) && long(value) && !names.has(value))),
  };
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return isMap(value) ? Object.keys(value).flatMap((key) => textsIn(at(value, key))) : [];
}

/** What a resource is called in the program and by its provider, and what it calls others. */
function namesOf({ type, name, props }: Resource): string[] {
  if (type === "pulumi:pulumi:Stack") return [];
  const found = [name];
  const visit = (value: unknown) => {
    if (Array.isArray(value)) return list(value).forEach(visit);
    if (!isMap(value)) return;
    for (const key of Object.keys(value)) {
      const item = at(value, key);
      if (NAMES.has(key)) found.push(...(typeof item === "string" ? [item] : texts(item)));
      visit(item);
    }
  };
  visit(props);
  return found;
}

/**
 * Whoever may read a stack's outputs is not for that reason one who may read its secrets. Three kinds of texts are
 * refused in them:
 *
 * - a token that the stack holds, or a value of Doppler's that can't be a name, anywhere in a text;
 * - a value of Doppler's that reads as a name, where it is the whole text. `bookmarked` is no leak where an app or a
 *   repository is called so, nor within `bookmarked-secrets`: `DOCKERHUB_USERNAME` is a secret at GitHub, and a name;
 * - what is a credential by its format, from wherever it came.
 *
 * Values of fewer than eight characters are not looked for.
 */
export const outputsWithoutValues: StackValidationPolicy = {
  name: "outputs-without-values",
  description: "A stack's outputs are names: no value and no token, not even as a secret.",
  validateStack: ({ resources }, report) => {
    const { anywhere, whole } = heldBy(resources);
    const isHeld = (text: string) => whole.has(text) || anywhere.some((secret) => text.includes(secret));
    const visit = (value: unknown, path: string, urn: string) => {
      if (!isKnown(value)) return;
      if (typeof value === "string") {
        if (isHeld(value)) report(`output ${path} holds a secret of this stack`, urn);
        else if (credentialIn(value) !== undefined) report(`output ${path} looks like a credential`, urn);
      } else if (Array.isArray(value)) {
        list(value).forEach((item, index) => visit(item, `${path}[${index}]`, urn));
      } else if (isMap(value)) {
        for (const key of Object.keys(value)) {
          // A key that is a credential must not be repeated either.
          if (credentialIn(key) !== undefined || isHeld(key))
            report(`a key below ${path} looks like a credential`, urn);
          else visit(at(value, key), path === "" ? key : `${path}.${key}`, urn);
        }
      }
    };
    for (const { type, props, urn } of resources) {
      if (type === "pulumi:pulumi:Stack") visit(props, "", urn);
    }
  },
};
