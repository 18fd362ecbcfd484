import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { dopplerPaths } from "./index.js";
import { Harness, type RequestOptions } from "./testing.js";

const SECRET = "/v3/configs/config/secret";
const SECRETS = "/v3/configs/config/secrets";
const DOWNLOAD = "/v3/configs/config/secrets/download";
const TOKENS = "/v3/configs/config/tokens";
const TOKEN = "/v3/configs/config/tokens/token";
const CONFIG = "/v3/configs/config";
const ENVIRONMENT = "/v3/environments/environment";
const PROJECT = "/v3/projects/project";
const dev = { project: "app", config: "dev" };
const set = (...change_requests: unknown[]) => ({ ...dev, change_requests });

type Who =
  | "management"
  | "none"
  | "unknown"
  | "read"
  | "write"
  | "branch"
  | "expired"
  | "revoked"
  | "orphaned"
  | "viewer"
  | "collaborator"
  | "devOnly"
  | "ungranted"
  | "shutOut";

interface Row {
  what: string;
  as?: Who;
  request: [method: string, path: string, body?: unknown];
  options?: RequestOptions;
  status: number;
  message: string;
}

const NO_PERMISSION = "This token does not have permission to perform this action";
const READ_ONLY = "This token does not have write access to the requested config";
const INVALID = "Invalid Auth token";
const noProject = (name: string) => `This token does not have access to requested project '${name}'`;
const noConfig = (name: string) => `This token does not have access to requested config '${name}'`;
const slugRule = (what: string) =>
  `${what} may only contain lowercase letters, numbers, hyphens, and underscores, and must start with a letter or number`;

