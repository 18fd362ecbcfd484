import { createPrivateKey, X509Certificate } from "node:crypto";

// What is a credential, or looks like one. Nothing here gives back any part of a text.
//
// The makers' prefixes are a table of our own. secretlint's rules, the well-kept library for them, are ES modules for
// Node 22 and newer behind an asynchronous engine; they know neither Doppler's tokens nor Pulumi's, and nothing of a
// password without a prefix, so that the rest of this file would be needed all the same.

/** The kind of what only its name tells. */
export const BY_NAME = "a credential, by its name";

/** What a private key begins with, as a text. */
export const PEM_PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d/;

/** What makers of credentials begin them with, and enough after it that it is one and not a word about one. */
const KNOWN: readonly [kind: string, pattern: RegExp][] = [
  ["a Doppler token", /dp\.(?:st|ct|sa|said|pt|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{32}/],
  ["a GitHub token", /gh[opsur]_[A-Za-z0-9]{30}|github_pat_\w{40}/],
  ["a GitLab token", /gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct|oas)-[\w-]{20}/],
  ["a Bitbucket or Atlassian token", /AT(?:ATT3|CTT3|BB)[\w=-]{20}/],
  ["a Docker Hub token", /dckr_(?:pat|oat)_[\w-]{20}/],
  ["a Pulumi token", /pul-[0-9a-f]{32}/],
  ["a Terraform token", /[A-Za-z0-9]{14}\.atlasv1\.[\w-]{30}/],
  ["an AWS access key", /A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Z0-9])/],
  ["a Google credential", /AIza[\w-]{35}|ya29\.[\w-]{20}|GOCSPX-[\w-]{20}/],
  ["an Azure client secret", /[\w.~-]{3}\dQ~[\w.~-]{31}/],
  ["a DigitalOcean token", /do[opr]_v1_[0-9a-f]{40}/],
  ["a Cloudflare key", /v1\.0-[0-9a-f]{24}-[0-9a-f]{100}/],
  ["a Databricks token", /dapi[0-9a-f]{32}/],
  ["a Slack token", /xox[abceoprs]-[\w.-]{12}|xapp-\d-[\w-]{16}/],
  ["a webhook with its secret", /hooks\.slack\.com\/(?:services|workflows)\/\w+\/\w+\/\w{8}/],
  ["a webhook with its secret", /discord(?:app)?\.com\/api\/webhooks\/\d+\/[\w-]{20}/],
  ["a Telegram token", /\d{8,10}:AA[\w-]{32}/],
  ["a Stripe key", /[sr]k_(?:live|test)_[A-Za-z0-9]{16}|whsec_[\w+/=]{20}/],
  ["a Square token", /sq0(?:atp|csp)-[\w-]{20}/],
  ["a Shopify token", /shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}/],
  ["a SendGrid key", /SG\.[\w-]{16,}\.[\w-]{16}/],
  ["a Mailgun key", /key-[0-9a-f]{32}/],
  ["a Mailchimp key", /[0-9a-f]{32}-us\d{1,2}/],
  ["a package registry's token", /npm_[A-Za-z0-9]{30}|pypi-[\w-]{40}|rubygems_[0-9a-f]{40}|oy2[a-z0-9]{43}/],
  ["an OpenAI, Anthropic or similar key", /sk-(?:[a-z]+\d*-)*[A-Za-z0-9][\w-]{31}/],
  ["a Hugging Face token", /(?:hf|api_org)_[A-Za-z0-9]{30}/],
  ["a Vault token", /hv[sbr]\.[\w-]{20}/],
  ["a Grafana token", /glsa_[A-Za-z0-9]{20}|glc_[\w+/=]{30}/],
  ["a New Relic key", /NRAK-[A-Z0-9]{27}/],
  ["a Sentry token", /sntry[su]_[\w+/=-]{30}/],
  ["a Dynatrace token", /dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{40}/],
  ["a Linear, Notion, Figma or Postman token", /lin_api_\w{30}|ntn_\w{30}|figd_[\w-]{30}|PMAK-[0-9a-f-]{40}/],
  ["a Tailscale key", /tskey-[a-z]+-\w{8,}-\w{16}/],
  ["a Sonar token", /sq[uap]_[0-9a-f]{40}/],
  ["a 1Password token", /ops_eyJ[\w-]{40}/],
  ["an age key", /AGE-SECRET-KEY-1[A-Z0-9]{40}/],
  ["a JSON Web Token", /eyJ[\w-]{8,}\.eyJ[\w-]{8,}/],
  [
    "a password hash",
    /\$2[abxy]\$\d\d\$[\w./]{53}|\$(?:1|5|6|y|apr1)\$[\w./$=]{20}|\$argon2\w+\$\S{20}|\{S?SHA\}[\w+/=]{20}/,
  ],
];

