// Colour, where there is a terminal that wants it.

export type Colour = "red" | "green" | "yellow" | "bold" | "dim";
export type Paint = (colour: Colour, text: string) => string;

const CODES: Readonly<Record<Colour, string>> = { red: "31", green: "32", yellow: "33", bold: "1", dim: "2" };

/** Leaves texts as they are. */
export const plainly: Paint = (_colour, text) => text;

/** Colours for an output, or none: see https://no-color.org. */
export function paintFor(output: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Paint {
  if (!output.isTTY || env["NO_COLOR"] || env["TERM"] === "dumb") return plainly;
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}
