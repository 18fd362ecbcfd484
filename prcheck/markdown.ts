/** A name as it is, whatever is in it. */
export function code(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll(/\s+/g, " ")}\``;
}

/** A text as one cell of a table. */
export const cell = (text: string) => text.replaceAll("|", "\\|");
