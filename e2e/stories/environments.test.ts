import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { openSecret } from "secrets-pipeline-sandbox";
import { secretNames } from "../support/byHand.js";
import { askNow, delivered, set } from "../support/established.js";
import { story } from "../support/story.js";
import { untouched } from "../support/untouched.js";
import { eventually, type Run, User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// The checked-in stacks dev and prod side by side. What they share has one owner, which the configuration names.

const COMMON = ["DATABASE_URL", "JWT_SECRET", "REPORTS_DATABASE_URL", "SMTP_PASSWORD"];
const NAMES = {
  dev: [...COMMON, "DOCKERHUB_USERNAME", "DOCKERHUB_TOKEN"],
  prod: [...COMMON, "RELEASE_DOCKERHUB_USERNAME", "RELEASE_DOCKERHUB_TOKEN"],
};
type Stack = keyof typeof NAMES;

const valueOf = (stack: Stack, name: string) => `e2e ${stack}'s ${name}`;

/** The data of the apps' Secrets, by `<namespace>/<name>`. */
const secretsOf = (
  stack: Stack,
  bookmarked = "default/bookmarked-secrets",
  reports = "reports/reports-credentials",
) => ({
  [bookmarked]: {
    DATABASE_URL: valueOf(stack, "DATABASE_URL"),
    JWT_SECRET: valueOf(stack, "JWT_SECRET"),
  },
  [reports]: {
    "database-url": valueOf(stack, "REPORTS_DATABASE_URL"),
    "smtp-password": valueOf(stack, "SMTP_PASSWORD"),
  },
});

async function typeAll(user: User, stack: Stack): Promise<void> {
  for (const name of NAMES[stack]) await user.type(name, valueOf(stack, name));
}

/** Brings up a sandbox for two people; neither of its stacks was ever up. */
async function arrive(clusters: "one" | "each"): Promise<{ dev: User; prod: User }> {
  const dev = await User.arrive({ stacks: ["dev", "prod"], clusters });
  const prod = dev.on("prod");
  for (const { stack } of [dev, prod]) await dev.run("pulumi", ["stack", "init", stack, "--non-interactive"]);
  return { dev, prod };
}

function refused({ code, text }: Run, ...reasons: RegExp[]): void {
  assert.notEqual(code, 0, "it is refused");
  for (const reason of reasons) assert.match(text, reason);
}

/** The types of the resources in a stack's state, without Pulumi's own types. */
async function known(user: User): Promise<string[]> {
  const state = await user.quietly("pulumi", ["stack", "export", "--stack", user.stack]);
  const { deployment } = JSON.parse(state) as { deployment: { resources?: { type: string }[] } };
  return (deployment.resources ?? []).map(({ type }) => type).filter((type) => !type.startsWith("pulumi:"));
}

/** The configs of the Doppler project, by name; none if there is no project. */
async function configs(user: User): Promise<string[]> {
  const projects = JSON.parse((await user.run("doppler", ["projects", "--json"])).stdout) as { name: string }[] | null;
  if (projects?.some(({ name }) => name === "acme") !== true) return [];
  const { stdout } = await user.run("doppler", ["configs", "--project=acme", "--json"]);
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name).sort();
}

interface Actions {
  readonly repository: string;
  readonly environment?: string;
}

/** The names of Actions secrets, as GitHub lists them. */
function actionsSecrets(user: User, { repository, environment }: Actions): Promise<string[]> {
  const place = environment === undefined ? "actions" : `environments/${environment}`;
  return secretNames(user, `repos/acme/${repository}/${place}/secrets`);
}

/** The value of an Actions secret. */
const actionsSecret = (user: User, at: Actions, name: string) =>
  openSecret(user.here.github, { app: "actions", ...at, repository: `acme/${at.repository}` }, name);

const DOCKERHUB = ["DOCKERHUB_TOKEN", "DOCKERHUB_USERNAME"];

