/**
 * A time in the form in which Go prints it, such as `2026-11-23 19:26:31 +0000 UTC`, in milliseconds since 1970; the
 * GitHub provider writes times so. Times in ISO 8601 are understood too; `NaN` stands for any other text.
 */
export function goTime(text: string): number {
  const go = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d\d)(\d\d)\b/;
  return Date.parse(text.replace(go, "$1T$2$3:$4").replace(/ UTC$/, ""));
}
