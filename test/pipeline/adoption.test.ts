import type { StackOutputs } from "../../src/pipeline/outputs";
import { type Observation, only } from "../support/mocks";
import { runStack as program } from "../support/program";

// What a run finds in its cluster before it begins, and what it makes of it.

beforeEach(() => {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
});

const imports = ({ resources }: Observation<StackOutputs>) =>
  Object.fromEntries(resources.filter((r) => r.options["import"]).map((r) => [r.name, r.options["import"]]));

/** A cluster set up by hand, app "reports" left out. */
const BY_HAND = {
  objects: [
    "namespace/external-secrets",
    "secret/external-secrets/doppler-token-auth",
    "clustersecretstore.external-secrets.io/doppler-secret-store",
    "externalsecret.external-secrets.io/default/bookmarked-secrets",
  ],
  served: ["v1", "v1beta1"],
  release: "deployed",
};

describe("what was made by hand", () => {
  it("is in the way, each thing by name, with what to do about it", async () => {
    await expect(program({ cluster: BY_HAND })).rejects.toThrow(
      [
        'Stack "dev" can\'t be run. Nothing was created or changed.',
        '  Secret "doppler-token-auth" in namespace "external-secrets" exists in the cluster, and this stack did not make it.',
        '  ClusterSecretStore "doppler-secret-store" exists in the cluster, and this stack did not make it.',
        '  ExternalSecret "bookmarked-secrets" in namespace "default" exists in the cluster, and this stack did not make it.',
        '  Helm release "external-secrets" in namespace "external-secrets" exists in the cluster, and this stack did not make it.',
        "    If another stack owns it, give this one names of its own.",
        "    If it was made by hand, or by a run that was cut off: pulumi config set adopt true --stack dev, then pulumi up takes it over.",
      ].join("\n"),
    );
  });

  it("is taken over where the stack says so, and only what is there", async () => {
    expect(imports(await program({ cluster: BY_HAND }, { adopt: true }))).toEqual({
      "external-secrets-namespace": "external-secrets",
      "external-secrets-release": "external-secrets/external-secrets",
      "doppler-store-token": "external-secrets/doppler-token-auth",
      "doppler-store-store": "doppler-secret-store",
      "bookmarked-default-bookmarked-secrets": "default/bookmarked-secrets",
    });
  });

  it("is taken over unasked where it is a namespace, which stays in the end, and only then", async () => {
    const cluster = { objects: ["namespace/external-secrets", "namespace/reports"] };
    const { resources, ...seen } = await program({ cluster });
    expect(imports({ resources, ...seen })).toEqual({
      "external-secrets-namespace": "external-secrets",
      reports: "reports",
    });
    expect(only(resources, "external-secrets-namespace").options["retainOnDelete"]).toBe(true);
    await expect(
      program({ cluster }, { kubernetes: { createNamespaces: ["reports"], deleteNamespaces: true } }),
    ).rejects.toThrow(/Namespace "external-secrets" exists[^]*Namespace "reports" exists/);
  });

  it("is taken over where it is Argo CD's, or for pulling images", async () => {
    const objects = ["argocd/argocd-admin", "argocd/repo-deploy", "reports/hub"];
    const cluster = { ...BY_HAND, objects: objects.map((id) => `externalsecret.external-secrets.io/${id}`) };
    const repositories = [{ name: "deploy", url: "https://git.acme.example/d", keys: { password: "T" } }];
    const over = {
      argocd: { admin: {}, repositories },
      pullSecrets: [{ name: "hub", namespaces: ["default", "reports"] }],
    };
    await expect(program({ cluster }, over)).rejects.toThrow(
      'ExternalSecret "argocd-admin" in namespace "argocd" exists',
    );
    expect(imports(await program({ cluster }, { ...over, adopt: true }))).toMatchObject({
      "argocd-admin-argocd-argocd-secret": "argocd/argocd-admin",
      "argocd-repo-deploy-argocd-repo-deploy": "argocd/repo-deploy",
      "pull-hub-reports-hub": "reports/hub",
    });
  });

  it("is taken over where it is a mirror's, and only what is there", async () => {
    const id = "external-secrets/doppler-secret-store-mirror";
    const parts = ["externalsecret.external-secrets.io", "serviceaccount"];
    const rbac = ["role.rbac.authorization.k8s.io", "rolebinding.rbac.authorization.k8s.io"];
    const store = "clustersecretstore.external-secrets.io/doppler-secret-store-mirror";
    const objects = [...parts, ...rbac].map((kind) => `${kind}/${id}`);
    const over = { fetch: "mirror" };
    const all = { served: ["v1"], objects: [...objects, store] };
    await expect(program({ cluster: all }, over)).rejects.toThrow(
      [
        ...["ExternalSecret", "ServiceAccount", "Role", "RoleBinding"].map(
          (kind) =>
            `  ${kind} "doppler-secret-store-mirror" in namespace "external-secrets" exists in the cluster, and this stack did not make it.`,
        ),
        '  ClusterSecretStore "doppler-secret-store-mirror" exists in the cluster, and this stack did not make it.',
      ].join("\n"),
    );
    expect(imports(await program({ cluster: all }, { ...over, adopt: true }))).toEqual({
      "doppler-mirror-external-secret": id,
      "doppler-mirror-account": id,
      "doppler-mirror-role": id,
      "doppler-mirror-binding": id,
      "doppler-mirror-store": "doppler-secret-store-mirror",
    });
    const some = { served: ["v1"], objects: objects.slice(2, 3) };
    expect(imports(await program({ cluster: some }, { ...over, adopt: true }))).toEqual({ "doppler-mirror-role": id });
    // Without a mirror, these objects are nobody's business.
    await program({ cluster: all });
  });

  it("is taken over under the names it has", async () => {
    const over = {
      adopt: true,
      operator: { releaseName: "eso" },
      apps: [{ name: "web", namespace: "reports", externalSecretName: "web", keys: ["A"] }],
    };
    const objects = ["namespace/reports", "externalsecret.external-secrets.io/reports/web"];
    const seen = await program({ cluster: { ...BY_HAND, objects } }, over);
    expect(imports(seen)).toEqual({
      reports: "reports",
      "external-secrets-release": "external-secrets/eso",
      "web-reports-web-secrets": "reports/web",
    });
    expect(only(seen.resources, "web-reports-web-secrets").inputs).toMatchObject({
      metadata: { name: "web" },
      spec: { target: { name: "web-secrets" } },
    });
    expect(only(seen.resources, "external-secrets-release").inputs["name"]).toBe("eso");
  });

  it("keeps what others have put on a namespace", async () => {
    const { resources } = await program({ cluster: BY_HAND }, { adopt: true });
    for (const name of ["external-secrets-namespace", "kubernetes:core/v1:Namespace::reports"]) {
      expect(only(resources, name).options["ignoreChanges"]).toEqual([
        "metadata.labels",
        "metadata.annotations",
        "spec",
      ]);
    }
  });

  it("is nothing special once it is in the state", async () => {
    const object = (type: string, name: string, namespace?: string) => ({
      type: `kubernetes:${type}`,
      outputs: { metadata: { name, namespace } },
    });
    const state = [
      object("core/v1:Namespace", "external-secrets"),
      object("core/v1:Secret", "doppler-token-auth", "external-secrets"),
      object("core/v1:Secret", "doppler-token-auth-shared", "external-secrets"),
      object("external-secrets.io/v1:ClusterSecretStore", "doppler-secret-store-shared"),
      object("external-secrets.io/v1:ClusterSecretStore", "doppler-secret-store"),
      object("external-secrets.io/v1:ExternalSecret", "bookmarked-secrets", "default"),
      { type: "kubernetes:helm.sh/v3:Release", outputs: { name: "external-secrets" } },
    ];
    const seen = await program({ cluster: BY_HAND, states: { dev: state } });
    expect(imports(seen)).toEqual({});

    const all = [
      ...state,
      object("core/v1:Namespace", "reports"),
      object("external-secrets.io/v1:ExternalSecret", "reports-credentials", "reports"),
    ];
    // Not even asked for.
    await program({ cluster: "no such host", states: { dev: all } }, { adopt: true });
  });
});

