import { DopplerSecretStore } from "../../components/dopplerSecretStore";
import { only, run, SecretInput } from "../support/mocks";

describe("DopplerSecretStore", () => {
  const args = {
    storeName: "store",
    tokenSecretName: "auth",
    namespace: "eso",
    serviceToken: "dp.st.dev.plain",
    admittedNamespaces: ["default", "reports"],
  };

  it("admits the given namespaces only, and points to the token by what was created", async () => {
    const { resources } = await run({}, () => new DopplerSecretStore("s", args));
    const store = only(resources, "s-store");
    expect(store.inputs["apiVersion"]).toBe("external-secrets.io/v1");
    expect(store.inputs["spec"]).toEqual({
      conditions: [{ namespaces: ["default", "reports"] }],
      provider: {
        doppler: { auth: { secretRef: { dopplerToken: { name: "auth", key: "dopplerToken", namespace: "eso" } } } },
      },
    });
    expect(store.dependencies).toEqual(["kubernetes:core/v1:Secret::s-token"]);
  });

  it("makes the token a secret even where the caller did not", async () => {
    const { resources } = await run({}, () => new DopplerSecretStore("s", args));
    expect(only(resources, "s-token").inputs["stringData"]).toEqual(
      new SecretInput({ dopplerToken: "dp.st.dev.plain" }),
    );
  });

  it("refuses to be open to every namespace", async () => {
    await expect(run({}, () => new DopplerSecretStore("s", { ...args, admittedNamespaces: [] }))).rejects.toThrow(
      "a store without conditions is open to all",
    );
  });
});
