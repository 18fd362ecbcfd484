import * as pulumi from "@pulumi/pulumi";
import { type AppOutput, appSecrets, deliveredApp, type PipelineOutputs } from "../client";
import type { StackOutputs } from "../src/pipeline/outputs";
import { credentialIn } from "../lib/credentials";
import { run, valueOf } from "./support/mocks";
import { runProgram } from "./support/program";

// The app teams' package on the outputs that the pipeline's program really has.

const STACK = "organization/secrets-pipeline/dev";
const TYPED = {
  DATABASE_URL: "typed-database",
  JWT_SECRET: "typed-jwt",
  REPORTS_DATABASE_URL: "typed-reports",
  SMTP_PASSWORD: "typed-smtp",
};

/** What the dev stack's outputs are while Doppler has these values. */
async function outputs(doppler: Record<string, string> = TYPED): Promise<PipelineOutputs> {
  process.env["DOPPLER_TOKEN"] = "dp.pt.test";
  process.env["GITHUB_TOKEN"] = "ghp_test";
  const { result } = await runProgram({ stack: "dev", doppler });
  // Each type of the client is the program's, or this line is no TypeScript.
  return valueOf<PipelineOutputs>(pulumi.output<StackOutputs>(result));
}

/** An app team's program, run against those outputs. */
async function appProgram<T>(of: PipelineOutputs, program: (pipeline: pulumi.StackReference) => pulumi.Output<T>) {
  return run({ preview: true, outputs: { [STACK]: of } }, () => valueOf(program(new pulumi.StackReference(STACK))));
}

describe("an app team's program", () => {
  it("takes all keys with envFrom, and single ones with valueFrom", async () => {
    const { result } = await appProgram(await outputs(), (pipeline) => {
      const secrets = appSecrets(pipeline, "reports", ["database-url"]);
      return pulumi.output({
        namespace: secrets.namespace,
        secretName: secrets.secretName,
        envFrom: secrets.envFrom,
        env: [secrets.env("database-url"), secrets.env("database-url", "PGURL")],
      });
    });
    const valueFrom = { secretKeyRef: { name: "reports-credentials", key: "database-url" } };
    expect(result).toEqual({
      namespace: "reports",
      secretName: "reports-credentials",
      envFrom: { secretRef: { name: "reports-credentials" } },
      env: [
        { name: "DATABASE_URL", valueFrom },
        { name: "PGURL", valueFrom },
      ],
    });
  });

  it("has the annotation for restarts where the app has opted in, and nowhere else", async () => {
    const dev = await outputs();
    const workloadAnnotations = async (app: "bookmarked" | "reports") =>
      (
        await appProgram(
          dev,
          (pipeline) =>
            (app === "bookmarked"
              ? appSecrets(pipeline, app, ["JWT_SECRET"])
              : appSecrets(pipeline, app, ["smtp-password"])
            ).workloadAnnotations,
        )
      ).result;
    expect(await workloadAnnotations("bookmarked")).toEqual({
      "secret.reloader.stakater.com/reload": "bookmarked-secrets",
    });
    expect(await workloadAnnotations("reports")).toEqual({});
  });

  it("reads its stack by the name it is given, and makes nothing of its own", async () => {
    const { resources } = await appProgram(await outputs(), (p) => appSecrets(p, "bookmarked", ["JWT_SECRET"]).envFrom);
    expect(resources.map(({ type }) => type)).toEqual([]);
  });

  it("is no TypeScript where a key is used that is not asked for, or none is asked for", () => {
    void ((pipeline: pulumi.StackReference) => [
      // @ts-expect-error -- DATABASE_URL is not in the list
      appSecrets(pipeline, "bookmarked", ["JWT_SECRET"]).env("DATABASE_URL"),
      // @ts-expect-error -- a program that asks for no key would find out in its pods
      appSecrets(pipeline, "bookmarked", []),
      appSecrets(pipeline, "bookmarked", ["DATABASE_URL", "JWT_SECRET"]).env("DATABASE_URL"),
    ]);
  });

  it("only warns of values that are not typed, where it says so", async () => {
    const { result, warnings } = await appProgram(await outputs({ DATABASE_URL: "typed" }), (pipeline) =>
      pulumi.output(appSecrets(pipeline, "bookmarked", ["JWT_SECRET"], { acceptPending: true }).secretName),
    );
    expect(result).toBe("bookmarked-secrets");
    expect(warnings).toEqual([expect.stringContaining("waits for the value of JWT_SECRET")]);
  });
});

/** The dev stack's outputs with an app whose keys are not all named. */
async function withWhole(over: Partial<AppOutput>): Promise<PipelineOutputs> {
  const dev = await outputs();
  const whole: AppOutput = {
    ...{ secretName: "web-secrets", namespace: "default", keys: ["URL"], pending: {}, workloadAnnotations: {} },
    ...{ envFrom: { secretRef: { name: "web-secrets" } }, env: {} },
    ...over,
  };
  return { ...dev, apps: { ...dev.apps, web: whole } };
}

