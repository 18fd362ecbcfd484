import { ApiError } from "./errors.js";
import type { PlanLimits, RequestClass } from "./plans.js";

const WINDOW_MS = 60_000;

/** How much of its limit a caller has used in the current window. */
export interface Quota {
  limit: number;
  remaining: number;
  /** Milliseconds since the epoch. */
  resetsAt: number;
}

/** A request over the limit: 429 with the time to wait. */
export class RateLimitError extends ApiError {
  /** Whole seconds, at least 1. */
  readonly retryAfter: number;

  constructor(limits: PlanLimits, requestClass: RequestClass, retryAfter: number) {
    const upgrade = limits.next === undefined ? "" : `. Upgrade to the ${limits.next} plan to increase your limit`;
    super(
      429,
      `Exceeded rate limit of ${limits.requestsPerMinute[requestClass]} ${requestClass} requests within ` +
        `${WINDOW_MS / 1000} seconds. Retry in ${retryAfter} seconds${upgrade}`,
    );
    this.name = "RateLimitError";
    this.retryAfter = retryAfter;
  }
}

interface Window {
  count: number;
  resetsAt: number;
}

/** Counts requests per caller and class in windows of a minute, each starting with its first request. */
export class RateLimiter {
  readonly #plan: { readonly limits: PlanLimits };
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();

  constructor(plan: { readonly limits: PlanLimits }, now: () => number) {
    this.#plan = plan;
    this.#now = now;
  }

  /**
   * Counts one request.
   * @param caller what is limited: an IP address or a token.
   * @returns the caller's quota, and the error to answer with if this request exceeds it
   */
  count(caller: string, requestClass: RequestClass): { quota: Quota; exceeded: RateLimitError | undefined } {
    const now = this.#now();
    this.#forgetExpired(now);
    const key = `${requestClass} ${caller}`;
    const window = this.#windows.get(key) ?? { count: 0, resetsAt: now + WINDOW_MS };
    window.count += 1;
    this.#windows.set(key, window);
    const { limits } = this.#plan;
    const limit = limits.requestsPerMinute[requestClass];
    const quota = { limit, remaining: Math.max(0, limit - window.count), resetsAt: window.resetsAt };
    const exceeded =
      window.count > limit
        ? new RateLimitError(limits, requestClass, Math.max(1, Math.ceil((window.resetsAt - now) / 1000)))
        : undefined;
    return { quota, exceeded };
  }

  #forgetExpired(now: number): void {
    for (const [key, window] of this.#windows) {
      if (window.resetsAt <= now) this.#windows.delete(key);
    }
  }
}

/** The class of a request. Reads of secrets have a lower limit than other reads. */
export function classify(method: string, path: string): RequestClass {
  if (method !== "GET" && method !== "HEAD") return "write";
  return /^\/v3\/configs\/config\/secrets?(\/|$)/.test(path) ? "secret read" : "read";
}
