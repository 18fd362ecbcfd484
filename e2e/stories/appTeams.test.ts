import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe } from "node:test";
import { setInDoppler } from "../support/byHand.js";
import { askNow, begin, delivered, SECRETS, VALUES } from "../support/established.js";
import { PULUMI_PROJECT } from "../support/project.js";
import { Reloader } from "../support/reloader.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";

// Two app teams work beside the pipeline. One has a Pulumi program of its own, examples/app; the other pastes outputs
// into plain manifests.

const NEW_KEY = "e2e-jwt-signing-key-after-the-change";
const NEW_PASSWORD = "e2e-smtp-password-after-the-change";
const STACK = "organization/secrets-pipeline/dev";

interface Deployment {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

type PodSpec = Readonly<Record<"containers" | "initContainers", readonly Container[] | undefined>>;

interface Container {
  readonly name: string;
  readonly envFrom?: readonly { readonly secretRef: { readonly name: string } }[];
}

interface Outputs {
  readonly apps: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The platform team, in the pipeline's folder. */
let user: User;
/** The team of the app bookmarked, in the folder of its own program. */
let team: User;
const { step, broken } = story();

/**
 * The variables that a pod of the Deployment would get, by container. kubectl resolves `env`; it does not resolve
 * `envFrom`, so the Secrets named there are read as well. The result is not part of the transcript.
 */
async function podVariables(namespace: string, deployment: string): Promise<Record<string, Record<string, string>>> {
  const args = ["set", "env", `deployment/${deployment}`, `--namespace=${namespace}`, "--list", "--resolve"];
  const containers: Record<string, Record<string, string>> = {};
  let variables: Record<string, string> = {};
  for (const line of (await user.quietly("kubectl", args)).split("\n")) {
    const container = /^# \S+ \S+, container (\S+)/.exec(line)?.[1];
    if (container !== undefined) variables = containers[container] = {};
    const [, name, value] = /^([^#=][^=]*)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) variables[name] = value;
  }
  const { initContainers = [], containers: main = [] } = (await deployed(namespace, deployment)).spec.template.spec;
  for (const { name, envFrom = [] } of [...initContainers, ...main]) {
    for (const { secretRef } of envFrom) {
      containers[name] = { ...(await user.secret(namespace, secretRef.name)), ...containers[name] };
    }
  }
  return containers;
}

const deployed = async (namespace: string, name: string) => {
  const found = await user.object<Deployment>("deployment", name, namespace);
  assert.ok(found, `there is no Deployment ${namespace}/${name}`);
  return found;
};

/** When the operator last synced an ExternalSecret. */
const refreshTime = async (namespace: string, name: string) =>
  (await user.object<{ status?: { refreshTime?: string } }>("externalsecrets.external-secrets.io", name, namespace))
    ?.status?.refreshTime;

/** Runs a preview of the app's program that must fail, and returns what a person reads of it. */
async function refused(program = team): Promise<string> {
  const { code, text } = await program.attempt("pulumi", [
    "preview",
    "--stack=dev",
    "--non-interactive",
    "--color=never",
  ]);
  assert.notEqual(code, 0, text);
  return text;
}

const outputs = async () =>
  JSON.parse((await user.pulumi("stack", "output", "--stack=dev", "--json")).stdout) as Outputs;

/** The app's program, changed, in a folder of its own. */
function changed(folder: string, from: string, to: string): User {
  const own = lay(folder, team.folder);
  const source = readFileSync(join(own, "index.ts"), "utf8");
  assert.ok(source.includes(from));
  writeFileSync(join(own, "index.ts"), source.replace(from, to));
  return user.in(own);
}

/** Makes a team's own copy of a folder, since Pulumi writes into the folder that it runs in. */
function lay(name: string, from = join(PULUMI_PROJECT.folder, "examples", "app")): string {
  const folder = join(user.here.dir, "apps", name);
  mkdirSync(folder, { recursive: true });
  cpSync(from, folder, { recursive: true, filter: (path) => basename(path) !== "node_modules" });
  symlinkSync(join(PULUMI_PROJECT.folder, "examples", "app", "node_modules"), join(folder, "node_modules"));
  return folder;
}

describe("app teams", { concurrency: false }, () => {
  before(async () => {
    user = await begin();
    team = user.in(lay("bookmarked"));
    await team.run("pulumi", ["stack", "select", "--create", "dev", "--non-interactive"]);
  });
  after(() => user?.leave(broken()));

  step("are told that the pipeline has never been up", async () => {
    const text = await refused();
    assert.ok(text.includes(`stack "${STACK}" has no outputs of a secrets pipeline`), text);
  });

  step("are told at preview of keys that have no value yet, and what to type", async () => {
    await user.up();
    const text = await refused();
    assert.ok(
      text.includes(`app "bookmarked" of stack "${STACK}" waits for the values of DATABASE_URL, JWT_SECRET`),
      text,
    );
    assert.ok(text.includes("doppler secrets set JWT_SECRET --project acme --config dev"), text);
    // A person made this mistake and not the program, so there is no stack trace.
    assert.doesNotMatch(text, /\n\s+at |unhandled|index\.js/i);
    assert.deepEqual((await outputs()).apps["reports"]?.["pending"], {
      "database-url": ["REPORTS_DATABASE_URL"],
      "smtp-password": ["SMTP_PASSWORD"],
    });
  });

  step("consume their Secret through envFrom and valueFrom, from a StackReference", async () => {
    for (const [name, value] of Object.entries(VALUES)) await user.type(name, value);
    await askNow(user);
    await delivered(user);
    await user.up();
    await team.pulumi("up", "--stack=dev", "--yes", "--skip-preview");
    assert.deepEqual(await podVariables("default", "bookmarked"), {
      server: { ...SECRETS["default/bookmarked-secrets"], NODE_ENV: "production" },
      migrate: { MIGRATION_DATABASE_URL: VALUES.DATABASE_URL },
    });
  });

  step("have nothing left to do after that, nor has the pipeline", async () => {
    await team.pulumi("up", "--stack=dev", "--yes", "--skip-preview", "--expect-no-changes");
    await user.up("--expect-no-changes");
  });

  step("miss nothing where a value is empty on purpose: the operator delivers it", async () => {
    await setInDoppler(user, "SMTP_PASSWORD", "");
    await askNow(user);
    const reports = { ...SECRETS["reports/reports-credentials"], "smtp-password": "" };
    await delivered(user, { ...SECRETS, "reports/reports-credentials": reports });
    await user.up("--expect-no-changes");
    assert.deepEqual((await outputs()).apps["reports"]?.["pending"], {});
    await setInDoppler(user, "SMTP_PASSWORD", VALUES.SMTP_PASSWORD);
    await askNow(user);
    await delivered(user);
  });

  step("paste the outputs into plain manifests as well", async () => {
    const { secretName, namespace, envFrom, env, workloadAnnotations, pending, keys } =
      (await outputs()).apps["reports"] ?? {};
    assert.deepEqual(
      [secretName, keys, workloadAnnotations, pending],
      ["reports-credentials", ["database-url", "smtp-password"], {}, {}],
    );
    const containers = [
      { name: "all", image: "registry.example/acme/reports:2.0.0", envFrom: [envFrom] },
      {
        name: "one",
        image: "registry.example/acme/reports:2.0.0",
        env: [(env as Record<string, unknown>)["smtp-password"]],
      },
    ];
    const labels = { app: "reports" };
    const manifest = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "reports", namespace, annotations: workloadAnnotations },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
    };
    await user.run("kubectl", ["apply", "--filename=-"], JSON.stringify(manifest));
    assert.deepEqual(await podVariables("reports", "reports"), {
      all: SECRETS["reports/reports-credentials"],
      one: { SMTP_PASSWORD: VALUES.SMTP_PASSWORD },
    });
  });

  step("hear at preview of a key that the pipeline does not deliver, and of an app that it has not", async () => {
    const { metadata } = await deployed("default", "bookmarked");
    const key = await refused(
      changed("key", '["DATABASE_URL", "JWT_SECRET"]', '["DATABASE_URL", "JWT_SECRET", "API_KEY"]'),
    );
    assert.ok(
      key.includes(`app "bookmarked" of stack "${STACK}" has no key API_KEY. Its keys: DATABASE_URL, JWT_SECRET.`),
      key,
    );
    const app = await refused(changed("app", 'appSecrets(pipeline, "bookmarked"', 'appSecrets(pipeline, "bookmarks"'));
    assert.ok(app.includes(`stack "${STACK}" has no app "bookmarks". Its apps: bookmarked, reports.`), app);
    assert.equal((await deployed("default", "bookmarked")).metadata.generation, metadata.generation);
  });

  step("hear from the type check of a key that they use and do not ask for", async () => {
    const program = changed("types", 'secrets.env("DATABASE_URL"', 'secrets.env("API_KEY"');
    assert.match(await refused(program), /error TS2345: Argument of type '"API_KEY"' is not assignable/);
  });

  step("get new pods after a change where the app has opted in, and nowhere else", async () => {
    const reloader = new Reloader(user);
    assert.deepEqual(await reloader.look(), []);
    const before = await deployed("default", "bookmarked");
    const other = await deployed("reports", "reports");
    await user.type("JWT_SECRET", NEW_KEY);
    await user.type("SMTP_PASSWORD", NEW_PASSWORD);
    await askNow(user);
    const changedSecrets = {
      "default/bookmarked-secrets": { ...SECRETS["default/bookmarked-secrets"], JWT_SECRET: NEW_KEY },
      "reports/reports-credentials": { ...SECRETS["reports/reports-credentials"], "smtp-password": NEW_PASSWORD },
    };
    await delivered(user, changedSecrets);
    assert.deepEqual(await reloader.look(), ["default/bookmarked"]);
    await user.kubectl("rollout", "status", "deployment/bookmarked", "--timeout=60s");
    const after = await deployed("default", "bookmarked");
    assert.notDeepEqual(after.spec.template, before.spec.template);
    assert.deepEqual((await deployed("reports", "reports")).spec.template, other.spec.template);
    assert.equal((await podVariables("default", "bookmarked"))["server"]?.["JWT_SECRET"], NEW_KEY);

    // A sync without a new value restarts no pod.
    const synced = await refreshTime("default", "bookmarked-secrets");
    await askNow(user);
    await eventually("another sync", 60_000, async () =>
      (await refreshTime("default", "bookmarked-secrets")) === synced ? undefined : true,
    );
    assert.deepEqual(await reloader.look(), []);
  });

  step("have a program that leaves the controller's change alone", async () => {
    const before = await deployed("default", "bookmarked");
    await team.pulumi("up", "--stack=dev", "--yes", "--skip-preview", "--expect-no-changes");
    await team.run("pulumi", ["config", "set", "--stack=dev", "image", "registry.example/acme/bookmarked:1.5.0"]);
    await team.pulumi("up", "--stack=dev", "--yes", "--skip-preview");
    const after = await deployed("default", "bookmarked");
    assert.equal(after.metadata.generation, before.metadata.generation + 1);
    const text = JSON.stringify(after.spec.template);
    assert.match(text, /bookmarked:1\.5\.0/);
    assert.match(text, /STAKATER_BOOKMARKED_SECRETS_SECRET/);
  });

  step("have no value in an output, a state, a log or a message", async () => {
    await outputs();
    const values = [...Object.values(VALUES), NEW_KEY, NEW_PASSWORD];
    assert.deepEqual(user.filesWith(values), []);
    for (const value of values) assert.ok(!user.transcript.includes(value), "a value was shown");
  });
});