describe("keys that the outputs don't list", () => {
  const variable = (of: PipelineOutputs, key: string) =>
    appProgram(of, (pipeline) => pulumi.output(appSecrets(pipeline, "web", [key]).env(key)));

  it("may be asked for where a pattern brings them, and a note says what can't be checked", async () => {
    const { result, notes } = await variable(await withWhole({ patterns: ["STRIPE_*"] }), "STRIPE_KEY");
    expect(result).toEqual({
      name: "STRIPE_KEY",
      valueFrom: { secretKeyRef: { name: "web-secrets", key: "STRIPE_KEY" } },
    });
    expect(notes).toEqual([
      `app "web" of stack "${STACK}" has STRIPE_KEY by STRIPE_*, as far as Doppler has it. This check can't tell whether it does.`,
    ]);
  });

  it("may be asked for where a JSON object brings them, spelled as variables are", async () => {
    const { result, notes } = await variable(await withWhole({ spread: ["APP_JSON"] }), "db-password");
    expect(result).toMatchObject({ name: "DB_PASSWORD", valueFrom: { secretKeyRef: { key: "db-password" } } });
    expect(notes).toEqual([expect.stringContaining("db-password by the JSON object in APP_JSON")]);
  });

  it("are refused where no pattern means them", async () => {
    const of = await withWhole({ patterns: ["STRIPE_*"] });
    for (const key of ["OTHER", "STRIPE", "STRIPE_key"]) {
      expect(() => deliveredApp(STACK, of, "web", [key])).toThrow(`has no key ${key}. Its keys: STRIPE_*, URL.`);
    }
  });

  it("are waited for while no name matches, with how to type one", async () => {
    const of = await withWhole({ patterns: ["STRIPE_*"], pending: { "STRIPE_*": ["STRIPE_*"] } });
    expect(() => deliveredApp(STACK, of, "web", ["STRIPE_KEY"])).toThrow(
      "  doppler secrets set NAME --project acme --config dev, with a first NAME that STRIPE_* stands for",
    );
  });
});

// A failing output rejects more promises than a test can wait for; that a preview shows these errors is tested end to end.
describe("what is asked for and not delivered", () => {
  const { DATABASE_URL, REPORTS_DATABASE_URL } = TYPED;
  /** The error of asking for these keys. */
  function refusal(of: Partial<PipelineOutputs>, app: string, keys: string[]): string {
    try {
      deliveredApp(STACK, of, app, keys);
    } catch (error) {
      // Pulumi shows such an error without its stack trace.
      if (pulumi.RunError.isInstance(error)) return error.message;
      throw error;
    }
    throw new Error("nothing was refused");
  }

  it("names keys that the app has not, and those it has", async () => {
    expect(refusal(await outputs(), "bookmarked", ["JWT_SECRET", "SMTP_PASSWORD", "API_KEY"])).toBe(
      [
        `app "bookmarked" of stack "${STACK}" has no keys API_KEY, SMTP_PASSWORD. Its keys: DATABASE_URL, JWT_SECRET.`,
        '  Have them added: type their values in Doppler, project "acme", config "dev"; then add the names under the app\'s "keys" in the pipeline\'s Pulumi.dev.yaml; "pulumi up" there makes them known.',
      ].join("\n"),
    );
  });

  it.each(["bookmarkd", "constructor"])("names the apps there are where %s is none", async (app) => {
    expect(refusal(await outputs(), app, ["JWT_SECRET"])).toBe(
      [
        `stack "${STACK}" has no app "${app}". Its apps: bookmarked, reports.`,
        '  Have it added under "apps" in the pipeline\'s Pulumi.dev.yaml; "pulumi up" there makes it known.',
      ].join("\n"),
    );
  });

  it("names a stack that is no pipeline's, or has never been up", () => {
    expect(refusal({}, "bookmarked", ["JWT_SECRET"])).toContain(
      `stack "${STACK}" has no outputs of a secrets pipeline`,
    );
  });

  it("names the Doppler name to type where a value is missing, also that of a key that is not asked for", async () => {
    // Without it the whole Secret is not made.
    expect(refusal(await outputs({ REPORTS_DATABASE_URL }), "reports", ["database-url"])).toBe(
      [
        `app "reports" of stack "${STACK}" waits for the value of smtp-password: nobody had typed it when that stack was last brought up, and the Secret is not made, or stays as it was, until all its keys have one.`,
        "  doppler secrets set SMTP_PASSWORD --project acme-shared --config dev",
        `  Then, or if that has been done since: "pulumi up" of stack "${STACK}" makes it known.`,
      ].join("\n"),
    );
  });

  it("names the Doppler project of each value that is missing, where an app has several", async () => {
    const shared = { project: "acme-shared", config: "dev" };
    const of = await withWhole({
      ...{ keys: ["A", "B", "C"], pending: { A: ["A"], B: ["X"], C: ["C"] } },
      ...{ doppler: { project: "billing", config: "dev_eu" }, from: { B: shared } },
    });
    expect(refusal(of, "web", ["A"]).split("\n").slice(1, 4)).toEqual([
      "  doppler secrets set A --project billing --config dev_eu",
      "  doppler secrets set X --project acme-shared --config dev",
      "  doppler secrets set C --project billing --config dev_eu",
    ]);
    expect(refusal(of, "web", ["D"])).toContain('type its value in Doppler, project "billing", config "dev_eu"');
  });

  it("tells a key without a value from one that the app has not", async () => {
    expect(refusal(await outputs({ DATABASE_URL }), "bookmarked", ["JWT_SECRET", "API_KEY"])).toMatch(
      /has no key API_KEY\.[^]*\n[^]*waits for the value of JWT_SECRET:/,
    );
  });

  it("is nothing where all is delivered, whatever another app waits for", async () => {
    const dev = await outputs({ ...TYPED, SMTP_PASSWORD: "" });
    expect(deliveredApp(STACK, dev, "bookmarked", ["JWT_SECRET", "DATABASE_URL"])).toEqual(dev.apps["bookmarked"]);
  });
});

it("no name in the outputs looks like a credential to the policy on outputs", async () => {
  const names = (value: unknown): string[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [key, ...names(inner)])
      : [String(value)];
  const all = names(await outputs({}));
  expect(all).toContain("secret.reloader.stakater.com/reload");
  expect(all.filter((name) => credentialIn(name) !== undefined)).toEqual([]);
});