/** The same, each to be found where no longer word runs into it. */
const KNOWN_IN_TEXT = KNOWN.map(([kind, { source }]) => [kind, new RegExp(`(?<![A-Za-z0-9])(?:${source})`)] as const);

/** `scheme://user:password@host`, with the password as the group. Also the form of Go's database drivers. */
const URL_PASSWORD =
  /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/?#:@]{0,200}:([^\s/?]{1,500})@|^[^\s:@/]{1,200}:([^\s@]{1,500})@(?:tcp|unix)\(/gi;

/** `name=value`, as in query strings, connection strings and flags; or `name: value` with a line to itself. */
const ASSIGNMENT =
  /(?<![\w.-])-*([A-Za-z][\w.-]*|[A-Za-z]+ [Kk]ey)=["']?([^\s;&,"']+)|^[ \t-]{0,80}["']?([\w.-]+)["']?:[ \t]+["']?([^\s"']+?)["']?,?[ \t]*$/gm;

const BASIC_AUTH = /\bBasic ([\w+/]{8,}={0,2})/;

/**
 * What a text is, or looks like, that nobody but its owner should read: "a GitHub token"; `undefined` if ordinary.
 *
 * @param name what the text is called where it stands, such as a setting's own key
 */
export function credentialIn(value: string, name?: string): string | undefined {
  return inText(value, name, 0);
}

function inText(text: string, name: string | undefined, depth: number): string | undefined {
  if (isPlaceholder(text)) return undefined;
  if (PEM_PRIVATE_KEY.test(text)) return "a private key";
  const known = KNOWN_IN_TEXT.find(([, pattern]) => pattern.test(text));
  if (known !== undefined) return known[0];
  if ([...text.matchAll(URL_PASSWORD)].some(([, a, b]) => !isPlaceholder(a ?? b ?? ""))) return "a URL with a password";
  if (isSecretByName(text, name)) return BY_NAME;
  for (const [, a, b, c, d] of text.matchAll(ASSIGNMENT)) {
    if (isSecretByName(b ?? d ?? "", a ?? c)) return BY_NAME;
  }
  const basic = BASIC_AUTH.exec(text)?.[1];
  if (basic !== undefined && decoded(basic)?.includes(":")) return "a user name with a password";
  const inside = depth < 2 ? inJson(text, depth) : undefined;
  if (inside !== undefined) return inside || undefined;
  // What an encoding hides is judged, and no longer the encoding.
  let hidden: string | undefined;
  const rest = text.replace(PUBLIC_RANDOM, " ").replace(BASE64, (run) => {
    const kind = depth < 2 ? inBase64(run, depth) : undefined;
    hidden ??= kind || undefined;
    return kind === undefined ? run : " ";
  });
  return hidden ?? (!isPublicByName(name) && isRandom(rest) ? "a generated password or key" : undefined);
}

/** Base64 in one piece, or all of a text that is nothing else, on however many lines. */
const BASE64 = /^[\w+/-]{16,}(?:\s+[\w+/-]+)*={0,2}\s*$|(?<![\w+/=-])[\w+/-]{16,}={0,2}/g;

/** What is in a JSON text: a credential's kind, empty if there is none, `undefined` if the text is no JSON. */
function inJson(text: string, depth: number): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return search(JSON.parse(text) as unknown, [], undefined, depth + 1)[0]?.kind ?? "";
  } catch {
    return undefined;
  }
}

