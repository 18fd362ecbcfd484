import type { PropertyMap, PropertyValue, ResourceSpec } from "../base/index.js";
import {
  type DopplerClient,
  DopplerError,
  isJson,
  type Json,
  objectField,
  optionalStringField,
  stringField,
} from "./client.js";

/** What the methods of a resource are given to work with. All values are revealed and known. */
export interface Context {
  client: DopplerClient;
  signal: AbortSignal;
}

/**
 * Answered by a method: the id, and the outputs that are not simply the inputs or the state before. Null takes an
 * output away.
 */
export interface Outcome {
  id: string;
  outputs: PropertyMap;
}

/** Thrown by `create` or `update` for a failure after which the resource is there all the same. */
export class PartialFailure extends Error {
  constructor(
    readonly id: string,
    message: string,
  ) {
    super(message);
  }
}

/** A resource type: its table of properties, and the calls of its life. A call answered with 404 means "gone" on read only. */
export interface Resource {
  spec: ResourceSpec;
  /** Names of outputs that the coming update will change, for previews. */
  recomputed?: (olds: PropertyMap, news: PropertyMap) => string[];
  create(context: Context, inputs: PropertyMap): Promise<Outcome>;
  /** Answers undefined when gone. `state` is empty on import. */
  read(context: Context, id: string, state: PropertyMap): Promise<Outcome | undefined>;
  /** Absent when every input forces a new resource. */
  update?: (context: Context, id: string, olds: PropertyMap, news: PropertyMap) => Promise<Outcome>;
  delete(context: Context, id: string, state: PropertyMap): Promise<void>;
}

const project: Resource = {
  spec: {
    properties: {
      name: { type: "string", required: true },
      description: { type: "string" },
    },
  },
  async create({ client, signal }, inputs) {
    const description = text(inputs["description"]);
    const answer = await client.call("POST", "/v3/projects", {
      body: {
        name: text(inputs["name"]),
        create_default_environments: false,
        ...(description === "" ? {} : { description }),
      },
      signal,
    });
    return { id: stringField(objectField(answer, "project"), "slug"), outputs: {} };
  },
  async read({ client, signal }, id) {
    const answer = await client.call("GET", "/v3/projects/project", { query: { project: id }, signal });
    const found = objectField(answer, "project");
    return {
      id,
      outputs: { name: stringField(found, "name"), description: optionalStringField(found, "description") ?? "" },
    };
  },
  async update({ client, signal }, id, _olds, news) {
    const answer = await client.call("POST", "/v3/projects/project", {
      body: { project: id, name: text(news["name"]), description: text(news["description"]) },
      signal,
    });
    return { id: stringField(objectField(answer, "project"), "slug"), outputs: {} };
  },
  async delete({ client, signal }, id) {
    await client.call("DELETE", "/v3/projects/project", { body: { project: id }, signal });
  },
};

const environment: Resource = {
  spec: {
    properties: {
      name: { type: "string", required: true },
      slug: { type: "string", required: true },
      project: { type: "string", required: true, forceNew: true },
      personalConfigs: { type: "boolean", default: false },
    },
  },
  async create({ client, signal }, inputs) {
    const answer = await client.call("POST", "/v3/environments", {
      body: {
        project: text(inputs["project"]),
        name: text(inputs["name"]),
        slug: text(inputs["slug"]),
        personal_configs: inputs["personalConfigs"] === true,
      },
      signal,
    });
    return { id: environmentId(answer), outputs: {} };
  },
  async read({ client, signal }, id) {
    const [projectName, slug] = idParts(id, 2, "environment");
    const answer = await client.call("GET", "/v3/environments/environment", {
      query: { environment: slug, project: projectName },
      signal,
    });
    const found = objectField(answer, "environment");
    return {
      id,
      outputs: {
        slug: stringField(found, "slug"),
        name: stringField(found, "name"),
        project: stringField(found, "project"),
      },
    };
  },
  async update({ client, signal }, id, _olds, news) {
    const [projectName, slug] = idParts(id, 2, "environment");
    const answer = await client.call("PUT", "/v3/environments/environment", {
      query: { environment: slug, project: projectName },
      body: {
        slug: text(news["slug"]),
        name: text(news["name"]),
        personal_configs: news["personalConfigs"] === true,
      },
      signal,
    });
    return { id: environmentId(answer), outputs: {} };
  },
  async delete({ client, signal }, id) {
    const [projectName, slug] = idParts(id, 2, "environment");
    await client.call("DELETE", "/v3/environments/environment", {
      query: { environment: slug, project: projectName },
      signal,
    });
  },
};

