import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { readManagementToken } from "../doppler/index.js";
import { clearFault, type Fault, faultHit, setFault } from "../faults/faults.js";
import { eventually, User } from "./user.js";

// Runs that are cut off: at every request to Doppler and GitHub that an uninterrupted run makes, before and after the
// service has done its work, and at every step the engine announces. Whatever a run then says is done, as a person
// would; the stack must end up as if nothing had happened.
//
// The stack is small, in a cluster whose operator is another stack's, so that a run takes seconds. Its life goes round:
// made, given DockerHub credentials, its token rotated, destroyed; in each round every run is cut off at its next place.

const STACK = "prod";
const ENVIRONMENT = "prd";
const VALUES = {
  DATABASE_URL: "interrupted-database-url",
  RELEASE_DOCKERHUB_USERNAME: "interrupted-user",
  RELEASE_DOCKERHUB_TOKEN: "interrupted-token",
};
const ENGINE_DEADLINE_MS = 90_000;

type Service = "doppler" | "github";
/** Where a run is cut off: at a request to a service, or when the engine says that it begins its n-th step. */
type Cut = ({ at: Service } & Fault) | { at: "engine"; step: number };

let user: User;
let rotation = 1;

/** A run of the story: how it is started, and how often it asks whom when nobody cuts it off. */
interface Operation {
  readonly name: "up" | "credentials" | "rotation" | "destroy";
  readonly prepare: () => Promise<void>;
  readonly args: readonly string[];
  cuts: Cut[];
}

const UP = ["up", "--stack", STACK, "--yes", "--skip-preview"];
const operations: Operation[] = [
  { name: "up", prepare: () => Promise.resolve(), args: UP, cuts: [] },
  { name: "credentials", prepare: typeValues, args: UP, cuts: [] },
  { name: "rotation", prepare: rotate, args: UP, cuts: [] },
  {
    name: "destroy",
    prepare: () => Promise.resolve(),
    args: ["destroy", "--stack", STACK, "--yes", "--skip-preview"],
    cuts: [],
  },
];

async function set(key: string, value: string): Promise<void> {
  await user.run("pulumi", ["config", "set", "--stack", STACK, "--plaintext", "--path", key, value]);
}

/** Lays settings over those of the sandbox's copy of a stack file: maps one level deep, everything else replaced. */
function configure(stack: string, settings: Record<string, unknown>): void {
  const file = join(user.here.project, `Pulumi.${stack}.yaml`);
  const document = parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
  for (const [key, value] of Object.entries(settings)) {
    const old = document.config[`secrets-pipeline:${key}`];
    const both = [old, value].every((v) => typeof v === "object" && v !== null && !Array.isArray(v));
    document.config[`secrets-pipeline:${key}`] = both ? { ...(old as object), ...(value as object) } : value;
  }
  writeFileSync(file, stringify(document));
}

async function typeValues(): Promise<void> {
  for (const [name, value] of Object.entries(VALUES)) {
    await user.run("doppler", ["secrets", "set", name, "--silent", "--config", ENVIRONMENT], value);
  }
}

async function rotate(): Promise<void> {
  rotation += 1;
  await set("doppler.serviceToken", `external-secrets-${rotation}`);
}

const data = (service: Service) => user.here[service];

