import { seconds } from "../../lib/duration";
import { hopInterval, mirrorInterval, mirrorName } from "../../lib/mirror";

it.each([
  ["1m0s", "40s", "15s"],
  ["1m30s", "1m0s", "22s"],
  ["1h0m0s", "40m0s", "15m0s"],
  ["10s", "6s", "2s"],
  ["2s", "1s", "1s"],
  ["1s", "1s", "1s"],
])("a value of interval %s takes %s to its mirror and %s from there", (interval, mirror, hop) => {
  expect([mirrorInterval([interval]), hopInterval(interval)]).toEqual([mirror, hop]);
});

it("both ways together are shorter than the interval, from four seconds on", () => {
  for (let length = 4; length <= 600; length++) {
    const interval = `${length}s`;
    const both = (seconds(mirrorInterval([interval])) ?? NaN) + (seconds(hopInterval(interval)) ?? NaN);
    expect([length, both < length]).toEqual([length, true]);
  }
});

it("a mirror keeps up with the shortest interval of those that it feeds", () => {
  expect(mirrorInterval(["1h0m0s", "1m0s", "24h0m0s"])).toBe("40s");
});

it("is called after its store", () => {
  expect(mirrorName("doppler-secret-store")).toBe("doppler-secret-store-mirror");
});
