import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  clearFault,
  countRequests,
  type Fault,
  openSecret,
  readManagementToken,
  requestsCounted,
} from "secrets-pipeline-sandbox";
import { secretNames } from "../support/byHand.js";
import {
  configure,
  type Cut,
  type End,
  identity,
  interrupt,
  run,
  type Service,
  stateOf,
  steps,
} from "../support/interruption.js";
import { recover } from "../support/recovery.js";
import { accessLog } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, User } from "../support/user.js";

// Runs are cut off: at every request to Doppler and GitHub that an uninterrupted run makes, before and after the
// service has done its work, and at every step that the engine announces. Then the test does what the run says, as a
// person would. The stack must end up as if nothing had happened.
//
// Most runs are of a stack whose operator is owned by another stack, so that a run takes seconds. The stack owns all
// that a stack can own in Doppler. First it is made, given DockerHub credentials and destroyed, over and over, and each
// run is cut off at its next place. Then its token is rotated again and again.

const STACK = "prod";
const PROJECT = "releases";
const CONFIG = "prd_main";
const VALUES: Readonly<Record<string, string>> = {
  DATABASE_URL: "interrupted-database-url",
  RELEASE_DOCKERHUB_USERNAME: "interrupted-user",
  RELEASE_DOCKERHUB_TOKEN: "interrupted-token",
};
/** The Actions secrets, and the Doppler names of their values. */
const ACTIONS = { DOCKERHUB_USERNAME: "RELEASE_DOCKERHUB_USERNAME", DOCKERHUB_TOKEN: "RELEASE_DOCKERHUB_TOKEN" };
const SERVICES: readonly Service[] = ["doppler", "github"];

let dev: User;
let prod: User;
let rotation = 1;

const tokenName = () => `external-secrets-${rotation}`;

/** A run of the story, and the places at which it is to be cut off. */
interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** What a person does before the run. */
  readonly prepare?: () => Promise<void>;
  readonly series: readonly Series[];
}

/** Places of one kind. They are tried one after the other, until a run ends before it comes to the next place. */
interface Series {
  readonly name: string;
  readonly place: (n: number) => Cut;
  /** The command, if it is another one than the operation's. */
  readonly args?: readonly string[];
}

/** After so many failures the series ends: they are enough to see what is wrong. */
const MANY_FAILURES = 10;

const WHEN: readonly Fault["when"][] = ["before", "after"];
const requests = (at: Service, of: Fault["of"] = "all"): Series[] =>
  WHEN.map((when) => ({
    name: `${of === "all" ? "request" : "write"} to ${at}, ${when}`,
    place: (request) => ({ at, request, when, of }),
  }));
const engineSteps: Series = { name: "engine step", place: (step) => ({ at: "engine", step }) };
const everywhere: readonly Series[] = [...SERVICES.flatMap((service) => requests(service)), engineSteps];

const DESTROY = { name: "destroy", args: ["destroy"] };
const WITH_PROGRAM = ["destroy", "--run-program"];

const CYCLE: readonly Operation[] = [
  { name: "up", args: ["up"], series: everywhere },
  { name: "credentials", args: ["up"], prepare: typeValues, series: everywhere },
  {
    ...DESTROY,
    series: [
      ...everywhere,
      // A stack that owns what others use has to be destroyed in this way. The run only asks more questions beforehand.
      ...SERVICES.flatMap((service) => requests(service, "writes")).map((series) => ({
        ...series,
        name: `${series.name}, with the program`,
        args: WITH_PROGRAM,
      })),
    ],
  },
];

const ROTATION: Operation = {
  name: "rotation",
  args: ["up"],
  prepare: rotate,
  // How often the program asks about the handover differs from run to run, so only writes are counted.
  series: [...requests("doppler", "writes"), ...everywhere],
};

async function set(key: string, value: string): Promise<void> {
  await prod.run("pulumi", ["config", "set", "--stack", STACK, "--plaintext", "--path", key, value]);
}

async function typeValues(): Promise<void> {
  const place = ["--project", PROJECT, "--config", CONFIG];
  for (const [name, value] of Object.entries(VALUES)) {
    await prod.run("doppler", ["secrets", "set", name, "--silent", ...place], value);
  }
  // After refusals the operator waits longer before it reads again.
  const annotation = `force-sync=${Date.now()}`;
  await prod.kubectl("annotate", "externalsecrets.external-secrets.io", "prd-web", annotation, "--overwrite");
}