const branchConfig: Resource = {
  spec: {
    properties: {
      name: { type: "string" },
      environment: { type: "string", required: true, forceNew: true },
      project: { type: "string", required: true, forceNew: true },
    },
    autoname: "name",
  },
  async create({ client, signal }, inputs) {
    const answer = await client.call("POST", "/v3/configs", {
      body: {
        project: text(inputs["project"]),
        environment: text(inputs["environment"]),
        name: text(inputs["name"]),
      },
      signal,
    });
    return { id: configId(answer), outputs: {} };
  },
  async read({ client, signal }, id) {
    const [projectName, , name] = idParts(id, 3, "config");
    const answer = await client.call("GET", "/v3/configs/config", {
      query: { config: name, project: projectName },
      signal,
    });
    const found = objectField(answer, "config");
    return {
      id,
      outputs: {
        name: stringField(found, "name"),
        project: stringField(found, "project"),
        environment: stringField(found, "environment"),
      },
    };
  },
  async update({ client, signal }, id, _olds, news) {
    const [projectName, , name] = idParts(id, 3, "config");
    const answer = await client.call("POST", "/v3/configs/config", {
      body: { project: projectName, config: name, name: text(news["name"]) },
      signal,
    });
    return { id: configId(answer), outputs: {} };
  },
  async delete({ client, signal }, id) {
    const [projectName, , name] = idParts(id, 3, "config");
    await client.call("DELETE", "/v3/configs/config", { body: { project: projectName, config: name }, signal });
  },
};

const VISIBILITIES = ["masked", "unmasked", "restricted"] as const;

async function writeSecret(context: Context, originalName: string, inputs: PropertyMap): Promise<Outcome> {
  const { client, signal } = context;
  const [projectName, config, name] = [text(inputs["project"]), text(inputs["config"]), text(inputs["name"])];
  await client.call("POST", "/v3/configs/config/secrets", {
    body: {
      project: projectName,
      config,
      change_requests: [
        {
          originalName,
          name,
          value: text(inputs["value"]),
          shouldDelete: false,
          visibility: text(inputs["visibility"]),
        },
      ],
    },
    signal,
  });
  const id = [projectName, config, name].join(".");
  let written: Outcome | undefined;
  try {
    written = await secretResource.read(context, id, {});
  } catch (error) {
    throw new PartialFailure(id, (error as Error).message);
  }
  if (!written) {
    throw new Error(`the secret ${id} was not there any more just after it was written`);
  }
  return written;
}

const secretResource: Resource = {
  spec: {
    properties: {
      project: { type: "string", required: true, forceNew: true },
      config: { type: "string", required: true, forceNew: true },
      name: { type: "string", required: true },
      value: { type: "string", required: true, secret: true },
      visibility: { type: "string", default: "masked", oneOf: VISIBILITIES },
      computed: { type: "string", input: false, secret: true },
    },
  },
  recomputed: (olds, news) => (olds["value"] === news["value"] ? [] : ["computed"]),
  create: (context, inputs) => writeSecret(context, text(inputs["name"]), inputs),
  async read({ client, signal }, id) {
    const [projectName, config, name] = idParts(id, 3, "secret");
    const answer = await client.call("GET", "/v3/configs/config/secret", {
      query: { config, name, project: projectName },
      signal,
    });
    const value = objectField(answer, "value");
    const raw = optionalStringField(value, "raw");
    const computed = optionalStringField(value, "computed");
    // Doppler answers a missing secret with 200 and nulls, which looks the same as one that may not be read.
    const withheld = [...(raw === null ? ["raw"] : []), ...(computed === null ? ["computed"] : [])];
    if (raw === null || computed === null) {
      throw new Error(
        `One or more secret fields are restricted: [${withheld.join(" ")}]. ` +
          "You must use a service account or service token to manage these resources. " +
          "Otherwise, Terraform cannot fetch these restricted secrets to check the validity of their state.",
      );
    }
    return {
      id,
      outputs: {
        project: projectName ?? "",
        config: config ?? "",
        name: name ?? "",
        value: raw,
        computed,
        visibility: optionalStringField(value, "rawVisibility"),
      },
    };
  },
  update: (context, _id, olds, news) => writeSecret(context, text(olds["name"]), news),
  async delete({ client, signal }, id) {
    const [projectName, config, name] = idParts(id, 3, "secret");
    await client.call("POST", "/v3/configs/config/secrets", {
      body: {
        project: projectName,
        config,
        change_requests: [{ originalName: name, name, value: null, shouldDelete: true }],
      },
      signal,
    });
  },
};

