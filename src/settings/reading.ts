import { type RequestedSource, sourcesOf } from "./dopplerSources";
import { type Lenient, lenient } from "./lenient";
import { type Requests, requestsOf } from "./requests";
import { type Settings, settingsSchema } from "./schema";

/** A stack's settings as far as they can be read, whatever is wrong with the rest. Rules judge this, once read. */
export interface Reading {
  /** The stack's name. */
  stack: string;
  settings: Lenient<Settings>;
  requests: Requests;
  /** The Doppler configs that the stack reads, the main one first. */
  sources: RequestedSource[];
}

/**
 * Reads a stack's settings.
 *
 * @param values the stack's settings, without the project's prefix
 */
export function readSettings(stack: string, values: Readonly<Record<string, unknown>>): Reading {
  const settings = lenient(settingsSchema, values) ?? {};
  return { stack, settings, requests: requestsOf(settings), sources: sourcesOf(settings) };
}
