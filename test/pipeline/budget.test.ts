import * as pulumi from "@pulumi/pulumi";
import { type OperatorObject, readsOfObjects } from "../../lib/reads";
import { clusterReads, rate } from "../../lib/readsNotice";
import { budgetOf, checkBudget, operatorObjectsOf, remedies } from "../../src/pipeline/budget";
import { type ConfigSource, parseStackConfig } from "../../src/settings";
import { configSourceOf, MADE_BY_DEV, runStack } from "../support/program";
import type { Services } from "../support/services";
import { minimal, source, type Values } from "../settings/support";

// What reads cost at Doppler: counted before anything is made, and compared with what the program then makes and asks.

const KEYS = Array.from({ length: 10 }, (_, index) => `KEY_${index}`);
const apps = (count: number, over: Values = {}) =>
  Array.from({ length: count }, (_, index) => ({ name: `app-${index}`, namespace: "default", keys: KEYS, ...over }));
const stackOf = (values: Values, over: Partial<ConfigSource> = {}) => parseStackConfig(source(values, over));
const withPlan = (plan: string, values: Values): Values => ({
  ...minimal(),
  doppler: { project: { name: "acme" }, environment: { slug: "dev" }, plan },
  ...values,
});
/** The settings of a checked-in stack, some of them replaced. */
const settingsOf = (stack: string, over: Values) => {
  const { values, ...rest } = configSourceOf(stack);
  return parseStackConfig({ ...rest, values: { ...values, ...over } });
};
const budgetIn = (values: Values, over: Partial<ConfigSource> = {}) =>
  budgetOf(stackOf({ ...minimal(), ...values }, over));
const FITS = ["within", "near"] as const;
const texts = (found: ReturnType<typeof remedies>) => found.map(({ setting, reads }) => `${setting}: ${rate(reads)}`);

describe("the budget", () => {
  it.each([
    ["one read per Secret and interval", { apps: apps(12) }, 12],
    ["one per name where each is read by itself", { apps: apps(12), fetch: "perKey" }, 120],
    ["what an app's own form costs", { apps: [...apps(2), { ...apps(1, { fetch: "perKey" })[0], name: "own" }] }, 12],
    ["the mirror's reads in place of its Secrets'", { apps: apps(100), fetch: "mirror" }, 1.5],
    [
      "both where an app has another form than the mirror's",
      { apps: [...apps(2), { ...apps(1)[0], name: "own", fetch: "perApp" }], fetch: "mirror" },
      2.5,
    ],
    ["no more for a JSON object that is spread", { apps: apps(1, { spread: ["APP_JSON"] }) }, 1],
    ["one for a pattern", { apps: apps(1, { keys: "*" }) }, 1],
    ["an app's own interval", { apps: apps(4, { refreshInterval: "30s" }) }, 8],
    [
      "each further Secret of an app",
      { apps: apps(1, { alsoAs: [{ secretName: "old" }, { secretName: "older" }] }) },
      3,
    ],
    ["Secrets that are no app's", { apps: apps(1), pullSecrets: [{ name: "pull", namespaces: ["a", "b"] }] }, 3],
  ])("has %s", (_, values, reads) => {
    expect([...budgetIn(values).stores]).toEqual([["doppler-secret-store", reads]]);
  });

  it.each([
    ["dev", {}],
    ["dev", { fetch: "perKey" }],
    ["prod", {}],
    ["prod", { fetch: "mirror" }],
  ])("has the ExternalSecrets that the program makes of the stack %s with %p, and no other", async (stack, over) => {
    process.env["DOPPLER_TOKEN"] = "dp.pt.test";
    process.env["GITHUB_TOKEN"] = "ghp_test";
    const workplace: Services["workplace"] = stack === "dev" ? {} : MADE_BY_DEV;
    const { resources } = await runStack({ stack, workplace }, over);
    const objects = resources
      .filter(({ type }) => type.startsWith("kubernetes:external-secrets.io/"))
      .map(({ type, inputs: { metadata, spec } }): OperatorObject => {
        const { name, namespace } = metadata as { name: string; namespace?: string };
        return { kind: type.split(":").at(-1) ?? "", name, namespace, spec };
      });
    const settings = settingsOf(stack, over);
    const made = objects
      .filter(({ kind }) => kind === "ExternalSecret")
      .map(({ spec }) => JSON.stringify(sorted(spec)));
    const counted = operatorObjectsOf(settings)
      .filter(({ kind }) => kind === "ExternalSecret")
      .map(({ spec }) => JSON.stringify(sorted(spec)));
    expect(counted.sort()).toEqual(made.sort());
    expect(budgetOf(settings).stores).toEqual(readsOfObjects(objects));
  });

  it.each([
    ["the names of both configs, and CI's values", {}, 3],
    ["the names, where CI gets nothing", { githubActions: undefined }, 2],
  ])("has what one run asks for itself: %s", async (_, over, reads) => {
    const typed = { DOCKERHUB_USERNAME: "acme-ci", DOCKERHUB_TOKEN: "typed" };
    const { requests } = await runStack({ doppler: typed }, over);
    const settings = settingsOf("dev", over);
    expect(requests.filter((path) => /^\/v3\/configs\/config\/secrets?(\/|\?|$)/.test(path))).toHaveLength(reads);
    expect(budgetOf(settings).run).toBe(reads);
  });
});

