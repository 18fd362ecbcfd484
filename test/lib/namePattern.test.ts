import { matches, matchingNames, NAME_PATTERN, patternWords } from "../../lib/namePattern";

describe("a pattern of Doppler names", () => {
  it.each(["*", "STRIPE_*", "_*", "A1*"])("may be %s", (pattern) => {
    expect(NAME_PATTERN.test(pattern)).toBe(true);
  });

  it.each(["", "STRIPE_", "*_KEY", "A*B", "**", "stripe_*", "1*", ".*", "STRIPE_* "])("may not be %j", (pattern) => {
    expect(NAME_PATTERN.test(pattern)).toBe(false);
  });

  it("means all names, or those that begin so, and nothing that is no Doppler name", () => {
    expect(["A", "_A1", "a", "spread.A.b", "billing__A", "1A"].filter((name) => matches("*", name))).toEqual([
      "A",
      "_A1",
    ]);
    expect(["STRIPE_A", "STRIPE_", "STRIPE", "MY_STRIPE_A"].filter((name) => matches("STRIPE_*", name))).toEqual([
      "STRIPE_A",
      "STRIPE_",
    ]);
    expect([patternWords("*"), patternWords("STRIPE_*")]).toEqual(["all names", "all names that begin with STRIPE_"]);
  });

  it("takes names in alphabetical order, without those that are left out and without Doppler's own", () => {
    const names = new Set(["Z", "PORT", "WEB_TLS_KEY", "OTHER_TLS_KEY", "EXPORT", "DOPPLER_CONFIG", "A"]);
    const out = { leaveOut: "PORT|(?:\\w+_)?TLS_KEY", keep: ["WEB_TLS_KEY"] };
    expect(matchingNames("*", out, names)).toEqual({
      taken: ["A", "EXPORT", "WEB_TLS_KEY", "Z"],
      leftOut: ["OTHER_TLS_KEY", "PORT"],
    });
    expect(matchingNames("DOPPLER_*", {}, names)).toEqual({ taken: [], leftOut: [] });
  });
});
