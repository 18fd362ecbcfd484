import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// A service that stops answering. A test arms a stand-in by a file in its data folder, so that the stand-in's API stays
// what the real one's is.

/** When a stand-in stops answering, and what becomes of the request at which it does. */
export interface Fault {
  /** Counted from 1, from when the fault was set. Later ones are not answered either. */
  readonly request: number;
  /** `before`: it is never handled. `after`: it is handled and stored, and its answer lost. */
  readonly when: "before" | "after";
}

interface Armed extends Fault {
  readonly id: string;
}

const paths = (data: string) => ({ fault: join(data, "fault.json"), hit: join(data, "fault-hit") });

/** Arms the stand-in of a data folder; its count begins anew. */
export function setFault(data: string, fault: Fault): void {
  const { fault: file, hit } = paths(data);
  rmSync(hit, { force: true });
  const armed: Armed = { ...fault, id: `${process.pid}-${performance.now()}` };
  writeFileSync(`${file}.tmp`, JSON.stringify(armed), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

/** Lets the stand-in answer again; requests that hang stay so. */
export function clearFault(data: string): void {
  const { fault, hit } = paths(data);
  rmSync(fault, { force: true });
  rmSync(hit, { force: true });
}

/** Whether the stand-in has come to the request at which it stops. */
export function faultHit(data: string): boolean {
  return existsSync(paths(data).hit);
}

/** The stand-in's side. */
export class Faults {
  readonly #data: string;
  #id: string | undefined;
  #count = 0;

  constructor(data: string) {
    this.#data = data;
  }

  /** What is to become of the next request: an answer, or none. */
  next(): "answer" | Fault["when"] {
    const { fault: file, hit } = paths(this.#data);
    if (!existsSync(file)) return "answer";
    const fault = JSON.parse(readFileSync(file, "utf8")) as Armed;
    if (fault.id !== this.#id) {
      this.#id = fault.id;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count < fault.request) return "answer";
    if (this.#count > fault.request) return "before";
    writeFileSync(hit, "", { mode: 0o600 });
    return fault.when;
  }
}

/** An answer that never comes. */
export const never = new Promise<never>(() => undefined);
