import { parseStackConfig } from "../../src/settings";
import { problemsOf, minimal, source, type Values } from "./support";

// Which mirrors a stack's settings ask for.

const mirrorsOf = (over: Values) =>
  parseStackConfig(source({ ...minimal(), ...over })).sources.flatMap(({ mirror }) => mirror ?? []);
const apps = (...list: Values[]) => ({ apps: list });

it("there is none where nothing is fed from one", () => {
  expect(mirrorsOf({})).toEqual([]);
  expect(mirrorsOf({ fetch: "perKey" })).toEqual([]);
});

it("one has the names, the namespaces and the shortest interval of all that it feeds", () => {
  const list = apps(
    { name: "web", namespace: "web", keys: { key: "A" }, values: { url: "db://{{ .B }}@{{ .A }}" } },
    { name: "jobs", namespace: "default", keys: ["C"], refreshInterval: "3m", alsoAs: [{ namespace: "old" }] },
  );
  const pullSecrets = [{ name: "hub", namespaces: ["ci"], token: "T" }];
  expect(mirrorsOf({ ...list, pullSecrets, fetch: "mirror", store: { name: "st" }, refreshInterval: "6m" })).toEqual([
    {
      name: "st-mirror",
      names: ["A", "B", "C", "DOCKERHUB_USERNAME", "T"],
      refreshInterval: "2m0s",
      namespaces: ["ci", "default", "old", "web"],
    },
  ]);
});

it("one has the JSON objects and the patterns of its apps too", () => {
  const list = apps(
    { name: "web", namespace: "web", keys: "STRIPE_*", spread: ["APP_JSON"] },
    { name: "jobs", namespace: "web", keys: { password: { name: "DB_JSON", property: "password" } } },
    { name: "all", namespace: "web", keys: "*", fetch: "perApp" },
  );
  expect(mirrorsOf({ ...list, fetch: "mirror" })).toMatchObject([{ names: ["APP_JSON", "DB_JSON", "STRIPE_*"] }]);
});

it("one has nothing of an app that reads for itself", () => {
  const list = apps(
    { name: "web", namespace: "web", keys: ["A"] },
    { name: "jobs", namespace: "jobs", keys: ["B"], fetch: "perApp", refreshInterval: "5s" },
  );
  const [mirror] = mirrorsOf({ ...list, fetch: "mirror" });
  expect(mirror).toMatchObject({ names: ["A"], refreshInterval: "40s", namespaces: ["web"] });
  const one = apps({ name: "web", namespace: "web", keys: ["A"] }, { ...list.apps[1], fetch: "mirror" });
  expect(mirrorsOf(one)).toMatchObject([{ names: ["B"], refreshInterval: "3s", namespaces: ["jobs"] }]);
});

it("each source has its own, with the names that Secrets have from it", () => {
  const list = apps(
    { name: "web", namespace: "web", keys: ["A"], from: { shared: { key: "S" } } },
    { name: "mail", namespace: "mail", source: "shared", values: { url: "{{ .T }}" }, keys: "U_*" },
    { name: "jobs", namespace: "jobs", keys: ["B"], fetch: "perApp", from: { shared: ["V"] } },
  );
  const sources = [{ name: "shared", project: { name: "acme-shared" } }];
  expect(mirrorsOf({ ...list, sources, fetch: "mirror" })).toMatchObject([
    { name: "doppler-secret-store-mirror", names: ["A"], namespaces: ["web"] },
    { name: "doppler-secret-store-shared-mirror", names: ["S", "T", "U_*"], namespaces: ["mail", "web"] },
  ]);
});

it("another form is refused, with those that there are", () => {
  expect(problemsOf({ ...minimal(), fetch: "perPod" })).toEqual(["fetch: expected perApp, perKey or mirror"]);
});