describe("other stacks of the cluster", () => {
  const sibling = (over: Values = {}): Values => ({
    doppler: { project: { name: "acme", ownedBy: "dev" }, environment: { slug: "prd" } },
    store: { name: "doppler-prod", tokenSecretName: "doppler-prod" },
    operator: { ownedBy: "dev" },
    dopplerToken: { secure: "v1:encrypted" },
    apps: [
      { name: "web", namespace: "prod", keys: ["A", "B"], fetch: "perKey" },
      { name: 7, namespace: "prod" },
    ],
    ...over,
  });
  const neighbours = (prod: Values, mine: Values = {}) =>
    budgetIn({ operator: { ownedBy: "dev" }, ...mine }, { siblings: new Map([["prod", prod]]) });

  it("count for its IP address, as far as their files can be read", () => {
    const budget = neighbours(sibling());
    expect([...budget.neighbours]).toEqual([]);
    expect(budget.uncounted).toEqual(["prod"]);

    const readable = neighbours(
      sibling({ apps: [{ name: "web", namespace: "prod", keys: ["A", 7, "B"], fetch: "perKey" }] }),
    );
    expect([...readable.neighbours]).toEqual([["prod", 2]]);
    expect(readable.uncounted).toEqual([]);
    expect(clusterReads(readable)).toBe(1 + 2 + 1);
  });
  it("are known by the cluster's id, by the context, or by the operator's owner", () => {
    const own = { operator: {}, apps: apps(1) };
    const count = (prod: Values, mine: Values) =>
      neighbours(sibling({ ...own, ...prod }), { ...mine, operator: {} }).neighbours.size;
    const at = (kubernetes: Values) => ({ kubernetes });
    const [one, two] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    expect(count(at({ context: "b" }), at({ context: "a" }))).toBe(0);
    expect(count(at({ context: "a", clusterId: one }), at({ context: "a", clusterId: two }))).toBe(0);
    expect(count({ operator: { ownedBy: "dev" } }, {})).toBe(1);
  });
  it("do not count where they read another Doppler", () => {
    const doppler = { host: "https://doppler.example", project: { name: "b" }, environment: { slug: "dev" } };
    expect(neighbours(sibling({ doppler, apps: apps(1) })).neighbours.size).toBe(0);
  });
  it("are said to be uncounted where their files can't be read", () => {
    const unreadable = new Map([["prod", "it is no YAML (line 3)"]]);
    expect(budgetIn({}, { unreadable }).uncounted).toEqual(["prod"]);
  });
});

