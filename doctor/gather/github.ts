import { ciPlaceKey, type PipelineCiSecret } from "../../lib/pipeline";
import { connectGithub, type GithubAccess, type GithubSecretScope, listGithubSecrets } from "../../src/world";
import { answer, type Asked, type GithubFacts } from "../facts";
import { ask } from "./asking";

const ONCE = { total: 0, first: 0, longest: 0 };

/** Asks GitHub when the secrets of CI were written. GitHub tells nobody their values. */
export async function gatherGithub(
  secrets: readonly PipelineCiSecret[],
  access: GithubAccess,
  withinMs: number,
): Promise<GithubFacts> {
  const places = new Map(secrets.map((secret) => [ciPlaceKey(secret), secret]));
  if (places.size === 0) return { places: {} };
  const connected = await ask(withinMs, () => connectGithub(access, ONCE));
  const connection = answer(connected);
  if (connection === undefined) {
    return { places: Object.fromEntries([...places.keys()].map((place) => [place, connected as Asked<never>])) };
  }
  const { client, owner } = connection;
  const listed = await Promise.all(
    [...places].map(async ([place, secret]) => {
      const found = await ask(withinMs, async () => {
        const list = await listGithubSecrets(client, owner, scopeOf(secret, owner));
        return Object.fromEntries(
          [...list].map(([name, { updatedAt, visibility }]) => [name, { updatedAt, visibility }]),
        );
      });
      return [place, found] as const;
    }),
  );
  return { owner, places: Object.fromEntries(listed) };
}

function scopeOf({ app, repository, environment }: PipelineCiSecret, owner: string): GithubSecretScope {
  return repository === undefined ? { app, organization: owner } : { app, repository, environment };
}
