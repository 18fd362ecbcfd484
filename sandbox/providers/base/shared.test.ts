import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import {
  type CheckRequest,
  type CreateRequest,
  diffInputs,
  diffProperties,
  diffResult,
  type DiffRequest,
  fromStruct,
  InitializationError,
  matchesPath,
  parsePath,
  formatPath,
  previewOutputs,
  type PropertyMap,
  type Provider,
  ResourceReference,
  type ResourceSpec,
  Secret,
  secret,
  StatusError,
  toStruct,
  UNKNOWN,
  validateInputs,
} from "./index.js";
import { CallError, ProviderClient } from "./testing/client.js";

const SIGNATURE = "4dabf18193072939515e22adb298388d";

describe("the engine's form of properties", () => {
  it("survives a round trip", () => {
    const properties: PropertyMap = {
      text: "a",
      empty: "",
      number: 1.5,
      boolean: false,
      nothing: null,
      list: [1, ["a"], secret("b")],
      object: { a: { b: UNKNOWN }, secret: secret({ c: [UNKNOWN] }) },
      reference: new ResourceReference("urn:x", "id", "1.0.0"),
      pending: new ResourceReference("urn:y", UNKNOWN),
      component: new ResourceReference("urn:z"),
    };
    assert.deepEqual(fromStruct(toStruct(properties)), properties);
    assert.deepEqual(fromStruct(undefined), {});
  });
  it("is what the engine writes", () => {
    const wire = {
      secret: { [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value: "s" },
      list: "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
      known: { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4", value: 1, dependencies: ["urn:x"] },
      hidden: { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4", secret: true },
      asset: { [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17", text: "a", hash: "h" },
    };
    const properties = fromStruct(structProto.Struct.fromJavaScript(wire));
    const { asset, ...rest } = properties;
    assert.deepEqual(rest, { secret: new Secret("s"), list: UNKNOWN, known: 1, hidden: new Secret(UNKNOWN) });
    assert.deepEqual(toStruct({ asset: asset ?? null }).toJavaScript(), { asset: wire.asset });
    assert.deepEqual(toStruct({ secret: new Secret("s") }).toJavaScript(), { secret: wire.secret });
  });
  it("refuses a signature it does not know", () => {
    const struct = structProto.Struct.fromJavaScript({ a: { [SIGNATURE]: "x" } });
    assert.throws(() => fromStruct(struct), /unknown kind of value/);
  });
});

describe("a secret", () => {
  it("does not show itself in text", () => {
    const value = secret("hunter2");
    const wanted: unknown = value;
    assert.equal(String(wanted), "[secret]");
    assert.equal(JSON.stringify({ value }), '{"value":"[secret]"}');
    assert.equal(secret(value), value);
  });
});

describe("paths", () => {
  it("are written and read as the engine does", () => {
    for (const [path, text] of [
      [["a", "b", 0, "c"], "a.b[0].c"],
      [["data", "tls.crt"], 'data["tls.crt"]'],
      [["a b", 'q"x', 1, 2], 'a b["q\\"x"][1][2]'],
      [["data", "*", "x"], "data[*].x"],
    ] as const) {
      assert.deepEqual(parsePath(text), path);
      if (!text.includes("*")) {
        assert.equal(formatPath(path), text);
      }
    }
    assert.throws(() => parsePath("a[b]"), /malformed property path/);
  });
  it("match what lies beneath them", () => {
    assert.ok(matchesPath(parsePath("spec.rules[*].host"), ["spec", "rules", 3, "host"]));
    assert.ok(matchesPath(["spec"], ["spec", "a"]));
    assert.ok(!matchesPath(["spec", "a"], ["spec"]));
  });
});

describe("differences", () => {
  it("are found in depth, secrets compared by content", () => {
    const olds = {
      same: secret("a"),
      list: [1, 2, 3],
      object: { gone: 1, "a.b": 1, kept: { x: secret("s") } },
      kind: "x",
    };
    const news = { same: "a", list: [1, 5], object: { "a.b": 2, kept: { x: "t" }, come: 1 }, kind: ["x"] };
    assert.deepEqual(diffProperties(olds, news), {
      "list[1]": { kind: "update" },
      "list[2]": { kind: "delete" },
      "object.gone": { kind: "delete" },
      'object["a.b"]': { kind: "update" },
      "object.kept.x": { kind: "update" },
      "object.come": { kind: "add" },
      kind: { kind: "update" },
    });
  });
  it("count an unknown, even beside another, and tell what forces a replacement", () => {
    const diff = diffProperties(
      { a: UNKNOWN, b: "x", c: 1, ignored: { x: 1 }, skipped: 1 },
      { a: UNKNOWN, b: secret(UNKNOWN), d: 1, ignored: { x: 2 }, skipped: 2 },
      {
        forcesReplace: ([name]) => name !== "a",
        ignoreChanges: ["ignored.x"],
        skip: (name) => name === "skipped",
      },
    );
    assert.deepEqual(diff, {
      a: { kind: "update" },
      b: { kind: "update-replace" },
      c: { kind: "delete-replace" },
      d: { kind: "add-replace" },
    });
    const result = diffResult(diff, { deleteBeforeReplace: true });
    assert.deepEqual([result.changes, result.replaces], ["some", ["b", "c", "d"]]);
    assert.equal(diffResult({}).changes, "none");
  });
});

describe("tables", () => {
  const spec: ResourceSpec = {
    properties: {
      name: { type: "string", required: true, forceNew: true },
      tags: { type: { list: "string" } },
      rules: { type: { list: { object: { id: { type: "number", required: true }, note: { type: "string" } } } } },
      labels: { type: { map: "string" } },
      plain: { type: "string" },
      encrypted: { type: "string", secret: true, validate: (value) => (value === "bad" ? "it is bad" : undefined) },
      keyId: { type: "string" },
      computedName: { type: "string", computed: true },
      url: { type: "string", input: false },
    },
    exactlyOneOf: [["plain", "encrypted"]],
    conflictsWith: { keyId: ["plain"] },
    requiredWith: { keyId: ["encrypted"] },
  };
  const reasons = (given: PropertyMap) => validateInputs(spec, given, "x").map(({ reason }) => reason);

  it("check nested values and name the place", () => {
    const given = { name: "n", plain: "p", rules: [{ id: 1 }, { note: "a", other: 1 }], labels: { a: 1 }, tags: "t" };
    assert.deepEqual(reasons(given), [
      "Missing required argument. The argument \"id\" is required, but no definition was found.. Examine values at 'x.rules[1].id'.",
      "Invalid or unknown key. Examine values at 'x.rules[1].other'.",
      "\"a\": expected type 'string', got a number. Examine values at 'x.labels.a'.",
      "\"tags\": expected a list, got a string. Examine values at 'x.tags'.",
    ]);
  });
  it("check how inputs go together", () => {
    assert.equal(reasons({ name: "n" }).length, 2);
    assert.match(reasons({ name: "n" })[0] ?? "", /"plain": one of `encrypted,plain` must be specified/);
    const both = reasons({ name: "n", plain: "p", encrypted: "e" });
    assert.match(both[1] ?? "", /only one of `encrypted,plain` can be specified, but `encrypted,plain` were specified/);
    const conflicting = reasons({ name: "n", plain: "p", keyId: "k" });
    assert.match(conflicting[0] ?? "", /"key_id": conflicts with plain\. Examine values at 'x\.keyId'/);
    assert.match(conflicting[1] ?? "", /"key_id": all of `encrypted,key_id` must be specified/);
    assert.deepEqual(reasons({ name: "n", encrypted: secret("bad") }), ["it is bad. Examine values at 'x.encrypted'."]);
    assert.deepEqual(reasons({ name: UNKNOWN, encrypted: secret(UNKNOWN), tags: UNKNOWN }), []);
  });
  it("compare state with inputs, and take absent and empty for the same", () => {
    const request = (olds: PropertyMap, news: PropertyMap): DiffRequest => ({
      ...{
        urn: "",
        type: "",
        name: "x",
        signal: new AbortController().signal,
        id: "1",
        oldInputs: {},
        ignoreChanges: [],
      },
      ...{ olds, news },
    });
    const olds = { name: "n", plain: "p", tags: [], computedName: "c", url: "u" };
    assert.deepEqual(diffInputs(spec, request(olds, { name: "n", plain: "p", __defaults: [] })).detailedDiff, {});
    const changed = diffInputs(spec, request(olds, { name: "m", tags: ["a"], computedName: "d" }));
    assert.deepEqual(changed.detailedDiff, {
      name: { kind: "update-replace" },
      plain: { kind: "delete" },
      "tags[0]": { kind: "add" },
      computedName: { kind: "update" },
    });
    assert.deepEqual(diffInputs(spec, request(olds, { ...olds, plain: "q" })).stables, ["name"]);
  });
  it("tell what a preview can know", () => {
    const created = previewOutputs(spec, { name: "n", encrypted: "e", __defaults: [] });
    assert.deepEqual(created, {
      ...{ id: UNKNOWN, name: "n", encrypted: new Secret("e"), computedName: UNKNOWN, url: UNKNOWN },
    });
    const olds = { id: "1", name: "n", plain: "p", computedName: "c", url: "u" };
    assert.deepEqual(previewOutputs(spec, { name: "n", encrypted: "e" }, olds, ["url"]), {
      ...{ id: "1", name: "n", encrypted: new Secret("e"), computedName: "c", url: UNKNOWN },
    });
  });
});

describe("a served provider", () => {
  const seen: { check?: CheckRequest; create?: CreateRequest } = {};
  const provider: Provider = {
    configure: ({ args }) =>
      args["fail"] === true ? Promise.reject(new Error("configure failed")) : Promise.resolve(),
    check: (request) => {
      seen.check = request;
      return Promise.resolve({ inputs: request.news, failures: [{ property: "a.b", reason: "no" }] });
    },
    diff: () =>
      Promise.resolve(
        diffResult(
          {
            "a.b[0]": { kind: "add" },
            c: { kind: "delete-replace" },
            d: { kind: "update", inputDiff: true },
          },
          { deleteBeforeReplace: true },
        ),
      ),
    create: (request) => {
      seen.create = request;
      const fail = request.inputs["fail"];
      if (fail === "partly") {
        const outputs = { a: secret("x") };
        throw new InitializationError("id-1", outputs, ["it does not come up", "at all"], request.inputs);
      }
      if (fail === "busy") {
        throw new StatusError(grpc.status.UNAVAILABLE, "busy");
      }
      if (fail === "wait") {
        return new Promise((_resolve, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason as Error), { once: true });
          client.cancel().catch(reject);
        });
      }
      return Promise.resolve({ id: "id-1", outputs: { ...request.inputs, preview: request.preview } });
    },
    read: ({ id, state, inputs }) => Promise.resolve(id === "gone" ? undefined : { id, outputs: state, inputs }),
    update: ({ news, timeout }) => Promise.resolve({ ...news, timeout }),
    delete: () => Promise.reject(new Error("cannot be deleted")),
  };
  let client: ProviderClient;
  before(async () => {
    client = await ProviderClient.start({ name: "test", version: "1.2.3", provider });
  });
  after(() => client.close());

  it("tells the engine what it can do", async () => {
    assert.equal(await client.getPluginVersion(), "1.2.3");
    const accepts = { acceptSecrets: true, acceptResources: true, acceptOutputs: true };
    assert.deepEqual(await client.handshake(), { ...accepts, supportsAutonamingConfiguration: false });
    assert.deepEqual(await client.configure({}), {
      ...{ acceptsecrets: true, acceptresources: true, acceptoutputs: true },
      ...{ supportspreview: true, supportsAutonamingConfiguration: false },
    });
    await assert.rejects(client.configure({ fail: true }), /configure failed/);
  });
  it("passes requests and answers through", async () => {
    const { inputs, failures } = await client.check("a:b:C", "x::y", { s: secret("v") }, { old: 1 });
    assert.deepEqual(inputs, { s: new Secret("v") });
    assert.deepEqual(failures, [{ property: "a.b", reason: "no" }]);
    assert.deepEqual([seen.check?.type, seen.check?.name, seen.check?.olds], ["a:b:C", "x::y", { old: 1 }]);
    assert.deepEqual(await client.diff("a:b:C", "x", "1", { inputs: {}, outputs: {} }, {}), {
      changes: "some",
      replaces: ["c"],
      detailed: { "a.b[0]": "ADD", c: "DELETE_REPLACE", d: "UPDATE" },
      deleteBeforeReplace: true,
    });
    const created = await client.create("a:b:C", "x", { u: UNKNOWN }, { preview: true, timeout: 5 });
    assert.deepEqual(created, { id: "id-1", outputs: { u: UNKNOWN, preview: true } });
    assert.equal(seen.create?.timeout, 5);
    assert.deepEqual(await client.read("a:b:C", "x", "1", { a: 1 }, { b: 1 }), {
      ...{ id: "1", outputs: { a: 1 }, inputs: { b: 1 } },
    });
    assert.equal(await client.read("a:b:C", "x", "gone"), undefined);
    const old = { inputs: {}, outputs: {} };
    assert.deepEqual(await client.update("a:b:C", "x", "1", old, { a: 2 }, { timeout: 7 }), { a: 2, timeout: 7 });
  });
  it("accepts any configuration when the provider has no check of its own, and knows no functions", async () => {
    assert.deepEqual((await client.checkConfig({ any: "thing" })).inputs, { any: "thing" });
    await assert.rejects(client.diffConfig({}, {}), { code: grpc.status.UNIMPLEMENTED });
    await assert.rejects(client.invoke("a:b:c", {}), /test has no function a:b:c/);
  });
  it("sends errors with their status, and what is left of a failed creation", async () => {
    await assert.rejects(client.delete("a:b:C", "x", "1", {}), {
      code: grpc.status.UNKNOWN,
      message: "cannot be deleted",
    });
    await assert.rejects(client.create("a:b:C", "x", { fail: "busy" }), { code: grpc.status.UNAVAILABLE });
    await assert.rejects(client.create("a:b:C", "x", { fail: "partly" }), (error) => {
      assert.ok(error instanceof CallError);
      assert.deepEqual(error.partial, {
        id: "id-1",
        properties: { a: new Secret("x") },
        inputs: { fail: "partly" },
        reasons: ["it does not come up", "at all"],
      });
      return true;
    });
  });
  it("tells what is under way to stop on Cancel", async () => {
    await assert.rejects(client.create("a:b:C", "x", { fail: "wait" }), { code: grpc.status.CANCELLED });
  });
});

describe("a plugin process", { timeout: 30_000 }, () => {
  const main = fileURLToPath(new URL("../doppler/main.js", import.meta.url));

  async function startPlugin(engine: string): Promise<{ child: ChildProcess; port: number }> {
    const child = spawn(process.execPath, [main, engine], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    assert.match(line, /^\d+$/);
    return { child, port: Number(line) };
  }
  async function startEngine(): Promise<{ server: grpc.Server; address: string }> {
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return { server, address: `127.0.0.1:${port}` };
  }

  it("prints its port, serves, and ends with the engine", async () => {
    const engine = await startEngine();
    const { child, port } = await startPlugin(engine.address);
    const client = new ProviderClient(port);
    assert.equal(await client.getPluginVersion(), "0.9.0");
    client.close();
    const ended = once(child, "exit");
    engine.server.forceShutdown();
    assert.deepEqual(await ended, [0, null]);
  });
  it("ends cleanly on SIGTERM", async () => {
    const engine = await startEngine();
    const { child } = await startPlugin(engine.address);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    engine.server.forceShutdown();
  });
});
