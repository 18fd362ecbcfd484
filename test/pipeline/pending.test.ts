import { pendingNames } from "../../lib/pendingNotice";
import { pendingKeys, pendingValues } from "../../src/pipeline/pending";
import { MAIN_SOURCE, parseStackConfig } from "../../src/settings";
import { app, source, type Values } from "../settings/support";

const settings = (over: Values) => parseStackConfig(source(app(over)));
const pending = (over: Values, typed: string[] | undefined) => {
  const stack = settings(over);
  const names = typed && new Set([...typed, "DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"]);
  const [first] = stack.apps;
  const bySource = new Map([[MAIN_SOURCE, names]]);
  return { keys: first && pendingKeys(first, bySource), names: pendingNames(pendingValues(stack, bySource)) };
};

describe("what is pending", () => {
  it("of a pattern is its first name, and nothing once there is one", () => {
    expect(pending({ keys: "STRIPE_*" }, ["OTHER"])).toEqual({
      keys: { "STRIPE_*": ["STRIPE_*"] },
      names: ["STRIPE_*"],
    });
    expect(pending({ keys: "STRIPE_*" }, ["STRIPE_KEY"])).toEqual({ keys: {}, names: [] });
    expect(pending({ keys: "*" }, undefined)).toEqual({ keys: { "*": ["*"] }, names: ["*"] });
  });

  it("is a pattern whose only names are left out", () => {
    expect(pending({ keys: "*" }, ["PORT", "WEB_TLS_KEY"]).names).toEqual(["*"]);
    expect(pending({ keys: "*", dopplerNames: true }, ["PORT"]).names).toEqual(["*"]);
  });

  it("of a JSON object is its name, for all keys that it would bring", () => {
    const over = { keys: { password: { name: "APP_JSON", property: "a" } }, spread: ["MORE"] };
    expect(pending(over, [])).toEqual({
      keys: { MORE: ["MORE"], password: ["APP_JSON"] },
      names: ["APP_JSON", "MORE"],
    });
    expect(pending(over, ["APP_JSON", "MORE"])).toEqual({ keys: {}, names: [] });
  });
});
