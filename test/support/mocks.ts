import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { type ClusterScenario, mockCluster } from "./cluster";
import { answerOf, type Services } from "./services";

// Runs a program, or a part of one, against Pulumi's mocks and gives back every registration as it was sent to the
// engine: pulumi's own Mocks interface hides secretness, parents, dependencies and options.

/** Stands for a secret in captured inputs. */
export class SecretInput {
  constructor(readonly value: unknown) {}
}

/** Stands for a value that a preview can't know. */
export const UNKNOWN = "<unknown>";

/** One resource as it was registered. */
export interface Registration {
  type: string;
  name: string;
  /** `<type>::<name>` of the parent; `undefined` below the stack. */
  parent?: string;
  /** The explicit provider's name. */
  provider?: string;
  inputs: Record<string, unknown>;
  /** `<type>::<name>` of all that it waits for. */
  dependencies: string[];
  /** Those options that differ from Pulumi's defaults. */
  options: Record<string, unknown>;
  /** Of a provider, its plugin: the version, and where it is downloaded from if not from Pulumi's own releases. */
  plugin?: { version: string; server: string };
}

/** What {@link run} is to pretend. */
export interface Scenario extends Services {
  stack?: string;
  preview?: boolean;
  /** Whether resources exist already, so that a preview knows their ids. Default: as in `up`. */
  exists?: boolean;
  /**
   * The states of stacks: type, outputs and, where it matters, name of their resources, or why one can't be read. This
   * stack's is empty by default.
   */
  states?: Record<string, { type: string; name?: string; outputs: Record<string, unknown> }[] | string>;
  /** What is in the cluster; where there is none, why. */
  cluster?: ClusterScenario | string;
  /** By their full names, the outputs of stacks that are referred to. */
  outputs?: Record<string, object>;
}

/** What {@link run} saw. */
export interface Observation<T> {
  result: T;
  resources: Registration[];
  /** Provider functions that were called, with their arguments. */
  calls: { token: string; inputs: Record<string, unknown>; provider?: string }[];
  /** What was asked of Doppler and GitHub by the program itself: paths and queries. */
  requests: string[];
  warnings: string[];
  notes: string[];
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

function decode(value: unknown): unknown {
  if (value === pulumi.runtime.unknownValue) return UNKNOWN;
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  const map = value as Record<string, unknown>;
  if (map[SIGNATURE] === SECRET) return new SecretInput(decode(map["value"]));
  return Object.fromEntries(Object.entries(map).map(([key, v]) => [key, decode(v)]));
}

/** The part of the request message that is looked at; its generated class has no public types. */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProvider(): string;
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
  getDependenciesList(): string[];
  getProtect(): boolean | undefined;
  getDeletebeforereplace(): boolean;
  getRetainondelete(): boolean | undefined;
  getReplaceonchangesList(): string[];
  getIgnorechangesList(): string[];
  getAdditionalsecretoutputsList(): string[];
  getAliasesList(): unknown[];
  getImportid(): string;
  getCustomtimeouts(): { getDelete(): string } | undefined;
  getVersion(): string;
  getPlugindownloadurl(): string;
  getReplacementTrigger(): { toJavaScript(): unknown } | undefined;
  getHooks(): { getBeforeDeleteList(): string[] } | undefined;
}

function shortUrn(urn: string): string {
  const [, , types, name] = urn.split("::");
  return `${types?.split("$").pop()}::${name}`;
}

