import { ClusterError, DopplerError, GithubError } from "../../src/world";
import type { Asked, Silence } from "../facts";
import { StackError } from "./pulumi";

// Questions with an end: whoever is asked, the doctor goes on without an answer in time.

/** Asks, and gives up after a while. Whatever fails becomes a reason. */
export async function ask<T>(withinMs: number, question: (signal: AbortSignal) => Promise<T>): Promise<Asked<T>> {
  const signal = AbortSignal.timeout(withinMs);
  const late = new Promise<Asked<T>>((resolve) => {
    signal.addEventListener("abort", () =>
      resolve({ unknown: `no answer within ${withinMs / 1000} s`, because: "unreachable" }),
    );
  });
  return Promise.race([settled(question(signal)), late]);
}

async function settled<T>(question: Promise<T>): Promise<Asked<T>> {
  try {
    return { known: await question };
  } catch (error) {
    return { unknown: reasonOf(error), because: silenceOf(error) };
  }
}

/** An error's words, where they are known to repeat nothing of an answer. */
function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if ([ClusterError, DopplerError, GithubError, StackError].some((type) => error instanceof type)) {
    return (error as Error).message;
  }
  return "the answer has an unknown form";
}

function silenceOf(error: unknown): Silence {
  if (error instanceof Refused) return "refused";
  if (error instanceof DopplerError || error instanceof GithubError) {
    const { status } = error;
    if (status === 429) return "limited";
    if (status === undefined || status >= 500) return "unreachable";
    return "refused";
  }
  return error instanceof ClusterError ? "unreachable" : "refused";
}

/** An answer that is a refusal. */
export class Refused extends Error {}
