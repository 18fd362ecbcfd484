import { createHash } from "node:crypto";

// Doppler's and GitHub's APIs as the program itself asks them.

/** What the services are to have. */
export interface Services {
  /** Values in each Doppler config; `undefined` as long as none exists. `null`: restricted. */
  doppler?: Record<string, string | null>;
  /** The same of single configs, by `<project>/<config>`; `undefined` for one that does not exist. */
  configs?: Record<string, Record<string, string | null> | undefined>;
  /** The HTTP status with which Doppler refuses the names of secrets, or their values. */
  dopplerRefuses?: { names?: number; values?: number };
  /** What is in the Doppler workplace: per project its description and its environments' names by slug. */
  workplace?: Record<string, { description?: string; environments: Record<string, string>; configs?: string[] }>;
  /**
   * The secrets that GitHub lists, by repository (and `:` and environment) or `/` for the organisation's, Dependabot's
   * after `dependabot `: when each was written ({@link written}), and an organisation's visibility. Where GitHub refuses
   * to list them, with which HTTP status. What is not named has no secrets; an environment that is not named is absent.
   */
  github?: Record<string, Record<string, string> | number>;
  /** GitHub's numbers of the repositories that there are. */
  repositoryIds?: Record<string, number>;
}

/** An answer of a service. */
interface Answer {
  status: number;
  body: unknown;
}

/** The time that stands for a word such as "monday", as GitHub writes it and as the provider writes it into a state. */
export function written(word: string): { github: string; state: string } {
  const seconds = createHash("sha256").update(word).digest().readUInt32BE() % 86_400;
  const time = new Date(Date.UTC(2026, 0, 5) + seconds * 1000).toISOString().slice(0, 19);
  return { github: `${time}Z`, state: `${time.replace("T", " ")} +0000 UTC` };
}

/** What a request is answered. */
export function answerOf(services: Services, url: string): Answer {
  const { pathname, searchParams } = new URL(url);
  return pathname.startsWith("/v3/")
    ? dopplerAnswer(services, pathname, searchParams)
    : githubAnswer(services, decodeURIComponent(pathname));
}

const ok = (body: unknown): Answer => ({ status: 200, body });
const dopplerSays = (status: number, message: string): Answer => ({ status, body: { messages: [message] } });

function dopplerAnswer(services: Services, pathname: string, query: URLSearchParams): Answer {
  const { dopplerRefuses, workplace = {}, configs = {} } = services;
  const config = `${query.get("project")}/${query.get("config")}`;
  const doppler = config in configs ? configs[config] : services.doppler;
  switch (pathname) {
    case "/v3/configs/config/secrets/names":
      if (dopplerRefuses?.names !== undefined) return dopplerSays(dopplerRefuses.names, "no names for this token");
      if (doppler === undefined) return dopplerSays(404, "Could not find requested config");
      return ok({ names: [...Object.keys(doppler), "DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"] });
    case "/v3/configs/config/secrets": {
      if (dopplerRefuses?.values !== undefined) return dopplerSays(dopplerRefuses.values, "no values for this token");
      const names = query.get("secrets")?.split(",") ?? [];
      const found = names.filter((name) => doppler !== undefined && name in doppler);
      return ok({ secrets: Object.fromEntries(found.map((name) => [name, { computed: doppler?.[name] ?? null }])) });
    }
  }
  const name = query.get("project") ?? "";
  const project = workplace[name];
  if (project === undefined) return dopplerSays(404, `Could not find requested project '${name}'`);
  switch (pathname) {
    case "/v3/projects/project":
      return ok({ project: { name, description: project.description ?? "" } });
    case "/v3/environments":
      return ok({ environments: Object.entries(project.environments).map(([slug, title]) => ({ slug, name: title })) });
    case "/v3/configs":
      return ok({
        configs: (project.configs ?? []).map((config) => ({ name: config, environment: config.split("_")[0] })),
      });
    default:
      throw new Error(`no mock for ${pathname}`);
  }
}

function githubAnswer({ github = {}, repositoryIds = {} }: Services, pathname: string): Answer {
  const notFound = { status: 404, body: { message: "Not Found" } };
  const list = /^\/(?:repos\/[^/]+\/([^/]+)|orgs\/[^/]+)\/(actions|dependabot|environments\/([^/]+))\/secrets$/.exec(
    pathname,
  );
  if (list !== null) {
    const [, repository = "/", app, environment] = list;
    const place = `${app === "dependabot" ? "dependabot " : ""}${repository}${environment === undefined ? "" : `:${environment}`}`;
    const listed = github[place] ?? (environment === undefined ? {} : 404);
    if (typeof listed === "number") return listed === 404 ? notFound : { status: listed, body: { message: "refused" } };
    const secrets = Object.entries(listed).map(([name, text]) => {
      const [word = "", visibility] = text.split(" ");
      return { name, updated_at: written(word).github, created_at: written(word).github, visibility };
    });
    return ok({ total_count: secrets.length, secrets });
  }
  const [, repository = ""] = /^\/repos\/[^/]+\/([^/]+)$/.exec(pathname) ?? [];
  if (repository === "") throw new Error(`no mock for ${pathname}`);
  const id = repositoryIds[repository];
  return id === undefined ? notFound : ok({ id, name: repository });
}