function registration(request: RegisterRequest): Registration {
  const options = {
    protect: request.getProtect(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    retainOnDelete: request.getRetainondelete(),
    replaceOnChanges: request.getReplaceonchangesList(),
    ignoreChanges: request.getIgnorechangesList(),
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: request.getAliasesList().length,
    import: request.getImportid(),
    deleteTimeout: request.getCustomtimeouts()?.getDelete(),
    replacementTrigger: decode(request.getReplacementTrigger()?.toJavaScript()),
    hooks: request.getHooks()?.getBeforeDeleteList() ?? [],
  };
  const parent = shortUrn(request.getParent());
  return {
    type: request.getType(),
    name: request.getName(),
    parent: request.getParent() === "" || parent.startsWith("pulumi:pulumi:Stack") ? undefined : parent,
    provider: request.getProvider() === "" ? undefined : shortUrn(request.getProvider()).split("::")[1],
    inputs: decode(request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
    dependencies: request.getDependenciesList().map(shortUrn).sort(),
    options: Object.fromEntries(
      Object.entries(options).filter(([, v]) => (Array.isArray(v) ? v.length > 0 : Boolean(v))),
    ),
    ...(request.getType().startsWith("pulumi:providers:") && {
      plugin: { version: request.getVersion(), server: request.getPlugindownloadurl() },
    }),
  };
}

/** Runs `body` and reports all that it registered, once everything has been registered. */
export async function run<T>(scenario: Scenario, body: () => T | Promise<T>): Promise<Observation<T>> {
  const resources: Registration[] = [];
  const calls: Observation<T>["calls"] = [];
  const requests: string[] = [];
  const warnings: string[] = [];
  const notes: string[] = [];
  const preview = scenario.preview ?? false;

  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the spied-on monitor as `this`
  const original = MockMonitor.prototype.registerResource;
  const spy = jest.spyOn(MockMonitor.prototype, "registerResource").mockImplementation(function (
    this: MockMonitor,
    request: unknown,
    callback: (error: unknown, response: unknown) => void,
  ) {
    resources.push(registration(request as RegisterRequest));
    return original.call(this, request, callback);
  });
  const fetched = jest.spyOn(globalThis, "fetch").mockImplementation((url) => {
    const { pathname, search } = new URL(url);
    requests.push(`${pathname}${search}`);
    const { status, body } = answerOf(scenario, url as string);
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  // Pulumi's mocks say that they take hooks, and lack the method. Hooks are tested as functions.
  Object.assign(MockMonitor.prototype, {
    registerResourceHook: (_request: unknown, callback: (error: unknown, response: unknown) => void) =>
      callback(null, {}),
  });
  const asked = mockCluster(scenario.cluster ?? {});
  const warn = jest.spyOn(pulumi.log, "warn").mockImplementation((message) => {
    warnings.push(message);
    return Promise.resolve();
  });

  const info = jest.spyOn(pulumi.log, "info").mockImplementation((message) => {
    notes.push(message);
    return Promise.resolve();
  });

  try {
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => ({
          id: preview && !scenario.exists ? undefined : `${name}-id`,
          state: {
            ...(inputs as Record<string, unknown>),
            ...(type === "doppler:index/serviceToken:ServiceToken" && !(preview && !scenario.exists)
              ? { key: "dp.st.dev.mocked" }
              : {}),
            ...(type === "pulumi:pulumi:StackReference"
              ? { outputs: scenario.outputs?.[(inputs as { name: string }).name] ?? {}, secretOutputNames: [] }
              : {}),
            ...(type.endsWith("OrganizationSecret") ? { updatedAt: "written at first" } : {}),
          },
        }),
        call: ({ token, inputs, provider }) => {
          if (token === "pulumi:pulumi:readStackResourceOutputs") {
            const [, , stack = ""] = String((inputs as { stackName: string }).stackName).split("/");
            const state = scenario.states?.[stack] ?? (stack === (scenario.stack ?? "dev") ? [] : undefined);
            if (state === undefined) throw Object.assign(new Error("unknown stack"), { details: "unknown stack" });
            if (typeof state === "string") throw Object.assign(new Error(state), { details: state });
            const named = state.map((r, index) => [
              `urn:pulumi:${stack}::secrets-pipeline::${r.type}::${r.name ?? index}`,
              r,
            ]);
            return { outputs: Object.fromEntries(named) as Record<string, unknown> };
          }
          calls.push({
            token,
            inputs: inputs as Record<string, unknown>,
            provider: provider && shortUrn(provider).split("::")[1],
          });
          throw new Error(`no mock for ${token}`);
        },
      },
      "secrets-pipeline",
      scenario.stack ?? "dev",
      preview,
      "organization",
    );
    // Also after a failure: what has been registered by then is still under way.
    const result = await Promise.resolve()
      .then(body)
      .finally(() => pulumi.runtime.disconnect());
    return { result, resources, calls, requests, warnings, notes };
  } finally {
    spy.mockRestore();
    warn.mockRestore();
    info.mockRestore();
    fetched.mockRestore();
    asked.forEach((mock) => mock.mockRestore());
  }
}

/** The plain value of an output that is known. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}

/** The one resource of this name, or of this `<type>::<name>`; its absence or a twin is an error. */
export function only(resources: Registration[], name: string): Registration {
  const found = resources.filter((r) => r.name === name || `${r.type}::${r.name}` === name);
  if (found.length !== 1 || !found[0]) {
    throw new Error(`${found.length} resources named "${name}" among ${resources.map((r) => r.name).join(", ")}`);
  }
  return found[0];
}
