import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { changes, editApps, establish, set } from "../support/established.js";
import { story } from "../support/story.js";
import type { User } from "../support/user.js";

// What a stack must not take away in its cluster: namespaces that others work in, and everything because a kubeconfig
// calls the cluster by another name.

interface Held {
  metadata: { uid: string };
}

describe("a stack's cluster", () => {
  const { step, broken } = story();
  let user: User;
  let namespaces: Record<string, string>;

  before(async () => {
    user = await establish({ stacks: ["dev", "prod"] });
  });
  after(async () => user?.leave(broken()));

  const uid = async (kind: string, name: string, namespace?: string) =>
    (await user.object<Held>(kind, name, namespace))?.metadata.uid;
  const both = async () => ({
    "external-secrets": (await uid("namespace", "external-secrets")) ?? "gone",
    reports: (await uid("namespace", "reports")) ?? "gone",
  });
  const preview = async () => changes((await user.pulumi("preview", "--stack", "dev", "--json")).stdout);

  step("has another name in the kubeconfig: nothing in the cluster changes", async () => {
    namespaces = await both();
    await user.kubectl("config", "rename-context", "acme-dev", "acme-development");
    await set(user, "kubernetes.context", "acme-development");
    assert.deepEqual(await preview(), ["update kubernetes"]);
    await user.up();
    assert.deepEqual(await both(), namespaces);
    await user.pulumi("preview", "--stack", "dev", "--refresh", "--expect-no-changes");
  });

  step("is another one: the run is refused before anything is done", async () => {
    // Under a name that no other stack's file has.
    await user.kubectl("config", "rename-context", "acme-prod", "acme-elsewhere");
    await set(user, "kubernetes.context", "acme-elsewhere");
    const { code, text } = await user.attempt("pulumi", ["preview", "--stack=dev", "--non-interactive"]);
    assert.notEqual(code, 0);
    assert.match(text, /Nothing was created or changed\.\s+The cluster that this run reaches \(\S+\) is not the one/);
    assert.match(text, /pulumi config set --path kubernetes\.clusterId \S+ --stack dev/);
    await set(user, "kubernetes.context", "acme-development");
  });

  step("keeps a namespace that the stack lets go of, with the workload of somebody else", async () => {
    await user.kubectl("create", "configmap", "somebody-elses", "--namespace=reports");
    const theirs = await uid("configmap", "somebody-elses", "reports");
    editApps<{ namespace: string }>(user, (apps) => apps.filter(({ namespace }) => namespace !== "reports"));
    await user.run("pulumi", ["config", "rm", "--stack", "dev", "--path", "kubernetes.createNamespaces"]);
    await user.up();
    assert.deepEqual(await both(), namespaces);
    assert.equal(await uid("configmap", "somebody-elses", "reports"), theirs);
    assert.equal(await user.object("externalsecrets.external-secrets.io", "reports-credentials", "reports"), undefined);
  });

  step("keeps its namespaces when the stack is destroyed, and the next up takes them over", async () => {
    await user.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    assert.deepEqual(await both(), namespaces);
    await set(user, "kubernetes.createNamespaces[0]", "reports");
    editApps<object>(user, (apps) => [...apps, { name: "billing", namespace: "reports", keys: ["JWT_SECRET"] }]);
    const all = await preview();
    assert.deepEqual(
      all.filter((change) => change.startsWith("import ")),
      ["import external-secrets-namespace", "import reports"],
    );
    await user.up();
    assert.deepEqual(await both(), namespaces);
    assert.notEqual(await uid("configmap", "somebody-elses", "reports"), undefined);
  });

  step("loses a namespace only where the settings say so", async () => {
    await set(user, "kubernetes.deleteNamespaces", "true");
    assert.deepEqual(await preview(), []);
    await user.up();
    await user.pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview", "--run-program");
    assert.deepEqual(await both(), { "external-secrets": "gone", reports: "gone" });
  });
});
