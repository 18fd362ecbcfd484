import { judge } from "../../doctor/judge";
import type { Fault, Finding } from "../../doctor/judge/judgement";
import type { Facts } from "../../doctor/facts";
import { ago, failing, NOW, operated, silence, STORE, synced, value, wholeFacts, written } from "./support";

// Each fault is made in facts in which all is whole. The judgement must name this fault and no other, whatever follows
// from it.

const WEB = "default/web-secrets";
const REPORTS = "reports/reports-credentials";
const STORE_NAME = "doppler-secret-store";
const TOKEN_SECRET = "Secret external-secrets/doppler-token-auth";

/** Facts with a change. */
function factsWith(change: (facts: Facts) => void): Facts {
  const facts = wholeFacts();
  change(facts);
  return facts;
}

const config = (facts: Facts) => facts.doppler.configs["acme/dev"] ?? raise();
const raise = (): never => {
  throw new Error("no such config");
};

/** Both ExternalSecrets fail, and the store if it is said so. */
function allFail({ cluster }: Facts, reason: Parameters<typeof failing>[1]): void {
  for (const [place, asked] of Object.entries(cluster.externalSecrets)) {
    cluster.externalSecrets[place] = { known: failing(value(asked), reason) };
  }
}

interface Case {
  fault: Fault;
  when: string;
  change: (facts: Facts) => void;
  concerns: string[];
  /** A part of the cause. */
  cause: RegExp;
  /** A part of what is to be done. */
  remedy: RegExp;
  lastWell?: number;
}

const BOTH = ["app reports", "app web"];

