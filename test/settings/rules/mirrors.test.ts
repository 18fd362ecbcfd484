import { minimal, problemsOf, type Values } from "../support";

// What may not be called as a mirror's objects are.

const TAKEN = "the mirror of the store has an object of this name (fetch: mirror); give this one another name";
const inOperators = (over: Values): Values => ({
  apps: [{ name: "web", namespace: "external-secrets", keys: ["A"], ...over }],
});

it.each<[string, Values, string]>([
  ["the token Secret", { store: { tokenSecretName: "doppler-secret-store-mirror" } }, "store.tokenSecretName"],
  [
    "the ServiceAccount of OIDC",
    { store: { name: "st", oidc: { identity: "1", serviceAccount: "st-mirror" } } },
    "store.oidc.serviceAccount",
  ],
  ["a Secret", inOperators({ secretName: "doppler-secret-store-mirror" }), "apps[0].secretName"],
  ["an ExternalSecret", inOperators({ externalSecretName: "doppler-secret-store-mirror" }), "apps[0].secretName"],
])("%s may not be, where there is a mirror", (_what, over, path) => {
  expect(problemsOf({ ...minimal(), ...over })).toEqual([]);
  expect(problemsOf({ ...minimal(), ...over, fetch: "mirror" })).toEqual([`${path}: ${TAKEN}`]);
});

it("a Secret of this name in another namespace may be", () => {
  const elsewhere = inOperators({ namespace: "default", secretName: "doppler-secret-store-mirror" });
  expect(problemsOf({ ...minimal(), ...elsewhere, fetch: "mirror" })).toEqual([]);
});

it("a store's name has to leave room for the mirror's", () => {
  const long = (length: number) => problemsOf({ ...minimal(), fetch: "mirror", store: { name: "s".repeat(length) } });
  expect(long(246)).toEqual([]);
  expect(long(247)).toEqual([
    "store.name: expected at most 246 characters, since the mirror's name is longer (fetch: mirror)",
  ]);
});