describe("a run", () => {
  let said: { level: string; text: string }[];
  beforeEach(() => {
    said = [];
    for (const level of ["info", "warn"] as const) {
      jest.spyOn(pulumi.log, level).mockImplementation((...[text]) => {
        said.push({ level, text });
        return Promise.resolve();
      });
    }
  });
  afterEach(() => jest.restoreAllMocks());

  it("says what reads cost, however little", async () => {
    await checkBudget(stackOf(withPlan("team", { apps: apps(100) })));
    expect(said).toEqual([
      {
        level: "info",
        text: [
          "Reads of secrets at Doppler each minute; the plan Team allows each token and each IP address 240:",
          "  store doppler-secret-store, with its token: 100 (42 %)",
          "  the cluster, from its IP address: 101 (43 %): 100 for stack dev, 1 for a run of this program",
        ].join("\n"),
      },
    ]);
  });

  it("warns from 80 % of the plan on, with what would need less", async () => {
    await checkBudget(stackOf(withPlan("developer", { apps: apps(95) })));
    expect(said).toEqual([
      {
        level: "warn",
        text: [
          "Reads of secrets at Doppler each minute; the plan Developer allows each token and each IP address 120:",
          "  store doppler-secret-store, with its token: 95 (80 %)",
          "  the cluster, from its IP address: 96 (80 %): 95 for stack dev, 1 for a run of this program",
          "Doppler refuses what is above 100 % (HTTP 429), and Secrets are then late. Any one of these needs less:",
          "  fetch: mirror, for all Secrets: 2.5 (3 %)",
          "  a refreshInterval of 2m0s or more, for all Secrets: 48.5 (41 %)",
          "  doppler.plan: team, where the workplace is on the plan Team: 96 (40 %)",
        ].join("\n"),
      },
    ]);
  });

  it("is refused beyond the plan's limit, with each setting that would fit", async () => {
    const stack = stackOf(withPlan("developer", { apps: apps(12), fetch: "perKey" }));
    await expect(checkBudget(stack)).rejects.toThrow(
      [
        'Stack "dev" can\'t be run. Nothing was created or changed.',
        "  Reads of secrets at Doppler each minute; the plan Developer allows each token and each IP address 120:",
        "    store doppler-secret-store, with its token: 120 (100 %)",
        "    the cluster, from its IP address: 121 (101 %): 120 for stack dev, 1 for a run of this program",
        "  Doppler refuses what is above 100 % (HTTP 429), and Secrets would be late. Any one of these fits:",
        "    fetch: perApp, for all Secrets: 13 (11 %)",
        "    fetch: mirror, for all Secrets: 2.5 (3 %)",
        "    a refreshInterval of 2m0s or more, for all Secrets: 61 (51 %)",
        "    doppler.plan: team, where the workplace is on the plan Team: 121 (51 %)",
      ].join("\n"),
    );
    expect(said).toEqual([]);
  });

  it("is not refused where the stack does not say the plan", async () => {
    await checkBudget(stackOf({ ...minimal(), apps: apps(100), fetch: "perKey" }));
    expect(said).toMatchObject([
      { level: "warn", text: expect.stringContaining("doppler.plan names no other") as string },
    ]);
    expect(said[0]?.text).toContain("1000 (834 %)");
  });

  it("is refused before anything is asked of Doppler", async () => {
    const over = { doppler: withPlan("developer", {})["doppler"], apps: apps(20), fetch: "perKey" };
    process.env["DOPPLER_TOKEN"] = "dp.pt.test";
    const asked = jest.spyOn(globalThis, "fetch");
    await expect(runStack({}, { ...over, kubernetes: {} })).rejects.toThrow("Nothing was created or changed.");
    expect(asked).not.toHaveBeenCalled();
  });

  const beside = (plan: string, mine: number, theirs: number) =>
    stackOf(withPlan(plan, { apps: apps(mine), operator: { ownedBy: "dev" } }), {
      siblings: new Map([
        [
          "prod",
          {
            doppler: { project: { name: "acme", ownedBy: "dev" }, environment: { slug: "prd" } },
            store: { name: "doppler-prod", tokenSecretName: "doppler-prod" },
            operator: { ownedBy: "dev" },
            apps: apps(theirs, { namespace: "prod" }),
          },
        ],
      ]),
    });

  it("is refused where the cluster's stacks together are beyond the limit", async () => {
    await expect(checkBudget(beside("developer", 30, 90))).rejects.toThrow(
      "the cluster, from its IP address: 121 (101 %): 30 for stack dev, 90 for stack prod, 1 for a run of this program",
    );
  });
  it("is not refused for what another stack reads without it", async () => {
    await checkBudget(beside("developer", 1, 130));
    expect(said).toMatchObject([{ level: "warn" }]);
    expect(said[0]?.text).toMatch(
      /132 \(110 %\): 1 for stack dev, 130 for stack prod[^]*needs less:\n {2}doppler\.plan: team/,
    );
  });
});

describe("a remedy", () => {
  it("is the shortest interval that fits, and leaves longer ones as they are", () => {
    const stack = stackOf({
      ...withPlan("developer", {
        apps: [...apps(20), ...apps(1, { refreshInterval: "1h" }).map((a) => ({ ...a, name: "rare" }))],
      }),
      fetch: "perKey",
    });
    expect(texts(remedies(stack, FITS))).toContain("a refreshInterval of 2m0s or more, for all Secrets: 101.17");
    expect(texts(remedies(stack, ["within"]))).toContain("a refreshInterval of 3m0s or more, for all Secrets: 67.83");
  });
  it("is the smallest plan that fits", () => {
    const stack = stackOf(withPlan("developer", { apps: apps(45), fetch: "perKey" }));
    expect(texts(remedies(stack, FITS))).toContain(
      "doppler.plan: enterprise, where the workplace is on the plan Enterprise: 451",
    );
  });
});

/** The same with the keys of maps in alphabetical order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  );
}