describe("a cluster that can't be taken over as it is", () => {
  it("has an operator that does not serve v1 yet", async () => {
    const cluster = { ...BY_HAND, served: ["v1alpha1", "v1beta1"] };
    await expect(program({ cluster }, { adopt: true })).rejects.toThrow(
      /older than 0\.16[^]*Upgrade it by hand to 0\.16/,
    );
  });

  it.each([
    ["pending-install", "helm uninstall external-secrets --namespace external-secrets"],
    ["pending-upgrade", "helm rollback external-secrets --namespace external-secrets"],
  ])("has a release in status %s", async (release, mend) => {
    for (const adopt of [true, false]) {
      await expect(program({ cluster: { served: ["v1"], release } }, { adopt })).rejects.toThrow(mend);
    }
  });

  describe("has a release of whose upgrade the state knows that it was cut off", () => {
    const state = [
      {
        type: "kubernetes:helm.sh/v3:Release",
        outputs: { name: "external-secrets", status: { status: "pending-upgrade" } },
      },
    ];
    it.each([
      ["is still cut off", "pending-upgrade", "helm rollback external-secrets --namespace external-secrets"],
      ["was mended, which the state does not know", "deployed", "pulumi refresh --stack dev, then run this again"],
      ["was uninstalled, which the state does not know", undefined, "pulumi refresh --stack dev, then run this again"],
    ])("and that %s", async (_, release, mend) => {
      await expect(program({ cluster: { served: ["v1"], release }, states: { dev: state } })).rejects.toThrow(mend);
    });
  });

  it("does not answer", async () => {
    await expect(program({ cluster: "no such host" }, { adopt: true })).rejects.toThrow(
      "The cluster can't be asked what is there to be taken over: no such host",
    );
  });
});