const serviceToken: Resource = {
  spec: {
    properties: {
      project: { type: "string", required: true, forceNew: true },
      config: { type: "string", required: true, forceNew: true },
      name: { type: "string", required: true, forceNew: true },
      access: { type: "string", default: "read", oneOf: ["read", "read/write"], forceNew: true },
      key: { type: "string", input: false, secret: true },
    },
  },
  async create({ client, signal }, inputs) {
    const answer = await client.call("POST", "/v3/configs/config/tokens", {
      body: {
        project: text(inputs["project"]),
        config: text(inputs["config"]),
        access: text(inputs["access"]),
        name: text(inputs["name"]),
      },
      signal,
    });
    const token = objectField(answer, "token");
    const id = ["project", "config", "slug"].map((field) => stringField(token, field)).join(".");
    return { id, outputs: { key: stringField(token, "key") } };
  },
  async read({ client, signal }, id) {
    const [projectName, config, slug] = idParts(id, 3, "service token");
    const answer = await client.call("GET", "/v3/configs/config/tokens", {
      query: { config, project: projectName },
      signal,
    });
    const tokens = Array.isArray(answer["tokens"]) ? answer["tokens"].filter(isJson) : [];
    const token = tokens.find((candidate) => candidate["slug"] === slug);
    // Neither the name nor the key is read back: the key is shown once only, on creation.
    return (
      token && {
        id,
        outputs: {
          project: stringField(token, "project"),
          config: stringField(token, "config"),
          access: stringField(token, "access"),
        },
      }
    );
  },
  async delete({ client, signal }, id) {
    const [projectName, config, slug] = idParts(id, 3, "service token");
    await client.call("DELETE", "/v3/configs/config/tokens/token", {
      body: { project: projectName, config, slug },
      signal,
    });
  },
};

const ACCOUNTS = "/v3/workplace/service_accounts";

function accountPath(slug: string, rest = ""): string {
  return `${ACCOUNTS}/service_account/${encodeURIComponent(slug)}${rest}`;
}

function accountOutcome(answer: Json): Outcome {
  const account = objectField(answer, "service_account");
  const role = objectField(account, "workplace_role");
  const slug = stringField(account, "slug");
  const inline = role["is_inline_role"] === true;
  return {
    id: slug,
    outputs: {
      slug,
      name: stringField(account, "name"),
      workplaceRole: inline ? "" : stringField(role, "identifier"),
      workplacePermissions: inline ? stringList(role["permissions"]) : null,
    },
  };
}

function workplaceRole(inputs: PropertyMap): Json {
  const role = text(inputs["workplaceRole"]);
  return role === "" ? { permissions: stringList(inputs["workplacePermissions"]) } : { identifier: role };
}

const serviceAccount: Resource = {
  spec: {
    properties: {
      name: { type: "string", required: true },
      workplaceRole: { type: "string" },
      workplacePermissions: { type: { list: "string" } },
      slug: { type: "string", input: false },
    },
    exactlyOneOf: [["workplaceRole", "workplacePermissions"]],
  },
  async create({ client, signal }, inputs) {
    const body = { name: text(inputs["name"]), workplace_role: workplaceRole(inputs) };
    return accountOutcome(await client.call("POST", ACCOUNTS, { body, signal }));
  },
  async read({ client, signal }, id) {
    return accountOutcome(await client.call("GET", accountPath(id), { signal }));
  },
  async update({ client, signal }, id, olds, news) {
    const body: Json = {};
    if (text(olds["name"]) !== text(news["name"])) {
      body["name"] = text(news["name"]);
    }
    if (JSON.stringify(workplaceRole(olds)) !== JSON.stringify(workplaceRole(news))) {
      body["workplace_role"] = workplaceRole(news);
    }
    return accountOutcome(await client.call("PATCH", accountPath(id), { body, signal }));
  },
  async delete({ client, signal }, id) {
    await client.call("DELETE", accountPath(id), { signal });
  },
};

const serviceAccountToken: Resource = {
  spec: {
    properties: {
      serviceAccountSlug: { type: "string", required: true, forceNew: true },
      name: { type: "string", required: true, forceNew: true },
      expiresAt: { type: "string", forceNew: true },
      slug: { type: "string", input: false },
      createdAt: { type: "string", input: false },
      apiKey: { type: "string", input: false, secret: true },
    },
  },
  async create({ client, signal }, inputs) {
    const expiresAt = text(inputs["expiresAt"]);
    const answer = await client.call("POST", accountPath(text(inputs["serviceAccountSlug"]), "/tokens"), {
      body: { name: text(inputs["name"]), ...(expiresAt === "" ? {} : { expires_at: expiresAt }) },
      signal,
    });
    const token = objectField(answer, "api_token");
    const slug = stringField(token, "slug");
    return {
      id: slug,
      outputs: {
        slug,
        expiresAt: optionalStringField(token, "expires_at"),
        createdAt: stringField(token, "created_at"),
        apiKey: stringField(answer, "api_key"),
      },
    };
  },
  async read({ client, signal }, id, state) {
    const path = accountPath(text(state["serviceAccountSlug"]), `/tokens/token/${encodeURIComponent(id)}`);
    let answer: Json;
    try {
      answer = await client.call("GET", path, { signal });
    } catch (error) {
      // The released provider treats any error here as one, even a 404.
      throw error instanceof DopplerError ? new Error(error.message) : error;
    }
    const token = objectField(answer, "api_token");
    return {
      id,
      outputs: {
        slug: stringField(token, "slug"),
        name: stringField(token, "name"),
        expiresAt: optionalStringField(token, "expires_at"),
        createdAt: stringField(token, "created_at"),
      },
    };
  },
  async delete({ client, signal }, id, state) {
    const path = accountPath(text(state["serviceAccountSlug"]), `/tokens/token/${encodeURIComponent(id)}`);
    await client.call("DELETE", path, { signal });
  },
};

