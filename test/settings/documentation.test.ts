import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { settingsSchema } from "../../src/settings/schema";

// docs/configuration.md has a row for each setting and none for what is no setting, and says what is required and which
// defaults the schema has.

interface Setting {
  required: boolean;
  /** A default that the schema itself has. Others are filled in later, from other settings or the environment. */
  default: unknown;
  /** Whether it is a section: a map or a list of maps, whose settings have rows of their own. */
  section: boolean;
}

/** The part of a JSON Schema that matters here. */
interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  default?: unknown;
}

/** The settings of a schema by their path, such as `apps[].name`. */
function settingsOf(schema: Schema, path = ""): Map<string, Setting> {
  const found = new Map<string, Setting>();
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const own = path === "" ? name : `${path}.${name}`;
    const inner = part.items?.properties === undefined ? part : part.items;
    const below = settingsOf(inner, inner === part ? own : `${own}[]`);
    found.set(own, {
      required: (schema.required ?? []).includes(name),
      default: part.default,
      section: below.size > 0,
    });
    for (const [key, setting] of below) found.set(key, setting);
  }
  return found;
}

/** The rows of the page's tables of settings by the setting's path. */
function rowsOf(page: string): Map<string, { shape: string; default: string }> {
  const rows = new Map<string, { shape: string; default: string }>();
  for (const line of page.split("\n")) {
    // A row of a table with four columns whose first cell is code.
    const cells = /^\| `([^`]+)` +\| ([^|]*) \| ([^|]*) \| [^|]* \|$/.exec(line);
    if (cells === null) continue;
    const [, path = "", shape = "", standard = ""] = cells;
    if (rows.has(path)) throw new Error(`docs/configuration.md has two rows for ${path}`);
    rows.set(path, { shape: shape.trim(), default: standard.trim().replaceAll("`", "") });
  }
  return rows;
}

const settings = settingsOf(z.toJSONSchema(settingsSchema, { io: "input", unrepresentable: "any" }) as Schema);
const rows = rowsOf(readFileSync(join(__dirname, "..", "..", "docs", "configuration.md"), "utf8"));

describe("docs/configuration.md", () => {
  it("has every setting of the schema", () => {
    expect(settings.size).toBeGreaterThan(60);
    const missing = [...settings].filter(([path, { section }]) => !section && !rows.has(path)).map(([path]) => path);
    expect(missing).toEqual([]);
  });
  it("has nothing that is no setting", () => {
    expect([...rows.keys()].filter((path) => !settings.has(path))).toEqual([]);
  });
  it("says which settings are required", () => {
    const says = [...rows].filter(([, row]) => row.default === "required").map(([path]) => path);
    const are = [...rows.keys()].filter((path) => settings.get(path)?.required);
    expect(says).toEqual(are);
  });
  it("has the schema's defaults", () => {
    const isText = (value: unknown) => typeof value === "string" || typeof value === "boolean";
    const known = [...settings].filter(([path, setting]) => rows.has(path) && isText(setting.default));
    expect(known.length).toBeGreaterThan(15);
    expect(Object.fromEntries(known.map(([path]) => [path, rows.get(path)?.default]))).toEqual(
      Object.fromEntries(known.map(([path, setting]) => [path, String(setting.default)])),
    );
  });
  it("says of a list or map without a default entry that there is none", () => {
    const empty = [...settings].filter(
      ([path, { default: standard, section }]) => rows.has(path) && !section && typeof standard === "object",
    );
    expect(empty.length).toBeGreaterThan(5);
    for (const [path, setting] of empty) {
      expect([path, Object.keys(setting.default as object), rows.get(path)?.default]).toEqual([path, [], "none"]);
    }
  });
});
