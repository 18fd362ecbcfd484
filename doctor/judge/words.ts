// Words that several findings share.

/** A number of things. */
export const count = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/** Names in a sentence. */
export function named(names: readonly string[]): string {
  if (names.length <= 1) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A length of time in words, with one unit: `12 s`, `4 min`, `3 h`, `20 d`. */
export function span(milliseconds: number): string {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`;
}

/** A moment, to the second. */
export const moment = (time: number) =>
  new Date(time)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");

/** A moment's time of day where the day goes without saying. */
export const clock = (time: number) => moment(time).slice(11);

/** A place in Doppler for the doppler command. */
export const inConfig = ({ project, config }: { project: string; config: string }) =>
  `--project ${project} --config ${config}`;