const CASES: Case[] = [
  {
    fault: "value-missing",
    when: "a value was deleted, before the operator notices",
    change: (facts) => (config(facts).names = { known: ["JWT_SECRET", "REPORTS_DATABASE_URL", "DOCKERHUB_TOKEN"] }),
    concerns: ["app web"],
    cause: /^DATABASE_URL has no value in Doppler, project "acme", config "dev"/,
    remedy: /^doppler secrets set DATABASE_URL --project acme --config dev$/,
    lastWell: ago(20),
  },
  {
    fault: "value-missing",
    when: "a value was deleted, and the operator fails for it",
    change: (facts) => {
      config(facts).names = { known: ["JWT_SECRET", "REPORTS_DATABASE_URL", "DOCKERHUB_TOKEN"] };
      const { externalSecrets } = facts.cluster;
      externalSecrets[WEB] = { known: failing(value(externalSecrets[WEB]), { kind: "absent", name: "DATABASE_URL" }) };
    },
    concerns: ["app web"],
    cause: /DATABASE_URL has no value/,
    remedy: /doppler secrets set/,
  },
  {
    fault: "value-missing",
    when: "a value was deleted, and only the operator could be asked",
    change: (facts) => {
      config(facts).names = config(facts).tokens = silence("notAsked");
      const { externalSecrets } = facts.cluster;
      externalSecrets[WEB] = { known: failing(value(externalSecrets[WEB]), { kind: "absent", name: "JWT_SECRET" }) };
    },
    concerns: ["app web"],
    cause: /^JWT_SECRET has no value/,
    remedy: /doppler secrets set JWT_SECRET/,
  },
  {
    fault: "value-missing",
    when: "CI's value was deleted",
    change: (facts) => (config(facts).names = { known: ["DATABASE_URL", "JWT_SECRET", "REPORTS_DATABASE_URL"] }),
    concerns: ["CI of web"],
    cause: /DOCKERHUB_TOKEN has no value/,
    remedy: /doppler secrets set DOCKERHUB_TOKEN/,
    lastWell: Date.parse("2026-05-01T10:00:00Z"),
  },
  {
    fault: "token-revoked",
    when: "the token was revoked, and everything in the cluster fails for it",
    change: (facts) => {
      config(facts).tokens = { known: [] };
      allFail(facts, { kind: "refused" });
      facts.cluster.stores[STORE_NAME] = { known: failing(operated(STORE), { kind: "refused" }) };
    },
    concerns: BOTH,
    cause: /was revoked/,
    remedy: /^pulumi up --refresh --stack dev$/,
    lastWell: ago(20),
  },
  {
    fault: "token-expired",
    when: "the token expired",
    change: (facts) => {
      config(facts).tokens = { known: [{ name: "eso-1", expiresAt: ago(60) }] };
      allFail(facts, { kind: "refused" });
    },
    concerns: BOTH,
    cause: /expired at 11:59:00 UTC/,
    remedy: /new name/,
    lastWell: ago(60),
  },
  {
    fault: "token-refused",
    when: "Doppler refuses the token, and nobody can ask which tokens there are",
    change: (facts) => {
      config(facts).tokens = silence("refused");
      allFail(facts, { kind: "refused" });
    },
    concerns: BOTH,
    cause: /could not be asked which/,
    remedy: /new name/,
  },
  {
    fault: "token-secret-edited",
    when: "the token Secret was edited, before the operator notices",
    change: (facts) => {
      const secret = value(facts.cluster.identities[TOKEN_SECRET]);
      secret.writers = [{ manager: "kubectl-patch", at: ago(10), keys: ["dopplerToken"] }];
    },
    concerns: BOTH,
    cause: /kubectl-patch wrote this key at 11:59:50 UTC/,
    remedy: /^pulumi up --refresh --stack dev$/,
  },
  {
    fault: "token-secret-edited",
    when: "the operator's token is refused although Doppler lists it, whoever changed the Secret",
    change: (facts) => allFail(facts, { kind: "refused" }),
    concerns: BOTH,
    cause: /does not hold service token "eso-1", which is valid in Doppler/,
    remedy: /--refresh/,
  },
  {
    fault: "token-secret-edited",
    when: "the token Secret lost its key",
    change: (facts) => (value(facts.cluster.identities[TOKEN_SECRET]).keys = []),
    concerns: BOTH,
    cause: /has no key dopplerToken/,
    remedy: /--refresh/,
  },
  {
    fault: "identity-missing",
    when: "the token Secret was deleted",
    change: (facts) => {
      facts.cluster.identities[TOKEN_SECRET] = { known: null };
      allFail(facts, { kind: "storeNotReady" });
      facts.cluster.stores[STORE_NAME] = { known: failing(operated(STORE), { kind: "tokenMissing" }) };
    },
    concerns: BOTH,
    cause: /Secret with the service token is not there/,
    remedy: /--refresh/,
  },
  {
    fault: "store-missing",
    when: "the store was deleted",
    change: (facts) => {
      facts.cluster.stores[STORE_NAME] = { known: null };
      allFail(facts, { kind: "storeMissing" });
    },
    concerns: BOTH,
    cause: /^The store is not there/,
    remedy: /--refresh/,
  },
  {
    fault: "store-namespace-not-admitted",
    when: "the store's conditions were narrowed",
    change: (facts) => {
      facts.cluster.stores[STORE_NAME] = { known: operated({ ...STORE, conditions: [{ namespaces: ["default"] }] }) };
      const { externalSecrets } = facts.cluster;
      externalSecrets[REPORTS] = { known: failing(value(externalSecrets[REPORTS]), { kind: "notAdmitted" }) };
    },
    concerns: ["app reports"],
    cause: /does not admit namespace "reports"/,
    remedy: /--refresh/,
  },
  {
    fault: "store-edited",
    when: "the store was pointed to another Secret",
    change: (facts) => {
      const provider = { doppler: { auth: { secretRef: { dopplerToken: { name: "other", key: "x" } } } } };
      facts.cluster.stores[STORE_NAME] = { known: operated({ ...STORE, provider }) };
    },
    concerns: BOTH,
    cause: /spec\.provider\.doppler\.auth\.secretRef\.dopplerToken\.name/,
    remedy: /--refresh/,
  },
  {
    fault: "store-not-ready",
    when: "the operator takes the store for not ready, and nothing tells why",
    change: (facts) => {
      facts.cluster.stores[STORE_NAME] = { known: failing(operated(STORE), { kind: "other" }) };
      allFail(facts, { kind: "storeNotReady" });
    },
    concerns: BOTH,
    cause: /not ready since/,
    remedy: /kubectl describe clustersecretstore/,
  },
  {
    fault: "operator-stopped",
    when: "the operator is scaled to 0",
    change: (facts) => {
      const operator = { namespace: "external-secrets", name: "external-secrets", wanted: 0, available: 0 };
      facts.cluster.operators = { known: [operator] };
      for (const asked of Object.values(facts.cluster.externalSecrets)) value(asked).refreshedAt = ago(7_200);
    },
    concerns: BOTH,
    cause: /scaled to 0/,
    remedy: /^kubectl scale deployment external-secrets --namespace external-secrets --replicas=1$/,
    lastWell: ago(7_200),
  },
  {
    fault: "operator-failing",
    when: "the operator's pods don't come up",
    change: (facts) => {
      const operator = { namespace: "external-secrets", name: "external-secrets", wanted: 1, available: 0 };
      facts.cluster.operators = { known: [{ ...operator, waiting: "ImagePullBackOff" }] };
    },
    concerns: BOTH,
    cause: /ImagePullBackOff/,
    remedy: /kubectl describe pods/,
  },
  {
    fault: "operator-missing",
    when: "the operator's Deployment was deleted",
    change: (facts) => (facts.cluster.operators = { known: [] }),
    concerns: BOTH,
    cause: /no Deployment/,
    remedy: /--refresh/,
  },
  {
    fault: "crd-missing",
    when: "a CRD was deleted, and every object of its kind with it",
    change: ({ cluster }) => {
      cluster.served = { known: { kinds: ["ClusterSecretStore"], versions: ["v1"] } };
      cluster.externalSecrets = { [WEB]: { known: null }, [REPORTS]: { known: null } };
      cluster.secrets = { [WEB]: { known: null }, [REPORTS]: { known: null } };
    },
    concerns: BOTH,
    cause: /does not know ExternalSecret/,
    remedy: /^helm get manifest external-secrets --namespace external-secrets/,
  },
  {
    fault: "crd-missing",
    when: "the operator is too old for v1",
    change: ({ cluster }) => (cluster.served = { known: { kinds: [], versions: ["v1beta1"] } }),
    concerns: BOTH,
    cause: /as v1beta1 only/,
    remedy: /Upgrade the operator/,
  },
  {
    fault: "external-secret-missing",
    when: "an ExternalSecret was deleted, and its Secret with it",
    change: ({ cluster }) => {
      cluster.externalSecrets[WEB] = { known: null };
      cluster.secrets[WEB] = { known: null };
    },
    concerns: ["app web"],
    cause: /Kubernetes deleted its Secret with it/,
    remedy: /--refresh/,
  },
  {
    fault: "external-secret-edited",
    when: "an ExternalSecret was edited",
    change: ({ cluster }) => {
      const found = value(cluster.externalSecrets[WEB]);
      cluster.externalSecrets[WEB] = { known: { ...found, spec: { ...found.spec, refreshInterval: "24h0m0s" } } };
    },
    concerns: ["app web"],
    cause: /spec\.refreshInterval differs/,
    remedy: /--refresh/,
    lastWell: ago(20),
  },
  {
    fault: "external-secret-edited",
    when: "an ExternalSecret was made to read more",
    change: ({ cluster }) => {
      const found = value(cluster.externalSecrets[WEB]);
      cluster.externalSecrets[WEB] = { known: { ...found, spec: { ...found.spec, data: [{ secretKey: "x" }] } } };
    },
    concerns: ["app web"],
    cause: /spec\.data differs/,
    remedy: /--refresh/,
  },
  {
    fault: "external-secret-failing",
    when: "the operator fails for a reason of its own",
    change: ({ cluster }) => {
      cluster.externalSecrets[WEB] = { known: failing(value(cluster.externalSecrets[WEB]), { kind: "other" }) };
    },
    concerns: ["app web"],
    cause: /Its reason is not repeated here/,
    remedy: /^kubectl describe externalsecret web-secrets --namespace default$/,
    lastWell: ago(20),
  },
  {
    fault: "external-secret-failing",
    when: "the operator has not tried again since its reason is gone",
    change: ({ cluster }) => {
      const found = value(cluster.externalSecrets[WEB]);
      cluster.externalSecrets[WEB] = { known: failing(found, { kind: "absent", name: "JWT_SECRET" }) };
    },
    concerns: ["app web"],
    cause: /mended since, and it has not tried again/,
    remedy: /force-sync/,
  },
  {
    fault: "external-secret-late",
    when: "refreshes are missed though the operator runs",
    change: ({ cluster }) => (value(cluster.externalSecrets[WEB]).refreshedAt = ago(600)),
    concerns: ["app web"],
    cause: /since 11:50:00 UTC, and should every 60 s: 9 refreshes were missed/,
    remedy: /force-sync/,
    lastWell: ago(600),
  },
  {
    fault: "external-secret-late",
    when: "the operator has never looked at an ExternalSecret",
    change: ({ cluster }) => {
      const found = value(cluster.externalSecrets[WEB]);
      cluster.externalSecrets[WEB] = {
        known: { ...found, ready: undefined, refreshedAt: undefined, createdAt: ago(300) },
      };
    },
    concerns: ["app web"],
    cause: /has not looked at the ExternalSecret since it was made 5 min ago/,
    remedy: /force-sync/,
  },
  {
    fault: "secret-missing",
    when: "the operator says that all is well, and there is no Secret",
    change: ({ cluster }) => (cluster.secrets[WEB] = { known: null }),
    concerns: ["app web"],
    cause: /^The Secret is not there/,
    remedy: /force-sync/,
  },
  {
    fault: "secret-incomplete",
    when: "the Secret lacks a key",
    change: ({ cluster }) => (cluster.secrets[WEB] = { known: written("web-secrets", ["JWT_SECRET"]) }),
    concerns: ["app web"],
    cause: /lacks DATABASE_URL/,
    remedy: /force-sync/,
  },
  {
    fault: "secret-taken",
    when: "the Secret belongs to somebody else, and the operator fails for it",
    change: ({ cluster }) => {
      const secret = value(cluster.secrets[WEB]);
      cluster.secrets[WEB] = { known: { ...secret, controller: { kind: "ConfigMap", name: "rival" } } };
      cluster.externalSecrets[WEB] = { known: failing(value(cluster.externalSecrets[WEB]), { kind: "owned" }) };
    },
    concerns: ["app web"],
    cause: /belongs to ConfigMap "rival"/,
    remedy: /^kubectl delete secret web-secrets --namespace default$/,
    lastWell: ago(20),
  },
  {
    fault: "workload-old-value",
    when: "a pod started before the Secret changed",
    change: ({ cluster }) => {
      cluster.secrets[WEB] = { known: written("web-secrets", ["DATABASE_URL", "JWT_SECRET"], ago(60)) };
      cluster.pods["default"] = {
        known: [
          { name: "web-1", workload: "Deployment web", startedWith: { "web-secrets": ago(90) }, mounted: [] },
          { name: "web-2", workload: "Deployment web", startedWith: { "web-secrets": ago(30) }, mounted: [] },
          { name: "files", workload: "StatefulSet files", startedWith: {}, mounted: ["web-secrets"] },
        ],
      };
    },
    concerns: ["app web"],
    cause: /^1 pod was started before Secret default\/web-secrets changed at 11:59:00 UTC/,
    remedy: /^kubectl rollout restart deployment web --namespace default$/,
    lastWell: ago(60),
  },
  {
    fault: "doppler-down",
    when: "Doppler answers neither here nor there",
    change: (facts) => {
      config(facts).names = config(facts).tokens = silence("unreachable", "connect ECONNREFUSED");
      allFail(facts, { kind: "unreachable" });
    },
    concerns: BOTH,
    cause:
      /^The operator got no answer from Doppler at 11:59:31 UTC\. This machine gets no answer either \(connect ECONNREFUSED\)/,
    remedy: /dopplerstatus/,
    lastWell: ago(20),
  },
  {
    fault: "doppler-down",
    when: "Doppler answers here, and the operator does not get through",
    change: (facts) => allFail(facts, { kind: "unreachable" }),
    concerns: BOTH,
    cause: /Doppler answers this machine now/,
    remedy: /way from the cluster/,
  },
  {
    fault: "doppler-down",
    when: "the operator fails, and may not be asked why",
    change: (facts) => {
      config(facts).names = config(facts).tokens = silence("unreachable");
      for (const asked of Object.values(facts.cluster.externalSecrets)) {
        value(asked).ready = { is: false, since: ago(30), reason: "SecretSyncedError" };
      }
    },
    concerns: BOTH,
    cause: /This machine gets no answer either/,
    remedy: /dopplerstatus/,
  },
  {
    fault: "doppler-rate-limit",
    when: "Doppler's rate limit is reached",
    change: (facts) => {
      config(facts).names = silence("limited", "HTTP 429");
      allFail(facts, { kind: "limited" });
    },
    concerns: BOTH,
    cause: /rate limit is reached. It said so to the operator at 11:59:31 UTC/,
    remedy: /Wait for a minute/,
  },
  {
    fault: "config-missing",
    when: "the config was deleted, and its token with it",
    change: (facts) => {
      config(facts).names = { known: null };
      config(facts).tokens = silence("refused");
      allFail(facts, { kind: "refused" });
    },
    concerns: BOTH,
    cause: /Doppler has no config "dev" of project "acme"/,
    remedy: /type its values again/,
  },
  {
    fault: "actions-secret-overwritten",
    when: "somebody wrote a secret at GitHub",
    change: ({ github }) => (value(github.places["actions web/"])["DOCKERHUB_TOKEN"] = { updatedAt: ago(60) }),
    concerns: ["CI of web"],
    cause:
      /^Somebody else wrote the secret at 2026-06-01 11:59:00 UTC; this stack wrote it last at 2026-05-01 10:00:00 UTC/,
    remedy: /^pulumi up --stack dev$/,
    lastWell: Date.parse("2026-05-01T10:00:00Z"),
  },
  {
    fault: "actions-secret-missing",
    when: "somebody deleted a secret at GitHub",
    change: ({ github }) => (github.places["actions web/"] = { known: {} }),
    concerns: ["CI of web"],
    cause: /somebody deleted it/,
    remedy: /^pulumi up --stack dev$/,
  },
];