describe("dev and prod, each in its own cluster", { concurrency: false }, () => {
  const { step, broken } = story();
  let dev: User;
  let prod: User;
  before(async () => {
    ({ dev, prod } = await arrive("each"));
    assert.notEqual(dev.sandbox.server, prod.sandbox.server);
  });
  after(() => dev.leave(broken()));

  const nothing = <T>(body: () => Promise<T>) => untouched([dev, prod], body);

  step("prod can't come before the project's owner, and says who that is", async () => {
    refused(
      await nothing(() => prod.tries("up")),
      /Doppler project "acme" does not exist/,
      /Doppler project "acme-shared" does not exist/,
      /run pulumi up --stack dev first/,
    );
    refused(
      await nothing(() => prod.attempt("pulumi", ["preview", "--stack", "prod", "--non-interactive"])),
      /run pulumi up --stack dev first/,
    );
    assert.deepEqual(await known(prod), []);
    assert.deepEqual(await configs(dev), []);
  });

  step("both come up from nothing, the owner first", async () => {
    await dev.up();
    await prod.up();
    assert.deepEqual(await configs(dev), ["dev", "prd"]);
  });

  step("each gets its own values", async () => {
    await typeAll(dev, "dev");
    await typeAll(prod, "prod");
    for (const user of [dev, prod]) await askNow(user);
    await delivered(dev, secretsOf("dev"));
    await delivered(prod, secretsOf("prod"));
  });

  step("each writes the Actions secrets of its own repositories", async () => {
    for (const user of [dev, prod]) await user.up();
    for (const repository of ["bookmarked", "reports"]) {
      assert.deepEqual(await actionsSecrets(dev, { repository }), DOCKERHUB);
      const token = await actionsSecret(dev, { repository }, "DOCKERHUB_TOKEN");
      assert.equal(token, valueOf("dev", "DOCKERHUB_TOKEN"));
    }
    const release = await actionsSecret(prod, { repository: "releases" }, "DOCKERHUB_TOKEN");
    assert.equal(release, valueOf("prod", "RELEASE_DOCKERHUB_TOKEN"));
  });

  step("a second up of each changes nothing", async () => {
    for (const user of [dev, prod]) await nothing(() => user.up("--expect-no-changes"));
  });

  step("a second owner of the project is refused", async () => {
    await set(prod, "doppler.project.ownedBy", "prod");
    refused(await nothing(() => prod.tries("up")), /doppler\.project\.ownedBy: stack "dev" .* owns this project too/);
    await set(prod, "doppler.project.ownedBy", "dev");
  });

  step("a second writer of a repository's secrets is refused", async () => {
    await set(prod, "githubActions.repositories[1]", "bookmarked");
    refused(
      await nothing(() => prod.tries("up")),
      /githubActions\.repositories\[1\]: stack "dev" .* writes the same Actions secrets/,
      /githubActions\.environment/,
    );
  });

  step("both write to one repository, each to a GitHub environment of its own", async () => {
    for (const [user, environment] of [
      [dev, "development"],
      [prod, "production"],
    ] as const) {
      // A GitHub environment has no Dependabot secrets.
      await set(user, "githubActions.dependabot", "false");
      await set(user, "githubActions.environment", environment);
      await set(user, "githubActions.createEnvironment", "true");
      await user.up();
    }
    for (const [stack, environment, name] of [
      ["dev", "development", "DOCKERHUB_TOKEN"],
      ["prod", "production", "RELEASE_DOCKERHUB_TOKEN"],
    ] as const) {
      const at = { repository: "bookmarked", environment };
      assert.deepEqual(await actionsSecrets(dev, at), DOCKERHUB);
      assert.equal(await actionsSecret(dev, at, "DOCKERHUB_TOKEN"), valueOf(stack, name));
    }
    // Before, these secrets were in the repository itself.
    for (const repository of ["bookmarked", "reports", "releases"])
      assert.deepEqual(await actionsSecrets(dev, { repository }), []);
    for (const user of [dev, prod]) await nothing(() => user.up("--expect-no-changes"));
  });

  step("the owner can't be destroyed while the project is used", async () => {
    refused(
      await nothing(() => dev.tries("destroy", "--run-program")),
      /This stack owns Doppler project "acme" and Doppler project "acme-shared",/,
      /still in use by environment "prd" of project "acme", environment "prd" of project "acme-shared"\./,
      /Nothing was deleted/,
    );
    // Without --run-program the program can't ask who uses the project, so the destroy is refused as well.
    refused(await nothing(() => dev.tries("destroy")), /pulumi destroy --run-program/);
    await nothing(() => dev.up("--expect-no-changes"));
  });

  step("prod can't be destroyed, being protected", async () => {
    refused(await nothing(() => prod.tries("destroy")), /protect/);
    refused(await nothing(() => prod.tries("destroy", "--run-program")), /protect/);
    await nothing(() => prod.up("--expect-no-changes"));
  });

  step("prod is given up in two deliberate steps, and dev does not notice", async () => {
    await untouched(
      [dev],
      async () => {
        await set(prod, "protect", "false");
        await prod.up();
      },
      "clusters",
    );
    await untouched([dev], () => prod.pulumi("destroy", "--stack", "prod", "--yes", "--skip-preview"), "clusters");
    assert.deepEqual(await known(prod), []);
    assert.deepEqual(await configs(dev), ["dev"]);
    assert.equal(await prod.secret("default", "bookmarked-secrets"), undefined);
    assert.deepEqual(await actionsSecrets(dev, { repository: "bookmarked", environment: "development" }), DOCKERHUB);
    await nothing(() => dev.up("--expect-no-changes"));
    await delivered(dev, secretsOf("dev"));
  });

  step("the owner goes last", async () => {
    await dev.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    assert.deepEqual(await known(dev), []);
    assert.deepEqual(await configs(dev), []);
    for (const repository of ["bookmarked", "reports", "releases"])
      assert.deepEqual(await actionsSecrets(dev, { repository }), []);
  });
});

