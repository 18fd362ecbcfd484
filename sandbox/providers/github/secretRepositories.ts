import {
  type CreateRequest,
  type CreateResult,
  type DeleteRequest,
  diffInputs,
  type DiffRequest,
  type DiffResult,
  inputsFromOutputs,
  markSecrets,
  type PropertyMap,
  type ReadRequest,
  type ReadResult,
  type ResourceSpec,
  type UpdateRequest,
} from "../base/index.js";
import type { Connection } from "./configuration.js";
import { type Resource, text } from "./resource.js";
import { type SecretKind, secretNameProblem, sortedIds, withSortedIds } from "./secret.js";

/** Which repositories may read an organization's secret whose visibility is "selected". */
export class SecretRepositoriesResource implements Resource {
  readonly spec: ResourceSpec = {
    properties: {
      secretName: { type: "string", required: true, forceNew: true, validate: secretNameProblem },
      selectedRepositoryIds: { type: { list: "number" }, required: true },
    },
  };

  constructor(private readonly app: SecretKind["app"]) {}

  /** They are a set: another order is no difference. */
  diff(_connection: Connection, request: DiffRequest): Promise<DiffResult> {
    const sorted = { ...request, olds: withSortedIds(request.olds), news: withSortedIds(request.news) };
    return Promise.resolve(diffInputs(this.spec, sorted));
  }

  async create(connection: Connection, { inputs, signal }: CreateRequest): Promise<CreateResult> {
    const outputs = await this.#write(connection, inputs, signal);
    return { id: text(inputs, "secretName"), outputs };
  }

  /** An absent secret is an error, and so is one of another visibility. */
  async read(connection: Connection, request: ReadRequest): Promise<ReadResult> {
    const id = text(request.state, "secretName") || request.id;
    checkOrganization(connection);
    const found = await connection.client.list<{ id: number }>(
      this.#path(connection, id),
      "repositories",
      request.signal,
      connection.maxPerPage,
    );
    const known = sortedIds(request.state);
    const ids = found.map((repository) => repository.id).sort((a, b) => a - b);
    // The state's order is kept where the set is the same.
    const same = JSON.stringify(known) === JSON.stringify(ids);
    const selected = same ? request.state["selectedRepositoryIds"] : undefined;
    const outputs = { ...request.state, id, secretName: id, selectedRepositoryIds: selected ?? ids };
    const marked = markSecrets(this.spec, outputs, request.inputs);
    return { id, outputs: marked, inputs: inputsFromOutputs(this.spec, marked, request.inputs) };
  }

  update(connection: Connection, { news, signal }: UpdateRequest): Promise<PropertyMap> {
    return this.#write(connection, news, signal);
  }

  /** Nobody may read the secret then. */
  async delete(connection: Connection, request: DeleteRequest): Promise<void> {
    await this.#put(connection, request.id, [], request.signal);
  }

  async #write(connection: Connection, inputs: PropertyMap, signal: AbortSignal): Promise<PropertyMap> {
    const id = text(inputs, "secretName");
    await this.#put(connection, id, sortedIds(inputs), signal);
    return markSecrets(this.spec, { ...inputs, id }, inputs);
  }

  #path(connection: Connection, secretName: string): string {
    return `orgs/${connection.owner}/${this.app}/secrets/${secretName}/repositories`;
  }

  async #put(connection: Connection, secretName: string, ids: number[], signal: AbortSignal): Promise<void> {
    checkOrganization(connection);
    await connection.client.put(this.#path(connection, secretName), { selected_repository_ids: ids }, signal);
  }
}

function checkOrganization({ isOrganization, owner }: Connection): void {
  if (!isOrganization) {
    throw new Error(
      `this resource can only be used in the context of an organization, ${JSON.stringify(owner)} is a user`,
    );
  }
}
