import { described } from "./externalSecrets";
import { type State, urnParts } from "./preview";

// The secrets for CI in a preview: at which repository, environment or organisation which ones come and go.

/** What changes for CI. */
export interface CiChange {
  /** The repository, and the GitHub environment if it is one's; or the organisation, and who may read its secrets. */
  where: string;
  gained: string[];
  lost: string[];
}

/** The types of resources that are secrets at GitHub. */
export const ACTIONS_SECRET = /^github:index\/(actions|dependabot)(Environment|Organization)?Secret:/;

const READERS: Readonly<Record<string, string>> = {
  all: "all repositories",
  private: "private repositories",
  selected: "selected repositories",
};

/** Where a secret for CI is, and what it is called. */
export function ciSecret(state: State): { where: string; name: string } {
  const { repository, environment, secretName, visibility } = described(state);
  const { type } = urnParts(state.urn);
  const kind = type.startsWith("github:index/dependabot") ? " (Dependabot)" : "";
  // Other readers are another place: a reviewer sees who gains a secret, and who loses it.
  const readers = typeof visibility === "string" ? (READERS[visibility] ?? "?") : "?";
  const place = typeof repository === "string" ? repository : `the organisation, for ${readers}`;
  return {
    where: `${place}${typeof environment === "string" ? `, environment ${environment}` : ""}${kind}`,
    name: typeof secretName === "string" ? secretName : "?",
  };
}

/** What changes for CI, by place. */
export function ciChanges(before: ReadonlyMap<string, State>, after: ReadonlyMap<string, State>): CiChange[] {
  const collect = (states: ReadonlyMap<string, State>) => {
    const places = new Map<string, Set<string>>();
    for (const state of states.values()) {
      if (!ACTIONS_SECRET.test(urnParts(state.urn).type)) continue;
      const { where, name } = ciSecret(state);
      places.set(where, (places.get(where) ?? new Set<string>()).add(name));
    }
    return places;
  };
  const [was, becomes] = [collect(before), collect(after)];
  return [...new Set([...was.keys(), ...becomes.keys()])].sort().flatMap((where) => {
    const [old, next] = [was.get(where) ?? new Set<string>(), becomes.get(where) ?? new Set<string>()];
    const gained = [...next].filter((name) => !old.has(name)).sort();
    const lost = [...old].filter((name) => !next.has(name)).sort();
    return gained.length + lost.length > 0 ? [{ where, gained, lost }] : [];
  });
}
