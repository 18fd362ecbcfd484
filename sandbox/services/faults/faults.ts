import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// A service that stops answering. A test arms a stand-in by a file in its data folder, and reads there how many
// requests came since, so that the stand-in's API stays what the real one's is.

/** When a stand-in stops answering, and what becomes of the request at which it does. */
export interface Fault {
  /** Counted from 1, from when the fault was set. Later ones are not answered either. */
  readonly request: number;
  /** `before`: it is never handled. `after`: it is handled and stored, and its answer lost. */
  readonly when: "before" | "after";
  /**
   * Which requests count: all, or only those that would change something. The others are answered until it has come.
   */
  readonly of?: "all" | "writes";
}

interface Armed {
  readonly id: string;
  readonly fault?: Fault;
}

interface Count {
  readonly id: string;
  readonly requests: number;
  readonly hit: boolean;
}

const armedFile = (data: string) => join(data, "fault.json");
const countFile = (data: string) => join(data, "fault-count.json");

/** Arms the stand-in of a data folder; its count begins anew. */
export function setFault(data: string, fault: Fault): void {
  arm(data, fault);
}

/** Has the stand-in count its requests from now on, and answer all of them. */
export function countRequests(data: string): void {
  arm(data);
}

/** Lets the stand-in answer again, and count no more; requests that hang stay so. */
export function clearFault(data: string): void {
  rmSync(armedFile(data), { force: true });
  rmSync(countFile(data), { force: true });
}

/** How many requests have come since the stand-in was armed or told to count. */
export function requestsCounted(data: string): number {
  return countOf(data)?.requests ?? 0;
}

/** Whether the stand-in has come to the request at which it stops. */
export function faultHit(data: string): boolean {
  return countOf(data)?.hit ?? false;
}

/** What the stand-in has counted for what it is armed with now. */
function countOf(data: string): Count | undefined {
  const count = read<Count>(countFile(data));
  return count !== undefined && count.id === read<Armed>(armedFile(data))?.id ? count : undefined;
}

function arm(data: string, fault?: Fault): void {
  const armed: Armed = { id: `${process.pid}-${performance.now()}`, ...(fault && { fault }) };
  replace(armedFile(data), armed);
}

/** The stand-in's side. */
export class Faults {
  readonly #data: string;
  #count: Count = { id: "", requests: 0, hit: false };
  #counted = 0;

  constructor(data: string) {
    this.#data = data;
  }

  /**
   * What is to become of the next request: an answer, or none.
   *
   * @param method the request's
   */
  next(method: string): "answer" | Fault["when"] {
    const armed = read<Armed>(armedFile(this.#data));
    if (armed === undefined) return "answer";
    const { id, fault } = armed;
    if (id !== this.#count.id) {
      this.#count = { id, requests: 0, hit: false };
      this.#counted = 0;
    }
    const before = this.#count.hit;
    if (fault?.of !== "writes" || method !== "GET") this.#counted++;
    const hit = fault !== undefined && this.#counted >= fault.request;
    this.#count = { id, requests: this.#count.requests + 1, hit };
    replace(countFile(this.#data), this.#count);
    if (fault === undefined || !hit) return "answer";
    return before ? "before" : fault.when;
  }
}

/** An answer that never comes. */
export const never = new Promise<never>(() => undefined);

function read<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** In one go, since the other side may read at any moment. */
function replace(file: string, content: Armed | Count): void {
  writeFileSync(`${file}.tmp`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}
