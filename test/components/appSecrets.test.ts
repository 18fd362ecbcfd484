import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { AppSecrets, type AppSecretsArgs } from "../../components/appSecrets";
import { only, run, valueOf } from "../support/mocks";

describe("AppSecrets", () => {
  const args = { namespace: "default", secretName: "web-secrets", storeName: "store" };

  it("writes the interval as ESO writes it back, one minute by default", async () => {
    const { resources } = await run({}, () => {
      new AppSecrets("a", { ...args, keys: { A: "A" } });
      new AppSecrets("b", { ...args, keys: { A: "A" }, refreshInterval: pulumi.output("90s") });
    });
    expect(only(resources, "a-default-web-secrets").inputs["spec"]).toMatchObject({ refreshInterval: "1m0s" });
    expect(only(resources, "b-default-web-secrets").inputs["spec"]).toMatchObject({ refreshInterval: "1m30s" });
  });

  it.each([
    ["namespace", { namespace: pulumi.output("default") }],
    ["keys", { keys: { A: pulumi.output("A") } }],
    ["alsoAs", { alsoAs: [{ secretName: pulumi.secret("old"), namespace: "default" }] }],
  ])("refuses an output as %s, which another language may pass", async (name, more) => {
    // What comes over the wire has the types that the caller gave it.
    const given = { ...args, keys: { A: "A" }, ...more } as unknown as AppSecretsArgs;
    await expect(run({}, () => new AppSecrets("a", given))).rejects.toThrow(`${name}: expected a value that is known`);
  });

  it("maps keys to Doppler names, whatever the order they are given in", async () => {
    const { resources, result } = await run(
      {},
      () => new AppSecrets("a", { ...args, keys: { z: "LAST", a: "FIRST" } }),
    );
    expect(only(resources, "a-default-web-secrets").inputs["spec"]).toMatchObject({
      target: {
        name: "web-secrets",
        creationPolicy: "Owner",
        template: { engineVersion: "v2", mergePolicy: "Replace", data: { a: "{{ .FIRST }}", z: "{{ .LAST }}" } },
      },
      dataFrom: [{ find: { name: { regexp: "^(DOPPLER_CONFIG|FIRST|LAST)$" } } }],
    });
    expect((await valueOf(result.reference)).keys).toEqual(["a", "z"]);
  });

  const specOf = async (more: Partial<AppSecretsArgs>) => {
    const { resources, result } = await run({}, () => new AppSecrets("a", { ...args, ...more }));
    const { target, data, dataFrom } = only(resources, "a-default-web-secrets").inputs["spec"] as Record<
      string,
      unknown
    >;
    return { target, data, dataFrom, keys: (await valueOf(result.reference)).keys };
  };

  const other = (name: string) => ({ sourceRef: { storeRef: { name, kind: "ClusterSecretStore" } } });

  it("takes keys of other stores, whose values have the store's name in front until they are in the Secret", async () => {
    const from = {
      shared: { storeName: pulumi.output("store-shared"), keys: { "stripe-key": "STRIPE_KEY", B: "A" } },
      eu: { storeName: "store-eu", keys: { C: "A" } },
    };
    const { target, dataFrom, data, keys } = await specOf({ keys: { A: "A" }, values: { U: "{{ .A }}!" }, from });
    expect(data).toBeUndefined();
    expect(dataFrom).toEqual([
      { find: { name: { regexp: "^(A|DOPPLER_CONFIG)$" } } },
      {
        find: { name: { regexp: "^(A|DOPPLER_CONFIG)$" } },
        rewrite: [{ regexp: { source: "^(.*)$", target: "eu__$1" } }],
        ...other("store-eu"),
      },
      {
        find: { name: { regexp: "^(A|DOPPLER_CONFIG|STRIPE_KEY)$" } },
        rewrite: [{ regexp: { source: "^(.*)$", target: "shared__$1" } }],
        ...other("store-shared"),
      },
    ]);
    expect((target as { template: { data: unknown } }).template.data).toEqual({
      A: "{{ .A }}",
      B: "{{ .shared__A }}",
      C: "{{ .eu__A }}",
      U: "{{ .A }}!",
      "stripe-key": "{{ .shared__STRIPE_KEY }}",
    });
    expect(keys).toEqual(["A", "B", "C", "U", "stripe-key"]);
  });

  it("takes keys of other stores from their mirrors, or each by itself", async () => {
    const keys = { A: "A" };
    const shared = { storeName: "store-shared", keys: { B: "A" } };
    const fed = await specOf({
      keys,
      ...{ storeName: "store-mirror", mirrorSecret: "store-mirror" },
      from: { shared: { ...shared, storeName: "store-shared-mirror", mirrorSecret: "shared-mirror" } },
    });
    expect(fed.dataFrom).toEqual([
      { extract: { key: "store-mirror" } },
      {
        extract: { key: "shared-mirror" },
        rewrite: [{ regexp: { source: "^(.*)$", target: "shared__$1" } }],
        ...other("store-shared-mirror"),
      },
    ]);
    expect((await specOf({ keys, perKey: true, from: { shared } })).data).toEqual([
      { secretKey: "A", remoteRef: { key: "A" } },
      { secretKey: "B", remoteRef: { key: "A" }, ...other("store-shared") },
    ]);
    const templated = await specOf({ keys, perKey: true, values: { U: "{{ .A }}!" }, from: { shared } });
    expect(templated.data).toEqual([
      { secretKey: "A", remoteRef: { key: "A" } },
      { secretKey: "shared__A", remoteRef: { key: "A" }, ...other("store-shared") },
    ]);
    expect((templated.target as { template: { data: unknown } }).template.data).toEqual({
      A: "{{ .A }}",
      B: "{{ .shared__A }}",
      U: "{{ .A }}!",
    });
  });

  it.each<[string, NonNullable<AppSecretsArgs["from"]>, string]>([
    ["a key twice", { shared: { storeName: "s", keys: { A: "B" } } }, "expected each key once; A is elsewhere too"],
    [
      "a name that no template can have",
      { "my-store": { storeName: "s", keys: { B: "B" } } },
      "expected a name of lower",
    ],
  ])("refuses %s among keys of other stores", async (_what, from, reason) => {
    await expect(specOf({ keys: { A: "A" }, from })).rejects.toThrow(reason);
  });

  // Two keys that are no Go identifiers, one that is called as a part of a value.
  const mixed = {
    keys: { "api-key": "API_KEY", PASSWORD: "OTHER_PASSWORD" },
    values: { URL: "db://{{ .PASSWORD }}@{{ .HOST }}", "with.api-key": '{{ print "k:" .API_KEY }}' },
  };

  it("makes values of several Doppler names, fetches all at once, and lets nothing else into the Secret", async () => {
    expect(await specOf(mixed)).toEqual({
      target: {
        name: "web-secrets",
        creationPolicy: "Owner",
        template: {
          engineVersion: "v2",
          mergePolicy: "Replace",
          data: {
            PASSWORD: "{{ .OTHER_PASSWORD }}",
            URL: "db://{{ .PASSWORD }}@{{ .HOST }}",
            "api-key": "{{ .API_KEY }}",
            "with.api-key": '{{ print "k:" .API_KEY }}',
          },
        },
      },
      dataFrom: [{ find: { name: { regexp: "^(API_KEY|DOPPLER_CONFIG|HOST|OTHER_PASSWORD|PASSWORD)$" } } }],
      keys: ["PASSWORD", "URL", "api-key", "with.api-key"],
    });
  });

  it("does not ask twice for a name that is in every config", async () => {
    expect((await specOf({ keys: { config: "DOPPLER_CONFIG" } })).dataFrom).toEqual([
      { find: { name: { regexp: "^(DOPPLER_CONFIG)$" } } },
    ]);
  });

  it("makes a name that a template may not come to an error where Doppler does not have it", async () => {
    const { target } = await specOf({ values: { URL: "{{ if .A }}{{ .B }}{{ end }}{{ .C }}" } });
    expect(target).toMatchObject({
      template: { data: { URL: "{{ $_ := .B }}{{ if .A }}{{ .B }}{{ end }}{{ .C }}" } },
    });
  });

  it("reads per key, on request, and takes keys as they are", async () => {
    const { target, data, dataFrom } = await specOf({ keys: { z: "LAST", a: "FIRST" }, perKey: true });
    expect(target).not.toHaveProperty("template");
    expect(dataFrom).toBeUndefined();
    expect(data).toEqual([
      { secretKey: "a", remoteRef: { key: "FIRST" } },
      { secretKey: "z", remoteRef: { key: "LAST" } },
    ]);
  });

  it("reads per key each name once", async () => {
    expect(await specOf({ ...mixed, perKey: true })).toEqual({
      target: {
        name: "web-secrets",
        creationPolicy: "Owner",
        template: {
          engineVersion: "v2",
          mergePolicy: "Replace",
          data: {
            PASSWORD: "{{ .OTHER_PASSWORD }}",
            URL: "db://{{ .PASSWORD }}@{{ .HOST }}",
            "api-key": "{{ .API_KEY }}",
            "with.api-key": '{{ print "k:" .API_KEY }}',
          },
        },
      },
      data: ["API_KEY", "HOST", "OTHER_PASSWORD", "PASSWORD"].map((key) => ({ secretKey: key, remoteRef: { key } })),
      keys: ["PASSWORD", "URL", "api-key", "with.api-key"],
    });
  });

  it("takes what a mirror has, and makes its keys as from Doppler", async () => {
    const { target } = await specOf(mixed);
    const fed = await specOf({ ...mixed, mirrorSecret: "store-mirror" });
    expect(fed).toEqual({
      target,
      data: undefined,
      dataFrom: [{ extract: { key: "store-mirror" } }],
      keys: ["PASSWORD", "URL", "api-key", "with.api-key"],
    });
    const optional = await specOf({ values: { URL: "{{ if .A }}{{ .B }}{{ end }}" }, mirrorSecret: "store-mirror" });
    expect(optional.target).toMatchObject({
      template: { data: { URL: "{{ $_ := .B }}{{ if .A }}{{ .B }}{{ end }}" } },
    });
  });

  it("waits for the mirror that it is given, and looks into it more often than into Doppler", async () => {
    const { resources } = await run({}, () => {
      const account = new kubernetes.core.v1.ServiceAccount("of-mirror", { metadata: { name: "store-mirror" } });
      new AppSecrets("a", { ...args, keys: { A: "A" }, mirrorSecret: account.metadata.name });
    });
    const fed = only(resources, "a-default-web-secrets");
    expect(fed.inputs["spec"]).toMatchObject({
      refreshInterval: "15s",
      dataFrom: [{ extract: { key: "store-mirror" } }],
    });
    expect(fed.dependencies).toEqual(["kubernetes:core/v1:ServiceAccount::of-mirror"]);
  });

  it("gives the Secret a type, labels and annotations, and its keys as they are", async () => {
    const shape = { type: "kubernetes.io/ssh-auth", labels: { b: "1", a: "2" }, annotations: { n: "3" } };
    const target = {
      template: {
        engineVersion: "v2",
        type: "kubernetes.io/ssh-auth",
        metadata: { labels: { a: "2", b: "1" }, annotations: { n: "3" } },
      },
    };
    const ssh = { keys: { "ssh-privatekey": "KEY" }, ...shape };
    expect(await specOf(ssh)).toMatchObject({ target });
    expect(await specOf({ ...ssh, perKey: true })).toMatchObject({
      target,
      data: [{ secretKey: "ssh-privatekey", remoteRef: { key: "KEY" } }],
    });
  });

  it.each<[Partial<AppSecretsArgs>, string]>([
    [{}, "expected at least one Doppler name"],
    [{ values: { a: "plain" } }, "expected at least one Doppler name"],
    [{ values: { a: "{{ .A }" } }, "expected as many closing braces as opening ones"],
    [{ keys: { a: "A" }, values: { a: "{{ .A }}" } }, "expected each key once"],
    [{ keys: { a: "A" }, perKey: true, mirrorSecret: "store-mirror" }, "expected one of perKey and mirrorSecret"],
  ])("refuses what can make no Secret: %j", async (more, reason) => {
    await expect(run({}, () => new AppSecrets("a", { ...args, ...more }))).rejects.toThrow(reason);
  });

  it("adds to a Secret that is somebody else's, and changes nothing else of it", async () => {
    expect(await specOf({ keys: { k: "KEY" }, merge: true })).toMatchObject({
      target: { name: "web-secrets", creationPolicy: "Merge" },
    });
    expect((await specOf({ keys: { k: "KEY" }, merge: true })).target).toMatchObject({
      template: { mergePolicy: "Replace", data: { k: "{{ .KEY }}" } },
    });
  });

  it("spells each key as a variable, and refers to it as it is", async () => {
    const keys = { "database-url": "A", "tls.ca": "B", "2fa_seed": "C", mixedCase: "D", _X: "E" };
    const { result } = await run({}, () => new AppSecrets("a", { ...args, keys }));
    const { env } = await valueOf(result.reference);
    expect(Object.entries(env).map(([key, entry]) => [key, entry.name, entry.valueFrom.secretKeyRef])).toEqual(
      [
        ["2fa_seed", "_2FA_SEED"],
        ["_X", "_X"],
        ["database-url", "DATABASE_URL"],
        ["mixedCase", "mixedCase"],
        ["tls.ca", "TLS_CA"],
      ].map(([key, name]) => [key, name, { name: "web-secrets", key }]),
    );
  });
});
