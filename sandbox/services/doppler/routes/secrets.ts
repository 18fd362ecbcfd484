import { createHash, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Access, ConfigPlace } from "../access.js";
import type { Api, Call } from "../api.js";
import { DOWNLOAD_FORMATS, NAME_TRANSFORMERS, renderDownload } from "../download.js";
import { badRequest, forbidden } from "../errors.js";
import type { Input } from "../input.js";
import { checkSecretName, MANAGED_SECRETS } from "../names.js";
import { applyChangeRequests, applySecretMap, deleteSecret } from "../secretChanges.js";
import { configSecret, configSecrets, type ResolvedSecret } from "../secrets.js";

/** A secret's value as this actor may see it: a restricted one has its values withheld, an absent one has none. */
function valueBody(access: Access, secret: ResolvedSecret | undefined, note: string) {
  const shown = (value: string, visibility: string) =>
    visibility === "restricted" && !access.seesRestricted ? null : value;
  return {
    raw: secret === undefined ? null : shown(secret.raw, secret.rawVisibility),
    computed: secret === undefined ? null : shown(secret.computed, secret.computedVisibility),
    note,
    rawVisibility: secret?.rawVisibility ?? null,
    computedVisibility: secret?.computedVisibility ?? null,
    rawValueType: { type: "string" },
    computedValueType: { type: "string" },
  };
}

/** The secrets a request asks for with `secrets=A,B`, else all; managed ones unless it asks to leave them out. */
function selected(call: Call, place: ConfigPlace): Map<string, ResolvedSecret> {
  const only = requestedNames(call.input);
  return new Map([...listed(call, place)].filter(([name]) => only === undefined || only.includes(name)));
}

/** All secrets of a config; managed ones unless the request asks to leave them out. */
function listed({ state, input }: Call, place: ConfigPlace): Map<string, ResolvedSecret> {
  const withManaged = input.boolean("include_managed_secrets", true);
  return new Map(
    [...configSecrets(state, place)].filter(
      ([name]) => withManaged || !(MANAGED_SECRETS as readonly string[]).includes(name),
    ),
  );
}

function requestedNames(input: Input): string[] | undefined {
  const list = input.optional("secrets") ?? "";
  if (list === "") return undefined;
  const names = list.split(",");
  names.forEach(checkSecretName);
  return names;
}

function secretsBody(call: Call, place: ConfigPlace) {
  const secrets = [...selected(call, place)].map(
    ([name, secret]) => [name, valueBody(call.access, secret, place.project.notes[name] ?? "")] as const,
  );
  return { secrets: Object.fromEntries(secrets), success: true };
}

/** Secrets of one config: one by one, as a list, as a file; and their changes. */
export function secretRoutes(app: FastifyInstance, api: Api): void {
  const configOf = ({ access, input }: Call, need: "read" | "write") =>
    access.config(input.optional("project"), input.optional("config"), need);

  const fetched = (place: ConfigPlace) =>
    api.store.touch(() => {
      place.config.lastFetchAt = api.time();
      place.config.initialFetchAt ??= place.config.lastFetchAt;
    });

  const changed = ({ config }: ConfigPlace) => {
    config.logs = [...(config.logs ?? []), { id: randomUUID(), text: "Modified secrets", createdAt: api.time() }];
  };

  // A secret that is not there is no error: its values are null.
  app.get("/v3/configs/config/secret", (request) =>
    api.read(request, (call) => {
      const place = configOf(call, "read");
      const name = call.input.optional("name") ?? "";
      checkSecretName(name);
      fetched(place);
      const secret = configSecret(call.state, place, name);
      return { name, value: valueBody(call.access, secret, place.project.notes[name] ?? ""), success: true };
    }),
  );

  app.delete("/v3/configs/config/secret", (request) =>
    api.write(request, (call) => {
      const place = configOf(call, "write");
      deleteSecret(place, call.input.optional("name") ?? "");
      changed(place);
      return { success: true };
    }),
  );

  app.get("/v3/configs/config/secrets", (request) =>
    api.read(request, (call) => {
      const place = configOf(call, "read");
      fetched(place);
      return secretsBody(call, place);
    }),
  );

  app.post("/v3/configs/config/secrets", (request) =>
    api.write(request, (call) => {
      const { input } = call;
      const place = configOf(call, "write");
      // Here `secrets` is what to write, so it must come from the body.
      if (input.has("secrets") === input.has("change_requests")) {
        throw badRequest("Either 'secrets' or 'change_requests' is required (can't use both)");
      }
      if (input.has("secrets")) applySecretMap(place, input.raw("secrets"));
      else applyChangeRequests(place, input.raw("change_requests"));
      changed(place);
      const body = [...configSecrets(call.state, place)].map(
        ([name, secret]) => [name, valueBody(call.access, secret, place.project.notes[name] ?? "")] as const,
      );
      return { secrets: Object.fromEntries(body), success: true };
    }),
  );

  // The parameter `secrets` is documented for values, and not for names.
  app.get("/v3/configs/config/secrets/names", (request) =>
    api.read(request, (call) => {
      const place = configOf(call, "read");
      return { names: [...listed(call, place).keys()], success: true };
    }),
  );

  app.get("/v3/configs/config/secrets/download", (request, reply) =>
    api.read(request, (call) => {
      const place = configOf(call, "read");
      fetched(place);
      return download(call, place, request, reply);
    }),
  );

  app.post("/v3/configs/config/secrets/note", (request) =>
    api.write(request, (call) => {
      // A note belongs to the project; the Doppler CLI sends the config along only when it has one.
      const config = call.input.optional("config") ?? "";
      const project =
        config === "" && call.access.actor.kind !== "service"
          ? call.access.project(call.input.optional("project"), "write")
          : configOf(call, "write").project;
      const secret = call.input.required("secret");
      checkSecretName(secret);
      const note = call.input.optional("note") ?? "";
      project.notes[secret] = note;
      return { secret, note, success: true };
    }),
  );
}

function download(call: Call, place: ConfigPlace, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const format = call.input.choice("format", DOWNLOAD_FORMATS, "json");
  const transformer = call.input.choice("name_transformer", NAME_TRANSFORMERS, "none");
  const secrets = selected(call, place);
  if (!call.access.seesRestricted && [...secrets.values()].some((s) => s.computedVisibility === "restricted")) {
    throw forbidden("This config has restricted secrets, which can not be downloaded with a user's token");
  }
  const values = new Map([...secrets].map(([name, { computed }]) => [name, computed]));
  const { contentType, text } = renderDownload(values, format, transformer);
  const etag = `"${createHash("sha256").update(text).digest("hex")}"`;
  void reply.header("etag", etag);
  if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
  return reply.type(contentType).send(text);
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const candidates = (ifNoneMatch ?? "").split(",").map((candidate) => candidate.trim().replace(/^W\//, ""));
  return candidates.includes(etag) || candidates.includes("*");
}
