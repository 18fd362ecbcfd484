import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { openSecret } from "secrets-pipeline-sandbox";
import { setActionsSecret } from "../support/byHand.js";
import { askNow, changes, delivered, editApps, establish, KEYS, SECRETS } from "../support/established.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// The program sees and mends what somebody changed or deleted by hand. A change in the configuration touches nothing
// else.

const DOCKERHUB = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };

let user: User;
const { step, broken } = story();

interface App {
  readonly name: string;
  readonly namespace: string;
  readonly keys: readonly string[] | Readonly<Record<string, string>>;
}

async function preview(...args: string[]): Promise<string[]> {
  const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json", ...args);
  return changes(stdout);
}

/** A text that changes when somebody writes to the object's spec or makes the object anew. */
async function identity(kind: string, name: string, namespace?: string): Promise<string> {
  const object = await user.object<{ metadata: { uid: string; generation?: number } }>(kind, name, namespace);
  assert.ok(object, `${kind} ${name} is there`);
  return `${name} ${object.metadata.uid} ${object.metadata.generation ?? ""}`;
}

const theOtherObjects = async () => [
  await identity("externalsecret", "bookmarked-secrets", "default"),
  await identity("externalsecret", "reports-credentials", "reports"),
  await identity("secret", "bookmarked-secrets", "default"),
  await identity("secret", "reports-credentials", "reports"),
  await identity("secret", "doppler-token-auth", "external-secrets"),
  await identity("clustersecretstore", "doppler-secret-store"),
];

/** Overwrites an Actions secret as a person does on GitHub's web pages. */
async function overwrite(repository: string, name: string, value: string): Promise<void> {
  assert.equal(await setActionsSecret(user, `acme/${repository}`, name, value), "overwritten");
}

const actionsSecret = (repository: string, name: string) =>
  openSecret(user.here.github, { app: "actions", repository: `acme/${repository}` }, name);

describe("a list of apps that grows", { concurrency: false }, () => {
  before(async () => {
    // The interval is so long that the operator mends nothing in this story by its regular read.
    user = await establish({}, () => ({ refreshInterval: "1h" }), DOCKERHUB);
    await user.up();
  });

  step("may be put in another order", async () => {
    editApps<App>(user, (apps) => apps.reverse());
    assert.deepEqual(await preview(), []);
  });

  step("gets another app in front of the others, and loses it again, and they notice nothing", async () => {
    const others = await theOtherObjects();
    const watch = await watchSecrets(user, KEYS);
    editApps<App>(user, (apps) => [{ name: "aardvark", namespace: "default", keys: ["JWT_SECRET"] }, ...apps]);
    assert.deepEqual(await preview(), ["create aardvark", "create aardvark-default-aardvark-secrets"]);
    await user.up();
    await delivered(user, {
      ...SECRETS,
      "default/aardvark-secrets": { JWT_SECRET: SECRETS["default/bookmarked-secrets"]?.["JWT_SECRET"] ?? "" },
    });
    editApps<App>(user, (apps) => apps.filter(({ name }) => name !== "aardvark"));
    assert.deepEqual(await preview(), ["delete aardvark", "delete aardvark-default-aardvark-secrets"]);
    await user.up();
    await eventually("its Secret is gone", 30_000, async () =>
      (await user.secret("default", "aardvark-secrets")) === undefined ? true : undefined,
    );
    assert.deepEqual(await theOtherObjects(), others);
    assert.equal(watch.writes, 0);
    assert.deepEqual(await watch.end(), []);
  });
});

