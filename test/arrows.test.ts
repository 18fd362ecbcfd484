import { execFileSync } from "node:child_process";
import { join } from "node:path";

// Lint holds the arrows between the folders: for each of them, an import that it refuses and one that it lets through.

/** What ESLint says of each import, as if it stood in a new file of the folder. */
function lint(imports: readonly { folder: string; of: string }[]): string[][] {
  const input = imports.map(({ folder, of }) => ({ file: `${folder}/new.ts`, code: `import "${of}";\n` }));
  const root = join(__dirname, "..");
  const output = execFileSync(process.execPath, [join(__dirname, "support", "lint.mjs")], {
    cwd: root,
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  return JSON.parse(output) as string[][];
}

const REFUSED = [
  { folder: "lib", of: "../src/world" },
  { folder: "lib", of: "../components/appSecrets" },
  { folder: "src/settings", of: "../world" },
  { folder: "src/settings", of: "../pipeline/pending" },
  { folder: "src/settings", of: "../../components/appSecrets" },
  { folder: "src/world", of: "../pipeline/pending" },
  { folder: "src/world", of: "../../components/dopplerSecretStore" },
  { folder: "src/world", of: "../settings/schema" },
  { folder: "src/pipeline", of: "../settings/schema" },
  { folder: "src/pipeline", of: "../world/kubectl" },
  { folder: "src/pipeline", of: "../../index" },
  { folder: "src/pipeline", of: "../../policy/policies" },
  { folder: "components", of: "../src/world" },
  { folder: "components", of: "../src/pipeline/pending" },
  { folder: "components", of: "../policy/policies" },
  { folder: "policy", of: "../components/appSecrets" },
  { folder: "policy", of: "../prcheck/report" },
  { folder: "prcheck", of: "../policy/policies" },
  { folder: "prcheck", of: "../src/pipeline/pending" },
  { folder: "doctor", of: "../src/settings" },
  { folder: "doctor", of: "../src/pipeline/pending" },
  { folder: "doctor/gather", of: "../../src/world/kubectl" },
  { folder: "doctor", of: "../components/appSecrets" },
  { folder: "client", of: "../lib/template" },
  { folder: "client", of: "../src/pipeline/outputs" },
  { folder: "e2e", of: "../src/pipeline/outputs" },
  { folder: "e2e", of: "../sandbox/package.json" },
  { folder: "e2e/support", of: "../../sandbox/core/start" },
  { folder: "e2e/stories", of: "../../lib/template" },
];

const LET_THROUGH = [
  { folder: "src/settings", of: "../../lib/template" },
  { folder: "src/world", of: "./state" },
  { folder: "src/world", of: "../settings" },
  { folder: "src/pipeline", of: "../world" },
  { folder: "src/pipeline", of: "../../components/appSecrets" },
  { folder: "components", of: "../lib/template" },
  { folder: "policy", of: "../lib/credentials" },
  { folder: "policy", of: "@pulumi/policy" },
  { folder: "prcheck", of: "../lib/pendingNotice" },
  { folder: "doctor/gather", of: "../../src/world" },
  { folder: "doctor/judge", of: "../../lib/pipeline" },
  { folder: "client", of: "./index" },
  { folder: "e2e/stories", of: "secrets-pipeline-sandbox" },
  { folder: "components", of: "@pulumi/pulumi" },
  { folder: "components", of: "node:fs" },
];

it("an import against the arrows is refused, one along them is not", () => {
  const messages = lint([...REFUSED, ...LET_THROUGH]);
  const said = (list: typeof REFUSED, from: number) =>
    list.map(
      ({ folder, of }, index) =>
        `${folder} imports ${of}: ${messages[from + index]?.length ? "refused" : "let through"}`,
    );
  expect(said(REFUSED, 0)).toEqual(REFUSED.map(({ folder, of }) => `${folder} imports ${of}: refused`));
  expect(said(LET_THROUGH, REFUSED.length)).toEqual(
    LET_THROUGH.map(({ folder, of }) => `${folder} imports ${of}: let through`),
  );
  expect(messages[0]?.join()).toContain("lib/ may import itself, and nothing else of this repository.");
});