async function rotate(): Promise<void> {
  rotation += 1;
  await set("doppler.serviceToken", tokenName());
}

/** All traces of a stack, in every system, without what differs from run to run. */
interface World {
  /** A line for each resource: its URN, and its inputs from the program. */
  readonly state: readonly string[];
  readonly pending: readonly unknown[];
  readonly doppler: unknown;
  readonly github: Readonly<Record<string, string>>;
  readonly cluster: readonly string[];
}

async function world(): Promise<World> {
  const { resources, pending } = await stateOf(prod);
  const token = resources.find((r) => r.type === "doppler:index/serviceToken:ServiceToken" && r.delete !== true);
  const key = /dp\.st\.[.\w]+/.exec(JSON.stringify(token?.outputs ?? {}))?.[0];
  const forms = key === undefined ? [] : [key, Buffer.from(key).toString("base64")];
  const known = (text: string) =>
    forms.reduce((t, form) => t.replaceAll(form, "(the token)"), text).replaceAll(tokenName(), "(its name)");
  return {
    state: resources.map((r) => known(JSON.stringify(identity(r)))).sort(),
    pending,
    doppler: await dopplerWorld(token?.id?.split(".").pop(), known),
    github: await actionsSecrets(),
    cluster: await clusterWorld(key),
  };
}

async function dopplerWorld(slug: string | undefined, known: (text: string) => string): Promise<unknown> {
  const { project } = await doppler<{ project: { name: string; description: string } }>("/v3/projects/project");
  if (project === undefined) return "no project";
  const { environments } = await doppler<{ environments: { slug: string; name: string }[] }>("/v3/environments");
  const { configs } = await doppler<{ configs: { name: string }[] }>("/v3/configs");
  const { tokens } = await doppler<{ tokens: { slug: string; name: string }[] }>("/v3/configs/config/tokens", CONFIG);
  const values = await doppler<Record<string, string>>("/v3/configs/config/secrets/download", CONFIG);
  return {
    project: [project.name, project.description],
    environments: environments?.map((e) => [e.slug, e.name]).sort(),
    configs: configs?.map(({ name }) => name).sort(),
    tokens: tokens?.map((t) => `${known(t.name)} ${t.slug === slug ? "of the state" : "that no state knows"}`),
    values: Object.entries(values)
      .filter(([name]) => !name.startsWith("DOPPLER_"))
      .map(([name, value]) => `${name} ${value === VALUES[name] ? "as typed" : "changed"}`)
      .sort(),
  };
}

/** What Doppler has of the stack's project, or nothing where there is none. */
async function doppler<T>(path: string, config?: string): Promise<Partial<T>> {
  const search = new URLSearchParams({ project: PROJECT, ...(config && { config }) }).toString();
  const token = Buffer.from(`${readManagementToken(prod.here.doppler)}:`).toString("base64");
  const response = await fetch(`${prod.sandbox.dopplerUrl}${path}?${search}`, {
    headers: { authorization: `Basic ${token}` },
  });
  return response.ok ? ((await response.json()) as T) : {};
}

/** The Actions secrets of the repository by name, and whether each holds what was typed. */
async function actionsSecrets(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await secretNames(prod, "repos/acme/releases/actions/secrets")) {
    const value = await openSecret(prod.here.github, { app: "actions", repository: "acme/releases" }, name);
    found[name] = value === VALUES[ACTIONS[name as keyof typeof ACTIONS]] ? "as typed" : "changed";
  }
  return found;
}

interface Listed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** The stack's objects in the cluster, found by their names, with their conditions. */
async function clusterWorld(key: string | undefined): Promise<string[]> {
  const kinds = ["clustersecretstores.external-secrets.io", "externalsecrets.external-secrets.io", "secrets"];
  const text = await prod.quietly("kubectl", ["get", kinds.join(), "--all-namespaces", "--output=json"]);
  const { items } = JSON.parse(text) as { items: Listed[] };
  return items
    .filter(({ metadata }) => metadata.name.startsWith("prd-"))
    .map(({ kind, metadata: { namespace = "", name }, data, status }) => {
      const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
      const held = Object.entries(data ?? {}).map(([field, encoded]) => {
        const value = Buffer.from(encoded, "base64").toString("utf8");
        return `${field} ${value === key ? "the token" : value === VALUES[field] ? "as typed" : "changed"}`;
      });
      return [kind, namespace, name, ready ?? "", ...held.sort()].join(" ");
    })
    .sort();
}

