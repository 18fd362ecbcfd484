import type { CiVerdict, Finding, Judgement, SecretVerdict, Verdict } from "../judge/judgement";
import { count, moment, span } from "../judge/words";
import { type Colour, type Paint, plainly } from "./paint";

// A judgement for people: at most 100 columns, the worst at the end, where a terminal shows it.

const WIDTH = 100;

const COLOURS: Readonly<Record<Verdict, Colour>> = { whole: "green", broken: "red", unknown: "yellow" };

interface Cell {
  text: string;
  colour?: Colour | undefined;
}

/** The whole text. */
export function render(judgement: Judgement, paint: Paint = plainly): string {
  const { stack, at, secrets, ci, findings } = judgement;
  const sections = [
    [paint("bold", `Stack ${stack}, ${moment(at)}`)],
    table(
      ["APP", "SECRET", "STATE", "REFRESHED", "PODS"],
      [...secrets].sort(byApp).map((s) => secretRow(s, at)),
      paint,
    ),
    table(["CI", "SECRETS", "STATE"], [...ci].sort(byPlace).map(ciRow), paint),
    table(
      ["SERVICE TOKEN", "CONFIG", "MADE", "LAST USED"],
      judgement.tokens.map((t) => tokenRow(t, at)),
      paint,
    ),
    reads(judgement),
    listed(
      "Worth knowing",
      judgement.notices.map(({ text }) => text),
      paint,
    ),
    listed(
      "Not answered",
      judgement.unasked.map(({ whom, why }) => `${whom}: ${why}`),
      paint,
    ),
    ...findings.map((finding, index) => findingLines(finding, index, at, paint)),
    [conclusion(judgement, paint)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const byApp = (a: SecretVerdict, b: SecretVerdict) =>
  `${a.app} ${a.namespace}/${a.secret}` < `${b.app} ${b.namespace}/${b.secret}` ? -1 : 1;

const byPlace = (a: CiVerdict, b: CiVerdict) => (a.place < b.place ? -1 : 1);

const outcome = (verdict: Verdict, findings: readonly number[]): Cell => ({
  text: verdict === "broken" ? `broken ${findings.map((index) => `[${index + 1}]`).join("")}` : verdict,
  colour: COLOURS[verdict],
});

function secretRow({ app, namespace, secret, verdict, finding, refreshedAt, pods }: SecretVerdict, at: number): Cell[] {
  const using =
    pods === undefined
      ? "?"
      : pods.total === 0
        ? "none"
        : pods.older === 0
          ? `${pods.total} current`
          : `${pods.older} of ${pods.total} older`;
  return [
    { text: app },
    { text: `${namespace}/${secret}` },
    outcome(verdict, finding === undefined ? [] : [finding]),
    { text: refreshedAt === undefined ? "?" : `${span(at - refreshedAt)} ago` },
    { text: using },
  ];
}

const ciRow = ({ place, secrets, verdict, findings }: CiVerdict): Cell[] => [
  { text: place },
  { text: secrets.join(", ") },
  outcome(verdict, findings),
];

function tokenRow({ name, project, config, createdAt, lastSeenAt }: Judgement["tokens"][number], at: number): Cell[] {
  const ago = (time: number | undefined) => (time === undefined ? "?" : `${span(at - time)} ago`);
  return [
    { text: name },
    { text: `${project}/${config}` },
    { text: ago(createdAt) },
    { text: lastSeenAt === null ? "never" : ago(lastSeenAt) },
  ];
}

function reads({ reads: { perMinute, limit } }: Judgement): string[] {
  const rate = Math.round(perMinute * 10) / 10;
  const share =
    limit === undefined ? "" : ` of ${limit} that Doppler allows (${Math.ceil((perMinute / limit) * 100)} %)`;
  return [`Doppler is read ${rate} times a minute${share}.`];
}

/** Rows in columns that are as wide as they have to be and may. */
function table(head: readonly string[], rows: readonly Cell[][], paint: Paint): string[] {
  if (rows.length === 0) return [];
  const all = [head.map((text): Cell => ({ text, colour: "dim" })), ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.text.length ?? 0)));
  let over = widths.reduce((sum, width) => sum + width, 0) + 2 * (head.length - 1) - WIDTH;
  // The widest column gives way.
  for (; over > 0; over--) {
    const widest = Math.max(...widths);
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return all.map((row) =>
    row
      .map(({ text, colour }, column) => {
        const width = widths[column] ?? 0;
        const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
        const padded = column === row.length - 1 ? cut : cut.padEnd(width);
        return colour === undefined ? padded : paint(colour, padded);
      })
      .join("  ")
      .trimEnd(),
  );
}

function listed(title: string, items: readonly string[], paint: Paint): string[] {
  return items.length === 0 ? [] : [paint("bold", title), ...items.flatMap((item) => wrapped(item, "- ", "  "))];
}

function findingLines(
  { subject, cause, remedy, lastWell, concerns }: Finding,
  index: number,
  at: number,
  paint: Paint,
): string[] {
  const since = lastWell === undefined ? "not known" : `${moment(lastWell)}, ${span(at - lastWell)} ago`;
  return [
    ...wrapped(`Broken: ${subject}`, `[${index + 1}] `, "    ").map((line) => paint("red", line)),
    ...wrapped(cause, "    ", "    "),
    ...wrapped(concerns.join(", "), "    Concerns:   ", "                "),
    ...wrapped(since, "    Last whole: ", "                "),
    ...remedy.flatMap((step, i) => whole(step, i === 0 ? "    To mend it: " : "                ")),
  ];
}

/** A command is not wrapped: it is to be copied. */
function whole(step: string, indent: string): string[] {
  return /^(kubectl|pulumi|doppler|helm) /.test(step)
    ? [`${indent}${step}`]
    : wrapped(step, indent, " ".repeat(indent.length));
}

/** A text in lines that are not too long, broken between words. */
function wrapped(text: string, first: string, rest: string): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  const words = text.split(" ").flatMap((word) => pieces(word, WIDTH - rest.length));
  for (const word of words) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line];
}

/** A word in pieces that fit a line. */
function pieces(word: string, room: number): string[] {
  return word.length <= room ? [word] : [word.slice(0, room), ...pieces(word.slice(room), room)];
}

function conclusion({ verdict, secrets, ci, findings }: Judgement, paint: Paint): string {
  const all = [...secrets, ...ci];
  const broken = all.filter((one) => one.verdict === "broken").length;
  const unknown = all.filter((one) => one.verdict === "unknown").length;
  const chains = count(all.length, "chain");
  const unsure = unknown === 0 ? "" : ` ${unknown} could not be followed to the end.`;
  const text = {
    whole: `${chains}: all whole.`,
    broken: `${chains}: ${broken} broken, by ${count(findings.length, "fault")}.${unsure}`,
    unknown: `${chains}: none is seen to be broken, and not everything could be looked at.${unsure}`,
  }[verdict];
  return paint(COLOURS[verdict], text);
}
