import { clusterIdentity } from "../../src/pipeline/clusterIdentity";
import { parseStackConfig } from "../../src/settings";
import { StackState } from "../../src/world/state";
import { only } from "../support/mocks";
import { configSourceOf, runStack } from "../support/program";

const [HERE, THERE] = ["1", "2"].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`) as [string, string];

/** A state: what its provider was told, the cluster's id if it is recorded, and the UID of its namespace. */
interface Before {
  identifier?: string;
  context?: string;
  recorded?: string;
  namespace?: string;
}

function identity(before: Before | undefined, now: string | undefined, over: Record<string, unknown> = {}) {
  const source = configSourceOf("dev");
  const stack = parseStackConfig({
    ...source,
    values: { ...source.values, kubernetes: { context: "acme-dev", ...over } },
  });
  const resource = (type: string, outputs: Record<string, unknown>) => ({ urn: "", type, outputs });
  const { identifier, context = "acme-dev", recorded, namespace } = before ?? {};
  const state = new StackState(
    before === undefined
      ? []
      : [
          resource("pulumi:providers:kubernetes", { clusterIdentifier: identifier, context }),
          resource("secrets-pipeline:index:SharedGuard", recorded === undefined ? {} : { clusterId: recorded }),
          resource("kubernetes:core/v1:Namespace", { metadata: { name: "external-secrets", uid: namespace } }),
        ],
  );
  const uids = new Map([["external-secrets", "uid of here"]]);
  return clusterIdentity(stack, { state, namespaces: { clusterId: now, uids } });
}

describe("a new stack", () => {
  it("knows its cluster by what it is", () => {
    expect(identity(undefined, HERE)).toEqual({ identity: { identifier: HERE, id: HERE }, problems: [] });
  });

  it("knows it by the context where it can't be asked, or by what the settings say", () => {
    expect(identity(undefined, undefined).identity).toEqual({ identifier: "acme-dev" });
    expect(identity(undefined, undefined, { clusterId: HERE }).identity).toEqual({ identifier: HERE, id: HERE });
  });
});

describe("a stack that exists", () => {
  it.each<[string, Before, string | undefined, Before]>([
    ["by its context", { identifier: "acme-dev" }, HERE, { identifier: "acme-dev", recorded: HERE }],
    ["by no name", {}, HERE, { recorded: HERE }],
    ["by its id", { identifier: HERE, recorded: HERE }, HERE, { identifier: HERE, recorded: HERE }],
    ["while it can't be asked", { identifier: "x", recorded: HERE }, undefined, { identifier: "x", recorded: HERE }],
  ])("goes on knowing its cluster %s", (_how, before, now, { identifier, recorded }) => {
    expect(identity(before, now)).toEqual({ identity: { identifier, id: recorded }, problems: [] });
  });

  it.each<[string, Before]>([
    ["its id", { recorded: HERE }],
    ["its namespaces, where no id is recorded", { namespace: "uid of here" }],
  ])("knows a cluster whose context was renamed by %s", (_what, more) => {
    const { identity: found, problems } = identity({ identifier: "old", context: "old", ...more }, HERE);
    expect(problems).toEqual([]);
    expect(found.identifier).toBe("old");
  });

  it.each<[string, Before]>([
    ["its id", { recorded: HERE }],
    ["the id that its provider was told", { identifier: HERE }],
    ["its namespaces, where no id is recorded", { namespace: "uid of another" }],
  ])("refuses another cluster, known by %s", (_what, before) => {
    const { problems } = identity({ identifier: "acme-dev", ...before }, THERE);
    expect(problems.join("\n")).toContain(`The cluster that this run reaches (${THERE}) is not the one`);
    expect(problems.join("\n")).toContain(`pulumi config set --path kubernetes.clusterId ${THERE} --stack dev`);
  });

  it("moves to another cluster that the settings name", () => {
    const before = { identifier: "old", context: "old", recorded: HERE };
    expect(identity(before, THERE, { clusterId: THERE })).toEqual({
      identity: { identifier: THERE, id: THERE },
      problems: [],
    });
  });

  it("does not delete by a context of the same name what it has just made: the state forgets the old cluster first", () => {
    const { problems } = identity({ identifier: "acme-dev", recorded: HERE }, THERE, { clusterId: THERE });
    expect(problems.join("\n")).toContain("Run pulumi refresh --stack dev");
  });

  it("refuses a cluster that is not the one in the settings", () => {
    const { problems } = identity({ identifier: "acme-dev" }, THERE, { clusterId: HERE });
    expect(problems.join("\n")).toContain(
      `kubernetes.clusterId names the cluster ${HERE}; this run reaches the cluster ${THERE}`,
    );
  });
});

describe("the program", () => {
  beforeEach(() => {
    process.env["DOPPLER_TOKEN"] = "dp.pt.test";
    process.env["GITHUB_TOKEN"] = "ghp_test";
  });

  it("tells the provider, and nothing is registered for another cluster", async () => {
    const cluster = { uids: { "kube-system": HERE } };
    const { resources } = await runStack({ cluster });
    expect(only(resources, "kubernetes").inputs["clusterIdentifier"]).toBe(HERE);
    const guard = { type: "secrets-pipeline:index:SharedGuard", outputs: { clusterId: THERE } };
    const provider = { type: "pulumi:providers:kubernetes", outputs: { clusterIdentifier: "acme-dev" } };
    await expect(runStack({ cluster, states: { dev: [guard, provider] } })).rejects.toThrow(
      "Nothing was created or changed.",
    );
  });
});
