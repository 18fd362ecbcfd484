import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setInDoppler } from "../support/byHand.js";
import { askNow, changes, delivered, editApps, establish, KEYS, set } from "../support/established.js";
import { operatorRequests } from "../support/operator.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";
import { watchSecrets } from "../support/watch.js";

// The three forms in which the operator reads values: a stack moves between them and no Secret is missing, and each form
// is right where names are absent, values are empty, or values are hard to carry.

const FORMS = ["perKey", "perApp", "mirror"] as const;
type Form = (typeof FORMS)[number];

const REFRESH_MS = 60_000; // Pulumi.dev.yaml
const OPERATOR = "external-secrets";
const STORE = "doppler-secret-store";
const MIRROR = `${STORE}-mirror`;

let user: User;
const { step, broken } = story();

interface ExternalSecret {
  readonly metadata: { readonly uid: string; readonly generation: number };
  readonly spec: { readonly secretStoreRef: { readonly name: string }; readonly data?: unknown };
  readonly status?: {
    readonly refreshTime?: string;
    readonly syncedResourceVersion?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const externalSecret = (namespace: string, name: string) =>
  user.object<ExternalSecret>("externalsecrets.external-secrets.io", name, namespace);

const readyOf = (object: ExternalSecret | undefined) =>
  object?.status?.conditions?.find(({ type }) => type === "Ready")?.status;

/** The form in which an ExternalSecret reads. */
const formOf = ({ spec }: ExternalSecret): Form =>
  spec.secretStoreRef.name === MIRROR ? "mirror" : spec.data === undefined ? "perApp" : "perKey";

/** Waits until the operator has made a Secret of what an ExternalSecret says now. */
async function synced(namespace: string, name: string, form: Form): Promise<void> {
  await eventually(`${namespace}/${name} is synced in the form ${form}`, 60_000, async () => {
    const object = await externalSecret(namespace, name);
    if (object === undefined || formOf(object) !== form || readyOf(object) !== "True") return undefined;
    return object.status?.syncedResourceVersion?.startsWith(`${object.metadata.generation}-`) ? true : undefined;
  });
}

/** What the operator has said of failures of an ExternalSecret. */
async function failuresOf(namespace: string, name: string): Promise<string> {
  const { stdout } = await user.kubectl(
    ...["get", "events", `--namespace=${namespace}`, `--field-selector=involvedObject.name=${name},type=Warning`],
    "--output=jsonpath={range .items[*]}{.message}{'\\n'}{end}",
  );
  return stdout;
}

describe("a stack that moves between the forms", { concurrency: false }, () => {
  before(async () => {
    user = await establish({}, () => ({ fetch: "perKey" }));
  });
  after(async () => {
    if (broken()) await user.leave(true);
  });

  /** Changes the form, and watches the Secrets until the operator has made them in the new form. */
  const moveTo = (form: Form) => async () => {
    const watch = await watchSecrets(user, KEYS);
    await set(user, "fetch", form);
    const { stdout } = await user.pulumi("preview", "--stack", "dev", "--json");
    const apps = changes(stdout).filter((change) => /bookmarked|reports/.test(change));
    assert.deepEqual(apps, [
      "update bookmarked-default-bookmarked-secrets",
      "update reports-reports-reports-credentials",
    ]);
    await user.up();
    for (const path of Object.keys(KEYS)) {
      const [namespace = "", name = ""] = path.split("/");
      await synced(namespace, name, form);
    }
    await delivered(user);
    assert.equal((await user.secret(OPERATOR, MIRROR)) !== undefined, form === "mirror");
    assert.deepEqual(await watch.end(), []);
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  };

  // Each form after each other one.
  step("from perKey to perApp: has every Secret, whole, at each moment", moveTo("perApp"));
  step("from perApp to mirror: has every Secret, whole, at each moment", moveTo("mirror"));
  step("from mirror to perApp: has every Secret, whole, at each moment", moveTo("perApp"));
  step("from perApp to perKey: has every Secret, whole, at each moment", moveTo("perKey"));
  step("from perKey to mirror: has every Secret, whole, at each moment", moveTo("mirror"));
  step("from mirror to perKey: has every Secret, whole, at each moment", moveTo("perKey"));

  step("leaves nothing of a mirror behind", async () => {
    for (const name of [MIRROR, `${STORE}-shared-mirror`]) {
      for (const kind of ["externalsecrets.external-secrets.io", "serviceaccount", "role", "rolebinding", "secret"]) {
        assert.equal(await user.object(kind, name, OPERATOR), undefined, kind);
      }
      assert.equal(await user.object("clustersecretstores.external-secrets.io", name), undefined);
    }
  });
});

describe("each form", { concurrency: false }, () => {
  after(async () => {
    await user.leave(broken());
  });

  /** Values that are hard to carry, by their Doppler names. */
  const HARD: Readonly<Record<string, string>> = {
    FORMS_PLAIN: "e2e-plain-value",
    FORMS_EMPTY: "",
    FORMS_LINES: "-----BEGIN-----\nline two\r\n\n\tline three\n\n",
    FORMS_QUOTES: `she said "it's" \\n \\\\ \`so\` $HOME \\u0041 %s & <b>`,
    FORMS_BRACES: `{{ .FORMS_PLAIN }} {{ fail "x" }} {%  %} {"a":{"b":"}}"}} {{`,
    FORMS_UTF8: "žluťoučký кůň 秘密 🔑 e\u0301 \u{10ffff}",
    FORMS_LARGE: "0123456789abcdef".repeat(3200), // 50 KiB
  };
  const NAMES = Object.keys(HARD);
  const appOf = (form: Form) => `forms-${form.toLowerCase()}`;
  const secretOf = (form: Form) => user.secret("default", `${appOf(form)}-secrets`);
  /** Also a value that is made of two, one of them under a condition. */
  const made = (values: Readonly<Record<string, string>>) =>
    `[${values["FORMS_BRACES"]}]${values["FORMS_EMPTY"] === "" ? "" : values["FORMS_QUOTES"]}`;

  /** Has the operator read everything again, until all three Secrets are as wanted. */
  async function allHold(what: string, values: Readonly<Record<string, string>>): Promise<void> {
    const wanted = { ...values, made: made(values) };
    for (const form of FORMS) {
      await eventually(`the Secret of ${form} ${what}`, 90_000, async () => {
        const held = await secretOf(form);
        const wrong = Object.entries(wanted).filter(([key, value]) => held?.[key] !== value);
        if (held !== undefined && wrong.length === 0) {
          assert.deepEqual(Object.keys(held).sort(), Object.keys(wanted).sort(), form);
          return true;
        }
        await askNow(user);
        return undefined;
      });
    }
  }

  /** Waits until the operator has said from now on of all three ExternalSecrets what fails. */
  async function allFail(what: string, why: RegExp): Promise<void> {
    await user.kubectl("delete", "events", "--all", "--namespace=default");
    for (const form of FORMS) {
      const name = `${appOf(form)}-secrets`;
      await eventually(`${form}: ${what}`, 90_000, async () => {
        const ready = readyOf(await externalSecret("default", name));
        if (ready === "False" && why.test(await failuresOf("default", name))) return true;
        await askNow(user);
        return undefined;
      });
    }
  }

  step("makes no Secret while every name is absent, and says which name it looks for", async () => {
    editApps<object>(user, (apps) => [
      ...apps,
      ...FORMS.map((form) => ({
        name: appOf(form),
        namespace: "default",
        fetch: form,
        keys: Object.fromEntries(NAMES.map((name) => [name, name])),
        values: { made: "[{{ .FORMS_BRACES }}]{{ if .FORMS_EMPTY }}{{ .FORMS_QUOTES }}{{ end }}" },
      })),
      { name: "forms-all", namespace: "default", fetch: "mirror", keys: "FORMS_*" },
    ]);
    await user.up();
    await allFail("a name is absent", new RegExp(NAMES.join("|")));
    for (const form of FORMS) assert.equal(await secretOf(form), undefined, form);
    assert.match(await failuresOf("default", "forms-all-secrets"), /no name that begins with FORMS_/);
    assert.deepEqual(Object.keys((await user.secret(OPERATOR, MIRROR)) ?? {}), ["DOPPLER_CONFIG"]);
  });

  step("delivers newlines, quotes, braces, UTF-8, 50 KiB and an empty value byte for byte", async () => {
    for (const [name, value] of Object.entries(HARD)) await setInDoppler(user, name, value);
    await allHold("holds what was typed", HARD);
    // All names that begin so, from a mirror that has other apps' names too.
    await delivered(user, { "default/forms-all-secrets": HARD });
  });

  step("keeps the Secret as it is while one name is absent, and says which", async () => {
    const watched = Object.fromEntries(
      FORMS.map((form) => [`default/${appOf(form)}-secrets`, NAMES.filter((name) => HARD[name] !== "")]),
    );
    const watch = await watchSecrets(user, watched);
    await user.run("doppler", ["secrets", "delete", "FORMS_PLAIN", "--yes", "--silent"]);
    await allFail("one name is absent", /FORMS_PLAIN/);
    for (const form of FORMS) {
      assert.deepEqual(await secretOf(form), { ...HARD, made: made(HARD) }, form);
    }
    assert.deepEqual(await watch.end(), []);
    const typedAgain = { ...HARD, FORMS_PLAIN: "e2e-plain-value-typed-again" };
    await setInDoppler(user, "FORMS_PLAIN", typedAgain.FORMS_PLAIN);
    await allHold("holds the value that was typed again", typedAgain);
  });

  step("notices that a name under a condition is absent", async () => {
    await user.run("doppler", ["secrets", "delete", "FORMS_QUOTES", "--yes", "--silent"]);
    await allFail("a name under a condition is absent", /FORMS_QUOTES/);
    await setInDoppler(user, "FORMS_QUOTES", HARD["FORMS_QUOTES"] ?? "");
    await allHold("is whole again", { ...HARD, FORMS_PLAIN: "e2e-plain-value-typed-again" });
  });

  step("keeps the mirror from the apps, and gives the mirror's account this one Secret", async () => {
    const can = async (as: string, ...args: string[]) => {
      const account = `--as=system:serviceaccount:${as}`;
      const { stdout } = await user.attempt("kubectl", ["auth", "can-i", ...args, `--namespace=${OPERATOR}`, account]);
      return stdout.trim();
    };
    for (const account of ["default:default", "reports:default"]) {
      assert.equal(await can(account, "get", `secret/${MIRROR}`), "no", account);
      assert.equal(await can(account, "list", "secrets"), "no", account);
    }
    const own = `${OPERATOR}:${MIRROR}`;
    assert.equal(await can(own, "get", `secret/${MIRROR}`), "yes");
    assert.equal(await can(own, "get", "secret/doppler-token-auth"), "no");
    assert.equal(await can(own, "list", "secrets"), "no");
    assert.equal(await can(own, "update", `secret/${MIRROR}`), "no");
  });

  step("lets nobody read the mirror from a namespace that it does not feed", async () => {
    await user.run("kubectl", ["create", "namespace", "intruder"]);
    const manifest = {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: { name: "intruder", namespace: "intruder" },
      spec: {
        refreshInterval: "1m0s",
        secretStoreRef: { name: MIRROR, kind: "ClusterSecretStore" },
        dataFrom: [{ extract: { key: MIRROR } }],
      },
    };
    await user.run("kubectl", ["apply", "--filename=-"], JSON.stringify(manifest));
    await eventually("the refusal", 30_000, async () =>
      /not allowed from namespace/.test(await failuresOf("intruder", "intruder")) ? true : undefined,
    );
    assert.equal(await user.secret("intruder", "intruder"), undefined);
  });

  step("with a mirror: a changed value arrives within the refresh interval, and costs two reads a minute", async () => {
    editApps<object>(user, (apps) => apps.map((app) => ({ ...app, fetch: "mirror" })));
    await user.up();
    const of = (form: Form) => `${appOf(form)}-secrets`;
    for (const form of FORMS) await synced("default", of(form), "mirror");
    const from = operatorRequests(user).length;
    const started = Date.now();
    for (let round = 1; round <= 3; round++) {
      // The worst moment: the mirror has just been filled.
      const filled = (await externalSecret(OPERATOR, MIRROR))?.status?.refreshTime;
      await eventually("the mirror is filled again", 60_000, async () => {
        const now = (await externalSecret(OPERATOR, MIRROR))?.status?.refreshTime;
        return now !== filled ? true : undefined;
      });
      const value = `e2e-value-of-round-${round}`;
      await setInDoppler(user, "FORMS_PLAIN", value);
      const typed = Date.now();
      const seconds: number[] = [];
      for (const form of FORMS) {
        await eventually("the new value arrives", REFRESH_MS, async () =>
          (await secretOf(form))?.["FORMS_PLAIN"] === value ? true : undefined,
        );
        seconds.push(Math.round((Date.now() - typed) / 1000));
      }
      console.error(`# round ${round}: the new value was in the apps' Secrets after ${seconds.join(", ")} s`);
      assert.ok(Math.max(...seconds) * 1000 <= REFRESH_MS, `${seconds.join(", ")} s`);
    }
    const reads = operatorRequests(user)
      .slice(from)
      .filter(({ path }) => path.startsWith("/v3/configs/config/secret"));
    const minutes = (Date.now() - started) / 60_000;
    // Each of the two projects has a token and a mirror of its own.
    const tokens = [...new Set(reads.map(({ token }) => token))];
    assert.equal(tokens.length, 2);
    for (const token of tokens) {
      const own = reads.filter((read) => read.token === token).length;
      console.error(`# ${own} reads of secrets of one project in ${minutes.toFixed(1)} minutes, for five apps`);
      assert.ok(own <= 2 * minutes + 1, `${own} reads in ${minutes.toFixed(1)} minutes`);
    }
  });

  step("with a mirror: where Doppler refuses, the mirror says so, and the apps keep their Secrets", async () => {
    const object = await user.object<{ data: { dopplerToken: string } }>("secret", "doppler-token-auth", OPERATOR);
    const patch = (dopplerToken: string) =>
      user.quietly("kubectl", [
        ...["patch", "secret", "doppler-token-auth", `--namespace=${OPERATOR}`, "--type=merge"],
        `--patch=${JSON.stringify({ data: { dopplerToken } })}`,
      ]);
    await patch(Buffer.from("dp.st.dev.revoked").toString("base64"));
    await eventually("the mirror says that Doppler refuses", 60_000, async () => {
      if (readyOf(await externalSecret(OPERATOR, MIRROR)) === "False") return true;
      await askNow(user);
      return undefined;
    });
    const app = await externalSecret("default", `${appOf("mirror")}-secrets`);
    assert.equal(readyOf(app), "True");
    assert.equal((await secretOf("mirror"))?.["FORMS_PLAIN"], "e2e-value-of-round-3");
    await patch(object?.data.dopplerToken ?? "");
    await eventually("the mirror is filled again", 60_000, async () => {
      if (readyOf(await externalSecret(OPERATOR, MIRROR)) === "True") return true;
      await askNow(user);
      return undefined;
    });
  });

  step("with a mirror: a destroy takes the mirror and all that it feeds", async () => {
    await user.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    // Kubernetes deletes a Secret after the ExternalSecret that owned it.
    await eventually("no Secret, Role or RoleBinding of the stack is left", 30_000, async () => {
      const { stdout } = await user.kubectl("get", "secrets,roles,rolebindings", "--all-namespaces", "--output=name");
      return new RegExp(`${MIRROR}|bookmarked|reports|forms-`).test(stdout) ? undefined : true;
    });
    assert.equal(await user.object("clustersecretstores.external-secrets.io", MIRROR), undefined);
  });
});