/** The world once it is as expected, for which the operator may need time; or the world at the deadline. */
async function settled(expected: Pick<World, "cluster">): Promise<World> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await world();
    if (JSON.stringify(found.cluster) === JSON.stringify(expected.cluster) || Date.now() > deadline) return found;
    await delay(500);
  }
}

/** What an uninterrupted run of each operation leaves. */
const references = new Map<string, World>();
/** How many requests to each service, and how many steps of the engine, each operation takes. */
const measured = new Map<string, Record<string, number>>();
/** The places that were tried, by operation and series. */
const tried = new Map<string, number>();
/** How often runs were ended by which signal, and how often which advice had to be followed afterwards. */
const ends = new Map<string, number>();
const advice = new Map<string, number>();

const count = (map: Map<string, number>, key: string, by = 1) => map.set(key, (map.get(key) ?? 0) + by);
const summary = (map: ReadonlyMap<string, number>) => [...map].map(([key, n]) => `${n} ${key}`).join(", ");

/** Runs an operation without interruption, and records its places and the world that it leaves. */
async function measure({ name, args, prepare }: Operation): Promise<void> {
  await prepare?.();
  for (const service of SERVICES) countRequests(prod.here[service]);
  const { code, text } = await run(prod, args);
  const counted = SERVICES.map((service): [string, number] => [service, requestsCounted(prod.here[service])]);
  for (const service of SERVICES) clearFault(prod.here[service]);
  assert.equal(code, 0, text);
  const places = { ...Object.fromEntries(counted), engine: steps(text) };
  measured.set(name, places);
  console.error(`# an uninterrupted ${name}: ${JSON.stringify(places)}`);
  references.set(name, await reference(name));
}

/** The world after an uninterrupted run, once the operator has done its part. */
async function reference(name: string): Promise<World> {
  // Without a value the app's ExternalSecret can't be ready, and there is no Secret.
  const wanted = { destroy: [], up: ["True", "False"] }[name] ?? ["True", "True"];
  await eventually(`the cluster has settled after ${name}`, 60_000, async () => {
    const { cluster } = await world();
    const ready = cluster.flatMap((line) => / (True|False)\b/.exec(line)?.[1] ?? []);
    const secrets = cluster.filter((line) => line.startsWith("Secret ")).length;
    const settled = String(ready) === String(wanted) && secrets === (name === "up" ? 1 : wanted.length);
    return settled && !cluster.some((line) => line.includes(" changed")) ? true : undefined;
  });
  return world();
}

/** An operation on its way through its places. */
class Course {
  #series = 0;
  #n = 1;

  constructor(readonly operation: Operation) {}

  get over(): boolean {
    return this.#series >= this.operation.series.length;
  }

