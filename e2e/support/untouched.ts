import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { User } from "./user.js";

// Asserts that nothing was created, changed or deleted in Doppler and GitHub, by their own logs, nor in the clusters.

interface Request {
  readonly method: string;
  readonly path: string;
}

interface KubernetesObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; uid: string; generation?: number };
  readonly data?: unknown;
}

const KINDS = [
  "namespaces",
  "secrets",
  "serviceaccounts",
  "deployments",
  "customresourcedefinitions",
  "clusterroles",
  "clusterrolebindings",
];
/** The operator's own kinds, which are not there before the operator is installed. */
const OPERATOR_KINDS = ["clustersecretstores.external-secrets.io", "externalsecrets.external-secrets.io"];

/**
 * Runs `body` and asserts that nothing has changed outside Pulumi's state.
 *
 * @param users one for each cluster
 * @param what `clusters` if `body` is meant to change something in Doppler or GitHub
 */
export async function untouched<T>(
  users: readonly User[],
  body: () => Promise<T>,
  what: "everything" | "clusters" = "everything",
): Promise<T> {
  const [first] = users;
  assert.ok(first);
  const { doppler, github } = first.here;
  const before = { doppler: writes(doppler).length, github: writes(github).length, objects: await objects(users) };
  const result = await body();
  if (what === "everything") {
    const made = [...writes(doppler).slice(before.doppler), ...writes(github).slice(before.github)];
    assert.deepEqual(made, [], "nothing was written to Doppler or GitHub");
  }
  assert.deepEqual(await objects(users), before.objects, "the clusters are as they were");
  return result;
}

/** All requests so far that changed something in the service with this data folder, or tried to. */
function writes(dir: string): string[] {
  return readFileSync(join(dir, "requests.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Request)
    .filter(({ method }) => method !== "GET" && method !== "HEAD")
    .map(({ method, path }) => `${method} ${path}`);
}

/** A line for each object in the clusters, with its name, UID and generation. */
async function objects(users: readonly User[]): Promise<string[]> {
  const found = await Promise.all(
    users.map(async (user) => {
      const usual = await list(user, KINDS);
      const installed = OPERATOR_KINDS.every((kind) => usual.some(({ metadata }) => metadata.name === kind));
      return [...usual, ...(installed ? await list(user, OPERATOR_KINDS) : [])].map((object) => text(user, object));
    }),
  );
  return found.flat().sort();
}

async function list(user: User, kinds: readonly string[]): Promise<KubernetesObject[]> {
  const found = await user.quietly("kubectl", ["get", kinds.join(), "--all-namespaces", "--output=json"]);
  return (JSON.parse(found) as { items: KubernetesObject[] }).items;
}

function text(user: User, { kind, metadata, data }: KubernetesObject): string {
  const { name, namespace = "", uid, generation = "" } = metadata;
  // A Secret has no generation, so a digest of its data shows a change.
  const digest = createHash("sha256").update(JSON.stringify(data ?? ""));
  return [user.stack, kind, namespace, name, uid, generation, digest.digest("hex").slice(0, 12)].join(" ");
}
