import { isSecret, type Output } from "@pulumi/pulumi";
import { parseStackConfig } from "../../src/settings";
import { valueOf } from "../support/mocks";
import { stackFile } from "../support/program";
import { actions, app, doppler, ENV, minimal, source, type Values } from "./support";

describe("what is filled in", () => {
  it("defaults of the smallest file", () => {
    const stack = parseStackConfig(source(minimal()));
    expect(stack).toMatchObject({
      doppler: {
        host: "https://api.doppler.com",
        project: { name: "acme", owned: true },
        environment: { slug: "dev", name: "dev" },
        config: "dev",
        branchConfig: undefined,
        serviceToken: "external-secrets",
        store: { name: "doppler-secret-store", tokenSecretName: "doppler-token-auth" },
      },
      kubernetes: { kubeconfig: undefined, createNamespaces: [] },
      operator: { namespace: "external-secrets", values: {} },
      apps: [
        {
          name: "web",
          namespace: "default",
          secretName: "web-secrets",
          refreshInterval: "1m0s",
          keys: { DATABASE_URL: "DATABASE_URL" },
        },
      ],
      githubActions: undefined,
      protect: false,
    });
  });

  it("the stack's interval for apps without their own, canonical", () => {
    const values = { ...app({}), refreshInterval: "90s" };
    expect(parseStackConfig(source(values)).apps[0]?.refreshInterval).toBe("1m30s");
    expect(
      parseStackConfig(source({ ...app({ refreshInterval: "1h" }), refreshInterval: "90s" })).apps[0]?.refreshInterval,
    ).toBe("1h0m0s");
  });

  it("the owner of the project by the stack's name", () => {
    const values = doppler({ project: { name: "acme", ownedBy: "dev" } });
    expect(parseStackConfig(source(values)).doppler.project.owned).toBe(true);
    expect(parseStackConfig(source(values, { stack: "prod" })).doppler.project.owned).toBe(false);
  });

  it("hosts and tokens: the file first, then the providers' variables", () => {
    const env = {
      ...ENV,
      DOPPLER_API_HOST: "http://127.0.0.1:1/",
      GITHUB_BASE_URL: "http://127.0.0.1:2",
      GITHUB_OWNER: "env",
    };
    const fromEnv = parseStackConfig(source(actions({}), { env }));
    expect(fromEnv.doppler.host).toBe("http://127.0.0.1:1");
    expect(fromEnv.githubActions).toMatchObject({ baseUrl: "http://127.0.0.1:2", owner: "env" });
    const fromFile = parseStackConfig(
      source(
        {
          ...actions({ baseUrl: "http://127.0.0.1:3" }),
          ...{ doppler: doppler({ host: "http://127.0.0.1:4" })["doppler"] },
        },
        { env },
      ),
    );
    expect(fromFile.doppler.host).toBe("http://127.0.0.1:4");
    expect(fromFile.githubActions?.baseUrl).toBe("http://127.0.0.1:3");
  });

  it("a credential for the state only where the stack's file has it", async () => {
    const env = { DOPPLER_TOKEN: "of the environment", GITHUB_TOKEN: "of the environment" };
    const fromEnv = parseStackConfig(source(actions({}), { env }));
    expect(await valueOf(fromEnv.doppler.token)).toBe("of the environment");
    expect([fromEnv.doppler.storedToken, fromEnv.githubActions?.storedToken]).toEqual([undefined, undefined]);

    const stored = { dopplerToken: "of the file", githubToken: "of the file" };
    const fromFile = parseStackConfig(
      source({ ...actions({}), ...stored }, { env, secretKeys: new Set(Object.keys(stored)) }),
    );
    for (const token of [fromFile.doppler.token, fromFile.doppler.storedToken, fromFile.githubActions?.storedToken]) {
      expect(token && [await valueOf(token), await isSecret(token)]).toEqual(["of the file", true]);
    }
  });

  it("DockerHub's names, each configurable", () => {
    expect(parseStackConfig(source(actions({}))).githubActions?.secrets).toEqual([
      { secretName: "DOCKERHUB_USERNAME", dopplerName: "DOCKERHUB_USERNAME" },
      { secretName: "DOCKERHUB_TOKEN", dopplerName: "DOCKERHUB_TOKEN" },
    ]);
    expect(
      parseStackConfig(source(actions({ username: { secretName: "HUB_USER" }, token: { dopplerName: "HUB_TOKEN" } })))
        .githubActions?.secrets,
    ).toEqual([
      { secretName: "HUB_USER", dopplerName: "HUB_USER" },
      { secretName: "DOCKERHUB_TOKEN", dopplerName: "HUB_TOKEN" },
    ]);
  });

  it("whose secrets they are: the repositories' own, or the organisation's for some or all of them", () => {
    const place = (over: Values) => parseStackConfig(source(actions({ owner: "acme", ...over }))).githubActions;
    expect(place({})).toMatchObject({ repositories: ["web"], organization: undefined, dependabot: false });
    expect(place({ dependabot: true })).toMatchObject({ repositories: ["web"], dependabot: true });
    expect(place({ organization: {} })).toMatchObject({
      repositories: [],
      organization: { owner: "acme", visibility: "selected", repositories: ["web"] },
    });
    expect(place({ organization: { visibility: "private" }, repositories: undefined })).toMatchObject({
      repositories: [],
      organization: { owner: "acme", visibility: "private" },
    });
  });

  it("an organisation that only the environment names", () => {
    const values = { ...minimal(), githubActions: { organization: { visibility: "all" } } };
    for (const variable of ["GITHUB_OWNER", "GITHUB_ORGANIZATION"]) {
      const env = { ...ENV, [variable]: "acme" };
      expect(parseStackConfig(source(values, { env })).githubActions?.organization?.owner).toBe("acme");
    }
  });

  it("chart values that are encrypted in the file as secrets, and no others", async () => {
    const file = (secure: unknown) => new Map([["dev", { operator: { values: { a: { b: secure, c: "plain" } } } }]]);
    const values = { ...minimal(), operator: { values: { a: { b: "hidden", c: "plain" } } } };
    const over = { secretKeys: new Set(["operator"]), siblings: file({ secure: "v1:x:y" }) };
    const { a } = parseStackConfig(source(values, over)).operator.values as { a: { b: Output<string>; c: string } };
    expect(await isSecret(a.b)).toBe(true);
    expect(a.c).toBe("plain");
    // Where the file is not to be found, all might be.
    const all = parseStackConfig(source(values, { secretKeys: over.secretKeys })).operator.values as Record<
      string,
      Record<string, Output<string>>
    >;
    expect(await Promise.all(Object.values(all["a"] ?? {}).map((value) => isSecret(value)))).toEqual([true, true]);
    expect(parseStackConfig(source(values)).operator.values["a"]).toEqual({ b: "hidden", c: "plain" });
  });

  it.each(["dev", "prod"])("the checked-in stack %s", (stack) => {
    const values = Object.fromEntries(
      Object.entries(stackFile(stack)).map(([key, value]) => [key.replace("secrets-pipeline:", ""), value]),
    );
    const parsed = parseStackConfig(source(values, { stack }));
    const secrets = [...parsed.apps, ...parsed.otherSecrets].map((a) => `${a.namespace}/${a.secretName}`);
    expect(secrets.slice(0, 2)).toEqual(["default/bookmarked-secrets", "reports/reports-credentials"]);
    expect(secrets.slice(2)).toEqual(
      stack === "dev"
        ? []
        : [
            ...["default/billing-secrets", "default/backup-secrets"],
            ...["argocd/argocd-secret", "argocd/repo-deployments", "argocd/repo-creds-acme", "default/dockerhub"],
          ],
    );
    expect(parsed.protect).toBe(stack === "prod");
  });
});
