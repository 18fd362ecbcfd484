import assert from "node:assert/strict";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "./interruption.js";
import type { User } from "./user.js";

// What a person does after a run was cut off: they follow the advice that the runs give.

interface Advice {
  readonly name: string;
  /** A text that a run writes. */
  readonly said: RegExp;
  readonly follow: (user: User, said: RegExpExecArray) => Promise<unknown>;
}

/**
 * Doppler's message about a project that is gone, for a token that sees other projects. Pulumi takes it for a refusal.
 */
const GONE = /(?:deleting|refreshing) (urn:\S+):(?:.*\n)+?.*does not have access to requested project '(.+)'/;

/** Removes a project from the state after it is gone from Doppler. */
async function forget(user: User, [, urn = "", project = ""]: RegExpExecArray): Promise<void> {
  const projects = JSON.parse((await user.run("doppler", ["projects", "--json"])).stdout) as { name: string }[];
  assert.ok(!projects.some(({ name }) => name === project), `${project} is gone from the dashboard`);
  await user.run("pulumi", ["state", "delete", urn, "--stack", user.stack, "--yes"]);
}

/**
 * Deletes the empty files with which a state in a folder describes its files. Each goes before the file that it describes,
 * and an engine that is killed in between leaves it without contents.
 */
function deleteEmptyAttributes(user: User): Promise<void> {
  const folder = user.here.backend;
  const empty = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith(".attrs") && statSync(file).size === 0);
  assert.ok(empty.length > 0, "the state has files without contents");
  for (const file of empty) rmSync(file);
  return Promise.resolve();
}

/** What the program, Pulumi and docs/operations/recovery.md tell people to do, by the text that a run writes. */
const ADVICE: readonly Advice[] = [
  {
    name: "delete empty attributes",
    said: /failed to load checkpoint: EOF/,
    follow: deleteEmptyAttributes,
  },
  {
    name: "cancel",
    said: /`pulumi cancel`/,
    follow: (user) => user.run("pulumi", ["cancel", "--stack", user.stack, "--yes"]),
  },
  {
    name: "adopt",
    said: /pulumi config set adopt true/,
    follow: (user) => user.run("pulumi", ["config", "set", "adopt", "true", "--stack", user.stack]),
  },
  {
    name: "helm",
    said: /helm (uninstall|rollback) (\S+) --namespace ([-\w]+)/,
    // Another run may have cleaned up the release meanwhile, so the command may fail.
    follow: (user, [, command = "", release = "", namespace = ""]) =>
      user.attempt("helm", [command, release, "--namespace", namespace]),
  },
  {
    name: "state delete",
    said: GONE,
    follow: forget,
  },
  {
    name: "refresh",
    said: /could not find|not found|\b404\b|pulumi refresh/i,
    follow: async (user) => {
      const options = ["--yes", "--skip-preview", "--clear-pending-creates", "--non-interactive"];
      const refresh = ["refresh", "--stack", user.stack, ...options];
      const { code, text } = await user.attempt("pulumi", refresh);
      if (code === 0) return;
      await forget(user, GONE.exec(text) ?? assert.fail(text));
      await user.run("pulumi", refresh);
    },
  },
];

/** How many runs a recovery may take. The same advice is not followed twice in a row. */
const ATTEMPTS = 8;

/**
 * Runs the command again, and does what each failed run says, until a run succeeds and leaves nothing open.
 *
 * @returns the advice that had to be followed
 */
export async function recover(user: User, args: readonly string[]): Promise<string[]> {
  const done: string[] = [];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { code, text } = await run(user, args);
    // A run that succeeds may still say that it does not know the result of an earlier operation.
    if (code === 0 && !/pending operations/.test(text)) {
      if (done.includes("adopt")) await user.run("pulumi", ["config", "rm", "adopt", "--stack", user.stack]);
      return done;
    }
    const told = ADVICE.map(({ name, said, follow }) => ({ name, follow, match: said.exec(text) })).find(
      ({ name, match }) => match !== null && done.at(-1) !== name,
    );
    if (told?.match == null) throw new Error(`after ${done.join(", ") || "nothing"}, the run says:\n${text}`);
    await told.follow(user, told.match);
    done.push(told.name);
  }
  throw new Error(`no end in sight after: ${done.join(", ")}`);
}
