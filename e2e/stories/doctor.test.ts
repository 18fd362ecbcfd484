import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setActionsSecret } from "../support/byHand.js";
import { brokenDoppler, type BrokenDoppler } from "../support/brokenDoppler.js";
import { askNow, delivered, establish, SECRETS, VALUES } from "../support/established.js";
import { story } from "../support/story.js";
import { eventually, type User } from "../support/user.js";

// Somebody breaks one link of the chain at a time. The doctor names this link and no other, says what to do, and after
// that has been done it finds all whole again.

const DOCKERHUB = { DOCKERHUB_USERNAME: "e2e-dockerhub-user", DOCKERHUB_TOKEN: "e2e-dockerhub-token" };
const OPERATOR = ["deployment/external-secrets", "--namespace=external-secrets"];

interface Report {
  verdict: string;
  findings: { fault: string; link: string; subject: string; remedy: string[]; concerns: string[] }[];
  unasked: { whom: string; why: string }[];
}

let user: User;
let doppler: BrokenDoppler;
const { step, broken } = story();

/** What `npm run doctor -- --json` says, and how it ends. */
async function doctor(): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await user.attempt("npm", [
    "run",
    "--silent",
    "doctor",
    "--",
    "--stack=dev",
    "--json",
  ]);
  assert.ok(stdout.startsWith("{"), stderr);
  return { ...(JSON.parse(stdout) as Report), code };
}

/** What `npm run doctor` shows to people. */
async function shown(): Promise<string> {
  const { stdout } = await user.attempt("npm", ["run", "--silent", "doctor", "--", "--stack=dev"]);
  for (const line of stdout.split("\n")) {
    assert.ok(line.length <= 100 || /^ +(To mend it: )?(kubectl|pulumi|doppler|helm) /.test(line), line);
  }
  return stdout;
}

/** Waits until the doctor names a fault. Until then, and then, it names no other. */
async function names(fault: string, concerns: readonly string[]): Promise<Report> {
  const report = await eventually(`the doctor names ${fault}`, 90_000, async () => {
    const said = await doctor();
    const faults = said.findings.map((finding) => finding.fault);
    assert.ok(
      faults.every((one) => one === fault),
      `${fault}: ${JSON.stringify(said.findings, undefined, 2)}`,
    );
    return faults.length > 0 ? said : undefined;
  });
  console.error(await shown());
  assert.deepEqual([...new Set(report.findings.flatMap((finding) => finding.concerns))].sort(), concerns);
  return report;
}

/** Waits until the doctor finds all whole. */
async function whole(): Promise<void> {
  await askNow(user);
  let last: (Report & { code: number | null }) | undefined;
  await eventually("the doctor finds all whole", 120_000, async () => {
    last = await doctor();
    return last.verdict === "whole" ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`the doctor found last: ${JSON.stringify(last, undefined, 2)}`, { cause: error });
  });
  assert.equal(last?.code, 0);
}

const patch = (kind: string, name: string, change: unknown, ...more: string[]) =>
  user.kubectl("patch", kind, name, "--type=merge", "--patch", JSON.stringify(change), ...more);

const refresh = () => user.up("--refresh");

/** A fault, and how it is mended. */
interface Broken {
  title: string;
  fault: string;
  concerns: readonly string[];
  breaks: () => Promise<unknown>;
  mends: () => Promise<unknown>;
}

const BOTH = ["app bookmarked", "app reports"];

let crd = "";

