import * as pulumi from "@pulumi/pulumi";
import { handover, tokenHandover } from "../../src/pipeline/rotation";
import { parseStackConfig } from "../../src/settings";
import { DopplerError, readWorld } from "../../src/world";
import { run } from "../support/mocks";
import { configSourceOf } from "../support/program";

it("a run finds the token to hand over from on the store, whatever tokens a run that was cut off has left", async () => {
  const annotations = { "secrets-pipeline/service-token": "external-secrets-0" };
  const store = {
    type: "kubernetes:external-secrets.io/v1:ClusterSecretStore",
    outputs: { metadata: { name: "doppler-secret-store", annotations } },
  };
  const token = {
    type: "doppler:index/serviceToken:ServiceToken",
    outputs: { project: "acme", config: "dev", name: "external-secrets-1" },
  };
  const asked: string[] = [];
  const { result } = await run({ states: { dev: [token, store] } }, async () => {
    const stack = parseStackConfig(configSourceOf("dev"));
    const world = await readWorld(stack);
    jest.spyOn(world.doppler, "serviceTokens").mockImplementation((...place) => {
      asked.push(place.join("/"));
      return Promise.resolve([]);
    });
    jest.spyOn(pulumi.log, "info").mockImplementation((message) => {
      asked.push(message);
      return Promise.resolve();
    });
    return tokenHandover(stack.doppler, world)();
  });
  expect(result).toBeUndefined();
  expect(asked).toEqual([
    'waiting until the cluster uses service token "external-secrets-1" and no longer "external-secrets-0" …',
    "acme/dev",
  ]);
});

describe("the handover from one service token to the next", () => {
  const rotation = { project: "acme", config: "dev", from: "one", to: "two" };
  const patience = { quiet: 30, deadline: 2_000, poll: 5 };
  /** Answers in turn, the last one for ever: when the old and the new token were last seen. */
  const seen = (...answers: [string | null, string | null][]) => {
    let asked = 0;
    return {
      asked: () => asked,
      serviceTokens: () => {
        const [one = null, two = null] = answers[Math.min(asked++, answers.length - 1)] ?? [];
        return Promise.resolve([
          { name: "one", slug: "1", lastSeenAt: one },
          { name: "two", slug: "2", lastSeenAt: two },
        ]);
      },
    };
  };

  let warnings: string[];
  beforeEach(() => {
    warnings = [];
    jest.spyOn(pulumi.log, "info").mockResolvedValue();
    jest.spyOn(pulumi.log, "warn").mockImplementation((message) => {
      warnings.push(message);
      return Promise.resolve();
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it("waits for the new one to be seen, and for the old one to be quiet", async () => {
    const doppler = seen(["a", null], ["b", null], ["b", "x"], ["c", "x"], ["c", "x"]);
    const started = performance.now();
    await handover(doppler, rotation, patience);
    expect(doppler.asked()).toBeGreaterThan(4);
    expect(performance.now() - started).toBeGreaterThanOrEqual(patience.quiet);
    expect(warnings).toEqual([]);
  });

  it("does not wait for ever for an operator that is not there", async () => {
    const doppler = seen(["a", null]);
    await handover(doppler, rotation, { ...patience, deadline: 60 });
    expect(doppler.asked()).toBeGreaterThan(1);
    expect(warnings.join()).toContain('has not come to Doppler with service token "two" yet');
  });

  it("has nothing to wait for once the old one is gone", async () => {
    await handover({ serviceTokens: () => Promise.resolve([]) }, rotation, patience);
  });

  it("goes on after a read that failed, and says in the end that Doppler could not be asked", async () => {
    const doppler = seen(["a", "x"]);
    let failures = 2;
    const serviceTokens = () =>
      failures-- > 0 ? Promise.reject(new DopplerError("Doppler can't be reached")) : doppler.serviceTokens();
    await handover({ serviceTokens }, rotation, patience);
    expect(doppler.asked()).toBeGreaterThan(1);
    expect(warnings).toEqual([]);

    const never = () => Promise.reject(new DopplerError("Doppler can't be reached"));
    await handover({ serviceTokens: never }, rotation, { ...patience, deadline: 30 });
    expect(warnings.join()).toContain('could not be asked whether the cluster uses service token "two"');
  });

  it.each([
    ["the new one", "a", undefined],
    ["the old one", undefined, "x"],
  ])("gives the cluster all its time where Doppler does not tell when %s was used", async (_which, one, two) => {
    const started = performance.now();
    const tokens = [
      { name: "one", slug: "1", lastSeenAt: one },
      { name: "two", slug: "2", lastSeenAt: two },
    ];
    await handover({ serviceTokens: () => Promise.resolve(tokens) }, rotation, { ...patience, deadline: 100 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(100);
    expect(warnings.join()).toContain("Doppler does not tell when service tokens were last used");
  });
});
