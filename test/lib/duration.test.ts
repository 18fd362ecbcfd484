import { canonicalDuration } from "../../lib/duration";

it.each([
  ["1s", "1s"],
  ["59s", "59s"],
  ["60s", "1m0s"],
  ["1m", "1m0s"],
  ["90s", "1m30s"],
  ["1m0s", "1m0s"],
  ["1h", "1h0m0s"],
  ["1h30m", "1h30m0s"],
  ["3601s", "1h0m1s"],
  ["48h0m5s", "48h0m5s"],
])("writes %s as Go does: %s", (text, canonical) => {
  expect(canonicalDuration(text)).toBe(canonical);
});

it.each(["", "0s", "0h0m", "m", "1", "1.5h", "-1m", "1s1m", "1ms", "1d", " 1m", "99999999999999999999h"])(
  "refuses %j",
  (text) => {
    expect(() => canonicalDuration(text)).toThrow(RangeError);
  },
);