it("all is whole where nothing is broken", () => {
  const { verdict, findings, secrets, ci, unasked, notices } = judge(wholeFacts());
  expect({ verdict, findings, unasked, notices }).toEqual({ verdict: "whole", findings: [], unasked: [], notices: [] });
  expect(secrets.map(({ app, verdict: own }) => [app, own])).toEqual([
    ["web", "whole"],
    ["reports", "whole"],
  ]);
  expect(ci).toEqual([
    { place: "web", secrets: ["DOCKERHUB_TOKEN"], verdict: "whole", findings: [], unknown: undefined },
  ]);
});

it.each(CASES)("$fault where $when, and no other", ({ fault, change, concerns, cause, remedy, lastWell }) => {
  const { verdict, findings } = judge(factsWith(change));
  expect(findings.map((finding) => finding.fault)).toEqual([fault]);
  const [found] = findings as [Finding];
  expect(verdict).toBe("broken");
  expect(found.concerns).toEqual(concerns);
  expect(found.cause).toMatch(cause);
  expect(found.remedy.some((step) => remedy.test(step))).toBe(true);
  if (lastWell !== undefined) expect(found.lastWell).toBe(lastWell);
});

it("knows an example of every fault but those of an organisation", () => {
  const seen = new Set(CASES.map(({ fault }) => fault));
  const { FAULTS } = jest.requireActual<typeof import("../../doctor/judge/judgement")>("../../doctor/judge/judgement");
  expect(Object.keys(FAULTS).filter((fault) => !seen.has(fault as Fault))).toEqual(["actions-secret-visibility"]);
});

