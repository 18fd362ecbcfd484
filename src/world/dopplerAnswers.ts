import { z } from "zod";

// The forms of Doppler's answers, as far as this program reads them.

export const errorBody = z.object({ messages: z.array(z.string()) });
export const projectBody = z.object({ project: z.object({ name: z.string(), description: z.string().nullish() }) });
export const environmentsBody = z.object({ environments: z.array(z.object({ slug: z.string(), name: z.string() })) });
export const configsBody = z.object({ configs: z.array(z.object({ name: z.string(), environment: z.string() })) });
export const tokensBody = z.object({
  tokens: z.array(
    z.object({
      name: z.string(),
      slug: z.string(),
      last_seen_at: z.string().nullish(),
      created_at: z.string().nullish(),
      expires_at: z.string().nullish(),
    }),
  ),
});
export const logsBody = z.object({ logs: z.array(z.object({ id: z.string(), created_at: z.string() })) });

export const namesBody = z.object({ names: z.array(z.string()) });
export const secretsBody = z.object({
  secrets: z.record(z.string(), z.object({ computed: z.string().nullable() })),
});

/** What a refusal says, if it is one of Doppler's own. */
export function refusal(text: string): string {
  try {
    return errorBody.parse(JSON.parse(text)).messages.join("; ");
  } catch {
    return "no reason given";
  }
}
