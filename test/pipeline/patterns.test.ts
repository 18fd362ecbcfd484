import { patternNames } from "../../lib/patternNotice";
import { patternNotices } from "../../src/pipeline/patterns";
import { MAIN_SOURCE, parseStackConfig, type StackConfig } from "../../src/settings";
import { app, minimal, source } from "../settings/support";

const stripe = parseStackConfig(source({ ...app({ keys: "STRIPE_*" }), secretNames: ["STRIPE_A_TLS_KEY"] }));

const notices = (stack: StackConfig, typed: ReadonlySet<string> | undefined) =>
  patternNotices(stack, new Map([[MAIN_SOURCE, typed]]));

describe("the keys that come by a pattern", () => {
  it("are listed as they are in Doppler at present, with those that are left out", () => {
    const typed = new Set(["STRIPE_KEY", "STRIPE_A_TLS_KEY", "STRIPE_B_TLS_KEY", "OTHER", "DOPPLER_CONFIG"]);
    const found = notices(stripe, typed);
    expect(found).toEqual([
      'App "web" takes all names that begin with STRIPE_ of Doppler project "acme", config "dev". At present: STRIPE_A_TLS_KEY, STRIPE_KEY.\n' +
        "Left out, as plain configuration or TLS: STRIPE_B_TLS_KEY. To let one in, name it in secretNames.",
    ]);
    expect(patternNames(["other", ...found])).toEqual(new Map([["web", ["STRIPE_A_TLS_KEY", "STRIPE_KEY"]]]));
  });

  it("are none where nothing matches", () => {
    const found = notices(stripe, new Set(["OTHER"]));
    expect(found).toEqual([expect.stringMatching(/At present: none\.$/)]);
    expect(patternNames(found)).toEqual(new Map([["web", []]]));
  });

  it("can't be listed while there is no config", () => {
    const found = notices(stripe, undefined);
    expect(found).toEqual([expect.stringContaining("this preview can't list them")]);
    expect(patternNames(found)).toEqual(new Map());
  });

  it("are those of the app's own source", () => {
    const sources = [{ name: "shared", project: { name: "acme-shared" } }];
    const stack = parseStackConfig(source({ ...app({ keys: "*", source: "shared" }), sources }));
    const typed = new Map([
      [MAIN_SOURCE, new Set(["NOT_THIS"])],
      ["shared", new Set(["THIS"])],
    ]);
    expect(patternNotices(stack, typed)).toEqual([
      'App "web" takes all names of Doppler project "acme-shared", config "dev". At present: THIS.',
    ]);
  });

  it("are not spoken of where there is no pattern", () => {
    expect(notices(parseStackConfig(source(minimal())), new Set(["A"]))).toEqual([]);
  });
});
