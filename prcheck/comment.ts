import type { Interruption } from "./interruptions";
import { cell, code } from "./markdown";
import { readsSection, readsSummary } from "./reads";
import type { SecretChange, StackReport } from "./report";

// Reports as the comment on a pull request.

/** By this the comment of an earlier run is found and replaced. */
export const MARKER = "<!-- secrets-pipeline: what this change does -->";

/** GitHub takes 65,536 characters. */
const MAX_LENGTH = 60_000;

const codes = (names: readonly string[]) => names.map(code).join(", ");
const count = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/**
 * The comment's text.
 *
 * @param expected the stacks that were to be looked at; one without a report is said to have none
 * @param waiting those of them whose previews wait for a reviewer
 */
export function comment(
  expected: readonly string[],
  reports: readonly StackReport[],
  waiting: readonly string[] = [],
): string {
  const byStack = new Map(reports.map((report) => [report.stack, report]));
  const head = [MARKER, "## What this change does to the secrets", "", ...lostWorkloads(reports)];
  const table = [
    "| stack | policies | apps' keys | Secrets that disappear | Doppler reads a minute |",
    "| --- | --- | --- | --- | --- |",
    ...expected.map((stack) => summaryRow(stack, byStack.get(stack), waiting.includes(stack))),
    "",
  ];
  const sections = expected.map((stack) => {
    const report = byStack.get(stack);
    return report === undefined
      ? [
          `### ${code(stack)}`,
          "",
          waiting.includes(stack)
            ? "The preview of this stack waits for a reviewer, since it can read what the stack's state holds: approve it in the workflow's run, after a look at the change."
            : "There is no preview of this stack: its job failed or was not run. Its log says why.",
          "",
        ]
      : section(report);
  });
  const total = readsSection(reports);
  const diffs = reports.filter(({ differences }) => differences.length > 0).map(resourceDiff);

  const text = [...head, ...table, ...sections.flat(), ...total].join("\n");
  let shown = "";
  for (const diff of diffs) {
    if (text.length + shown.length + diff.length > MAX_LENGTH) {
      shown += "\nThe rest of the resource diff is too long for a comment; it is in the job's log.\n";
      break;
    }
    shown += diff;
  }
  const whole = `${text}${shown}`;
  const cut =
    whole.length > MAX_LENGTH ? `${whole.slice(0, MAX_LENGTH)}\n\n(cut: the rest is in the job's log)` : whole;
  return `${cut.trimEnd()}\n`;
}

/** Nothing on a pull request weighs more, so it stands above everything else. */
function lostWorkloads(reports: readonly StackReport[]): string[] {
  const lost = reports.flatMap(({ stack, interruptions }) =>
    interruptions.filter(({ harm }) => harm === "workloads").map(({ text }) => `> - ${code(stack)}: ${plain(text)}`),
  );
  return lost.length === 0 ? [] : ["> [!CAUTION]", "> **This change deletes workloads:**", ...lost, ""];
}

function summaryRow(stack: string, report: StackReport | undefined, waits: boolean): string {
  if (report === undefined) return `| ${code(stack)} | ${waits ? "⏳ waits for a reviewer" : "no preview"} | | | |`;
  const broken = report.violations.filter(({ mandatory }) => mandatory).length;
  const gained = report.secrets.reduce((n, { gained: g }) => n + g.length, 0);
  const lost = report.secrets.reduce((n, { lost: l }) => n + l.length, 0);
  const gone = report.interruptions.filter(({ harm }) => harm === "secret").length;
  const workloads = report.interruptions.some(({ harm }) => harm === "workloads");
  const values = report.interruptions.some(({ harm }) => harm === "values");
  return [
    "",
    code(stack),
    broken > 0 ? `❌ ${broken} broken` : report.succeeded ? "✅" : "❌ preview failed",
    gained + lost === 0 ? "as before" : `+${gained} −${lost}`,
    `${workloads ? "🛑 workloads are deleted, " : ""}${gone === 0 ? "none" : `⚠️ ${gone}`}${values ? ", 🛑 values are deleted" : ""}`,
    readsSummary(report.reads),
    "",
  ]
    .join(" | ")
    .trim();
}

