import type { FastifyInstance, FastifyRequest } from "fastify";
import { Body } from "./body.js";
import { ApiError, notFound } from "./errors.js";
import { page, parameter, requestedRepository, REPOSITORY_PREFIXES } from "./lookup.js";
import { checkName } from "./secrets.js";
import type { Context } from "./context.js";
import type { Variable } from "./state.js";

const MAX_VALUE_BYTES = 48 * 1024;

/** Actions variables of repositories: plain values, shown to whoever may read them. */
export function registerVariableRoutes(api: FastifyInstance, context: Context): void {
  const { store } = context;
  const find = (repositoryId: number, name: string): Variable | undefined =>
    store.state.variables.find(
      (variable) => variable.repositoryId === repositoryId && variable.name === name.toUpperCase(),
    );
  const requested = (request: FastifyRequest): Variable => {
    const variable = find(requestedRepository(context, request).id, parameter(request, "name"));
    if (!variable) {
      throw notFound();
    }
    return variable;
  };
  const checkValue = (value: string): string => {
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
      throw new ApiError(422, "Variable value is too large. It must be no more than 48 KB.");
    }
    return value;
  };
  const json = (variable: Variable): Record<string, unknown> => ({
    name: variable.name,
    value: variable.value,
    created_at: variable.createdAt,
    updated_at: variable.updatedAt,
  });

  for (const prefix of REPOSITORY_PREFIXES) {
    const path = `${prefix}/actions/variables`;

    api.get(path, (request, reply) => {
      const repository = requestedRepository(context, request);
      const all = store.state.variables.filter((variable) => variable.repositoryId === repository.id);
      const { items, link } = page(context, request, all);
      return reply
        .headers(link === undefined ? {} : { link })
        .send({ total_count: all.length, variables: items.map(json) });
    });

    api.get(`${path}/:name`, (request) => json(requested(request)));

    api.post(path, (request, reply) => {
      const repository = requestedRepository(context, request);
      const body = new Body(request.body);
      const name = body.requiredString("name").toUpperCase();
      checkName(name, "Variable");
      const value = checkValue(body.requiredString("value"));
      if (find(repository.id, name)) {
        throw new ApiError(409, "Already exists - Variable already exists");
      }
      const at = store.timestamp();
      store.state.variables.push({ repositoryId: repository.id, name, value, createdAt: at, updatedAt: at });
      store.save();
      return reply.code(201).send({});
    });

    api.patch(`${path}/:name`, (request, reply) => {
      const variable = requested(request);
      const body = new Body(request.body);
      const name = (body.optionalString("name") ?? variable.name).toUpperCase();
      checkName(name, "Variable");
      const value = checkValue(body.optionalString("value") ?? variable.value);
      const other = find(variable.repositoryId, name);
      if (other && other !== variable) {
        throw new ApiError(409, "Already exists - Variable already exists");
      }
      Object.assign(variable, { name, value, updatedAt: store.timestamp() });
      store.save();
      return reply.code(204).send();
    });

    api.delete(`${path}/:name`, (request, reply) => {
      const variable = requested(request);
      store.state.variables = store.state.variables.filter((other) => other !== variable);
      store.save();
      return reply.code(204).send();
    });
  }
}