/** What is in a Base64, likewise. */
function inBase64(run: string, depth: number): string | undefined {
  const plain = decoded(run);
  if (plain !== undefined) return inText(plain, undefined, depth + 1) ?? "";
  if (!run.startsWith("M")) return undefined;
  const der = Buffer.from(run, "base64");
  try {
    new X509Certificate(der);
    return "";
  } catch {
    // Not a certificate.
  }
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      createPrivateKey({ key: der, format: "der", type });
      return "a private key";
    } catch {
      // Not of this form.
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
    /^\$\{[^}]*\}$|^\$\([^)]*\)$|^\$\w+$|^%\w+%$|^<[^>]*>$|^\{\{.*\}\}$/s.test(value)
  );
}

/** Not a credential but where one is: a path, a file, an entry of some store, a name as Doppler and shells have them. */
function isReference(text: string): boolean {
  const value = text.trim();
  return (
    isPlaceholder(value) ||
    /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$|^[A-Z]+$/.test(value) ||
    /^(?:vault|env|op|ref\+\w+|awssm|arn|secret|file|projects)[:/]\S*$|^(?:\.{0,2}|~)\/[\w./-]*$/.test(value) ||
    /^[\w-]+\.(?:key|pem|crt|cert|p12|jks|json|ya?ml|txt)$/i.test(value)
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
  /(?:^| )(?:(?<!(?:service|account|csrf|max|id) )tokens?|apikeys?|(?:api|app|access|secret|private|signing|encryption|master|account|shared|auth|license|storage|session|hmac|jwt) keys?|(?:client|shared|jwt|cookie|webhook|app|signing|session|auth|consumer|hmac|oauth) secret|connection string)$/;
const PUBLIC_NAME =
  /(?:^| )(?:ids?|digest|sha\d*|checksum|hash|thumbprints?|fingerprints?|integrity|commit|revision|rev|ref|tag|version|etag|arn|public keys?|pub key|pubkey|known hosts|cert|certs|certificates?|ca|bundle|crt|audience|issuer)$/;

/** Whether a name says that a value is a credential, whatever it looks like. */
function isSecretByName(value: string, name: string | undefined): boolean {
  if (name === undefined || isReference(value)) return false;
  const words = wordsOf(name).join(" ");
  if (words.startsWith("existing ")) return false;
  if (PASSWORD_NAME.test(words)) return true;
  // A key of a Secret, as in an ExternalSecret's `secretKey`.
  if (/(?:^| )secret key$/.test(words) && /^[a-z]+(?:[-._][a-z]+)*$/.test(value)) return false;
  return SECRET_NAME.test(words) && !/\s/.test(value) && value.length >= 6;
}

function isPublicByName(name: string | undefined): boolean {
  return name !== undefined && PUBLIC_NAME.test(wordsOf(name).join(" "));
}

/** Whatever looks random and is public: ids, digests, public keys, certificates, expressions in a template. */
const PUBLIC_RANDOM = new RegExp(
  [
    /\{\{[^{}]*\}\}/,
    /-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----/,
    /(?:ssh-\w+|ecdsa-[\w-]+|sk-(?:ssh|ecdsa)[\w@.-]+) [\w+/=]+/,
    /\bage1[a-z0-9]{58}\b/,
    /\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b/,
    /\b(?:sha(?:1|224|256|384|512)|md5|h1)[-:=](?:[0-9a-f]{32,128}\b|[\w+/]{27,}={0,2})/i,
    /\b[a-z]+-0[0-9a-f]{16}\b/,
    /\b(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9A-F]{32}|[0-9A-F]{40})\b/,
    /\b(?:[0-9A-F]{2}:){15,}[0-9A-F]{2}\b/i,
    /\b\d+-[a-z0-9]{32}\.apps\.googleusercontent\.com\b/,
    /\b(?:Iv1\.|Iv23li|Ov23li)[A-Za-z0-9]{14,16}\b/,
    /\bpk_(?:live|test)_[A-Za-z0-9]+\b/,
    /(?<=:\/\/(?:[^\s/@]*@)?)[\w.-]+|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.(?:com|net|org|io|dev|cloud|internal|local|svc|example)\b/,
    /\barn:aws[\w-]*:\S+/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gs",
);

/** The letters that follow each letter in nine of ten pairs of English and technical words; one in three of random ones. */
const FOLLOWERS: Readonly<Record<string, string>> = {
  a: "abcdgiklmnprstuvy",
  b: "aeilorsu",
  c: "acehiklortu",
  d: "aeiorsu",
  e: "abcdefglmnpqrstvxy",
  f: "aefilou",
  g: "aehinorsu",
  h: "aeio",
  i: "abcdefglmnoprstvz",
  j: "s",
  k: "eis",
  l: "adeilostuy",
  m: "aeimopu",
  n: "acdefginostuv",
  o: "bcdgklmnoprstuvw",
  p: "aeiloprstu",
  q: "u",
  r: "acdeimnorstuy",
  s: "acehiopstuy",
  t: "acehilorstuy",
  u: "abcegilmnprst",
  v: "aei",
  w: "aeios",
  x: "pt",
  y: "p",
  z: "e",
};

/** Neighbouring characters in all, and those that words do not have. */
function oddPairs(run: string): { pairs: number; odd: number } {
  let pairs = 0;
  let odd = 0;
  for (let i = 1; i < run.length; i++) {
    const [a = "", b = ""] = [run[i - 1], run[i]];
    if (/\d/.test(a) && /\d/.test(b)) continue;
    pairs++;
    const together = /[A-Za-z]/.test(a) && /[A-Za-z]/.test(b) && !(/[a-z]/.test(a) && /[A-Z]/.test(b));
    if (!together || !FOLLOWERS[a.toLowerCase()]?.includes(b.toLowerCase())) odd++;
  }
  return { pairs, odd };
}

/** Whether any part of a text is. */
function isRandom(text: string): boolean {
  if (isPassword(text.trim())) return true;
  // "/" is one of Base64's characters, and parts a URL.
  const separators = text.includes("://") ? /[^\w+=~-]+/ : /[^\w+/=~-]+/;
  return text.split(separators).some((run) => {
    const segments = run.split(/[^A-Za-z0-9]+/);
    if (segments.some((s) => /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(s) && /[a-f]/i.test(s) && s.length >= 48)) return true;
    return isRandomRun(segments) || segments.some((segment) => isRandomRun([segment]));
  });
}

/** A name has words and few kinds of characters; what was generated has neither. */
function isRandomRun(segments: readonly string[]): boolean {
  const counts = segments.map(oddPairs);
  const pairs = counts.reduce((sum, c) => sum + c.pairs, 0);
  const odd = counts.reduce((sum, c) => sum + c.odd, 0);
  const all = segments.join("");
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(all)).length;
  const enough = kinds === 3 ? 14 : kinds === 2 ? 17 : 23;
  return pairs >= enough && odd / pairs >= 0.5;
}

/** A generated password of all kinds of characters, which no syntax explains. */
function isPassword(text: string): boolean {
  if (!/^\S{10,64}$/.test(text) || !/[!@#$%^&*?+=~]/.test(text)) return false;
  if (![/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(text))) return false;
  if (/:\/\/|[A-Za-z0-9]-[a-z0-9]\]|\$[({]|[[\](){}"'`|<>\\]|^[\w.-]+@[\w.-]+$/.test(text)) return false;
  const { pairs, odd } = oddPairs(text);
  return odd / pairs >= 0.6;
}

/** A credential among settings: where, and what it looks like. */
export interface FoundCredential {
  path: PropertyKey[];
  kind: string;
}

/** Every credential in a tree of settings, keys of maps among them. */
export function credentialsIn(settings: unknown, path: readonly PropertyKey[] = []): FoundCredential[] {
  const last = path.at(-1);
  return search(settings, path, typeof last === "string" ? last : undefined, 0);
}

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
  return Object.entries(map).flatMap(([key, item]) => {
    const inKey = inText(key, undefined, depth);
    const here = [...path, key];
    // An environment variable in a container's list.
    const called = key === "value" && typeof named === "string" ? named : key;
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
