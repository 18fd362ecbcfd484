import type { FastifyRequest } from "fastify";
import { ApiError, notFound } from "./errors.js";
import type { Context } from "./context.js";
import {
  type Account,
  type Environment,
  findAccount,
  findEnvironment,
  findRenamedRepository,
  findRepository,
  type Repository,
} from "./state.js";

/** A decoded path parameter; empty if the route has no such parameter. */
export function parameter(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string | undefined>)[name] ?? "";
}

/** Repository routes exist twice on GitHub: by name and by id. */
export const REPOSITORY_PREFIXES = ["/repos/:owner/:repository", "/repositories/:repositoryId"] as const;

/** A repository was renamed; its new place is in the Location header and the body. */
export class MovedError extends ApiError {
  constructor(
    readonly location: string,
    method: string,
  ) {
    // Only after a 307 do clients repeat a write with its method and body.
    const forGood = method === "GET";
    super(forGood ? 301 : 307, forGood ? "Moved Permanently" : "Temporary Redirect");
  }

  override body(): Record<string, unknown> {
    return { message: this.message, url: this.location, documentation_url: "https://docs.github.com/rest" };
  }
}

/** The repository a request is about. */
export function requestedRepository(context: Context, request: FastifyRequest): Repository {
  const { state } = context.store;
  const id = parameter(request, "repositoryId");
  if (id !== "") {
    const byId = state.repositories.find((repo) => String(repo.id) === id);
    if (!byId) {
      throw notFound();
    }
    return byId;
  }
  const owner = parameter(request, "owner");
  const name = parameter(request, "repository");
  const repository = findRepository(state, owner, name);
  if (repository) {
    return repository;
  }
  const renamed = findRenamedRepository(state, owner, name);
  if (renamed) {
    const rest = (request.raw.url ?? "").split("/").slice(6).join("/");
    throw new MovedError(`${context.baseUrl()}/api/v3/repositories/${renamed.id}${rest && "/" + rest}`, request.method);
  }
  throw notFound();
}

export function requestedEnvironment(context: Context, request: FastifyRequest): Environment {
  const repository = requestedRepository(context, request);
  const environment = findEnvironment(context.store.state, repository.id, parameter(request, "environment"));
  if (!environment) {
    throw notFound();
  }
  return environment;
}

/** The organization a request is about; a user account is none. */
export function requestedOrganization(context: Context, request: FastifyRequest): Account {
  const account = findAccount(context.store.state, parameter(request, "organization"));
  if (account?.type !== "Organization") {
    throw notFound();
  }
  return account;
}

/**
 * One page of a list, chosen by `per_page` (default 30, at most 100) and `page`; and the Link header, if there is more.
 */
export function page<Item>(context: Context, request: FastifyRequest, items: readonly Item[]) {
  const url = new URL(request.raw.url ?? "/", context.baseUrl());
  const perPage = Math.min(100, Math.max(1, Number(url.searchParams.get("per_page")) || 30));
  const current = Math.max(1, Number(url.searchParams.get("page")) || 1);
  let link: string | undefined;
  if (current * perPage < items.length) {
    url.searchParams.set("page", String(current + 1));
    link = `<${url.href}>; rel="next"`;
  }
  return { items: items.slice((current - 1) * perPage, current * perPage), link };
}
