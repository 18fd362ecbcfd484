import { setTimeout as delay } from "node:timers/promises";
import sodium from "libsodium-wrappers";
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
  type PropertySpec,
  type PropertyValue,
  type ReadRequest,
  type ReadResult,
  type ResourceSpec,
  reveal,
  type UpdateRequest,
} from "../base/index.js";
import { isNotFound } from "./client.js";
import type { Connection } from "./configuration.js";
import { diffInRepository, getRepositoryJson } from "./repository.js";
import {
  buildId,
  escapeIdPart,
  goTime,
  parseId,
  pathSegment,
  type Resource,
  text,
  unescapeIdPart,
} from "./resource.js";

/** Which of GitHub's secrets a resource type is about. */
export interface SecretKind {
  app: "actions" | "dependabot";
  scope: "repository" | "environment" | "organization";
}

interface SecretJson {
  created_at?: string;
  updated_at?: string;
  visibility?: string;
}

const VALUE_INPUTS = ["value", "valueEncrypted", "encryptedValue", "plaintextValue"] as const;

export function secretNameProblem(value: PropertyValue): string | undefined {
  const name = typeof value === "string" ? value : "";
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
    return "Error. secret names can only contain alphanumeric characters or underscores and must not start with a number";
  }
  return name.toUpperCase().startsWith("GITHUB_")
    ? "Error. secret names must not start with the GITHUB_ prefix"
    : undefined;
}

function base64Problem(value: PropertyValue, name: string): string | undefined {
  const isBase64 =
    typeof value === "string" && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value);
  // The released provider quotes the value here; it may be a secret that someone forgot to encrypt.
  return isBase64 ? undefined : `expected ${JSON.stringify(name)} to be a base64 string`;
}

function secretSpec({ app, scope }: SecretKind): ResourceSpec {
  const output: PropertySpec = { type: "string", input: false };
  const place: Record<string, PropertySpec> =
    scope === "organization"
      ? {
          visibility: { type: "string", required: true, oneOf: ["all", "private", "selected"] },
          selectedRepositoryIds: { type: { list: "number" }, forceNew: true },
        }
      : {
          repository: { type: "string", required: true },
          repositoryId: { type: "number", input: false },
          ...(scope === "environment" ? { environment: { type: "string", required: true, forceNew: true } } : {}),
        };
  return {
    properties: {
      ...place,
      secretName: { type: "string", required: true, forceNew: true, validate: secretNameProblem },
      keyId: { type: "string", computed: true },
      value: { type: "string", secret: true },
      valueEncrypted: { type: "string", secret: true, validate: base64Problem },
      encryptedValue: { type: "string", secret: true, validate: base64Problem },
      plaintextValue: { type: "string", secret: true },
      createdAt: output,
      updatedAt: output,
      remoteUpdatedAt: output,
      // Without any effect since drift is always looked for.
      ...(app === "actions" && scope !== "environment" ? { destroyOnDrift: { type: "boolean" } } : {}),
    },
    exactlyOneOf: [VALUE_INPUTS],
    conflictsWith: { keyId: ["value", "plaintextValue"] },
    requiredWith: { keyId: ["valueEncrypted"] },
    // The environment's secret would otherwise be deleted after its successor of the same name was written.
    ...(scope === "environment" ? { deleteBeforeReplace: true } : {}),
  };
}

/** A secret of a repository, an environment or an organization, for Actions or Dependabot. */
export class SecretResource implements Resource {
  readonly spec: ResourceSpec;

  constructor(readonly kind: SecretKind) {
    this.spec = secretSpec(kind);
  }

  async diff(connection: Connection, request: DiffRequest): Promise<DiffResult> {
    if (this.kind.scope !== "organization") {
      return diffInRepository(connection, this.spec, request);
    }
    const ids = sortedIds(request.news);
    if (ids.length > 0 && reveal(request.news["visibility"] ?? "") !== "selected") {
      throw new Error("cannot use selected_repository_ids without visibility being set to selected");
    }
    // They are a set: another order is no difference.
    return diffInputs(this.spec, { ...request, olds: withSortedIds(request.olds), news: withSortedIds(request.news) });
  }

