import { z } from "zod";
import { judge } from "../../doctor/judge";
import { paintFor, plainly } from "../../doctor/show/paint";
import { reportOf, reportSchema } from "../../doctor/show/report";
import { render } from "../../doctor/show/table";
import { externalSecret, perApp, RESOURCES, silence, value, wholeFacts } from "./support";

// What people and scripts are shown.

const LONG = "a-name-of-an-app-that-is-so-long-that-it-takes-more-than-half-of-the-line-for-itself-alone";

function brokenFacts() {
  const facts = wholeFacts([
    ...RESOURCES,
    externalSecret(LONG, LONG, LONG, perApp(LONG, { A_RATHER_LONG_NAME_OF_A_KEY: "A_RATHER_LONG_NAME_OF_A_VALUE" })),
  ]);
  const config = facts.doppler.configs["acme/dev"];
  if (config) config.names = { known: ["DATABASE_URL", "DOCKERHUB_TOKEN", "UNUSED"] };
  facts.github.places["actions web/"] = silence("notAsked", "No credential for GitHub");
  return facts;
}

describe("the table", () => {
  const text = render(judge(brokenFacts()));
  it("fits 100 columns, but for commands, which are to be copied", () => {
    for (const line of text.split("\n")) {
      if (!/^ +(To mend it: )?(doppler|kubectl|pulumi|helm) /.test(line)) expect(line.length).toBeLessThanOrEqual(100);
    }
  });
  it("has a row for each Secret, with the number of its finding", () => {
    expect(text).toMatch(/^web +default\/web-secrets +broken \[1\] +20 s ago +none$/m);
    expect(text).toMatch(/^reports +reports\/reports-credentials +broken \[2\] /m);
    expect(text).toMatch(/^a-name-of-an-app[^ ]*… +a-name[^ ]*… +broken \[3\] /m);
    expect(text).toMatch(/^web +DOCKERHUB_TOKEN +unknown$/m);
  });
  it("says of each finding what is wrong, whom it concerns, since when, and what to do", () => {
    expect(text).toContain(
      [
        "[1] Broken: value of JWT_SECRET",
        '    JWT_SECRET has no value in Doppler, project "acme", config "dev". The operator leaves the Secret',
        "    as it was.",
        "    Concerns:   app web",
        "    Last whole: 2026-06-01 11:59:40 UTC, 20 s ago",
        "    To mend it: doppler secrets set JWT_SECRET --project acme --config dev",
      ].join("\n"),
    );
  });
  it("says what it could not ask, what is worth knowing, and the end of it", () => {
    expect(text).toContain("Not answered\n- GitHub, actions web/: No credential for GitHub\n");
    expect(text).toContain("- Nothing of this stack reads UNUSED of Doppler config acme/dev.");
    expect(text).toContain("Doppler is read 3 times a minute of 240 that Doppler allows (2 %).");
    expect(text).toMatch(/\n4 chains: 3 broken, by 3 faults\. 1 could not be followed to the end\.\n$/);
  });
  it("has nothing to say of what is whole", () => {
    expect(render(judge(wholeFacts()))).toMatch(/\n3 chains: all whole\.\n$/);
  });
  it("has colours on a terminal alone, where nobody has asked for none", () => {
    const text = (output: { isTTY?: boolean }, env: NodeJS.ProcessEnv) => paintFor(output, env)("red", "x");
    expect(text({ isTTY: true }, {})).toBe("\u001b[31mx\u001b[0m");
    expect([text({}, {}), text({ isTTY: true }, { NO_COLOR: "1" }), text({ isTTY: true }, { TERM: "dumb" })]).toEqual([
      "x",
      "x",
      "x",
    ]);
    const plain = render(judge(brokenFacts()), plainly);
    const coloured = render(judge(brokenFacts()), paintFor({ isTTY: true }, {}));
    // eslint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[\d+m/g, "")).toBe(plain);
  });
});

describe("the report for scripts", () => {
  it("has the documented form", () => {
    for (const facts of [wholeFacts(), brokenFacts()]) {
      const report = reportOf(judge(facts));
      expect(z.strictObject(reportSchema.shape).parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    }
  });
  it("has times in UTC, and null where there is none", () => {
    const facts = wholeFacts();
    const [token] = value(facts.doppler.configs["acme/dev"]?.tokens);
    if (token) token.lastSeenAt = null;
    const report = reportOf(judge(facts));
    expect(report.tokens[0]).toMatchObject({ lastSeenAt: null, createdAt: "2026-05-31T12:00:00.000Z" });
    expect(report.secrets[0]).toMatchObject({ finding: null, unknown: null, refreshedAt: "2026-06-01T11:59:40.000Z" });
  });
  it("is described for other programs", () => {
    const schema = z.toJSONSchema(reportSchema) as { properties: Record<string, unknown> };
    expect(Object.keys(schema.properties)).toEqual(Object.keys(reportOf(judge(wholeFacts()))));
  });
});