function memberOutcome(projectName: string, answer: Json): Outcome {
  const member = objectField(answer, "member");
  return {
    id: [projectName, "service_account", stringField(member, "slug")].join("."),
    outputs: {
      role: stringField(objectField(member, "role"), "identifier"),
      environments: stringList(member["environments"]),
    },
  };
}

function memberPath(slug: string): string {
  return `/v3/projects/project/members/member/service_account/${encodeURIComponent(slug)}`;
}

const projectMemberServiceAccount: Resource = {
  spec: {
    properties: {
      project: { type: "string", required: true, forceNew: true },
      serviceAccountSlug: { type: "string", required: true, forceNew: true },
      role: { type: "string", required: true },
      environments: { type: { list: "string" } },
    },
  },
  async create({ client, signal }, inputs) {
    const projectName = text(inputs["project"]);
    const answer = await client.call("POST", "/v3/projects/project/members", {
      body: {
        project: projectName,
        slug: text(inputs["serviceAccountSlug"]),
        type: "service_account",
        role: text(inputs["role"]),
        environments: stringList(inputs["environments"]),
      },
      signal,
    });
    return memberOutcome(projectName, answer);
  },
  async read({ client, signal }, id, state) {
    const [projectName = ""] = idParts(id, 3, "project member");
    // The slug is taken from the state and not from the id, so an import asks for nothing and fails.
    const path = memberPath(text(state["serviceAccountSlug"]));
    return memberOutcome(projectName, await client.call("GET", path, { query: { project: projectName }, signal }));
  },
  async update({ client, signal }, id, olds, news) {
    const [projectName = "", , slug = ""] = idParts(id, 3, "project member");
    const body: Json = { project: projectName };
    if (text(olds["role"]) !== text(news["role"])) {
      body["role"] = text(news["role"]);
    }
    const environments = stringList(news["environments"]);
    if (JSON.stringify(stringList(olds["environments"])) !== JSON.stringify(environments)) {
      body["environments"] = environments;
    }
    return memberOutcome(projectName, await client.call("PATCH", memberPath(slug), { body, signal }));
  },
  async delete({ client, signal }, id) {
    const [projectName, , slug = ""] = idParts(id, 3, "project member");
    await client.call("DELETE", memberPath(slug), { query: { project: projectName }, signal });
  },
};

/** The resource types by token. */
export const RESOURCES: Readonly<Record<string, Resource>> = {
  "doppler:index/project:Project": project,
  "doppler:index/environment:Environment": environment,
  "doppler:index/branchConfig:BranchConfig": branchConfig,
  "doppler:index/secret:Secret": secretResource,
  "doppler:index/serviceToken:ServiceToken": serviceToken,
  "doppler:index/serviceAccount:ServiceAccount": serviceAccount,
  "doppler:index/serviceAccountToken:ServiceAccountToken": serviceAccountToken,
  "doppler:projectMember/serviceAccount:ServiceAccount": projectMemberServiceAccount,
};

/** The provider's own configuration. The token is no secret in the released schema, so it is none here. */
export const CONFIGURATION: ResourceSpec = {
  properties: {
    dopplerToken: { type: "string", required: true },
    host: { type: "string" },
    verifyTls: { type: "boolean" },
  },
};

/** The arguments of `doppler:index/getSecrets:getSecrets`. */
export const GET_SECRETS: ResourceSpec = {
  properties: { project: { type: "string" }, config: { type: "string" } },
};

function text(value: PropertyValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function stringList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function environmentId(answer: Json): string {
  const found = objectField(answer, "environment");
  return [stringField(found, "project"), stringField(found, "slug")].join(".");
}

function configId(answer: Json): string {
  const found = objectField(answer, "config");
  return ["project", "environment", "name"].map((field) => stringField(found, field)).join(".");
}

/** Splits an id. A dot inside a name breaks it here as it does in the released provider. */
function idParts(id: string, count: number, what: string): string[] {
  const parts = id.split(".");
  if (parts.length !== count) {
    throw new Error(`invalid ${what} ID`);
  }
  return parts;
}
