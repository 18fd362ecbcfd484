import { ApiException, CoreV1Api, type KubeConfig } from "@kubernetes/client-node";

/**
 * Makes what a cluster has once Argo CD's manifests are applied, as far as others have to do with it: its namespace, and
 * in it the Secret and the ConfigMap of its settings. Argo CD itself does not run. What is there stays as it is.
 */
export async function installArgocdObjects(cluster: KubeConfig, namespace: string): Promise<void> {
  const api = cluster.makeApiClient(CoreV1Api);
  const metadata = (name: string) => ({
    name,
    namespace,
    labels: { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd" },
  });
  const secret = { metadata: metadata("argocd-secret"), type: "Opaque" };
  await unlessThere(api.createNamespace({ body: { metadata: { name: namespace } } }));
  await unlessThere(api.createNamespacedSecret({ namespace, body: secret }));
  await unlessThere(api.createNamespacedConfigMap({ namespace, body: { metadata: metadata("argocd-cm") } }));
}

async function unlessThere(created: Promise<unknown>): Promise<void> {
  try {
    await created;
  } catch (error) {
    if (!(error instanceof ApiException && error.code === 409)) throw error;
  }
}