describe("what is changed by hand", { concurrency: false }, () => {
  after(() => user?.leave(broken()));

  step("is remade by the operator where it is an app's Secret", async () => {
    const watch = await watchSecrets(user, KEYS);
    const deleted = Date.now();
    await user.kubectl("delete", "secret", "bookmarked-secrets", "--namespace=default");
    await delivered(user);
    console.error(`# the deleted Secret was back after ${((Date.now() - deleted) / 1000).toFixed(1)} s`);
    assert.deepEqual(await watch.end(), [
      "default/bookmarked-secrets was deleted",
      "default/bookmarked-secrets was made anew",
    ]);
    assert.deepEqual(await preview("--refresh"), []);
  });

  step("is seen by a preview with a refresh, and mended by an up with one", async () => {
    const patch = (kind: string, name: string, namespace: string, change: unknown) =>
      user.kubectl("patch", kind, name, `--namespace=${namespace}`, "--type=merge", "--patch", JSON.stringify(change));
    await patch("externalsecret", "bookmarked-secrets", "default", {
      spec: { dataFrom: [{ find: { name: { regexp: "^(DATABASE_URL)$" } } }] },
    });
    await patch("secret", "doppler-token-auth", "external-secrets", {
      stringData: { dopplerToken: "dp.st.dev.wrong" },
    });
    // With these conditions gone, every namespace may read every value.
    await user.kubectl(
      "patch",
      "clustersecretstore",
      "doppler-secret-store",
      "--type=json",
      "--patch",
      JSON.stringify([{ op: "remove", path: "/spec/conditions" }]),
    );
    await user.run("doppler", ["environments", "rename", "dev", "--project=acme", "--name=Renamed", "--yes"]);
    assert.deepEqual(await preview("--refresh"), [
      "update bookmarked-default-bookmarked-secrets",
      "update doppler-environment",
      "update doppler-store-store",
      "update doppler-store-token",
    ]);
    await user.up("--refresh");
    await askNow(user);
    await delivered(user);
    const store = await user.object<{ spec: { conditions?: unknown } }>("clustersecretstore", "doppler-secret-store");
    assert.deepEqual(store?.spec.conditions, [{ namespaces: ["default", "reports"] }]);
    const environments = await user.run("doppler", ["environments", "--project=acme", "--json"]);
    assert.deepEqual(
      (JSON.parse(environments.stdout) as { name: string }[]).map(({ name }) => name),
      ["Development"],
    );
  });

  step("is seen and mended where it is deleted", async () => {
    await user.kubectl("delete", "externalsecret", "reports-credentials", "--namespace=reports");
    await user.kubectl("delete", "clustersecretstore", "doppler-secret-store");
    await user.kubectl("delete", "secret", "doppler-token-auth", "--namespace=external-secrets");
    assert.deepEqual(await preview("--refresh"), [
      "create doppler-store-store",
      "create doppler-store-token",
      "create reports-reports-reports-credentials",
    ]);
    await user.up("--refresh");
    await askNow(user);
    await delivered(user);
    assert.deepEqual(await preview("--refresh"), []);
  });

  step("is seen and mended where it is a secret on GitHub, which tells nobody its value", async () => {
    await overwrite("bookmarked", "DOCKERHUB_TOKEN", "typed-on-the-web");
    const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
    assert.deepEqual(changes(stdout), ["update github-bookmarked-DOCKERHUB_TOKEN"]);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { severity: string; message: string }[] };
    assert.match(
      diagnostics
        .filter(({ severity }) => severity === "warning")
        .map(({ message }) => message)
        .join("\n"),
      /DOCKERHUB_TOKEN/,
    );
    await user.up();
    assert.equal(await actionsSecret("bookmarked", "DOCKERHUB_TOKEN"), DOCKERHUB.DOCKERHUB_TOKEN);
    await user.up("--expect-no-changes");
  });

  step("is seen and mended also where another tool owns the change", async () => {
    await user.kubectl(
      "patch",
      "externalsecret",
      "reports-credentials",
      "--namespace=reports",
      "--type=merge",
      "--field-manager=dashboard",
      `--patch=${JSON.stringify({ spec: { dataFrom: [{ find: { name: { regexp: "^(JWT_SECRET)$" } } }] } })}`,
    );
    assert.deepEqual(await preview("--refresh"), ["update reports-reports-reports-credentials"]);
    await user.up("--refresh");
    await delivered(user);
  });

  step("is seen and mended where it is the whole Doppler environment, but for its values", async () => {
    await user.run("doppler", ["environments", "delete", "dev", "--project=acme", "--yes"]);
    const seen = await preview("--refresh");
    for (const change of ["create doppler-environment", "create doppler-token", "update doppler-store-token"]) {
      assert.ok(seen.includes(change), `${change}: ${seen.join(", ")}`);
    }
    const { text } = await user.up("--refresh");
    console.error(`# ${seen.join(", ")}`);
    assert.match(text, /5 Doppler names need values/);
    // The operator keeps a Secret's key if its value is deleted in Doppler.
    for (const [name, data] of Object.entries(SECRETS)) {
      const [namespace = "", secret = ""] = name.split("/");
      assert.deepEqual(await user.secret(namespace, secret), data);
    }
  });
});