  async create(connection: Connection, request: CreateRequest): Promise<CreateResult> {
    const { inputs, signal } = request;
    const outputs: PropertyMap = { ...inputs };
    if (this.kind.scope !== "organization") {
      outputs["repositoryId"] = (await getRepositoryJson(connection, text(inputs, "repository"), signal)).id;
    }
    const id = this.#id(inputs);
    outputs["keyId"] = await this.#put(connection, outputs, text(inputs, "keyId"), signal);
    const found = await this.#confirm(connection, outputs, signal);
    if (found) {
      setTimes(outputs, found);
    }
    return { id, outputs: markSecrets(this.spec, { id, ...outputs }, inputs) };
  }

  async read(connection: Connection, request: ReadRequest): Promise<ReadResult | undefined> {
    const { signal } = request;
    const isImport = Object.keys(request.state).length === 0;
    const outputs = isImport ? await this.#import(connection, request.id, signal) : { ...request.state };
    let found: SecretJson;
    try {
      found = await connection.client.get<SecretJson>(this.#path(connection, outputs), signal);
    } catch (error) {
      if (isNotFound(error)) {
        return undefined;
      }
      throw error;
    }
    // Only remoteUpdatedAt follows GitHub; nothing compares it with updatedAt, so a change made elsewhere is recorded
    // and not undone.
    outputs["createdAt"] = text(outputs, "createdAt") || goTime(found.created_at);
    outputs["updatedAt"] = text(outputs, "updatedAt") || goTime(found.updated_at);
    outputs["remoteUpdatedAt"] = goTime(found.updated_at);
    if (this.kind.scope === "organization") {
      outputs["createdAt"] = goTime(found.created_at);
      outputs["visibility"] = found.visibility ?? "";
      if (found.visibility === "selected" && sortedIds(outputs).length > 0) {
        outputs["selectedRepositoryIds"] = await this.#selectedIds(connection, outputs, signal);
      }
    }
    const id = this.#id(outputs);
    const marked = markSecrets(this.spec, { ...outputs, id }, request.inputs);
    return { id, outputs: marked, inputs: inputsFromOutputs(this.spec, marked, request.inputs) };
  }

  async update(connection: Connection, request: UpdateRequest): Promise<PropertyMap> {
    const { olds, news, signal } = request;
    const outputs: PropertyMap = { ...news, id: this.#id(news) };
    for (const name of ["repositoryId", "createdAt"]) {
      if (olds[name] !== undefined) {
        outputs[name] = olds[name];
      }
    }
    // What an update takes away stays in the state, as nothing of its type.
    for (const name of [...VALUE_INPUTS, "destroyOnDrift"]) {
      if (olds[name] !== undefined && news[name] === undefined) {
        outputs[name] = name === "destroyOnDrift" ? false : "";
      }
    }
    outputs["keyId"] = await this.#put(connection, outputs, text(news, "keyId") || text(olds, "keyId"), signal);
    try {
      setTimes(outputs, await connection.client.get<SecretJson>(this.#path(connection, outputs), signal));
    } catch {
      // The secret is written; the next read fills in the times.
    }
    return markSecrets(this.spec, outputs, news);
  }

  /** A secret that is gone already is an error. */
  async delete(connection: Connection, request: DeleteRequest): Promise<void> {
    await connection.client.delete(this.#path(connection, request.state), request.signal);
  }

  #id(properties: PropertyMap): string {
    const name = text(properties, "secretName");
    const repository = text(properties, "repository");
    switch (this.kind.scope) {
      case "repository":
        return buildId(repository, name);
      case "environment":
        return buildId(repository, escapeIdPart(text(properties, "environment")), name);
      case "organization":
        return name;
    }
  }

  /** Path of the secret, or of the scope's public key if `last` says so. */
  #path(connection: Connection, properties: PropertyMap, last = text(properties, "secretName")): string {
    const { app, scope } = this.kind;
    switch (scope) {
      case "repository":
        return `repos/${connection.owner}/${text(properties, "repository")}/${app}/secrets/${last}`;
      case "environment": {
        const environment = pathSegment(text(properties, "environment"));
        return `repositories/${Number(properties["repositoryId"] ?? 0)}/environments/${environment}/secrets/${last}`;
      }
      case "organization":
        return `orgs/${connection.owner}/${app}/secrets/${last}`;
    }
  }

  /** Writes the secret, encrypting its value if it is not yet. Answers with the id of the key it is encrypted with. */
  async #put(connection: Connection, properties: PropertyMap, keyId: string, signal: AbortSignal): Promise<string> {
    let encrypted = text(properties, "valueEncrypted") || text(properties, "encryptedValue");
    if (keyId === "" || encrypted === "") {
      const key = await connection.client.get<{ key_id: string; key: string }>(
        this.#path(connection, properties, "public-key"),
        signal,
      );
      keyId = key.key_id;
      encrypted ||= await seal(text(properties, "value") || text(properties, "plaintextValue"), key.key);
    }
    const ids = sortedIds(properties);
    // Dependabot's route takes them as texts.
    const sent = this.kind.app === "dependabot" ? ids.map(String) : ids;
    await connection.client.put(
      this.#path(connection, properties),
      {
        key_id: keyId,
        encrypted_value: encrypted,
        ...(this.kind.scope === "organization" ? { visibility: text(properties, "visibility") } : {}),
        ...(sent.length > 0 ? { selected_repository_ids: sent } : {}),
      },
      signal,
    );
    return keyId;
  }

  /** Reads a new secret back, waiting up to a minute for it to appear. If that fails, a later read fills in the times. */
  async #confirm(connection: Connection, properties: PropertyMap, signal: AbortSignal) {
    for (let attempt = 0; attempt < 60; attempt++) {
      try {
        return await connection.client.get<SecretJson>(this.#path(connection, properties), signal);
      } catch (error) {
        if (!isNotFound(error)) {
          return undefined;
        }
        await delay(1000, undefined, { signal });
      }
    }
    return undefined;
  }

  async #import(connection: Connection, id: string, signal: AbortSignal): Promise<PropertyMap> {
    const properties: PropertyMap = {};
    switch (this.kind.scope) {
      case "repository": {
        const [repository = "", name = ""] = parseId(id, 2);
        Object.assign(properties, { repository, secretName: name });
        break;
      }
      case "environment": {
        const [repository = "", environment = "", name = ""] = parseId(id, 3);
        Object.assign(properties, { repository, environment: unescapeIdPart(environment), secretName: name });
        break;
      }
      case "organization":
        properties["secretName"] = id;
    }
    if (this.kind.scope !== "organization") {
      const repository = await getRepositoryJson(connection, text(properties, "repository"), signal);
      properties["repositoryId"] = repository.id;
    }
    const found = await connection.client.get<SecretJson>(this.#path(connection, properties), signal);
    setTimes(properties, found);
    if (this.kind.scope === "organization" && found.visibility === "selected") {
      properties["selectedRepositoryIds"] = await this.#selectedIds(connection, properties, signal);
    }
    return properties;
  }

  async #selectedIds(connection: Connection, properties: PropertyMap, signal: AbortSignal): Promise<number[]> {
    const path = `${this.#path(connection, properties)}/repositories`;
    const found = await connection.client.list<{ id: number }>(path, "repositories", signal, connection.maxPerPage);
    return found.map((repository) => repository.id);
  }
}

function setTimes(properties: PropertyMap, secret: SecretJson): void {
  properties["createdAt"] = goTime(secret.created_at);
  properties["updatedAt"] = goTime(secret.updated_at);
  properties["remoteUpdatedAt"] = goTime(secret.updated_at);
}

async function seal(value: string, publicKey: string): Promise<string> {
  await sodium.ready;
  const box = sodium.crypto_box_seal(Buffer.from(value, "utf8"), Buffer.from(publicKey, "base64"));
  return Buffer.from(box).toString("base64");
}

export function sortedIds(properties: PropertyMap): number[] {
  const ids = reveal(properties["selectedRepositoryIds"] ?? []);
  return Array.isArray(ids) ? ids.map(Number).sort((a, b) => a - b) : [];
}

export function withSortedIds(properties: PropertyMap): PropertyMap {
  const ids = reveal(properties["selectedRepositoryIds"] ?? null);
  const known = Array.isArray(ids) && ids.every((id) => typeof id === "number");
  return known ? { ...properties, selectedRepositoryIds: sortedIds(properties) } : properties;
}
