/** The plans a Doppler workplace can be on. Rate limits and caps depend on it. */
export const PLANS = ["developer", "team", "enterprise"] as const;
export type Plan = (typeof PLANS)[number];

/** What a request counts as against the rate limits. */
export type RequestClass = "read" | "secret read" | "write";

export interface PlanLimits {
  readonly title: string;
  /** The plan that Doppler's 429 message recommends; undefined on the highest. */
  readonly next: string | undefined;
  /** Requests per minute, for one token and, counted separately, for one IP address. */
  readonly requestsPerMinute: Readonly<Record<RequestClass, number>>;
  readonly projects: number;
  readonly environmentsPerProject: number;
  /** Root and branch configs together. */
  readonly configsPerEnvironment: number;
  /** In the whole workplace. */
  readonly serviceTokens: number;
  readonly serviceAccounts: number;
  readonly serviceAccountTokens: number;
}

/** Figures from Doppler's "API reference" (rate limits) and "Platform limits" pages. */
export const PLAN_LIMITS: Readonly<Record<Plan, PlanLimits>> = {
  developer: {
    title: "Developer",
    next: "Team",
    requestsPerMinute: { read: 240, "secret read": 120, write: 60 },
    projects: 10,
    environmentsPerProject: 4,
    configsPerEnvironment: 10,
    serviceTokens: 50,
    serviceAccounts: 0,
    serviceAccountTokens: 0,
  },
  team: {
    title: "Team",
    next: "Enterprise",
    requestsPerMinute: { read: 480, "secret read": 240, write: 120 },
    projects: 250,
    environmentsPerProject: 15,
    configsPerEnvironment: 100,
    serviceTokens: 500,
    serviceAccounts: 250,
    serviceAccountTokens: 500,
  },
  enterprise: {
    title: "Enterprise",
    next: undefined,
    requestsPerMinute: { read: 480, "secret read": 480, write: 240 },
    projects: 1000,
    environmentsPerProject: 15,
    configsPerEnvironment: 100,
    serviceTokens: 1000,
    serviceAccounts: 5000,
    serviceAccountTokens: 500,
  },
};

/** Limits that are the same on every plan. */
export const SECRET_LIMITS = {
  /** Characters. */
  name: 200,
  /** Bytes of UTF-8. */
  value: 50 * 1024,
  /** Secrets of its own that one config may hold. */
  perConfig: 1200,
  /** Bytes of all values of one config. */
  configPayload: 500 * 1024,
} as const;

export function isPlan(text: string): text is Plan {
  return (PLANS as readonly string[]).includes(text);
}
