import { schemasAt } from "./lenient";
import { type TextRole, textRoles } from "./names";
import type { Path } from "./problems";
import { settingsSchema } from "./schema";
import { isMap } from "./values";

/** What the setting at a path is for, as its schema says. */
export function roleOf(path: Path): TextRole | undefined {
  return schemasAt(settingsSchema, path)
    .map((schema) => textRoles.get(schema)?.role)
    .find((role) => role !== undefined);
}

/** The texts of a role among settings, at whatever depth. */
export function textsOf(role: TextRole, value: unknown, path: Path = []): { path: Path; text: string }[] {
  if (typeof value === "string") return roleOf(path) === role ? [{ path, text: value }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => textsOf(role, item, [...path, index]));
  if (!isMap(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => textsOf(role, item, [...path, key]));
}

/** The same settings with an empty text in place of each text of these roles. */
export function withoutTexts(roles: readonly TextRole[], value: unknown, path: Path = []): unknown {
  if (typeof value === "string") return roles.some((role) => role === roleOf(path)) ? "" : value;
  if (Array.isArray(value)) return value.map((item, index) => withoutTexts(roles, item, [...path, index]));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withoutTexts(roles, item, [...path, key])]),
  );
}
