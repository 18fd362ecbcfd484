import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Clusters, type Places, placeStacks, planStacks } from "./places.js";

describe("the places of stacks' clusters", () => {
  const table: [string, readonly string[], Places, Clusters | undefined, Places][] = [
    ["the first has the first place, whatever its name", ["prod"], {}, undefined, { prod: "." }],
    ["each gets its own", ["dev", "prod"], {}, undefined, { dev: ".", prod: "clusters/prod" }],
    ["a further one gets its own", ["prod"], { dev: "." }, undefined, { dev: ".", prod: "clusters/prod" }],
    ["all share one", ["dev", "prod"], {}, "one", { dev: ".", prod: "." }],
    ["a further one shares that of the others", ["prod", "dev"], { dev: "." }, "one", { dev: ".", prod: "." }],
    [
      "a further one shares that of the stacks it is named with",
      ["prod", "test"],
      { dev: ".", prod: "clusters/prod" },
      "one",
      { dev: ".", prod: "clusters/prod", test: "clusters/prod" },
    ],
    ["those that share one go on so", ["dev", "prod"], { dev: ".", prod: "." }, undefined, { dev: ".", prod: "." }],
    ["one alone is fine either way", ["prod"], { dev: ".", prod: "." }, "each", { dev: ".", prod: "." }],
  ];
  for (const [what, stacks, before, clusters, places] of table) {
    it(what, () => assert.deepEqual(placeStacks(stacks, before, clusters), places));
  }

  it("stay, since the stacks' objects are there", () => {
    const apart = { dev: ".", prod: "clusters/prod" };
    assert.throws(() => placeStacks(["dev", "prod"], apart, "one"), /dev and prod are in clusters of their own/);
    const together = { dev: ".", prod: "." };
    assert.throws(() => placeStacks(["dev", "prod"], together, "each"), /dev and prod are in one cluster/);
  });
});

describe("the contexts of stacks", () => {
  it("are the ones that the project names", () => {
    const plans = planStacks(
      ["dev", "prod"],
      { dev: ".", prod: "clusters/prod" },
      { dev: { context: "a" }, prod: { context: "b" } },
    );
    assert.deepEqual(plans, [
      { stack: "dev", place: ".", context: "a" },
      { stack: "prod", place: "clusters/prod", context: "b" },
    ]);
  });

  it("may be none for a stack that is alone", () => {
    assert.deepEqual(planStacks(["dev"], { dev: "." }, { dev: {} }), [
      { stack: "dev", place: ".", context: "sandbox-dev" },
    ]);
  });

  it("must lead each stack to its own cluster", () => {
    const apart = { dev: ".", prod: "clusters/prod" };
    assert.throws(
      () => planStacks(["dev", "prod"], apart, { dev: { context: "a" } }),
      /names no context for the stack prod/,
    );
    const same = { dev: { context: "a" }, prod: { context: "a" } };
    assert.throws(() => planStacks(["dev", "prod"], apart, same), /dev and prod both go to the context a/);
    assert.equal(planStacks(["dev", "prod"], { dev: ".", prod: "." }, same).length, 2);
  });
});
