/** What makers of credentials begin them with, followed by enough to be one and not a word about one. */
const KNOWN = new RegExp(
  [
    /dp\.(?:st|ct|sa|said|pt|scim|audit)\.[\w.]{8}/, // Doppler
    /gh[opsur]_\w{16}|github_pat_\w{16}/, // GitHub
    /glpat-[\w-]{16}/, // GitLab
    /dckr_(?:pat|oat)_[\w-]{16}/, // Docker Hub
    /pul-[0-9a-f]{32}/, // Pulumi
    /npm_\w{24}|pypi-[\w-]{24}/, // package registries
    /(?:AKIA|ASIA)[0-9A-Z]{16}/, // AWS
    /AIza[\w-]{32}|ya29\.[\w-]{16}/, // Google
    /xox[abeoprs]-[\w-]{10}|xapp-[\w-]{10}/, // Slack
    /(?:sk|rk|pk)_(?:live|test)_\w{12}|sk-[\w-]{20}|whsec_\w{16}/, // Stripe, and those who write theirs so
    /SG\.[\w-]{16}\./, // SendGrid
    /hv[sbr]\.[\w-]{16}/, // Vault
    /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\./, // a JSON Web Token
  ]
    .map(({ source }) => `(?<![A-Za-z0-9])(?:${source})`)
    .join("|"),
);

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const URL_WITH_PASSWORD = /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i;

/** Whether a text is, or holds, what nobody but its owner should read. */
export function looksLikeCredential(text: string): boolean {
  return PRIVATE_KEY.test(text) || URL_WITH_PASSWORD.test(text) || KNOWN.test(text) || isRandom(text);
}

/** A name has words, separators and few kinds of characters; a generated secret is one run of all of them. */
function isRandom(text: string): boolean {
  return text.split(/[\s"'`:,;@]+/).some((run) => {
    if (/^[0-9a-f]+$/i.test(run)) return run.length >= 64 && !text.includes(`sha256:${run}`);
    const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/].every((kind) => kind.test(run));
    return run.length >= 24 && kinds && /^[\w+/=.~-]+$/.test(run) && entropy(run) >= 3.9;
  });
}

/** Bits a character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((bits, n) => bits - (n / text.length) * Math.log2(n / text.length), 0);
}
