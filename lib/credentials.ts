import { createPrivateKey } from "node:crypto";
import { TOKEN_FORMATS } from "./tokenFormats";

// What is a credential. Nothing here gives back any part of a text.
//
// A text is called a credential for one of three reasons, and a reader can check each of them: its maker's format, its
// own grammar (a private key, a URL with a password), or the name that it has been given. A text is never called one for
// looking random. Such a rule was tried on the settings of public charts and clusters: all that it found were disks,
// pictures and checksums.

/** The kind of what only its name tells. */
export const BY_NAME = "a credential, by its name";

/** What a private key begins with, as a text. */
export const PEM_PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d/;

/** The formats, each to be found where no longer word runs into it. */
const FORMATS_IN_TEXT = TOKEN_FORMATS.map(
  ([kind, { source }]) => [kind, new RegExp(`(?<![A-Za-z0-9])(?:${source})`)] as const,
);

/** `scheme://user:password@host`, with the password as the group. Also the form of Go's database drivers. */
const URL_PASSWORD =
  /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/?#:@]{0,200}:([^\s/?]{1,500})@|^[^\s:@/]{1,200}:([^\s@]{1,500})@(?:tcp|unix)\(/gi;

/** `name=value`, as in query strings, connection strings and flags; or `name: value` with a line to itself. */
const ASSIGNMENT =
  /(?<![\w.-])-*([A-Za-z][\w.-]*|[A-Za-z]+ [Kk]ey)=(?:"([^\s"]+)"|'([^\s']+)'|([^\s;&,"']+))|^[ \t-]{0,80}["']?([\w.-]+)["']?:[ \t]+["']?([^\s"']+?)["']?,?[ \t]*$/gm;

const BASIC_AUTH = /\bBasic ([\w+/]{8,}={0,2})/;

const BEARER = /\bBearer ([\w.+/=~-]{16,})/;

/**
 * What kind of credential a text is or holds: "a GitHub token"; `undefined` if it holds none.
 *
 * @param name what the text is called where it stands, such as a setting's own key
 */
export function credentialIn(value: string, name?: string): string | undefined {
  return inText(value, name, 0);
}

function inText(text: string, name: string | undefined, depth: number): string | undefined {
  if (isPlaceholder(text)) return undefined;
  if (PEM_PRIVATE_KEY.test(text)) return "a private key";
  const known = FORMATS_IN_TEXT.find(([, pattern]) => pattern.test(text));
  if (known !== undefined) return known[0];
  if ([...text.matchAll(URL_PASSWORD)].some(([, a, b]) => !isPlaceholder(a ?? b ?? ""))) return "a URL with a password";
  if (isSecretByName(text, name)) return BY_NAME;
  for (const [, flag, double, single, bare, line, item] of text.matchAll(ASSIGNMENT)) {
    const assigned = double ?? single ?? bare ?? item ?? "";
    // In a script: what a variable or a command gives.
    if (!/^[$`]/.test(assigned) && isSecretByName(assigned, flag ?? line)) return BY_NAME;
  }
  const basic = BASIC_AUTH.exec(text)?.[1];
  if (basic !== undefined && decoded(basic)?.includes(":")) return "a user name with a password";
  if (isGenerated(BEARER.exec(text)?.[1] ?? "")) return "a bearer token";
  if (depth >= 2) return undefined;
  const json = parsed(text);
  if (json !== undefined) return search(json, [], undefined, depth + 1)[0]?.kind;
  for (const [run] of text.matchAll(BASE64)) {
    const kind = inBase64(run, depth);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** Base64 in one piece, or all of a text that is nothing else, on however many lines. */
const BASE64 = /^[\w+/-]{16,}(?:\s+[\w+/-]+)*={0,2}\s*$|(?<![\w+/=-])[\w+/-]{16,}={0,2}/g;

/** A map or a list that a text is, as JSON. */
function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What a Base64 hides. */
function inBase64(run: string, depth: number): string | undefined {
  const plain = decoded(run);
  if (plain !== undefined) return inText(plain, undefined, depth + 1);
  // DER of less than 16 KiB and more than 127 bytes begins with these, and a shorter one, an Ed25519 key's, with MC.
  if (!/^M(?:I|C)/.test(run)) return undefined;
  const der = Buffer.from(run, "base64");
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      createPrivateKey({ key: der, format: "der", type });
      return "a private key";
    } catch {
      // Not of this type.
    }
  }
  return undefined;
}

/** The text that a Base64 stands for, if it is one. */
function decoded(base64: string): string | undefined {
  const text = Buffer.from(base64, "base64").toString("utf8");
  return text.length >= 4 && /^[\t\n\r\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Nothing, or a place for a value that something else fills in. */
function isPlaceholder(text: string): boolean {
  const value = text.trim();
  return (
    /^(?:true|false|null|none|nil|undefined|redacted|[*x.]*)$/i.test(value) ||
    /^\$\{.*\}$|^\$\([^)]*\)$|^\$\w+$|^%\w+%$|^<[^>]*>$|^\{\{.*\}\}$|^__\w+__$/s.test(value)
  );
}

/** Not a credential but where one is: a path, a file, an entry of some store, a name as Doppler and shells have them. */
function isReference(text: string): boolean {
  const value = text.trim();
  return (
    isPlaceholder(value) ||
    /^[A-Z][A-Z0-9_]*_[A-Z0-9_]*$|^[A-Z]+$/.test(value) ||
    /^op:\/\/|^(?:vault|env|ref\+\w+|awssm|arn|secret|file|projects|alias)[:/]\S*$|^(?:\.{0,2}|~)\/[\w./-]*$/.test(
      value,
    ) ||
    /^[\w/-]+\.(?:key|pem|crt|cert|p12|jks|json|ya?ml|txt|md)$/i.test(value) ||
    // A key of an entry in a store.
    /^[\w/-]{1,200}:(?:[a-z]{1,20}[-_])?(?:password|passphrase|secret|token|key)$/.test(value)
  );
}

/** `adminPassword`, `admin-password` and `ADMIN_PASSWORD` alike: the words of a name, lower-case. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

const PASSWORD_NAME = /(?:^| )(?:passwords?|passwd|pwd|passphrase)$/;
// The last words tell: tokenPath, passwordKey and existingSecret say where a credential is, and are none.
const SECRET_NAME =
  /(?:^| )(?:(?<!(?:service|account|csrf|max|id|cluster) )tokens?|apikeys?|(?:api|app|access|secret|private|signing|encryption|master|account|shared|auth|license|storage|session|hmac|jwt) keys?|(?:client|shared|jwt|cookie|webhook|app|signing|session|auth|consumer|hmac|oauth) secret)$/;

/**
 * Whether a name says that a value is a credential. Under a password's name any literal is one. Under a token's or a
 * key's name stand switches, modes, key aliases and names of Secrets as well: there the value must not read as words.
 */
function isSecretByName(value: string, name: string | undefined): boolean {
  if (name === undefined || isReference(value)) return false;
  const words = wordsOf(name).join(" ");
  if (words.startsWith("existing ")) return false;
  return PASSWORD_NAME.test(words) || (SECRET_NAME.test(words) && isGenerated(value.trim()));
}

/**
 * Whether a value under a token's name was generated: 16 characters or more, which are hexadecimal digits, or letters and
 * digits that change places after fewer than three of them on average. Words with numbers between them change places
 * less often: `datadog-secret-v2`, `etcd-cluster-k8s`.
 */
function isGenerated(value: string): boolean {
  if (!/^[\w.+/=~-]{16,400}$/.test(value) || !/[A-Za-z]/.test(value) || !/\d/.test(value)) return false;
  // Zeros and the like stand where a real one goes.
  if (new Set(value).size < 8) return false;
  if (/^[0-9a-f-]{32,}$/i.test(value)) return true;
  const runs = value.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g) ?? [];
  const enough = /[-_.]/.test(value) ? 2.5 : 3;
  return runs.join("").length / runs.length < enough;
}

/** A credential among settings: where, and of what kind. */
export interface FoundCredential {
  path: PropertyKey[];
  kind: string;
}

/** Every credential in a tree of settings, keys of maps among them. */
export function credentialsIn(settings: unknown, path: readonly PropertyKey[] = []): FoundCredential[] {
  const last = path.at(-1);
  return search(settings, path, typeof last === "string" ? last : undefined, 0);
}

/** A map that says which keys of a Secret to read: what is in it are their names. */
const HOLDS_NAMES = /^(?:existing )?secret (?:keys|key names|key mapping)$|(?:^| )secret (?:key )?ref$/;

function search(
  value: unknown,
  path: readonly PropertyKey[],
  name: string | undefined,
  depth: number,
): FoundCredential[] {
  if (typeof value === "string" || typeof value === "number") {
    // Numbers are only passwords where they are called so.
    const isText = typeof value === "string" || PASSWORD_NAME.test(wordsOf(name ?? "").join(" "));
    const kind = isText ? inText(String(value), name, depth) : undefined;
    return kind === undefined ? [] : [{ path: [...path], kind }];
  }
  if (Array.isArray(value)) {
    // `--password`, and the next argument is it.
    return value.flatMap((item: unknown, i) => {
      const before: unknown = value[i - 1];
      const flag = typeof before === "string" && /^--?[a-z][\w-]*$/i.test(before) ? before : name;
      return search(item, [...path, i], flag, depth);
    });
  }
  if (typeof value !== "object" || value === null) return [];
  const map = value as Record<string, unknown>;
  const named = map["name"] ?? map["key"];
  const names = HOLDS_NAMES.test(wordsOf(name ?? "").join(" "));
  return Object.entries(map).flatMap(([key, item]) => {
    const inKey = inText(key, undefined, depth);
    const here = [...path, key];
    // An environment variable in a container's list.
    const called = key === "value" && typeof named === "string" ? named : names ? undefined : key;
    const found = map["kind"] === "Secret" && /^(?:data|stringData)$/.test(key) ? literals(item, here) : undefined;
    return [
      ...(inKey === undefined ? [] : [{ path: here, kind: inKey }]),
      ...(found ?? search(item, here, called, depth)),
    ];
  });
}

/** A Secret's values are secrets. */
function literals(data: unknown, path: readonly PropertyKey[]): FoundCredential[] {
  return Object.entries(typeof data === "object" && data !== null ? data : {}).flatMap(([key, value]) =>
    typeof value === "string" && !isReference(value) ? [{ path: [...path, key], kind: "a value of a Secret" }] : [],
  );
}