const rows: Row[] = [
  // Credentials.
  { what: "no token", as: "none", request: ["GET", "/v3/projects"], status: 401, message: INVALID },
  { what: "unknown token", as: "unknown", request: ["GET", "/v3/projects"], status: 401, message: INVALID },
  { what: "expired token", as: "expired", request: ["GET", DOWNLOAD], status: 401, message: INVALID },
  { what: "revoked token", as: "revoked", request: ["GET", DOWNLOAD], status: 401, message: INVALID },
  { what: "token of a deleted environment", as: "orphaned", request: ["GET", DOWNLOAD], status: 401, message: INVALID },
  {
    what: "scheme other than Basic and Bearer",
    as: "none",
    request: ["GET", "/v3/projects"],
    options: { headers: { authorization: "Token abc" } },
    status: 401,
    message: INVALID,
  },
  {
    what: "token as the Basic password",
    as: "none",
    request: ["GET", "/v3/projects"],
    options: { headers: { authorization: `Basic ${Buffer.from(":dp.pt.x").toString("base64")}` } },
    status: 401,
    message: INVALID,
  },

  // A service token: its own config and nothing else.
  {
    what: "service token, other project",
    as: "read",
    request: ["GET", `${DOWNLOAD}?project=other&config=dev`],
    status: 400,
    message: noProject("other"),
  },
  {
    what: "service token, absent project",
    as: "read",
    request: ["GET", `${DOWNLOAD}?project=nix`],
    status: 400,
    message: noProject("nix"),
  },
  {
    what: "service token, other config",
    as: "read",
    request: ["GET", `${DOWNLOAD}?project=app&config=stg`],
    status: 400,
    message: noConfig("stg"),
  },
  {
    what: "service token, absent config",
    as: "read",
    request: ["GET", `${DOWNLOAD}?config=nix`],
    status: 400,
    message: noConfig("nix"),
  },
  {
    what: "service token, branch of its config",
    as: "read",
    request: ["GET", `${SECRET}?name=A&config=dev_eu`],
    status: 400,
    message: noConfig("dev_eu"),
  },
  {
    what: "branch's service token, root config",
    as: "branch",
    request: ["GET", `${SECRET}?name=A&config=dev`],
    status: 400,
    message: noConfig("dev"),
  },
  {
    what: "read-only token sets",
    as: "read",
    request: ["POST", SECRETS, { secrets: { A: "x" } }],
    status: 403,
    message: READ_ONLY,
  },
  {
    what: "read-only token changes",
    as: "read",
    request: ["POST", SECRETS, set({ name: "A", value: "x" })],
    status: 403,
    message: READ_ONLY,
  },
  {
    what: "read-only token deletes",
    as: "read",
    request: ["DELETE", `${SECRET}?name=A`],
    status: 403,
    message: READ_ONLY,
  },
  {
    what: "read-only token notes",
    as: "read",
    request: ["POST", `${SECRETS}/note`, { secret: "A", note: "n" }],
    status: 403,
    message: READ_ONLY,
  },
  {
    what: "service token writes another config",
    as: "write",
    request: ["POST", SECRETS, { config: "stg", secrets: { A: "x" } }],
    status: 400,
    message: noConfig("stg"),
  },
  { what: "service token lists tokens", as: "write", request: ["GET", TOKENS], status: 403, message: NO_PERMISSION },
  {
    what: "service token makes tokens",
    as: "write",
    request: ["POST", TOKENS, { ...dev, name: "more" }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token renames its config",
    as: "write",
    request: ["POST", CONFIG, { ...dev, name: "dev_x" }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token deletes its config",
    as: "branch",
    request: ["DELETE", CONFIG],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token lists configs",
    as: "write",
    request: ["GET", "/v3/configs?project=app"],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token lists environments",
    as: "read",
    request: ["GET", "/v3/environments?project=app"],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token reads its project",
    as: "read",
    request: ["GET", `${PROJECT}?project=app`],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token makes a project",
    as: "write",
    request: ["POST", "/v3/projects", { name: "more" }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token reads the workplace",
    as: "read",
    request: ["GET", "/v3/workplace"],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "service token lists service accounts",
    as: "read",
    request: ["GET", "/v3/workplace/service_accounts"],
    status: 403,
    message: NO_PERMISSION,
  },

  // Service accounts: what their roles give.
  {
    what: "no access to the workplace, though a member",
    as: "shutOut",
    request: ["GET", `${PROJECT}?project=app`],
    status: 404,
    message: "Could not find requested project 'app'",
  },
  {
    what: "sees no project at all",
    as: "ungranted",
    request: ["GET", `${DOWNLOAD}?project=app&config=dev`],
    status: 404,
    message: "Could not find requested project 'app'",
  },
  {
    what: "sees another project",
    as: "viewer",
    request: ["GET", `${PROJECT}?project=other`],
    status: 400,
    message: noProject("other"),
  },
  {
    what: "viewer writes",
    as: "viewer",
    request: ["POST", SECRETS, { ...dev, secrets: { A: "x" } }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "collaborator makes tokens",
    as: "collaborator",
    request: ["POST", TOKENS, { ...dev, name: "more" }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "collaborator makes environments",
    as: "collaborator",
    request: ["POST", "/v3/environments", { project: "app", name: "QA", slug: "qa" }],
    status: 403,
    message: NO_PERMISSION,
  },
  {
    what: "limited to one environment",
    as: "devOnly",
    request: ["GET", `${DOWNLOAD}?project=app&config=stg`],
    status: 404,
    message: "Could not find requested config 'stg'",
  },
  {
    what: "not an admin of the workplace",
    as: "viewer",
    request: ["POST", "/v3/workplace/service_accounts", { name: "x" }],
    status: 403,
    message: NO_PERMISSION,
  },

  // Projects.
  { what: "project not named", request: ["GET", PROJECT], status: 400, message: "You must specify a project" },
  { what: "absent project", request: ["GET", `${PROJECT}?project=nix`], status: 400, message: noProject("nix") },
  {
    what: "absent project, update",
    request: ["POST", PROJECT, { project: "nix", name: "nix2" }],
    status: 400,
    message: noProject("nix"),
  },
  {
    what: "absent project, delete",
    request: ["DELETE", PROJECT, { project: "nix" }],
    status: 400,
    message: noProject("nix"),
  },
  {
    what: "duplicate project",
    request: ["POST", "/v3/projects", { name: "app" }],
    status: 400,
    message: "Project name already exists in this workplace.",
  },
  {
    what: "project renamed to another's name",
    request: ["POST", PROJECT, { project: "app", name: "other" }],
    status: 400,
    message: "Project name already exists in this workplace.",
  },
  {
    what: "project without name",
    request: ["POST", "/v3/projects", {}],
    status: 400,
    message: "You must specify 'name'",
  },
  {
    what: "project name of one character",
    request: ["POST", "/v3/projects", { name: "x" }],
    status: 400,
    message: "Project name must be between 2 and 80 characters",
  },
  {
    what: "project name of 81 characters",
    request: ["POST", "/v3/projects", { name: "x".repeat(81) }],
    status: 400,
    message: "Project name must be between 2 and 80 characters",
  },
  {
    what: "project name with a space",
    request: ["POST", "/v3/projects", { name: "My App" }],
    status: 400,
    message: slugRule("Project name"),
  },
  {
    what: "project name with a dot",
    request: ["POST", "/v3/projects", { name: "my.app" }],
    status: 400,
    message: slugRule("Project name"),
  },
  {
    what: "project name that is no string",
    request: ["POST", "/v3/projects", { name: 7 }],
    status: 400,
    message: "'name' must be a string",
  },
  {
    what: "page zero",
    request: ["GET", "/v3/projects?page=0"],
    status: 400,
    message: "'page' must be a positive integer",
  },

  // Environments.
  {
    what: "environment without slug",
    request: ["POST", "/v3/environments", { project: "app", name: "QA" }],
    status: 400,
    message: "You must specify 'slug'",
  },
  {
    what: "environment without name",
    request: ["POST", "/v3/environments", { project: "app", slug: "qa" }],
    status: 400,
    message: "You must specify 'name'",
  },
  {
    what: "duplicate environment slug",
    request: ["POST", "/v3/environments", { project: "app", name: "Again", slug: "dev" }],
    status: 400,
    message: "Environment slug 'dev' already exists in this project",
  },
  {
    what: "duplicate environment name",
    request: ["POST", "/v3/environments", { project: "app", name: "Development", slug: "dev2" }],
    status: 400,
    message: "Environment name 'Development' already exists in this project",
  },
  {
    what: "environment slug that a config has",
    request: ["POST", "/v3/environments", { project: "app", name: "EU", slug: "dev_eu" }],
    status: 400,
    message: "Config name 'dev_eu' already exists in this project",
  },
  {
    what: "environment slug in upper case",
    request: ["POST", "/v3/environments", { project: "app", name: "QA", slug: "QA" }],
    status: 400,
    message: slugRule("Environment slug"),
  },
  {
    what: "environment slug of 51 characters",
    request: ["POST", "/v3/environments", { project: "app", name: "QA", slug: "q".repeat(51) }],
    status: 400,
    message: "Environment slug must be between 2 and 50 characters",
  },
  {
    what: "environment in an absent project",
    request: ["POST", "/v3/environments", { project: "nix", name: "QA", slug: "qa" }],
    status: 400,
    message: noProject("nix"),
  },
  {
    what: "absent environment",
    request: ["GET", `${ENVIRONMENT}?project=app&environment=nix`],
    status: 404,
    message: "Could not find requested environment 'nix'",
  },
  {
    what: "absent environment, delete",
    request: ["DELETE", `${ENVIRONMENT}?project=app&environment=nix`],
    status: 404,
    message: "Could not find requested environment 'nix'",
  },
  {
    what: "environment renamed to another's slug",
    request: ["PUT", `${ENVIRONMENT}?project=app&environment=dev`, { slug: "stg" }],
    status: 400,
    message: "Environment slug 'stg' already exists in this project",
  },

  // Configs.
  {
    what: "config not named",
    request: ["GET", `${CONFIG}?project=app`],
    status: 400,
    message: "You must specify a config",
  },
  {
    what: "absent config",
    request: ["GET", `${CONFIG}?project=app&config=nix`],
    status: 404,
    message: "Could not find requested config 'nix'",
  },
  {
    what: "absent config's secrets",
    request: ["GET", `${DOWNLOAD}?project=app&config=nix`],
    status: 404,
    message: "Could not find requested config 'nix'",
  },
  {
    what: "config of an absent project",
    request: ["GET", `${CONFIG}?project=nix&config=dev`],
    status: 400,
    message: noProject("nix"),
  },
  {
    what: "absent config, delete",
    request: ["DELETE", CONFIG, { project: "app", config: "nix" }],
    status: 404,
    message: "Could not find requested config 'nix'",
  },
  {
    what: "branch config without prefix",
    request: ["POST", "/v3/configs", { project: "app", environment: "dev", name: "eu2" }],
    status: 400,
    message: "Config name must start with 'dev_'",
  },
  {
    what: "branch config with another's prefix",
    request: ["POST", "/v3/configs", { project: "app", environment: "dev", name: "stg_x" }],
    status: 400,
    message: "Config name must start with 'dev_'",
  },
  {
    what: "branch config that is all prefix",
    request: ["POST", "/v3/configs", { project: "app", environment: "dev", name: "dev_" }],
    status: 400,
    message: "Config name must start with 'dev_'",
  },
  {
    what: "branch config of 61 characters",
    request: ["POST", "/v3/configs", { project: "app", environment: "dev", name: `dev_${"x".repeat(57)}` }],
    status: 400,
    message: "Config name must be between 2 and 60 characters",
  },
  {
    what: "duplicate branch config",
    request: ["POST", "/v3/configs", { project: "app", environment: "dev", name: "dev_eu" }],
    status: 400,
    message: "Config name 'dev_eu' already exists in this project",
  },
  {
    what: "branch config of an absent environment",
    request: ["POST", "/v3/configs", { project: "app", environment: "nix", name: "nix_x" }],
    status: 404,
    message: "Could not find requested environment 'nix'",
  },
  {
    what: "root config deleted",
    request: ["DELETE", CONFIG, dev],
    status: 400,
    message: "Config 'dev' is a root config and can not be deleted",
  },
  {
    what: "root config renamed",
    request: ["POST", CONFIG, { ...dev, name: "dev_x" }],
    status: 400,
    message: "Config 'dev' is a root config and can not be renamed",
  },
  {
    what: "root config unlocked",
    request: ["POST", `${CONFIG}/unlock`, dev],
    status: 400,
    message: "Config 'dev' is a root config and is always locked",
  },
  {
    what: "locked config deleted",
    request: ["DELETE", CONFIG, { project: "app", config: "dev_locked" }],
    status: 400,
    message: "Config 'dev_locked' is locked and can not be deleted",
  },
  {
    what: "config renamed out of its environment",
    request: ["POST", CONFIG, { project: "app", config: "dev_eu", name: "stg_eu" }],
    status: 400,
    message: "Config name must start with 'dev_'",
  },
  {
    what: "config renamed to another's name",
    request: ["POST", CONFIG, { project: "app", config: "dev_eu", name: "dev_locked" }],
    status: 400,
    message: "Config name 'dev_locked' already exists in this project",
  },

  // Secrets.
  {
    what: "secret not named",
    request: ["GET", `${SECRET}?project=app&config=dev`],
    status: 400,
    message: "You must specify a secret name",
  },
  {
    what: "secret name in lower case, read",
    request: ["GET", `${SECRET}?project=app&config=dev&name=A_b`],
    status: 400,
    message: 'Secret name "A_b" may only contain uppercase letters, numbers, and underscores.',
  },
  {
    what: "secret names filter in lower case",
    request: ["GET", `${DOWNLOAD}?project=app&config=dev&secrets=A,b`],
    status: 400,
    message: 'Secret name "b" may only contain uppercase letters, numbers, and underscores.',
  },
  {
    what: "secret name with a hyphen",
    request: ["POST", SECRETS, { ...dev, secrets: { "A-B": "x" } }],
    status: 400,
    message: 'Secret name "A-B" may only contain uppercase letters, numbers, and underscores.',
  },
  {
    what: "secret name like a property of all objects",
    request: ["POST", SECRETS, { ...dev, change_requests: [{ name: "__proto__", value: "x" }] }],
    status: 400,
    message: 'Secret name "__proto__" may only contain uppercase letters, numbers, and underscores.',
  },
  {
    what: "secret name starting with a digit",
    request: ["POST", SECRETS, { ...dev, secrets: { "1A": "x" } }],
    status: 400,
    message: 'Secret name "1A" may not start with a number.',
  },
  {
    what: "secret name of 201 characters",
    request: ["POST", SECRETS, set({ name: "X".repeat(201), value: "x" })],
    status: 400,
    message: `Secret name "${"X".repeat(201)}" is longer than 200 characters.`,
  },
  {
    what: "value of more than 50 KiB",
    request: ["POST", SECRETS, { ...dev, secrets: { BIG: "x".repeat(50 * 1024 + 1) } }],
    status: 400,
    message: 'Value of secret "BIG" is larger than 50 KiB.',
  },
  {
    what: "value of more than 50 KiB in UTF-8",
    request: ["POST", SECRETS, { ...dev, secrets: { BIG: "é".repeat(26 * 1024) } }],
    status: 400,
    message: 'Value of secret "BIG" is larger than 50 KiB.',
  },
  {
    what: "more than 500 KiB in one config",
    request: [
      "POST",
      SECRETS,
      {
        ...dev,
        secrets: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`BIG_${i}`, "x".repeat(50 * 1024)])),
      },
    ],
    status: 400,
    message: "Config 'dev' may not hold more than 500 KiB",
  },
  {
    what: "more than 1200 secrets in one config",
    request: [
      "POST",
      SECRETS,
      { ...dev, secrets: Object.fromEntries(Array.from({ length: 1201 }, (_, i) => [`S_${i}`, "x"])) },
    ],
    status: 400,
    message: "Config 'dev' may not have more than 1200 secrets",
  },
  {
    what: "value that is a number",
    request: ["POST", SECRETS, { ...dev, secrets: { A: 1 } }],
    status: 400,
    message: 'Value of secret "A" must be a string',
  },
  {
    what: "secrets as a list",
    request: ["POST", SECRETS, { ...dev, secrets: ["A"] }],
    status: 400,
    message: "'secrets' must be an object of names and values",
  },
  {
    what: "neither form",
    request: ["POST", SECRETS, dev],
    status: 400,
    message: "Either 'secrets' or 'change_requests' is required (can't use both)",
  },
  {
    what: "both forms",
    request: ["POST", SECRETS, { ...set(), secrets: {} }],
    status: 400,
    message: "Either 'secrets' or 'change_requests' is required (can't use both)",
  },
  {
    what: "change requests that are no list",
    request: ["POST", SECRETS, { ...dev, change_requests: { name: "A" } }],
    status: 400,
    message: "'change_requests' must be a list of objects",
  },
  {
    what: "new secret without value",
    request: ["POST", SECRETS, set({ name: "NEW" })],
    status: 400,
    message: 'You must specify a value for secret "NEW"',
  },
  {
    what: "unknown visibility",
    request: ["POST", SECRETS, set({ name: "A", value: "x", visibility: "hidden" })],
    status: 400,
    message: "'visibility' must be one of unmasked, masked, restricted",
  },
  {
    what: "managed secret set",
    request: ["POST", SECRETS, { ...dev, secrets: { DOPPLER_PROJECT: "x" } }],
    status: 400,
    message: 'Secret name "DOPPLER_PROJECT" is managed by Doppler and can not be changed.',
  },
  {
    what: "managed secret deleted",
    request: ["DELETE", `${SECRET}?project=app&config=dev&name=DOPPLER_CONFIG`],
    status: 400,
    message: 'Secret name "DOPPLER_CONFIG" is managed by Doppler and can not be changed.',
  },
  {
    what: "secret renamed to a managed one",
    request: ["POST", SECRETS, set({ originalName: "A", name: "DOPPLER_ENVIRONMENT", value: "x" })],
    status: 400,
    message: 'Secret name "DOPPLER_ENVIRONMENT" is managed by Doppler and can not be changed.',
  },
  {
    what: "absent secret deleted",
    request: ["DELETE", `${SECRET}?project=app&config=dev&name=NIX`],
    status: 404,
    message: "Could not find requested secret: NIX",
  },
  {
    what: "absent secret deleted by change request",
    request: ["POST", SECRETS, set({ originalName: "NIX", name: "NIX", value: null, shouldDelete: true })],
    status: 404,
    message: "Could not find requested secret: NIX",
  },
  {
    what: "inherited secret deleted in the branch",
    request: ["DELETE", `${SECRET}?project=app&config=dev_eu&name=A`],
    status: 404,
    message: "Could not find requested secret: A",
  },
  {
    what: "absent secret renamed",
    request: ["POST", SECRETS, set({ originalName: "NIX", name: "NIX2", value: "x" })],
    status: 404,
    message: "Could not find requested secret: NIX",
  },
  {
    what: "secret renamed to another's name",
    request: ["POST", SECRETS, set({ originalName: "A", name: "B", value: "x" })],
    status: 400,
    message: 'Secret "B" already exists',
  },
  {
    what: "original value that is not so",
    request: ["POST", SECRETS, set({ name: "A", originalValue: "wrong", value: "x" })],
    status: 400,
    message: 'Secret "A" does not have the expected original value',
  },
  {
    what: "restricted secret opened without a new value",
    request: ["POST", SECRETS, set({ name: "CLOSED", visibility: "masked" })],
    status: 400,
    message: 'Secret "CLOSED" is restricted: changing its visibility requires a new value',
  },
  {
    what: "first of two changes good, second bad",
    request: ["POST", SECRETS, set({ name: "A", value: "half" }, { name: "b", value: "x" })],
    status: 400,
    message: 'Secret name "b" may only contain uppercase letters, numbers, and underscores.',
  },
  {
    what: "root config promoted",
    request: ["POST", SECRETS, set({ name: "A", value: "x", shouldPromote: true })],
    status: 400,
    message: "Config 'dev' is a root config: it has nothing to promote to",
  },
  {
    what: "restricted secret downloaded by a user",
    request: ["GET", `${DOWNLOAD}?project=app&config=dev`],
    status: 403,
    message: "This config has restricted secrets, which can not be downloaded with a user's token",
  },
  {
    what: "unknown format",
    request: ["GET", `${DOWNLOAD}?project=app&config=stg&format=xml`],
    status: 400,
    message: "'format' must be one of json, dotnet-json, env, env-no-quotes, yaml, docker",
  },
  {
    what: "unknown name transformer",
    request: ["GET", `${DOWNLOAD}?project=app&config=stg&name_transformer=snake`],
    status: 400,
    message:
      "'name_transformer' must be one of none, camel, upper-camel, lower-snake, lower-kebab, tf-var, dotnet, dotnet-env",
  },

  // Service tokens.
  { what: "token without name", request: ["POST", TOKENS, dev], status: 400, message: "You must specify 'name'" },
  {
    what: "token name of one character",
    request: ["POST", TOKENS, { ...dev, name: "x" }],
    status: 400,
    message: "Token name must be between 2 and 100 characters",
  },
  {
    what: "token with unknown access",
    request: ["POST", TOKENS, { ...dev, name: "more", access: "read-write" }],
    status: 400,
    message: "'access' must be one of read, read/write",
  },
  {
    what: "duplicate token name",
    request: ["POST", TOKENS, { ...dev, name: "reader" }],
    status: 400,
    message: "A service token named 'reader' already exists in this config",
  },
  {
    what: "token that has expired already",
    request: ["POST", TOKENS, { ...dev, name: "more", expire_at: 1 }],
    status: 400,
    message: "'expire_at' must be in the future",
  },
  {
    what: "token with nonsense for an expiry",
    request: ["POST", TOKENS, { ...dev, name: "more", expire_at: "soon" }],
    status: 400,
    message: "'expire_at' must be a time",
  },
  {
    what: "token of an absent config",
    request: ["POST", TOKENS, { project: "app", config: "nix", name: "more" }],
    status: 404,
    message: "Could not find requested config 'nix'",
  },
  {
    what: "absent token revoked",
    request: ["DELETE", TOKEN, { ...dev, slug: "nix" }],
    status: 404,
    message: "Could not find requested service token",
  },
  {
    what: "token revoked without saying which",
    request: ["DELETE", TOKEN, dev],
    status: 400,
    message: "You must specify 'slug' or 'token'",
  },

  // Service accounts and members.
  {
    what: "role and permissions at once",
    request: [
      "POST",
      "/v3/workplace/service_accounts",
      { name: "x", workplace_role: { identifier: "viewer", permissions: [] } },
    ],
    status: 400,
    message: "You may provide an identifier OR permissions, but not both",
  },
  {
    what: "absent service account",
    request: ["GET", "/v3/workplace/service_accounts/service_account/nix"],
    status: 404,
    message: "Could not find requested service account 'nix'",
  },
  {
    what: "member that is no service account",
    request: ["POST", `${PROJECT}/members`, { project: "app", type: "group", slug: "x" }],
    status: 400,
    message: "'type' must be service_account",
  },
  {
    what: "absent service account as member",
    request: ["POST", `${PROJECT}/members`, { project: "app", type: "service_account", slug: "x" }],
    status: 404,
    message: "Could not find requested service account 'x'",
  },
  {
    what: "absent member",
    request: ["GET", `${PROJECT}/members/member/service_account/x?project=app`],
    status: 404,
    message: "Could not find requested project member",
  },

  // Malformed requests.
  { what: "unknown route", request: ["GET", "/v3/nix"], status: 404, message: "Could not find requested route" },
  {
    what: "unknown route without a token",
    as: "none",
    request: ["GET", "/"],
    status: 404,
    message: "Could not find requested route",
  },
  { what: "wrong method", request: ["PATCH", PROJECT, {}], status: 404, message: "Could not find requested route" },
  {
    what: "malformed JSON",
    request: ["POST", SECRETS],
    options: { rawBody: '{"secrets":{"A":"s3cret' },
    status: 400,
    message: "The request body is not valid JSON",
  },
  {
    what: "JSON that is no object",
    request: ["POST", SECRETS, ["A"]],
    status: 400,
    message: "The request body must be a JSON object",
  },
  {
    what: "body that is not JSON",
    request: ["POST", SECRETS],
    options: { rawBody: "A=b", headers: { "content-type": "text/plain" } },
    status: 415,
    message: "The request body must be application/json",
  },
  {
    what: "body of more than 2 MiB",
    request: ["POST", SECRETS, { ...dev, secrets: { A: "x".repeat(2 * 1024 * 1024) } }],
    status: 413,
    message: "The request body is too large",
  },
];

describe("what Doppler refuses", () => {
  let doppler: Harness;
  const tokens = new Map<Who, string | null>();

  before(async () => {
    doppler = await Harness.start();
    for (const name of ["app", "other"]) {
      await doppler.post("/v3/projects", { name, create_default_environments: true });
    }
    await doppler.post("/v3/environments", { project: "app", name: "Gone", slug: "gone" });
    for (const name of ["dev_eu", "dev_locked"]) {
      await doppler.post("/v3/configs", { project: "app", environment: "dev", name });
    }
    await doppler.post(`${CONFIG}/lock`, { project: "app", config: "dev_locked" });
    await doppler.post(SECRETS, { ...dev, secrets: { A: "a", B: "b" } });
    await doppler.post(SECRETS, set({ name: "CLOSED", value: "c", visibility: "restricted" }));

    tokens.set("none", null);
    tokens.set("unknown", `dp.st.dev.${"x".repeat(43)}`);
    tokens.set("read", (await doppler.serviceToken("app", "dev", "reader")).key);
    tokens.set("write", (await doppler.serviceToken("app", "dev", "writer", { access: "read/write" })).key);
    tokens.set("branch", (await doppler.serviceToken("app", "dev_eu", "branch", { access: "read/write" })).key);
    const soon = { expire_at: Math.floor(doppler.now / 1000) + 30 };
    tokens.set("expired", (await doppler.serviceToken("app", "dev", "short", soon)).key);
    const revoked = await doppler.serviceToken("app", "dev", "revoked");
    tokens.set("revoked", revoked.key);
    await doppler.ok("DELETE", TOKEN, { body: { ...dev, slug: revoked.slug } });
    tokens.set("orphaned", (await doppler.serviceToken("app", "gone", "orphan")).key);
    await doppler.ok("DELETE", `${ENVIRONMENT}?project=app&environment=gone`);

    const account = async (who: Who, workplaceRole: unknown, membership?: Record<string, unknown>) => {
      const { key, slug } = await doppler.serviceAccount(who, workplaceRole);
      tokens.set(who, key);
      if (membership !== undefined) {
        await doppler.post(`${PROJECT}/members`, { project: "app", type: "service_account", slug, ...membership });
      }
    };
    await account("ungranted", { identifier: "viewer" });
    await account("shutOut", { permissions: [] }, { role: "admin" });
    await account("viewer", { identifier: "viewer" }, { role: "viewer" });
    await account("collaborator", { identifier: "collaborator" }, { role: "collaborator" });
    await account("devOnly", { identifier: "viewer" }, { role: "viewer", environments: ["dev"] });
    doppler.advance(60);
  });

  after(() => doppler.close());

  for (const { what, as = "management", request, options = {}, status, message } of rows) {
    it(`${what}: ${status}`, async () => {
      const [method, path, body] = request;
      const token = tokens.get(as);
      const stateBefore = state();
      const answer = await doppler.call(method, path, { ...(token === undefined ? {} : { token }), body, ...options });
      assert.deepEqual(
        { status: answer.status, body: answer.json },
        { status, body: { success: false, messages: [message] } },
      );
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
      assert.equal(state(), stateBefore, "a refused request must leave the state alone");
    });
  }

  it("has left nothing in memory either", async () => {
    const settled = () => state().replace(/"(lastSeenAt|initialFetchAt|lastFetchAt)":("[^"]*"|null)/g, '"$1":…');
    const stateBefore = settled();
    // Closing writes what is in memory.
    await doppler.restart();
    assert.equal(settled(), stateBefore);
  });

  it("answers 404 for any project when there is none", async () => {
    const empty = await Harness.start();
    try {
      for (const path of [
        `${PROJECT}?project=nix`,
        `${CONFIG}?project=nix&config=dev`,
        `${DOWNLOAD}?project=nix&config=dev`,
      ]) {
        const { status, json } = await empty.call("GET", path);
        assert.deepEqual([status, json["messages"]], [404, ["Could not find requested project 'nix'"]]);
      }
      const { status, json } = await empty.call("DELETE", PROJECT, { body: { project: "nix" } });
      assert.deepEqual([status, json["messages"]], [400, [noProject("nix")]]);
    } finally {
      await empty.close();
    }
  });

  function state(): string {
    return readFileSync(dopplerPaths(doppler.data).state, "utf8");
  }
});

describe("what a plan has no room for", () => {
  let doppler: Harness;
  before(async () => {
    doppler = await Harness.start("developer");
  });
  after(() => doppler.close());

  async function refused(path: string, body: unknown, message: string): Promise<void> {
    const { status, json } = await doppler.call("POST", path, { body });
    assert.deepEqual([status, json["messages"]], [400, [message]]);
  }

  it("an eleventh project", async () => {
    for (let n = 0; n < 10; n++)
      await doppler.post("/v3/projects", { name: `p${n}`, create_default_environments: false });
    await refused("/v3/projects", { name: "p10" }, "The Developer plan is limited to 10 projects");
  });

  it("a fifth environment", async () => {
    for (let n = 0; n < 4; n++)
      await doppler.post("/v3/environments", { project: "p0", name: `E ${n}`, slug: `e${n}` });
    const message = "The Developer plan is limited to 4 environments per project";
    await refused("/v3/environments", { project: "p0", name: "E 4", slug: "e4" }, message);
  });

  it("an eleventh config, the root config counted", async () => {
    for (let n = 1; n < 10; n++)
      await doppler.post("/v3/configs", { project: "p0", environment: "e0", name: `e0_${n}` });
    const message = "The Developer plan is limited to 10 configs per environment";
    await refused("/v3/configs", { project: "p0", environment: "e0", name: "e0_10" }, message);
  });

  it("a 51st service token, wherever the others are", async () => {
    for (let n = 0; n < 50; n++) await doppler.serviceToken("p0", `e${n % 4}`, `token ${n}`);
    const message = "The Developer plan is limited to 50 service tokens";
    await refused(TOKENS, { project: "p0", config: "e0", name: "token 50" }, message);
  });

  it("service accounts", async () => {
    await refused(
      "/v3/workplace/service_accounts",
      { name: "x" },
      "The Developer plan is limited to 0 service accounts",
    );
  });
});