describe("a cluster that can't be asked", () => {
  const NOTICE = "The cluster could not be asked with kubectl: kubectl is not on PATH\nNot checked: ";

  it("is in nobody's way, and the run says what nobody looked for", async () => {
    const { resources, warnings } = await program({ cluster: "kubectl is not on PATH" });
    expect(only(resources, "external-secrets-release").options["import"]).toBeUndefined();
    expect(warnings).toContain(
      `${NOTICE}whether something is in the way of what the stack makes there; whether it is the cluster of the run before, and has the namespaces of the apps.`,
    );
  });

  it("leaves a preview with what could be in the way", async () => {
    const { warnings } = await program({ cluster: "kubectl is not on PATH", preview: true });
    expect(warnings).toContain(`${NOTICE}whether something is in the way of what the stack makes there.`);
  });
});

describe("namespaces", () => {
  it("that nobody has made are found before anything is made", async () => {
    const cluster = { missing: ["default"] };
    await expect(program({ cluster })).rejects.toThrow(
      /Nothing was created or changed\.\n {2}Namespace "default" does not exist in the cluster[^]*kubernetes\.createNamespaces/,
    );
    await expect(program({ cluster: { missing: ["external-secrets", "reports"] } })).resolves.toMatchObject({
      warnings: [expect.stringContaining("names need values"), expect.stringContaining("name needs a value")],
    });
  });

  it("are nobody's business once the Secrets are there", async () => {
    const type = "kubernetes:external-secrets.io/v1:ExternalSecret";
    const known = { type, outputs: { metadata: { name: "bookmarked-secrets", namespace: "default" } } };
    await program({ cluster: { missing: ["default"] }, states: { dev: [known] } });
  });

  it("stay when the stack lets go of them, unless its settings say otherwise", async () => {
    const kept = (name: string, { resources }: Observation<StackOutputs>) =>
      only(resources, `kubernetes:core/v1:Namespace::${name}`).options["retainOnDelete"] ?? false;
    const both = ["external-secrets-namespace", "reports"];
    const usual = await program({});
    expect(both.map((name) => kept(name, usual))).toEqual([true, true]);
    const gone = await program({}, { kubernetes: { createNamespaces: ["reports"], deleteNamespaces: true } });
    expect(both.map((name) => kept(name, gone))).toEqual([false, false]);
  });
});
