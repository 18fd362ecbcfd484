import { patternNames } from "../../lib/patternNotice";
import { patternNotices } from "../../src/pipeline/patterns";
import { parseStackConfig } from "../../src/settings";
import { app, minimal, source } from "../settings/support";

const stripe = parseStackConfig(source({ ...app({ keys: "STRIPE_*" }), secretNames: ["STRIPE_A_TLS_KEY"] }));

describe("the keys that come by a pattern", () => {
  it("are listed as they are in Doppler at present, with those that are left out", () => {
    const typed = new Set(["STRIPE_KEY", "STRIPE_A_TLS_KEY", "STRIPE_B_TLS_KEY", "OTHER", "DOPPLER_CONFIG"]);
    const notices = patternNotices(stripe, typed);
    expect(notices).toEqual([
      'App "web" takes all names that begin with STRIPE_ of Doppler project "acme", config "dev". At present: STRIPE_A_TLS_KEY, STRIPE_KEY.\n' +
        "Left out, as plain configuration or TLS: STRIPE_B_TLS_KEY. To let one in, name it in secretNames.",
    ]);
    expect(patternNames(["other", ...notices])).toEqual(new Map([["web", ["STRIPE_A_TLS_KEY", "STRIPE_KEY"]]]));
  });

  it("are none where nothing matches", () => {
    const notices = patternNotices(stripe, new Set(["OTHER"]));
    expect(notices).toEqual([expect.stringMatching(/At present: none\.$/)]);
    expect(patternNames(notices)).toEqual(new Map([["web", []]]));
  });

  it("can't be listed while there is no config", () => {
    const notices = patternNotices(stripe, undefined);
    expect(notices).toEqual([expect.stringContaining("this preview can't list them")]);
    expect(patternNames(notices)).toEqual(new Map());
  });

  it("are not spoken of where there is no pattern", () => {
    expect(patternNotices(parseStackConfig(source(minimal())), new Set(["A"]))).toEqual([]);
  });
});
