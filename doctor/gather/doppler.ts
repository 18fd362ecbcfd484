import { type Source, sourceKey } from "../../lib/pipeline";
import { answer, type Asked, type DopplerFacts, type TokenFacts } from "../facts";
import { DopplerClient } from "../../src/world";
import { ask } from "./asking";

/** How to reach Doppler. */
export interface DopplerAccess {
  host: string;
  token: Asked<string>;
}

/** A question is asked once: whoever waits for the doctor wants to know that Doppler does not answer. */
const ONCE = { total: 0, first: 0, longest: 0 };

/** Asks Doppler for names and tokens. No value is read. */
export async function gatherDoppler(
  sources: readonly Source[],
  { host, token }: DopplerAccess,
  withinMs: number,
): Promise<DopplerFacts> {
  const credential = answer(token);
  if (credential === undefined) {
    const why = token as Asked<never>;
    return { configs: Object.fromEntries(sources.map((source) => [sourceKey(source), { names: why, tokens: why }])) };
  }
  const client = new DopplerClient(host, credential, ONCE);
  const configs = await Promise.all(
    sources.map(async (source) => {
      const [names, tokens] = await Promise.all([
        ask(withinMs, async () => {
          const found = await client.secretNames(source.project, source.config);
          return found === undefined ? null : [...found].sort();
        }),
        source.token === undefined
          ? { known: [] }
          : ask(withinMs, async () => (await client.serviceTokens(source.project, source.config)).map(tokenFacts)),
      ]);
      return [sourceKey(source), { names, tokens }] as const;
    }),
  );
  return { configs: Object.fromEntries(configs), readLimit: client.secretReadLimit };
}

function tokenFacts({
  name,
  createdAt,
  expiresAt,
  lastSeenAt,
}: Awaited<ReturnType<DopplerClient["serviceTokens"]>>[number]): TokenFacts {
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  return {
    name,
    createdAt: time(createdAt),
    expiresAt: time(expiresAt),
    lastSeenAt: lastSeenAt === null ? null : time(lastSeenAt),
  };
}
