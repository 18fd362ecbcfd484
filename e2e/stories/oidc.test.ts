import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { parseAllDocuments, stringify } from "yaml";
import { ensureLaterChart, laterChart } from "secrets-pipeline-sandbox";
import { begin, changes, set } from "../support/established.js";
import { story } from "../support/story.js";
import type { User } from "../support/user.js";

// A store without a static token needs CRDs that know such stores. The operator of those CRDs can't be built here, so
// no login takes place. This story shows that a real API server accepts all objects that the program makes under those
// CRDs, keeps each of their fields, and refuses what the CRDs forbid.

const IDENTITY = "11111111-2222-3333-4444-555555555555";
const STORE = "doppler-secret-store";

interface Auth {
  secretRef?: unknown;
  oidcConfig?: unknown;
}

interface Store {
  metadata: { annotations?: Record<string, string> };
  spec: { provider: { doppler: { auth: Auth; project?: string; config?: string } } };
}

let user: User;
const { step, broken } = story();

/** Puts the later chart's CRDs in the place of the present ones. */
async function installLaterCrds(): Promise<void> {
  const chart = await ensureLaterChart({ progress: (line) => console.error(`# ${line}`), skipOnPath: [] });
  const { stdout } = await user.run("helm", ["template", "external-secrets", chart, "--set=installCRDs=true"]);
  const crds = parseAllDocuments(stdout)
    .map((document) => document.toJS() as { kind?: string; metadata: { name: string } } | null)
    .filter((object) => object?.kind === "CustomResourceDefinition");
  assert.ok(crds.length > 10, `${crds.length} CRDs`);
  const all = crds.map((crd) => stringify(crd)).join("---\n");
  await user.run("kubectl", ["apply", "--server-side", "--force-conflicts", "--filename=-"], all);
  const names = crds.map((crd) => `crd/${crd?.metadata.name ?? ""}`);
  await user.kubectl("wait", "--for=condition=Established", "--timeout=60s", ...names);
}

async function tokens(): Promise<string[]> {
  const { stdout } = await user.run("doppler", ["configs", "tokens", "--project=acme", "--config=dev", "--json"]);
  // The CLI writes null if there is none.
  return ((JSON.parse(stdout) as { name: string }[] | null) ?? []).map(({ name }) => name);
}

describe(`a store without a token, under the CRDs of ${laterChart}`, { concurrency: false }, () => {
  before(async () => {
    user = await begin();
  });
  after(() => user.leave(broken()));

  step("comes up with a token at first", async () => {
    await user.up();
    await installLaterCrds();
    const store = await user.object<Store>("clustersecretstore", STORE);
    assert.deepEqual(Object.keys(store?.spec.provider.doppler.auth ?? {}), ["secretRef"]);
    assert.deepEqual(await tokens(), ["external-secrets-1"]);
  });

  step("moves to an identity, with every field kept by the API server", async () => {
    await set(user, "secrets-pipeline:store.oidc.identity", IDENTITY);
    await user.up();
    const store = await user.object<Store>("clustersecretstore", STORE);
    assert.deepEqual(store?.spec.provider.doppler, {
      auth: {
        oidcConfig: {
          identity: IDENTITY,
          serviceAccountRef: { name: STORE, namespace: "external-secrets" },
          // This is the CRD's default.
          expirationSeconds: 600,
        },
      },
      project: "acme",
      config: "dev",
    });
  });

  step("leaves no token behind", async () => {
    assert.deepEqual(await tokens(), []);
    assert.equal(await user.object("secret", "doppler-token-auth", "external-secrets"), undefined);
    assert.ok(await user.object("serviceaccount", STORE, "external-secrets"));
  });

  step("is the same on the second run", async () => {
    assert.deepEqual(changes((await user.pulumi("preview", "--stack", "dev", "--json")).stdout), []);
  });

  step("is one of two ways, and not both", async () => {
    const secretRef = { dopplerToken: { name: "x", key: "x", namespace: "external-secrets" } };
    const patch = JSON.stringify({ spec: { provider: { doppler: { auth: { secretRef } } } } });
    const both = await user.attempt("kubectl", [
      ...["patch", "clustersecretstore", STORE, "--type=merge", `--patch=${patch}`, "--dry-run=server"],
    ]);
    assert.notEqual(both.code, 0);
    assert.match(both.text, /Exactly one of 'secretRef' or 'oidcConfig'/);
  });

  step("goes back to a token", async () => {
    await user.pulumi("config", "rm", "--stack", "dev", "--path", "secrets-pipeline:store.oidc");
    await user.up();
    const store = await user.object<Store>("clustersecretstore", STORE);
    assert.deepEqual(Object.keys(store?.spec.provider.doppler.auth ?? {}), ["secretRef"]);
    assert.deepEqual(await tokens(), ["external-secrets-1"]);
    assert.equal(await user.object("serviceaccount", STORE, "external-secrets"), undefined);
  });
});