describe("dev and prod in one cluster", { concurrency: false }, () => {
  const { step, broken } = story();
  let dev: User;
  let prod: User;
  before(async () => {
    ({ dev, prod } = await arrive("one"));
    assert.equal(dev.sandbox.server, prod.sandbox.server);
  });
  after(() => dev.leave(broken()));

  const nothing = <T>(body: () => Promise<T>) => untouched([dev], body);
  const PROD_SECRETS = secretsOf("prod", "default/bookmarked-prod", "reports-prod/reports-credentials");

  interface Store {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly conditions?: { readonly type: string; readonly status: string }[] };
  }
  const validStores = async () => {
    const stores = JSON.parse(await dev.quietly("kubectl", ["get", "clustersecretstores", "--output=json"])) as {
      items: Store[];
    };
    return stores.items
      .filter(({ status }) => status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"))
      .map(({ metadata }) => metadata.name)
      .sort();
  };

  step("prod as it is checked in would collide with dev, and says in what", async () => {
    await set(prod, "kubernetes.context", dev.sandbox.stacks["dev"]?.context ?? "");
    refused(
      await nothing(() => prod.tries("up")),
      /operator\.ownedBy: stack "dev" .* installs the operator in this cluster too/,
      /store\.name: /,
      /store\.tokenSecretName: /,
      /apps\[0\]\.secretName: /,
      /apps\[1\]\.secretName: /,
      /kubernetes\.createNamespaces\[0\]: /,
    );
  });

  step("prod can't come before the operator's owner, and says who that is", async () => {
    for (const [path, value] of Object.entries({
      "operator.ownedBy": "dev",
      "store.name": "doppler-prod",
      "store.tokenSecretName": "doppler-token-prod",
      "apps[0].secretName": "bookmarked-prod",
      "apps[1].namespace": "reports-prod",
      "kubernetes.createNamespaces[0]": "reports-prod",
    }))
      await set(prod, path, value);
    refused(
      await nothing(() => prod.tries("up")),
      /Doppler project "acme" does not exist/,
      /External Secrets Operator of this cluster is not installed/,
      /Stack "dev" installs it: run pulumi up --stack dev first/,
    );
    assert.deepEqual(await known(prod), []);
  });

  step("both come up with one operator, two stores each and two sets of apps", async () => {
    await dev.up();
    await prod.up();
    await typeAll(dev, "dev");
    await typeAll(prod, "prod");
    await askNow(dev);
    await delivered(dev, { ...secretsOf("dev"), ...PROD_SECRETS });
    assert.deepEqual(await validStores(), [
      ...["doppler-prod", "doppler-prod-shared", "doppler-secret-store", "doppler-secret-store-shared"],
    ]);
    const deployments = await dev.quietly("kubectl", ["get", "deployments", "--all-namespaces", "--output=name"]);
    assert.equal(deployments.trim(), "deployment.apps/external-secrets");
  });

  step("a second up of each changes nothing", async () => {
    for (const user of [dev, prod]) await user.up();
    for (const user of [dev, prod]) await nothing(() => user.up("--expect-no-changes"));
  });

  step("an operator of its own for prod is refused", async () => {
    await set(prod, "operator.ownedBy", "prod");
    refused(await nothing(() => prod.tries("up")), /operator\.ownedBy: stack "dev" .* installs the operator/);
    await set(prod, "operator.ownedBy", "dev");
  });

  step("dev can't be destroyed while prod uses its operator and its project", async () => {
    refused(
      await nothing(() => dev.tries("destroy", "--run-program")),
      /This stack owns Doppler project "acme" and Doppler project "acme-shared" and the cluster's operator and namespaces/,
      /still in use by environment "prd" of project "acme", .*, stack "prod"\. Destroy those first\. Nothing was deleted\./,
    );
    refused(await nothing(() => dev.tries("destroy")), /pulumi destroy --run-program/);
    await nothing(() => dev.up("--expect-no-changes"));
  });

  step("prod goes, and dev's Secrets and operator are as before", async () => {
    await set(prod, "protect", "false");
    await prod.up();
    const held = secretsOf("dev");
    const watch = await watchSecrets(
      dev,
      Object.fromEntries(Object.entries(held).map(([name, data]) => [name, Object.keys(data)])),
    );
    await prod.pulumi("destroy", "--stack", "prod", "--yes", "--skip-preview");
    assert.deepEqual(await watch.end(), []);
    assert.deepEqual(await known(prod), []);
    for (const path of Object.keys(PROD_SECRETS)) {
      const [namespace = "", name = ""] = path.split("/");
      await eventually(`${path} is gone`, 30_000, async () =>
        (await dev.secret(namespace, name)) === undefined ? true : undefined,
      );
    }
    assert.deepEqual(await validStores(), ["doppler-secret-store", "doppler-secret-store-shared"]);
    await nothing(() => dev.up("--expect-no-changes"));

    await dev.type("JWT_SECRET", "e2e typed after prod was gone");
    await askNow(dev);
    await delivered(dev, {
      "default/bookmarked-secrets": {
        DATABASE_URL: valueOf("dev", "DATABASE_URL"),
        JWT_SECRET: "e2e typed after prod was gone",
      },
    });
  });

  step("then dev can go", async () => {
    await dev.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    assert.deepEqual(await known(dev), []);
    assert.deepEqual(await configs(dev), []);
  });
});
