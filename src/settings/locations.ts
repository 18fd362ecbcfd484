import { z } from "zod";
import { credentialIn } from "../../lib/credentials";
import { textRoles } from "./names";

// Where things are: URLs, registries, charts. Such a text gets into the state or into an object in the cluster in clear,
// so a credential in it is refused, whether or not it is encrypted in the stack's file.

/** A user and a password, or only a user, before the host: `https://user:password@host`, `user:password@host`. */
const USER_AND_PASSWORD = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^\s/?#@]*:[^\s/?#]*@/i;
const USER = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*@/i;

/** Whether a text that says where something is also says with which password or token. */
export function holdsCredential(location: string): boolean {
  return USER_AND_PASSWORD.test(location) || credentialIn(location) !== undefined;
}

const refused = (instead: string) =>
  `holds a credential, which would be stored in clear: take it out, and replace the credential. ${instead}`;

const location = (pattern: RegExp, max: number, expected: string, instead: string) =>
  z
    .string()
    .refine((text) => text.length <= max && pattern.test(text), { error: `expected ${expected}`, abort: true })
    .refine((text) => !holdsCredential(text), { error: refused(instead) })
    .register(textRoles, { role: "location" });

/** A URL of an API or of a repository. Slashes at its end are cut, since paths are appended to it. */
const url = (instead: string) =>
  z
    .url({ protocol: /^https?$/, error: "expected a URL, http:// or https://", abort: true })
    .refine((text) => !USER.test(text) && !holdsCredential(text), { error: refused(instead) })
    .transform((text) => text.replace(/\/+$/, ""))
    .register(textRoles, { role: "location" });

export const dopplerUrl = url('Set the token with "pulumi config set --secret dopplerToken".');
export const githubUrl = url('Set the token with "pulumi config set --secret githubToken".');
export const chartRepositoryUrl = url("Use operator.repositoryUsername and operator.repositoryPassword.");
export const chart = location(
  /^(?!~|file:).+$/,
  2000,
  'a chart\'s name, a path or an oci:// reference; "~" and file:// are not resolved',
  'For a repository, use operator.repository with a user and a password of its own; for a registry, "helm registry login".',
);
export const argocdUrl = location(
  /^[^\s{}]+$/,
  2000,
  "the URL as Argo CD's applications have it",
  "Type it into Doppler, and name it in keys: Argo CD's fields username and password.",
);
export const registry = location(
  /^[^\s"{}\\]+$/,
  500,
  "a registry as images are named by it, or Docker Hub's URL",
  "Type it into Doppler, and name it in username and token.",
);
