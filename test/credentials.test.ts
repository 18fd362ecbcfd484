import { credentialIn, credentialsIn } from "../credentials";
import { credentials, ordinary, type Sample } from "./corpus";

/** The first is the one whose rates are printed; the others show that it was not chosen. */
const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34];

const isFound = ({ name, value }: Sample) => credentialsIn({ [name]: value }).length > 0;

/** How many samples are judged wrongly, and of what kind they are: no value is printed, not even a made one. */
function errors(samples: Sample[], wrong: (sample: Sample) => boolean) {
  const kinds = samples.filter(wrong).map(({ what }) => what);
  return { rate: kinds.length / samples.length, kinds: [...new Set(kinds)] };
}

const percent = (rate: number) => `${(rate * 100).toFixed(2)} %`;

describe("error rates", () => {
  it.each(SEEDS)("seed %i: at most 1 % false alarms and 2 % missed", (seed) => {
    const [plain, secret] = [ordinary(seed), credentials(seed)];
    expect(plain.length).toBeGreaterThanOrEqual(200);
    expect(secret.length).toBeGreaterThanOrEqual(200);
    const alarms = errors(plain, isFound);
    const missed = errors(secret, (sample) => !isFound(sample));
    if (seed === SEEDS[0]) {
      process.stdout.write(
        `false alarms: ${percent(alarms.rate)} of ${plain.length} ordinary values; missed: ${percent(missed.rate)} of ${secret.length} credentials\n`,
      );
    }
    expect({ ...alarms, tooMany: alarms.rate > 0.01 }).toMatchObject({ tooMany: false });
    expect({ ...missed, tooMany: missed.rate > 0.02 }).toMatchObject({ tooMany: false });
  });
});
