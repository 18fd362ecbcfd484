import { z } from "zod";

// What `pulumi preview --json` says, in the one shape that the rest of the check reads. Two forms are understood: the
// digest, and with PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true the stream of events, which also says what policies found.
// The stream's debug messages hold secrets in clear: it is read from a pipe and never kept.

/** A resource before or after a step. */
export interface State {
  urn: string;
  parent?: string | undefined;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  retainOnDelete: boolean;
}

/** One thing that Pulumi would do, or leave as it is (`same`). */
export interface Step {
  op: string;
  urn: string;
  old?: State | undefined;
  new?: State | undefined;
  /** The paths of the properties that differ. */
  properties: string[];
}

/** A policy that is broken. */
export interface Violation {
  pack: string;
  policy: string;
  urn: string;
  message: string;
  mandatory: boolean;
}

/** A preview, whatever its form. */
export interface Preview {
  steps: Step[];
  violations: Violation[];
  /** What the program and the engine said, debug messages left out. */
  messages: { severity: string; text: string }[];
  /** Whether it went to its end, with no error and no policy broken. */
  succeeded: boolean;
}

const properties = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((p) => p ?? {});

const state = z
  .object({
    urn: z.string(),
    parent: z.string().optional(),
    inputs: properties,
    outputs: properties,
    retainOnDelete: z.boolean().default(false),
  })
  .nullish()
  .transform((s) => s ?? undefined);

const detailedDiff = z.record(z.string(), z.unknown()).nullish();
const names = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

const digest = z.object({
  steps: z
    .array(
      z.object({
        op: z.string(),
        urn: z.string(),
        oldState: state,
        newState: state,
        diffReasons: names,
        replaceReasons: names,
        detailedDiff,
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
  diagnostics: z
    .array(z.object({ message: z.string(), severity: z.string().default("info") }))
    .nullish()
    .transform((list) => list ?? []),
  changeSummary: z.unknown().optional(),
});

const event = z.object({
  resourcePreEvent: z
    .object({
      metadata: z.object({
        op: z.string(),
        urn: z.string(),
        old: state,
        new: state,
        keys: names,
        diffs: names,
        detailedDiff,
      }),
    })
    .optional(),
  policyEvent: z
    .object({
      resourceUrn: z.string().default(""),
      message: z.string(),
      policyName: z.string(),
      policyPackName: z.string(),
      enforcementLevel: z.string(),
    })
    .optional(),
  diagnosticEvent: z
    .object({ message: z.string(), severity: z.string(), ephemeral: z.boolean().default(false) })
    .optional(),
  summaryEvent: z.object({ result: z.string().optional() }).optional(),
});

/** What can't be a preview. Says nothing of what it was given instead. */
export class NotAPreview extends Error {
  constructor(why: string) {
    super(`expected what "pulumi preview --json" writes: ${why}`);
  }
}

/** The paths where a step differs, from either of the ways to say so. */
function differing(detailed: Record<string, unknown> | null | undefined, ...fallback: string[][]): string[] {
  const paths = detailed ? Object.keys(detailed) : fallback.flat();
  return [...new Set(paths)].sort();
}

/**
 * Reads a preview in either form.
 *
 * @throws NotAPreview
 */
export function parsePreview(text: string): Preview {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return { steps: [], violations: [], messages: [], succeeded: false };
  // Each event is a line of its own; the digest is one document over many.
  const stream = lines.every((line) => line.startsWith("{") && line.trimEnd().endsWith("}"));
  if (stream && !/^\s*\{\s*"(config|steps|diagnostics)"/.test(text)) return fromEvents(lines);
  return fromDigest(text);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message would show a part of the text.
    throw new NotAPreview("it is no JSON");
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const paths = result.error.issues.map(({ path }) => path.join("."));
  throw new NotAPreview(`something else is at ${paths.join(", ")}`);
}

function fromDigest(text: string): Preview {
  const { steps, diagnostics, changeSummary } = checked(digest, json(text));
  return {
    steps: steps.map(({ op, urn, oldState, newState, diffReasons, replaceReasons, ...step }) => ({
      op,
      urn,
      old: oldState,
      new: newState,
      properties: differing(step.detailedDiff, diffReasons, replaceReasons),
    })),
    violations: [],
    messages: diagnostics.map(({ message, severity }) => ({ severity, text: message })),
    succeeded: isSummary(changeSummary) && !diagnostics.some(({ severity }) => severity === "error"),
  };
}

/** A preview that broke off has no summary, or an empty one. */
function isSummary(summary: unknown): boolean {
  return typeof summary === "object" && summary !== null && Object.keys(summary).length > 0;
}

function fromEvents(lines: readonly string[]): Preview {
  const preview: Preview = { steps: [], violations: [], messages: [], succeeded: false };
  for (const line of lines) {
    const { resourcePreEvent, policyEvent, diagnosticEvent, summaryEvent } = checked(event, json(line));
    if (resourcePreEvent !== undefined) {
      const { op, urn, old, new: after, keys, diffs, detailedDiff: detailed } = resourcePreEvent.metadata;
      preview.steps.push({ op, urn, old, new: after, properties: differing(detailed, keys, diffs) });
    }
    if (policyEvent !== undefined) {
      preview.violations.push({
        pack: policyEvent.policyPackName,
        policy: policyEvent.policyName,
        urn: policyEvent.resourceUrn,
        message: policyEvent.message,
        mandatory: policyEvent.enforcementLevel === "mandatory",
      });
    }
    if (diagnosticEvent !== undefined && diagnosticEvent.severity !== "debug" && !diagnosticEvent.ephemeral) {
      preview.messages.push({ severity: diagnosticEvent.severity, text: diagnosticEvent.message });
    }
    // Older engines, such as 3.229, end every run with a summary and give no result.
    if (summaryEvent !== undefined) preview.succeeded = (summaryEvent.result ?? "succeeded") === "succeeded";
  }
  preview.succeeded &&= !preview.messages.some(({ severity }) => severity === "error");
  preview.succeeded &&= !preview.violations.some(({ mandatory }) => mandatory);
  return preview;
}

/** A URN's parts that people know a resource by. */
export function urnParts(urn: string): { stack: string; type: string; name: string } {
  const [head = "", , qualified = "", ...name] = urn.split("::");
  return {
    stack: head.replace(/^urn:pulumi:/, ""),
    type: qualified.split("$").at(-1) ?? "",
    name: name.join("::"),
  };
}