describe("what could not be asked", () => {
  const UNKNOWN: [string, (facts: Facts) => void, string[]][] = [
    [
      "Doppler, while the operator delivers",
      (facts) => (config(facts).names = config(facts).tokens = silence("unreachable", "connect ECONNREFUSED")),
      ["Doppler (2 questions)"],
    ],
    ["GitHub", ({ github }) => (github.places["actions web/"] = silence("notAsked")), ["GitHub, actions web/"]],
    [
      "pods",
      ({ cluster }) => (cluster.pods["default"] = silence("refused", "pods is forbidden")),
      ["the cluster, pods in namespace default"],
    ],
    [
      "the cluster",
      ({ cluster }) => {
        for (const key of ["served", "id", "operators"] as const) cluster[key] = silence("unreachable");
        for (const record of [
          cluster.stores,
          cluster.externalSecrets,
          cluster.secrets,
          cluster.identities,
          cluster.pods,
        ]) {
          for (const key of Object.keys(record)) record[key] = silence("unreachable");
        }
      },
      ["the cluster (11 questions)"],
    ],
    ["another cluster", (facts) => (facts.cluster.id = { known: "cluster-2" }), ["the cluster"]],
  ];
  it.each(UNKNOWN)("%s: is said, and nothing is called broken", (_what, change, whom) => {
    const { verdict, findings, unasked } = judge(factsWith(change));
    expect(findings).toEqual([]);
    expect(verdict).toBe("unknown");
    expect(unasked.map((silent) => silent.whom)).toEqual(whom);
  });
  it("leaves an app whole that the operator has delivered to since", () => {
    const { secrets } = judge(factsWith((facts) => (config(facts).names = silence("unreachable"))));
    expect(secrets.map(({ verdict }) => verdict)).toEqual(["whole", "whole"]);
  });
  it("leaves an app unknown where the last delivery is not known", () => {
    const { secrets } = judge(factsWith(({ cluster }) => (cluster.externalSecrets[WEB] = silence("refused"))));
    expect(secrets.map(({ app, verdict }) => [app, verdict])).toEqual([
      ["web", "unknown"],
      ["reports", "whole"],
    ]);
  });
  it("does not hide what is broken all the same", () => {
    const { verdict, findings, unasked } = judge(
      factsWith((facts) => {
        config(facts).names = config(facts).tokens = silence("notAsked");
        facts.cluster.stores[STORE_NAME] = { known: null };
      }),
    );
    expect([verdict, findings.map(({ fault }) => fault), unasked.length]).toEqual(["broken", ["store-missing"], 1]);
  });
});

it("blames nothing that is mended since the operator failed", () => {
  // The token was refused before the Secret got the one that is valid.
  const { findings } = judge(
    factsWith((facts) => {
      allFail(facts, { kind: "refused" });
      value(facts.cluster.identities[TOKEN_SECRET]).writers = [
        { manager: "pulumi-kubernetes-1", at: ago(5), keys: ["dopplerToken"] },
      ];
    }),
  );
  expect(findings.map(({ fault, cause }) => [fault, /mended since/.test(cause)])).toEqual([
    ["external-secret-failing", true],
    ["external-secret-failing", true],
  ]);
});

it("gives an ExternalSecret that was just made a minute", () => {
  const { findings, secrets } = judge(
    factsWith(({ cluster }) => {
      const found = synced(value(cluster.externalSecrets[WEB]).spec);
      cluster.externalSecrets[WEB] = {
        known: { ...found, ready: undefined, refreshedAt: undefined, createdAt: NOW - 5_000 },
      };
      cluster.secrets[WEB] = silence("refused");
    }),
  );
  expect(findings).toEqual([]);
  expect(secrets[0]?.unknown).toMatch(/has not looked at ExternalSecret default\/web-secrets yet/);
});
