import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PropertyMap } from "../../providers/base/index.js";
import { parseWaitFor } from "./wait-for.js";

const object = (conditions: PropertyMap[], more: PropertyMap = {}): PropertyMap => ({
  metadata: { generation: 2 },
  status: { conditions, phase: "Running", replicas: 0, nested: { a: 1 }, ...more },
});

describe("expressions of pulumi.com/waitFor", () => {
  const ready = { type: "Ready", status: "True" };
  const cases: [expression: string, object: PropertyMap, holds: boolean][] = [
    ["condition=Ready", object([ready]), true],
    ["condition=ready", object([ready]), true],
    ["condition=Ready", object([{ type: "Ready", status: "False" }]), false],
    ["condition=Ready=False", object([{ type: "Ready", status: "False" }]), true],
    ["condition=Ready", object([{ type: "Synced", status: "True" }]), false],
    ["condition=Ready", {}, false],
    ["condition=Ready", object([{ ...ready, observedGeneration: 1 }]), false],
    ["condition=Ready", object([{ ...ready, observedGeneration: 2 }]), true],
    ["condition=Ready", object([ready], { observedGeneration: 1 }), false],
    ["jsonpath={.status.phase}", object([]), true],
    ["jsonpath={.status.absent}", object([]), false],
    ["jsonpath={.status.phase}=Running", object([]), true],
    ["jsonpath={ .status.phase }=Pending", object([]), false],
    ["jsonpath={$.status.replicas}=0", object([]), true],
    ["jsonpath={.status.nested}", object([]), true],
    ["jsonpath={.status.nested}=1", object([]), false],
    ["jsonpath={.status.phase}", object([], { observedGeneration: 1 }), false],
    ['jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', object([ready]), true],
    ['["condition=Ready","jsonpath={.status.phase}=Running"]', object([ready]), true],
    ['["condition=Ready","jsonpath={.status.phase}=Pending"]', object([ready]), false],
  ];
  for (const [expression, subject, holds] of cases) {
    it(`${expression} is ${holds} for ${JSON.stringify(subject["status"] ?? null)}`, () => {
      assert.equal(parseWaitFor(expression)(subject).holds, holds);
    });
  }

  it("says what it found instead", () => {
    const { message } = parseWaitFor("condition=Ready")(object([{ type: "Ready", status: "False" }]));
    assert.equal(message, "Resource has condition Ready=False (want True)");
  });

  const malformed: [string, RegExp][] = [
    ["Ready", /prefix/],
    ["[]", /at least one/],
    ['["Ready"]', /prefix/],
    ["jsonpath=.status.phase", /brackets/],
    ["jsonpath='{.status.phase}'", /quotes/],
    ["jsonpath={.status.phase}=", /requires a value/],
    ["jsonpath={.a}=b=c", /format should be/],
  ];
  for (const [expression, message] of malformed) {
    it(`refuses ${expression}`, () => {
      assert.throws(() => parseWaitFor(expression), message);
    });
  }
});
