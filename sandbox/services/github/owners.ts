import type { FastifyInstance } from "fastify";
import { Body } from "./body.js";
import { ApiError, notFound, validationFailed } from "./errors.js";
import { parameter, requestedOrganization } from "./lookup.js";
import { accountJson, repositoryJson } from "./answers.js";
import type { Context } from "./context.js";
import { type Account, findAccount, findRepository } from "./state.js";

/** Accounts, and the making of repositories in them. */
export function registerOwnerRoutes(api: FastifyInstance, context: Context): void {
  const { store } = context;

  api.get("/user", () => accountJson(context, store.user));

  api.get("/users/:login", (request) => {
    const account = findAccount(store.state, parameter(request, "login"));
    if (!account) {
      throw notFound();
    }
    return accountJson(context, account);
  });

  api.get("/orgs/:organization", (request) => {
    const organization = requestedOrganization(context, request);
    return { ...accountJson(context, organization), name: organization.login, description: null };
  });

  const createRepository = (owner: Account, input: unknown): Record<string, unknown> => {
    const body = new Body(input);
    const name = body.requiredString("name");
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(name)) {
      throw validationFailed("Repository", "name", "name is invalid");
    }
    if (findRepository(store.state, owner.login, name)) {
      throw new ApiError(422, "Repository creation failed.", {
        errors: [
          {
            resource: "Repository",
            field: "name",
            code: "custom",
            message: "name already exists on this account",
          },
        ],
      });
    }
    return repositoryJson(
      context,
      store.addRepository(owner.login, name, {
        private: body.optionalBoolean("private", false),
        description: body.optionalString("description") ?? null,
      }),
    );
  };
  api.post("/user/repos", (request, reply) => reply.code(201).send(createRepository(store.user, request.body)));
  api.post("/orgs/:organization/repos", (request, reply) =>
    reply.code(201).send(createRepository(requestedOrganization(context, request), request.body)),
  );
}