  /** Runs the operation and cuts it off at its next place, if one is left; then runs it until it has succeeded. */
  async go(): Promise<void> {
    const { operation } = this;
    const series = operation.series[this.#series];
    const args = series?.args ?? operation.args;
    const cut = series?.place(this.#n);
    const log = accessLog(prod).length;
    await operation.prepare?.();
    try {
      if (cut === undefined || series === undefined) await recover(prod, args);
      else await this.#cut(series, cut, args);
      const expected = references.get(operation.name) ?? assert.fail();
      assert.deepEqual(await settled(expected), expected);
      if (operation.name === ROTATION.name) {
        const refused = accessLog(prod)
          .slice(log)
          .filter(({ token }) => token === "invalid");
        assert.deepEqual(refused, [], "no request of the cluster is refused");
      }
    } catch (error) {
      const where = cut === undefined ? "uninterrupted" : `cut off at ${JSON.stringify(cut)}`;
      throw new Error(`${args.join(" ")} (${operation.name}), ${where}: ${(error as Error).message}`, { cause: error });
    }
  }

  async #cut(series: Series, cut: Cut, args: readonly string[]): Promise<void> {
    // At each place, the run that is cut off before the service's work gets one signal, the run after it the other one.
    const after = "when" in cut && cut.when === "after" ? 1 : 0;
    const how: End = (this.#n + after) % 2 === 0 ? "SIGINT" : "SIGKILL";
    const { reached, by, code, text } = await interrupt(prod, args, cut, how);
    if (!reached) {
      assert.equal(code, 0, text);
      this.#series += 1;
      this.#n = 1;
      return;
    }
    this.#n += 1;
    count(tried, `${this.operation.name}, ${series.name}`);
    count(ends, by);
    for (const step of await recover(prod, args)) count(advice, step);
    if (args[0] === "up") {
      const again = await run(prod, ["up", "--expect-no-changes"]);
      assert.equal(again.code, 0, `the next run changes something: ${again.text}`);
    }
  }
}

/**
 * Tries all places of these operations in turn. If one fails, the others are tried nevertheless.
 *
 * @param begin makes the stack what it is before the first operation
 */
async function goRound(operations: readonly Operation[], begin: () => Promise<unknown>): Promise<void> {
  const courses = operations.map((operation) => new Course(operation));
  const failures: unknown[] = [];
  for (let round = 1; courses.some(({ over }) => !over); round++) {
    const started = Date.now();
    try {
      for (const course of courses) await course.go();
    } catch (error) {
      failures.push(error);
      console.error(`# FAILED: ${(error as Error).message}`);
      if (failures.length >= MANY_FAILURES) break;
      await begin();
    }
    const total = [...tried.values()].reduce((sum, n) => sum + n, 0);
    console.error(`# round ${round}: ${((Date.now() - started) / 1000).toFixed(0)} s; ${total} places tried so far`);
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} places failed; see above`);
  for (const { name, series } of operations) {
    for (const { name: kind } of series)
      console.error(`# ${name}, ${kind}: ${tried.get(`${name}, ${kind}`) ?? 0} places`);
    const places = measured.get(name) ?? assert.fail();
    for (const service of SERVICES) {
      for (const when of WHEN) {
        const n = tried.get(`${name}, request to ${service}, ${when}`) ?? 0;
        // The handover may ask once more or once less often.
        const least = (places[service] ?? 0) - (name === ROTATION.name && service === "doppler" ? 3 : 0);
        assert.ok(n >= least, `${name} was cut off ${when} ${n} of ${places[service]} requests to ${service}`);
      }
    }
  }
}

describe("a run that is cut off", { concurrency: false }, () => {
  const { step, broken } = story();

  before(async () => {
    dev = await User.arrive({ stacks: ["dev", STACK], clusters: "one", plan: "enterprise" });
    prod = dev.on(STACK);
    for (const { stack } of [dev, prod]) await dev.run("pulumi", ["stack", "init", stack, "--non-interactive"]);
    configure(dev, "dev", { operator: { ownedBy: "dev" } });
    configure(dev, STACK, {
      doppler: { project: { name: PROJECT }, config: CONFIG },
      kubernetes: { context: "acme-dev", createNamespaces: [] },
      operator: { ownedBy: "dev" },
      store: { name: "prd-store", tokenSecretName: "prd-auth" },
      refreshInterval: "1s",
      apps: [{ name: "web", namespace: "default", secretName: "prd-web", keys: ["DATABASE_URL"] }],
      protect: false,
      sources: undefined,
      argocd: undefined,
      pullSecrets: undefined,
    });
    await dev.up();
  });
  after(() => dev.leave(broken()));

  step("is measured uninterrupted first", async () => {
    for (const operation of [CYCLE[0], CYCLE[1], ROTATION, CYCLE[2]]) await measure(operation ?? assert.fail());
    assert.deepEqual(references.get("destroy")?.state, []);
    assert.deepEqual(references.get("destroy")?.github, {});
  });

  step("while it makes, changes or destroys a stack, is as good as one that was not, after the next", () =>
    goRound(CYCLE, () => recover(prod, ["destroy"])),
  );

  step("while it rotates the token, is as good as one that was not, after the next", async () => {
    const begin = async () => {
      await recover(prod, ["up"]);
      await typeValues();
      await recover(prod, ["up"]);
    };
    await begin();
    await goRound([ROTATION], begin);
  });

  step("was cut off wherever it can be", () => {
    const total = [...tried.values()].reduce((sum, n) => sum + n, 0);
    console.error(`# ${total} places tried; the engine was ended by: ${summary(ends)}`);
    console.error(`# what had to be done after them, besides running again: ${summary(advice)}`);
    assert.ok((ends.get("SIGKILL") ?? 0) > 20 && (ends.get("SIGINT") ?? 0) > 20, summary(ends));
    return Promise.resolve();
  });
});
