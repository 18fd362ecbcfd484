import { credentialIn, credentialsIn } from "../../lib/credentials";
import { TOKEN_FORMATS } from "../../lib/tokenFormats";
import { anonymous, credentials, ordinary, type Sample } from "./corpus";

/** The first is the one whose rates are printed; the others show that it was not chosen. */
const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34];

const isFound = ({ name, value }: Sample) => credentialsIn({ [name]: value }).length > 0;

/** How many samples are judged wrongly, and of what kind they are: no value is printed, not even a made one. */
function errors(samples: Sample[], wrong: (sample: Sample) => boolean) {
  const kinds = samples.filter(wrong).map(({ what }) => what);
  return { rate: kinds.length / samples.length, kinds: [...new Set(kinds)] };
}

const percent = (rate: number) => `${(rate * 100).toFixed(2)} %`;

describe("what is found", () => {
  it.each(SEEDS)("seed %i: of ordinary values none, of credentials all but 1 %%", (seed) => {
    const [plain, secret] = [ordinary(seed), credentials(seed)];
    expect(plain.length).toBeGreaterThanOrEqual(300);
    expect(secret.length).toBeGreaterThanOrEqual(200);
    expect(errors(plain, isFound).kinds).toEqual([]);
    const missed = errors(secret, (sample) => !isFound(sample));
    if (seed === SEEDS[0]) {
      process.stdout.write(
        `false alarms: none of ${plain.length} ordinary values; missed: ${percent(missed.rate)} of ${secret.length} credentials\n`,
      );
    }
    // Under a token's name 16 letters and digits read as words once in some twenty times.
    expect({ ...missed, tooMany: missed.rate > 0.01 }).toMatchObject({ tooMany: false });
  });

  it.each(anonymous(1))("not what only looks random: $what", (sample) => {
    expect(isFound(sample)).toBe(false);
    // The same value under a name that says what it is.
    expect(isFound({ ...sample, name: "password" })).toBe(true);
  });
});

it.each([...new Set(TOKEN_FORMATS.map(([kind]) => kind))])("the corpus has %s", (kind) => {
  const kinds = credentials(1).map(({ value }) => (typeof value === "string" ? credentialIn(value) : undefined));
  expect(kinds).toContain(kind);
});

describe("where it is", () => {
  const token = () => String(credentials(1).find(({ what }) => what === "GitHub classic token")?.value);

  it.each<[string, unknown, PropertyKey[]]>([
    ["in a map", { a: { b: "T" } }, ["a", "b"]],
    ["in a list", { a: [["x", "T"]] }, ["a", 0, 1]],
    ["in the middle of a text", { a: "use T here" }, ["a"]],
    ["in JSON", { a: '{"b": ["T"]}' }, ["a"]],
    ["as a key", { a: { T: 1 } }, ["a", "T"]],
  ])("%s", (_where, shape, path) => {
    const [text, made] = [JSON.stringify(shape), token()];
    const settings = JSON.parse(text.replaceAll("T", made)) as unknown;
    const expected = path.map((step) => (step === "T" ? made : step));
    expect(credentialsIn(settings)).toEqual([{ path: expected, kind: "a GitHub token" }]);
  });

  it("once for each", () => {
    expect(credentialsIn({ a: token(), b: { password: "x1" }, c: "plain" }).map(({ path }) => path.join("."))).toEqual([
      "a",
      "b.password",
    ]);
  });
});

describe("what it looks like", () => {
  const made = credentials(1);
  it.each([
    ["Doppler personal token", "a Doppler token"],
    ["AWS access key", "an AWS access key"],
    ["JSON Web Token", "a JSON Web Token"],
    ["private key in DER", "a private key"],
    ["private key in Base64", "a private key"],
    ["token in Base64", "a GitHub token"],
    ["Redis URL", "a URL with a password"],
    ["header", "a user name with a password"],
    ["secret of 32 hexadecimal digits", "a credential, by its name"],
    ["bearer header", "a bearer token"],
    ["password of digits", "a credential, by its name"],
  ])("%s: %s", (what, kind) => {
    const sample = made.find((s) => s.what === what);
    expect(credentialIn(String(sample?.value), sample?.name)).toBe(kind);
  });

  it("the makers' prefixes alone, in prose, are words", () => {
    expect(credentialIn("ghp_, dckr_pat_, dp.st., AKIA, xoxb-, sk_live_ and -----BEGIN")).toBeUndefined();
  });
});

describe("a long text takes no longer than its length", () => {
  const pieces = [
    "a",
    "a.",
    "a-",
    "--a",
    "A1:",
    "=a",
    "{{",
    "\n-",
    "\n",
    "x.com",
    "http://a:",
    "a-b_c= x:y@ A1b2",
    "eyJ",
    "sk-a-",
  ];
  it.each(pieces.map((piece) => [JSON.stringify(piece), piece]))("of %s", (_shown, piece) => {
    const start = performance.now();
    credentialIn(piece.repeat(120_000 / piece.length));
    // A tenth of a second; where time grows with the square of the length it is half a minute.
    expect(performance.now() - start).toBeLessThan(2500);
  });
});
