import { judge } from "../../doctor/judge";
import type { Facts } from "../../doctor/facts";
import { ago, operated, STORE, value, wholeFacts, written } from "./support";

// What breaks nothing and is said all the same: the verdict stays.

const WEB = "default/web-secrets";

const NOTICES: [string, string, (facts: Facts) => void, RegExp][] = [
  [
    "unconsumedNames",
    "a name that nobody reads",
    ({ doppler }) => value(doppler.configs["acme/dev"]?.names).push("OLD_KEY"),
    /^Nothing of this stack reads OLD_KEY of Doppler config acme\/dev\. /,
  ],
  [
    "leftoverKeys",
    "a key that nobody asks for",
    ({ cluster }) => (cluster.secrets[WEB] = { known: written("web-secrets", ["DATABASE_URL", "JWT_SECRET", "OLD"]) }),
    /^Secret default\/web-secrets has OLD, which the stack does not ask for\.$/,
  ],
  [
    "missedRefreshes",
    "a refresh that is late",
    ({ cluster }) => (value(cluster.externalSecrets[WEB]).refreshedAt = ago(100)),
    /^ExternalSecret default\/web-secrets is 40 s late: 1 refresh was missed\.$/,
  ],
  [
    "drift",
    "a store that admits a namespace more",
    ({ cluster }) => {
      const conditions = [{ namespaces: ["default", "reports", "other"] }];
      cluster.stores["doppler-secret-store"] = { known: operated({ ...STORE, conditions }) };
    },
    /admits namespace other: /,
  ],
  [
    "drift",
    "a store that is open to all",
    ({ cluster }) => (cluster.stores["doppler-secret-store"] = { known: operated({ provider: STORE.provider }) }),
    /admits namespaces that the stack does not name/,
  ],
  [
    "tokens",
    "a token of somebody else's",
    ({ doppler }) =>
      value(doppler.configs["acme/dev"]?.tokens).push({ name: "by-hand", createdAt: ago(9), lastSeenAt: ago(60) }),
    /"by-hand" of config acme\/dev is not this stack's, and was used 60 s ago by somebody else/,
  ],
  [
    "tokens",
    "an old token",
    ({ doppler }) => {
      const [token] = value(doppler.configs["acme/dev"]?.tokens);
      if (token) token.createdAt = ago(400 * 86_400);
    },
    /"eso-1" of config acme\/dev is 400 d old/,
  ],
  [
    "reads",
    "nearly all reads that Doppler allows",
    ({ doppler }) => (doppler.readLimit = 2),
    /^This stack reads 2 times a minute, and Doppler allows 2 for each token/,
  ],
  [
    "versions",
    "an operator that nobody has tested",
    ({ cluster }) => {
      const [operator] = value(cluster.operators);
      if (operator) operator.version = "3.0.0";
    },
    /^The operator \(Deployment external-secrets in namespace external-secrets\) is 3\.0\.0; tested is 0\.17\.0 to 2\.9\.0\.$/,
  ],
  [
    "versions",
    "a CLI that nobody has tested",
    ({ versions }) => (versions.pulumi = { known: "4.1.0" }),
    /^The Pulumi CLI is 4\.1\.0/,
  ],
  [
    "versions",
    "a provider that nobody has tested",
    ({ versions }) => (versions.providers["kubernetes"] = "5.0.0"),
    /^The last run's provider kubernetes is 5\.0\.0/,
  ],
];

it.each(NOTICES)("%s: %s", (about, _what, change, text) => {
  const facts = wholeFacts();
  change(facts);
  const { verdict, findings, notices } = judge(facts);
  expect([verdict, findings]).toEqual(["whole", []]);
  expect(notices.map((notice) => notice.about)).toEqual([about]);
  expect(notices[0]?.text).toMatch(text);
});

it("counts the reads of secrets", () => {
  expect(judge(wholeFacts()).reads).toEqual({ perMinute: 2, limit: 240 });
});

it("lists the service tokens by age and last use", () => {
  expect(judge(wholeFacts()).tokens).toEqual([
    { name: "eso-1", project: "acme", config: "dev", used: true, createdAt: ago(86_400), lastSeenAt: ago(20) },
  ]);
});