const FAULTS: readonly Broken[] = [
  {
    title: "a value that was deleted in Doppler",
    fault: "value-missing",
    concerns: ["app bookmarked"],
    breaks: () => user.run("doppler", ["secrets", "delete", "JWT_SECRET", "--yes", "--silent"]),
    mends: () => user.type("JWT_SECRET", VALUES.JWT_SECRET),
  },
  {
    title: "a token that was revoked",
    fault: "token-revoked",
    concerns: BOTH,
    breaks: async () => {
      const where = ["--project=acme", "--config=dev"];
      const { stdout } = await user.run("doppler", ["configs", "tokens", ...where, "--json"]);
      const [token] = JSON.parse(stdout) as { slug: string }[];
      await user.run("doppler", ["configs", "tokens", "revoke", token?.slug ?? "", ...where, "--silent"]);
      await askNow(user);
    },
    mends: refresh,
  },
  {
    title: "a token Secret that was edited",
    fault: "token-secret-edited",
    concerns: BOTH,
    breaks: async () => {
      const wrong = { stringData: { dopplerToken: "dp.st.dev.wrong" } };
      await patch("secret", "doppler-token-auth", wrong, "--namespace=external-secrets");
      await askNow(user);
    },
    mends: refresh,
  },
  {
    title: "a store that was deleted",
    fault: "store-missing",
    concerns: BOTH,
    breaks: async () => {
      await user.kubectl("delete", "clustersecretstore", "doppler-secret-store");
      await askNow(user);
    },
    mends: refresh,
  },
  {
    title: "a store whose conditions were narrowed",
    fault: "store-namespace-not-admitted",
    concerns: ["app reports"],
    breaks: async () => {
      await patch("clustersecretstore", "doppler-secret-store", {
        spec: { conditions: [{ namespaces: ["default"] }] },
      });
      await askNow(user);
    },
    mends: refresh,
  },
  {
    title: "an operator that was stopped",
    fault: "operator-stopped",
    concerns: BOTH,
    breaks: () => user.kubectl("scale", ...OPERATOR, "--replicas=0"),
    mends: async () => {
      await user.kubectl("scale", ...OPERATOR, "--replicas=1");
      await user.kubectl("rollout", "status", ...OPERATOR, "--timeout=60s");
    },
  },
  {
    title: "an ExternalSecret that was edited",
    fault: "external-secret-edited",
    concerns: ["app bookmarked"],
    breaks: () => patch("externalsecret", "bookmarked-secrets", { spec: { refreshInterval: "24h" } }),
    mends: refresh,
  },
  {
    title: "a Secret that somebody else has taken",
    fault: "secret-taken",
    concerns: ["app bookmarked"],
    breaks: async () => {
      await user.kubectl("create", "configmap", "rival");
      const rival = await user.object<{ metadata: { uid: string } }>("configmap", "rival", "default");
      const owner = { apiVersion: "v1", kind: "ConfigMap", name: "rival", uid: rival?.metadata.uid, controller: true };
      await patch("secret", "bookmarked-secrets", { metadata: { ownerReferences: [owner] } });
      await askNow(user);
    },
    mends: () => user.kubectl("delete", "secret", "bookmarked-secrets"),
  },
  {
    title: "Doppler when it does not answer",
    fault: "doppler-down",
    concerns: BOTH,
    breaks: async () => {
      doppler.condition = "down";
      await askNow(user);
    },
    mends: () => Promise.resolve((doppler.condition = "whole")),
  },
  {
    title: "Doppler when its rate limit is reached",
    fault: "doppler-rate-limit",
    concerns: BOTH,
    breaks: async () => {
      doppler.condition = "limited";
      await askNow(user);
    },
    mends: () => Promise.resolve((doppler.condition = "whole")),
  },
  {
    title: "an Actions secret that was overwritten",
    fault: "actions-secret-overwritten",
    concerns: ["CI of bookmarked"],
    breaks: async () => {
      // GitHub tells the time of a write in whole seconds.
      const written = Date.now();
      await eventually("another second", 5_000, () => Promise.resolve(Date.now() - written > 1_500 ? true : undefined));
      await setActionsSecret(user, "acme/bookmarked", "DOCKERHUB_TOKEN", "typed-on-the-web");
    },
    mends: () => user.up(),
  },
  {
    title: "a workload that runs with an old value",
    fault: "workload-old-value",
    concerns: ["app bookmarked"],
    breaks: async () => {
      await user.kubectl("create", "deployment", "web", "--image=web");
      await user.kubectl("set", "env", "deployment/web", "--from=secret/bookmarked-secrets");
      await user.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
      const changed = { ...SECRETS["default/bookmarked-secrets"], JWT_SECRET: "e2e-newer-key" };
      await user.type("JWT_SECRET", "e2e-newer-key");
      await askNow(user);
      await delivered(user, { "default/bookmarked-secrets": changed });
    },
    mends: async () => {
      await user.kubectl("rollout", "restart", "deployment/web");
      await user.kubectl("rollout", "status", "deployment/web", "--timeout=60s");
    },
  },
  {
    title: "a CRD that was deleted",
    fault: "crd-missing",
    concerns: BOTH,
    breaks: async () => {
      await user.kubectl("delete", "deployment", "web");
      const name = "externalsecrets.external-secrets.io";
      crd = (await user.kubectl("get", "customresourcedefinition", name, "--output=name")).stdout.trim();
      await user.kubectl("delete", crd);
    },
    mends: async () => {
      const { stdout } = await user.run("helm", [
        "get",
        "manifest",
        "external-secrets",
        "--namespace=external-secrets",
      ]);
      await user.run("kubectl", ["apply", "--server-side", "--force-conflicts", "--filename=-"], stdout);
      await user.kubectl("wait", "--for=condition=Established", "--timeout=60s", crd);
      await refresh();
    },
  },
];

describe("the doctor", { concurrency: false }, () => {
  before(async () => {
    doppler = await brokenDoppler();
    // Both the program and the operator go through the proxy.
    user = await establish(
      {},
      ({ sandbox }) => {
        doppler.target = sandbox.dopplerUrl;
        return {
          "doppler.host": doppler.url,
          "operator.values.extraEnv[0].name": "DOPPLER_BASE_URL",
          "operator.values.extraEnv[0].value": doppler.url,
        };
      },
      DOCKERHUB,
    );
    await user.up();
  });
  after(async () => {
    await doppler?.close();
    await user?.leave(broken());
  });

  step("finds a new environment whole", async () => {
    await whole();
    const text = await shown();
    console.error(text);
    assert.match(text, /^bookmarked +default\/bookmarked-secrets +whole /m);
    assert.match(text, /6 chains: all whole\./);
  });

  for (const { title, fault, concerns, breaks, mends } of FAULTS) {
    step(`names ${title}, and nothing else`, async () => {
      await breaks();
      await names(fault, concerns);
      await mends();
      await whole();
    });
  }

  step("says what it could not ask, and looks at the rest", async () => {
    const { code, text } = await user.attempt("env", [
      ...["DOPPLER_TOKEN=", "GITHUB_TOKEN="],
      ...["npm", "run", "--silent", "doctor", "--", "--stack=dev"],
    ]);
    assert.equal(code, 2);
    assert.match(text, /^- Doppler \(2 questions\): DOPPLER_TOKEN is not set$/m);
    assert.match(text, /^bookmarked +default\/bookmarked-secrets +whole /m);
  });

  step("shows no value and no token", async () => {
    const token = await user.secret("external-secrets", "doppler-token-auth");
    const secrets = [...Object.values({ ...VALUES, ...DOCKERHUB }), ...Object.values(token ?? {}), "e2e-newer-key"];
    for (const value of secrets) assert.ok(!user.transcript.includes(value), "a value was shown");
  });
});
