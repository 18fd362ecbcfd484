import { z } from "zod";
import { lenient, schemasAt } from "../../src/settings/lenient";
import { settingsSchema } from "../../src/settings/schema";

const name = z.string().regex(/^[a-z]+$/);
const other = z.number();
const schema = z.strictObject({
  name,
  kind: z.string().default("plain"),
  list: z.array(name).optional(),
  map: z.record(name, name).default({}),
  form: z.union([z.array(name), z.record(name, name)]).optional(),
  below: z.strictObject({ a: name.default("d"), b: other.optional() }).prefault({}),
});

const BELOW = { below: { a: "d" } };
const REST = { kind: "plain", map: {}, ...BELOW };

describe("a value that the schema refuses is read as far as it is right", () => {
  it.each<[string, unknown, unknown]>([
    ["a whole value", { name: "a" }, { name: "a", kind: "plain", map: {}, below: { a: "d" } }],
    [
      "a refused setting is missing, and its default does not stand in for it",
      { name: 1, kind: 2 },
      { map: {}, ...BELOW },
    ],
    ["a list keeps its length", { list: ["a", 1, "b"] }, { list: ["a", undefined, "b"], ...REST }],
    ["a map loses what is refused", { map: { a: "b", c: 1, D: "e" } }, { map: { a: "b" }, kind: "plain", ...BELOW }],
    ["of two forms, the one that it has", { form: { a: 1, b: "c" } }, { form: { b: "c" }, ...REST }],
    ["maps below", { below: { a: "x", b: "no number", more: 1 } }, { below: { a: "x" }, kind: "plain", map: {} }],
    ["unknown settings are left out", { unknown: 1 }, REST],
  ])("%s", (_what, value, expected) => {
    expect(lenient(schema, value)).toEqual(expected);
  });

  it("nothing of what has another type altogether", () => {
    expect(lenient(schema, "text")).toBeUndefined();
    expect(lenient(schema, { name: 1, kind: 2, list: "a", map: [], below: 3 })).toEqual({});
  });
});

describe("the schemas of a setting", () => {
  it("are found by its path, through defaults, lists, maps and forms", () => {
    expect(schemasAt(schema, ["below", "a"])).toEqual([name]);
    expect(schemasAt(schema, ["list", 3])).toEqual([name]);
    expect(schemasAt(schema, ["map", "a"])).toEqual([name]);
    expect(schemasAt(schema, ["form", "a"])).toEqual([name]);
    expect(schemasAt(schema, ["form", 0])).toEqual([name]);
    expect(schemasAt(schema, ["below", "b"])).toEqual([other]);
  });

  it("are none for a setting that is unknown", () => {
    expect(schemasAt(schema, ["unknown"])).toEqual([]);
    expect(schemasAt(schema, ["name", "a"])).toEqual([]);
    expect(schemasAt(settingsSchema, ["aws:region"])).toEqual([]);
  });
});
