import { type Budget, budgetIn, clusterReads, readsNotice, share, standing } from "../../lib/readsNotice";

const budget = (over: Partial<Budget> = {}): Budget => ({
  plan: "team",
  stack: "dev",
  stores: new Map([
    ["doppler-billing", 2.5],
    ["doppler-secret-store", 96],
  ]),
  neighbours: new Map([["prod-eu.1", 90]]),
  uncounted: [],
  run: 2,
  ...over,
});

describe("the notice of the reads", () => {
  it("says what each token and the IP address have of the plan's limit", () => {
    expect(readsNotice(budget())).toBe(
      [
        "Reads of secrets at Doppler each minute; the plan Team allows each token and each IP address 240:",
        "  store doppler-billing, with its token: 2.5 (2 %)",
        "  store doppler-secret-store, with its token: 96 (40 %)",
        "  the cluster, from its IP address: 190.5 (80 %): 98.5 for stack dev, 90 for stack prod-eu.1, 2 for a run of this program",
      ].join("\n"),
    );
  });

  it("compares with the smallest plan where none is named, and says so", () => {
    expect(readsNotice(budget({ plan: undefined, neighbours: new Map(), uncounted: ["prod"] }))).toBe(
      [
        "Reads of secrets at Doppler each minute; the smallest plan, Developer, allows each token and each IP address 120, and doppler.plan names no other:",
        "  store doppler-billing, with its token: 2.5 (3 %)",
        "  store doppler-secret-store, with its token: 96 (80 %)",
        "  the cluster, from its IP address: 100.5 (84 %): 98.5 for stack dev, 2 for a run of this program",
        "  not counted: stack prod, whose file can't be read",
      ].join("\n"),
    );
  });

  it.each([
    budget(),
    budget({ plan: "developer" }),
    budget({ plan: "enterprise", uncounted: ["prod", "test"] }),
    budget({ plan: undefined, neighbours: new Map() }),
    budget({ stores: new Map() }),
  ])("is read as what it was written from: %#", (written) => {
    const read = budgetIn(["another message", readsNotice(written)]);
    // The notice has the stack's own reads by store.
    expect(read).toEqual(written);
  });

  it("is found in a refusal, whose lines are indented", () => {
    const refusal = [
      "Stack can't be run.",
      ...readsNotice(budget()).split("\n"),
      "Doppler refuses …",
      "  fetch: perApp",
    ];
    expect(budgetIn([refusal.map((line) => `  ${line}`).join("\n")])).toEqual(budget());
  });

  it("is no other message", () => {
    expect(budgetIn([])).toBeUndefined();
    expect(budgetIn(["Reads of secrets at Doppler each minute; something else"])).toBeUndefined();
  });
});

it("counts all stacks of a cluster and a run towards its IP address", () => {
  expect(clusterReads(budget())).toBe(190.5);
});

it("rounds a share up, so that nothing beyond the limit is called 100 %", () => {
  expect([share(120, 120), share(120.1, 120), share(84, 120), share(0.1, 480)]).toEqual([
    "100 %",
    "101 %",
    "70 %",
    "1 %",
  ]);
});

it("is near a limit from 80 % on, and beyond it from the first read above", () => {
  expect([95, 96, 120, 120.5].map((reads) => standing(reads, 120))).toEqual(["within", "near", "near", "beyond"]);
});