/** Requests that the services have had so far from the engine and the program, not from the operator. */
function requests(service: Service): number {
  return readFileSync(`${data(service)}/requests.jsonl`, "utf8")
    .split("\n")
    .filter((line) => /"token":"(personal|user):/.test(line)).length;
}

/** Starts the engine and gives what it writes as it comes. */
function start(args: readonly string[]) {
  const child = spawn("pulumi", [...args, "--non-interactive", "--color", "never"], {
    env: { ...user.env, PULUMI_NODEJS_TRANSPILE_ONLY: "true" },
    cwd: user.here.program,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  }
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, output, ended };
}

const STEP = /^ *[+~-]+ .* (creating|updating|deleting|replacing|importing)\b/gm;
const steps = (text: string) => text.match(STEP)?.length ?? 0;

/** Runs to the end; how many steps, and how many requests to each service, that took. */
async function measure(operation: Operation): Promise<{ doppler: number; github: number; engine: number }> {
  await operation.prepare();
  const [doppler, github] = [requests("doppler"), requests("github")];
  const { output, ended } = start(operation.args);
  assert.equal(await ended, 0, output.text);
  return {
    doppler: requests("doppler") - doppler,
    github: requests("github") - github,
    engine: steps(output.text),
  };
}

/** Runs until the cut, and ends the engine there. Gives whether the cut came. */
async function interrupt(operation: Operation, cut: Cut): Promise<boolean> {
  await operation.prepare();
  if (cut.at !== "engine") setFault(data(cut.at), cut);
  const { child, output, ended } = start(operation.args);
  let over = false;
  void ended.then(() => (over = true));
  const reached = () => (cut.at === "engine" ? steps(output.text) >= cut.step : faultHit(data(cut.at)));
  const deadline = Date.now() + ENGINE_DEADLINE_MS;
  while (!over && !reached() && Date.now() < deadline) await delay(20);
  const hit = reached();
  if (!over) {
    // Every other time as a person does it, whose second Ctrl-C ends what the first one did not.
    const gently = (cut.at === "engine" ? cut.step : cut.request) % 2 === 0;
    if (gently) {
      child.kill("SIGINT");
      await Promise.race([ended, delay(1_500)]);
      child.kill("SIGINT");
      await Promise.race([ended, delay(1_500)]);
    }
    child.kill("SIGKILL");
    await ended;
  }
  if (cut.at !== "engine") clearFault(data(cut.at));
  return hit;
}

/** Runs again, and does what each failed run says, until one ends well. Gives what had to be done. */
async function recover(operation: Operation): Promise<string[]> {
  const done: string[] = [];
  for (let attempt = 1; attempt <= 8; attempt++) {
    const { output, ended } = start(operation.args);
    const code = await ended;
    const { text } = output;
    if (code === 0) {
      if (done.includes("adopt")) {
        await user.run("pulumi", ["config", "rm", "--stack", STACK, "adopt"]);
        const settled = start(operation.args);
        assert.equal(await settled.ended, 0, settled.output.text);
      }
      return done;
    }
    if (/is currently locked/.test(text)) {
      done.push("cancel");
      await user.run("pulumi", ["cancel", "--stack", STACK, "--yes"]);
    } else if (/pulumi config set adopt true/.test(text) && !done.includes("adopt")) {
      done.push("adopt");
      await set("adopt", "true");
    } else if (/could not find|404/i.test(text) && !done.includes("refresh")) {
      done.push("refresh");
      await user.run("pulumi", ["refresh", "--stack", STACK, "--yes", "--skip-preview", "--clear-pending-creates"]);
    } else {
      throw new Error(`after ${done.join(", ") || "nothing"}, the run says:\n${text}`);
    }
  }
  throw new Error(`no end in sight after: ${done.join(", ")}`);
}

interface World {
  state: string[];
  pending: unknown;
  doppler: unknown;
  github: unknown;
  cluster: string[];
}

/** All that is left of the stack anywhere, without what differs from run to run. */
async function world(): Promise<World> {
  const { stdout } = await user.run("pulumi", ["stack", "export", "--stack", STACK]);
  const { deployment } = JSON.parse(stdout) as {
    deployment: {
      resources?: { urn: string; id?: string; type: string; delete?: boolean }[];
      pending_operations?: unknown[];
    };
  };
  const resources = deployment.resources ?? [];
  const known = resources
    .find((r) => r.type === "doppler:index/serviceToken:ServiceToken")
    ?.id?.split(".")
    .pop();
  const tokens = await doppler<{ tokens: { slug: string; name: string }[] }>("/v3/configs/config/tokens", {
    config: ENVIRONMENT,
  });
  const environments = await doppler<{ environments: { slug: string }[] }>("/v3/environments", {});
  const secrets = await fetch(`${user.sandbox.githubUrl}/api/v3/repos/acme/releases/actions/secrets`, {
    headers: { authorization: `Bearer ${readFileSync(`${user.here.github}/token`, "utf8").trim()}` },
  }).then((r) => r.json() as Promise<{ secrets: { name: string }[] }>);
  const objects = await user.kubectl(
    "get",
    "clustersecretstores.external-secrets.io,externalsecrets.external-secrets.io,secrets",
    "--all-namespaces",
    "--output=jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{'\\n'}{end}",
  );
  return {
    state: resources.map((r) => `${r.urn}${r.delete ? " (to be deleted)" : ""}`).sort(),
    pending: deployment.pending_operations ?? [],
    doppler: {
      environments: environments?.environments.map(({ slug }) => slug).sort(),
      tokens: tokens?.tokens.map((token) => (token.slug === known ? "the state's" : `unknown: ${token.name}`)),
    },
    github: secrets.secrets.map(({ name }) => name).sort(),
    cluster: objects.stdout
      .split("\n")
      .filter((line) => line.includes("prd-"))
      .sort(),
  };
}

async function doppler<T>(path: string, query: Record<string, string>): Promise<T | undefined> {
  const search = new URLSearchParams({ project: "acme", ...query }).toString();
  const response = await fetch(`${user.sandbox.dopplerUrl}${path}?${search}`, {
    headers: {
      authorization: `Basic ${Buffer.from(`${readManagementToken(user.here.doppler)}:`).toString("base64")}`,
    },
  });
  return response.ok ? ((await response.json()) as T) : undefined;
}

/** The world once the operator has done its part. */
async function settled(expected: World): Promise<World> {
  let last: World | undefined;
  await eventually("the cluster is as after an uninterrupted run", 30_000, async () => {
    last = await world();
    return JSON.stringify(last.cluster) === JSON.stringify(expected.cluster) ? true : undefined;
  }).catch(() => undefined);
  return last ?? world();
}

describe("a run that is cut off", { concurrency: false }, () => {
  const reference = new Map<Operation["name"], World>();
  const tried: string[] = [];
  let failed = true;

  before(async () => {
    user = await User.arrive({ stacks: ["dev", STACK], clusters: "one", plan: "enterprise" });
    for (const stack of ["dev", STACK]) {
      await user.run("pulumi", ["stack", "select", "--create", stack, "--non-interactive"]);
    }
    configure("dev", { operator: { ownedBy: "dev" } });
    configure(STACK, {
      kubernetes: { context: "acme-dev", createNamespaces: [] },
      operator: { ownedBy: "dev" },
      store: { name: "prd-store", tokenSecretName: "prd-auth" },
      refreshInterval: "1s",
      apps: [{ name: "web", namespace: "default", secretName: "prd-web", keys: ["DATABASE_URL"] }],
      protect: false,
    });
    await user.up();
  });
  after(async () => {
    await user.leave(failed);
  });

  it("is measured uninterrupted first", async () => {
    for (const operation of operations) {
      const counts = await measure(operation);
      const result = await world();
      reference.set(operation.name, await settled(result));
      console.error(`# ${operation.name}: ${JSON.stringify(counts)}`);
      assert.ok(counts.engine > 0);
      for (const at of ["doppler", "github"] as const) {
        for (let request = 1; request <= counts[at]; request++) {
          operation.cuts.push({ at, request, when: "before" }, { at, request, when: "after" });
        }
      }
      for (let step = 1; step <= counts.engine; step++) operation.cuts.push({ at: "engine", step });
    }
    assert.deepEqual(reference.get("destroy")?.state, []);
    assert.deepEqual(reference.get("destroy")?.github, []);
  });

  it("is as good as one that was not, after the next", async () => {
    const total = operations.reduce((sum, { cuts }) => sum + cuts.length, 0);
    assert.ok(total > 50, `${total} places`);
    const advice = new Map<string, number>();
    while (operations.some(({ cuts }) => cuts.length > 0)) {
      for (const operation of operations) {
        const cut = operation.cuts.shift();
        const where = cut === undefined ? "uninterrupted" : JSON.stringify(cut);
        try {
          if (cut === undefined) await operation.prepare();
          else if (await interrupt(operation, cut)) tried.push(`${operation.name} ${where}`);
          for (const step of await recover(operation)) advice.set(step, (advice.get(step) ?? 0) + 1);
          const expected = reference.get(operation.name);
          assert.ok(expected);
          assert.deepEqual(await settled(expected), expected);
        } catch (error) {
          throw new Error(`${operation.name}, cut off at ${where}: ${(error as Error).message}`, { cause: error });
        }
      }
      if (tried.length % 20 < 4) console.error(`# ${tried.length} of ${total} places tried`);
    }
    console.error(`# tried ${tried.length} of ${total} places; what had to be done: ${JSON.stringify([...advice])}`);
    // A place near the end may not be reached again: how often the handover looks depends on the time.
    assert.ok(tried.length >= total * 0.9, `${tried.length} of ${total}`);
    failed = false;
  });
});
