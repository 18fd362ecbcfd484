import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file only its owner can read, all of it or nothing. */
export function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}

/** The text of a private file, which is made first when there is none. */
export function keepPrivate(file: string, make: () => string): string {
  if (!existsSync(file)) writePrivate(file, make());
  return readFileSync(file, "utf8");
}
