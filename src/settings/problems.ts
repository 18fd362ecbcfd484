import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { credentialIn } from "../../lib/credentials";

// Problems with a stack's settings, and the words for them. No message repeats a value: a value in the wrong place may
// be a credential.

/** The way to a setting: names of maps' entries and numbers of lists' entries. */
export type Path = readonly PropertyKey[];

/** A problem with the stack's settings: where, and what is expected there. */
export interface ConfigProblem {
  path: string;
  message: string;
}

/** All that is wrong with a stack's settings, in one error. */
export class StackConfigError extends pulumi.RunError {
  constructor(
    stack: string,
    readonly problems: ConfigProblem[],
  ) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(
      [
        `${count} in the configuration of stack "${stack}" (Pulumi.${stack}.yaml). Nothing was created or changed.`,
        ...problems.map(({ path, message }) => `  ${path}: ${message}`),
      ].join("\n"),
    );
  }
}

/** A problem at a path. */
export function problem(path: Path, message: string): ConfigProblem {
  return { path: pathText(path), message };
}

/** A path as it is written in messages: `apps[0].keys.token`. */
export function pathText(path: Path): string {
  // A key in the wrong place may be a credential as well.
  const shown = (key: string) => (credentialIn(key) === undefined ? key : "(not shown)");
  return path
    .map((p, i) => (typeof p === "number" ? `[${p}]` : i === 0 ? shown(String(p)) : `.${shown(String(p))}`))
    .join("");
}

/** The kind of a value, in words. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : `a ${typeof value}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "a text",
  array: "a list",
  object: "a map",
  record: "a map",
  boolean: "true or false",
};

/** The message of an issue that a schema has with a value; for zod's `error` parameter. */
export function issueMessage(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "unrecognized_keys") {
    const expected = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape).join(", ") : "those documented";
    return `is not a setting; expected one of ${expected}`;
  }
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? "is not valid";
  if (issue.code === "invalid_type") {
    // YAML reads 1.10 as the number 1.1, and "yes" as true.
    const quotes =
      issue.expected === "string" && ["number", "boolean"].includes(typeof issue.input) ? ": quote it" : "";
    return `expected ${EXPECTED[issue.expected] ?? issue.expected}, got ${typeName(issue.input)}${quotes}`;
  }
  return issue.message ?? "is not valid";
}

/** The problems that a schema has with a file. */
export function shapeProblems(issues: readonly z.core.$ZodIssue[], above: Path = []): ConfigProblem[] {
  return issues.flatMap((issue): ConfigProblem[] => {
    const path = [...above, ...issue.path];
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => problem([...path, key], issue.message));
    if (issue.code === "invalid_union") {
      // Where a value has the type of one form, the problems that this form has with it say more.
      const meant = issue.errors.find((form) => !form.some((i) => i.code === "invalid_type" && i.path.length === 0));
      if (meant !== undefined) return shapeProblems(meant, path);
    }
    return [{ path: pathText(path) || "(file)", message: issue.message }];
  });
}
