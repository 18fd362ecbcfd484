import { readSettings } from "../../../src/settings/reading";
import { readStacks, stackProblems, usersOf } from "../../../src/settings/rules/stacks";

// What the sources of two stacks are to each other.

type Values = Record<string, unknown>;

const stack = (context: string, doppler: Values, over: Values = {}): Values => ({
  ...{ doppler, kubernetes: { context } },
  apps: [{ name: "web", namespace: "default", keys: ["A"] }],
  ...over,
});
const problems = (name: string, files: Record<string, Values>) =>
  stackProblems(readSettings(name, files[name] ?? {}), readStacks(new Map(Object.entries(files))), new Map()).map(
    ({ path, message }) => `${path}: ${message}`,
  );
const users = (name: string, files: Record<string, Values>) =>
  usersOf(readSettings(name, files[name] ?? {}), readStacks(new Map(Object.entries(files))), new Map());

const project = { name: "acme", ownedBy: "us" };
const us = (over: Values = {}) =>
  stack("us", { project, environment: { slug: "prd" }, config: "prd_us", serviceToken: "us", ...over });
const eu = (over: Values = {}, more: Values = {}) =>
  stack(
    "eu",
    { project, environment: { slug: "prd", ownedBy: "us" }, config: "prd_eu", serviceToken: "eu", ...over },
    more,
  );

describe("one environment of two stacks", () => {
  it("is let through on two branch configs, where both name one owner", () => {
    expect(problems("us", { us: us(), eu: eu() })).toEqual([]);
    expect(problems("eu", { us: us(), eu: eu() })).toEqual([]);
    expect(users("us", { us: us(), eu: eu() })).toMatchObject({
      projects: { acme: ["eu"] },
      environments: { "acme/prd": ["eu"] },
      expected: [
        { stack: "eu", project: "acme", environment: undefined },
        { stack: "eu", project: "acme", environment: "prd" },
      ],
    });
    expect(users("eu", { us: us(), eu: eu() })).toMatchObject({ projects: {}, environments: {} });
  });

  it("is let through on the root config, where the tokens have two names", () => {
    const [one, two] = [us({ config: undefined }), eu({ config: undefined })];
    expect(problems("eu", { us: one, eu: two })).toEqual([]);
    const sameToken = eu({ config: undefined, serviceToken: "us" });
    expect(problems("eu", { us: one, eu: sameToken })).toEqual([
      'doppler.serviceToken: stack "us" (Pulumi.us.yaml) reads the same config with a token of this name; give this stack\'s token another name',
    ]);
    const oidc = { oidc: { identity: "1" } };
    const without = eu({ config: undefined, serviceToken: "us" }, { store: oidc });
    expect(problems("eu", { us: { ...one, store: oidc }, eu: without })).toEqual([]);
  });

  it("is refused with one branch config, which each of them would make", () => {
    const files = { us: us(), eu: eu({ config: "prd_us" }) };
    const same = (other: string) =>
      `doppler.config: stack "${other}" (Pulumi.${other}.yaml) has the same branch config; each stack makes one of its own`;
    expect(problems("eu", files)).toEqual([same("us")]);
    expect(problems("us", files)).toEqual([same("eu")]);
  });

  it("is refused with two owners", () => {
    const files = { us: us(), eu: eu({ environment: { slug: "prd" } }) };
    const message = (other: string) =>
      `doppler.environment.slug: stack "${other}" (Pulumi.${other}.yaml) has the same environment; give this stack one of its own, or name one owner in both files, with environment.ownedBy`;
    expect(problems("eu", files)).toEqual([message("us")]);
    expect(problems("us", files)).toEqual([message("eu")]);
  });

  it("is refused with an owner that does not have it, or names another", () => {
    expect(problems("eu", { us: us({ environment: { slug: "stg" }, config: "stg" }), eu: eu() })).toEqual([
      'doppler.environment.ownedBy: stack "us" does not have it: Pulumi.us.yaml names no such Doppler environment',
    ]);
    const third = stack("third", { project, environment: { slug: "prd" }, config: "prd_third" });
    const files = { us: us({ environment: { slug: "prd", ownedBy: "third" } }), eu: eu(), third };
    expect(problems("eu", files)[0]).toBe(
      'doppler.environment.ownedBy: stack "us" does not own it either: Pulumi.us.yaml names another owner',
    );
  });

  it("is refused where its owner would wait for this stack to make the project", () => {
    const own = { name: "acme", ownedBy: "eu" };
    const files = { us: us({ project: own }), eu: eu({ project: own }) };
    const waits = (path: string, other: string) =>
      `${path}: stack "${other}" (Pulumi.${other}.yaml) uses what this stack owns in Doppler, so that each waits for the other to be brought up first: have one of them own both`;
    expect(problems("eu", files)).toEqual([waits("doppler.environment.ownedBy", "us")]);
    expect(problems("us", files)).toEqual([waits("doppler.project.ownedBy", "eu")]);
  });
});

describe("further sources", () => {
  const SHARED = { name: "shared", project: { name: "acme-shared", ownedBy: "us" }, environment: { slug: "all" } };
  const withSource = (values: Values, source: Values) => ({ ...values, sources: [source] });

  it("are held to the same rules, each at its own setting", () => {
    const ofUs = withSource(us(), SHARED);
    const used = { ...SHARED, environment: { slug: "all", ownedBy: "us" }, config: "all_eu" };
    expect(problems("eu", { us: ofUs, eu: withSource(eu(), used) })).toEqual([]);
    expect(users("us", { us: ofUs, eu: withSource(eu(), used) })).toMatchObject({
      projects: { "acme-shared": ["eu"] },
      environments: { "acme-shared/all": ["eu"] },
    });
    const claimed = { ...SHARED, project: { name: "acme-shared" }, serviceToken: "other" };
    expect(problems("eu", { us: ofUs, eu: withSource(eu(), claimed) }).map((text) => text.split(":")[0])).toEqual([
      "sources[0].project.ownedBy",
      "sources[0].environment.slug",
    ]);
    const sameToken = { ...used, config: "all" };
    expect(problems("eu", { us: ofUs, eu: withSource(eu(), sameToken) }).map((text) => text.split(":")[0])).toEqual([
      "sources[0].serviceToken",
    ]);
    const sameBranch = [withSource(us(), { ...SHARED, config: "all_eu" }), withSource(eu(), used)];
    expect(problems("eu", { us: sameBranch[0] ?? {}, eu: sameBranch[1] ?? {} }).map((t) => t.split(":")[0])).toEqual([
      "sources[0].config",
    ]);
  });

  it("may be the main source of another stack", () => {
    const owner = stack("platform", {
      project: { name: "acme-shared", ownedBy: "platform" },
      environment: { slug: "x" },
    });
    const reader = withSource(us(), { name: "shared", project: { name: "acme-shared", ownedBy: "platform" } });
    expect(problems("us", { us: reader, platform: owner })).toEqual([]);
    expect(users("platform", { us: reader, platform: owner })).toMatchObject({ projects: { "acme-shared": ["us"] } });
  });

  it("collide with other stores and token Secrets in one cluster", () => {
    const names = { store: { name: "doppler-secret-store-shared" }, operator: { ownedBy: "us" } };
    const other = { ...eu(), ...names, kubernetes: { context: "us" }, apps: [] };
    const found = problems("us", { us: withSource({ ...us(), operator: { ownedBy: "us" } }, SHARED), eu: other });
    expect(found.map((text) => text.split(":")[0])).toEqual(["store.tokenSecretName", "sources[0].store"]);
  });
});
