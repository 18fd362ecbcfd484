import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { settingsSchema } from "../../src/settings/schema";

// docs/configuration.md has a row for each setting, and no row for what is no setting.

/** The settings below a schema that have a value of their own: `apps[].name`. */
function settingsBelow(schema: z.core.$ZodType, path: string): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return settingsBelow(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as Record<string, z.core.$ZodType>).flatMap(([key, below]) =>
      settingsBelow(below, path === "" ? key : `${path}.${key}`),
    );
  }
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) {
    return settingsBelow(schema.element, `${path}[]`);
  }
  return [path];
}

const settings = settingsBelow(settingsSchema, "");
const documented = readFileSync(join(__dirname, "..", "..", "docs", "configuration.md"), "utf8")
  .split("\n")
  .flatMap((line) => /^\| `([^`]+)`/.exec(line)?.[1] ?? []);

it("every setting of the schema is documented", () => {
  expect(settings.length).toBeGreaterThan(50);
  expect(settings.filter((setting) => !documented.includes(setting))).toEqual([]);
});

it("everything that is documented is a setting, or a section of settings that may be empty", () => {
  const isSetting = (row: string) =>
    settings.some((s) => s === row || s.startsWith(`${row}.`) || s.startsWith(`${row}[`));
  expect(documented.filter((row) => !isSetting(row))).toEqual([]);
});

it("nothing is documented twice", () => {
  expect(documented.filter((row, index) => documented.indexOf(row) !== index)).toEqual([]);
});