function section(report: StackReport): string[] {
  const { stack, doppler, succeeded, errors, violations } = report;
  const where = doppler === undefined ? "" : ` — Doppler ${code(`${doppler.project}/${doppler.environment}`)}`;
  const lines = [`### ${code(stack)}${where}`, ""];
  if (violations.length > 0) {
    lines.push("**Policies that are broken**", "");
    for (const { policy, resource, message, mandatory } of violations) {
      const level = mandatory ? "❌" : "⚠️ (advisory)";
      lines.push(`- ${level} ${code(policy)} at ${code(resource)}${message === "" ? "" : `: ${plain(message)}`}`);
    }
    lines.push("");
  }
  if (!succeeded) {
    const how =
      errors === 0 ? "" : `, with ${count(errors, "error")}; the job's log has ${errors === 1 ? "it" : "them"}`;
    lines.push(`The preview did not succeed${how}. What follows is what it saw until then.`, "");
  }

  const keys = [...report.secrets.flatMap((change) => keyLines(change, report)), ...report.ci.flatMap(ciLines)];
  if (keys.length > 0) lines.push("**Keys**", "", ...keys.map((line) => `- ${line}`), "");
  else if (succeeded) lines.push("Every app and every repository has the keys that it had.", "");

  if (report.withoutValue.length > 0) {
    const names = codes(report.withoutValue);
    lines.push(`**No value yet** in Doppler: ${names}. Apps wait for theirs until somebody types them.`, "");
  }

  if (report.interruptions.length > 0) {
    lines.push("**What stands still or is gone, be it for a moment**", "");
    lines.push(...report.interruptions.map((i) => `- ${HARM[i.harm]} ${plain(i.text)}`), "");
  } else if (succeeded) lines.push("No Secret disappears, not even for a moment.", "");
  return lines;
}

const HARM: Readonly<Record<Interruption["harm"], string>> = {
  workloads: "🛑 **Workloads are lost:**",
  values: "🛑 **Values are lost:**",
  secret: "⚠️ **Pods miss a Secret:**",
  delivery: "Changes don't arrive meanwhile:",
};

/** Words of ours with names in them: nothing in them is to be taken for Markdown or for a person. */
function plain(text: string): string {
  return text
    .replaceAll(/[\\`*_[\]<>|#]/g, "\\$&")
    .replaceAll("@", "@\u200b")
    .replaceAll(/\s+/g, " ");
}

function keyLines({ app, secret, is, gained, lost, rerouted }: SecretChange, { byPattern }: StackReport): string[] {
  const from = (key: string, source: string) => (key === source ? code(key) : `${code(key)} (from ${code(source)})`);
  const of = `${code(app)}, Secret ${code(secret)}`;
  const lines: string[] = [];
  if (is === "left") return [`${of} is no longer added to: ${codes(lost)} stays as it is`];
  if (is === "gone") return [`${of} is no longer made: loses ${codes(lost)}`];
  if (gained.length > 0) {
    lines.push(`${of}${is === "new" ? " is new" : ""}: gains ${gained.map((g) => from(g.key, g.from)).join(", ")}`);
  }
  const names =
    gained.some(({ key }) => key.startsWith("all names")) && byPattern.find((one) => one.app === app)?.names;
  if (names) lines.push(`${of}: these names are at present ${names.length === 0 ? "none" : codes(names)}`);
  if (lost.length > 0) lines.push(`${of}: loses ${codes(lost)}`);
  for (const { key, was, from: source } of rerouted) {
    lines.push(`${of}: ${code(key)} comes from ${code(source)} in place of ${code(was)}`);
  }
  return lines;
}

function ciLines({ where, gained, lost }: StackReport["ci"][number]): string[] {
  return [
    ...(gained.length > 0 ? [`CI of ${code(where)}: gains ${codes(gained)}`] : []),
    ...(lost.length > 0 ? [`CI of ${code(where)}: loses ${codes(lost)}`] : []),
  ];
}

function resourceDiff({ stack, differences, unchanged }: StackReport): string {
  const rows = differences.map(
    ({ op, type, name, properties }) =>
      `| ${op} | ${cell(code(type))} | ${cell(code(name))} | ${cell(codes(properties))} |`,
  );
  return [
    "<details>",
    `<summary>Resources of <code>${stack}</code>: ${count(differences.length, "change")}, ${unchanged} unchanged</summary>`,
    "",
    "| | type | name | properties |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "</details>",
    "",
    "",
  ].join("\n");
}
