import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, it } from "node:test";
import ts from "typescript";
import { RELEASE_INPUTS, REPOSITORY_INPUTS } from "./release-resources.js";
import { NESTED_INPUTS, PROVIDER_INPUTS } from "./settings.js";

const root = path.dirname(createRequire(import.meta.url).resolve("@pulumi/kubernetes"));

/** The members of an interface in the SDK's declarations with their types, coarse as the stand-in's tables are. */
function members(file: string, ...names: string[]): Record<string, string> {
  const source = ts.createSourceFile(file, readFileSync(path.join(root, file), "utf8"), ts.ScriptTarget.ES2022);
  let scope: ts.SourceFile | ts.ModuleBlock = source;
  for (const name of names.slice(0, -1)) {
    const found: ts.Statement | undefined = scope.statements.find(
      (statement) => ts.isModuleDeclaration(statement) && statement.name.text === name,
    );
    assert.ok(found && ts.isModuleDeclaration(found) && found.body && ts.isModuleBlock(found.body), name);
    scope = found.body;
  }
  const declaration = scope.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === names.at(-1),
  );
  assert.ok(declaration && ts.isInterfaceDeclaration(declaration), names.join("."));
  return Object.fromEntries(
    declaration.members.filter(ts.isPropertySignature).map((member) => {
      const type = member.type?.getText(source) ?? "";
      return [member.name.getText(source), coarse(type)];
    }),
  );
}

function coarse(type: string): string {
  const inner = /^pulumi\.Input<([\s\S]*?)( \| undefined)?>$/.exec(type)?.[1] ?? type;
  if (["boolean", "string", "number"].includes(inner)) {
    return inner;
  }
  return inner.endsWith("[]") ? "list" : inner.startsWith('"') ? "string" : "object";
}

describe("inputs as the SDK declares them", () => {
  it("are those of the provider", () => {
    assert.deepEqual(members("provider.d.ts", "ProviderArgs"), { ...PROVIDER_INPUTS });
    for (const [input, names] of Object.entries(NESTED_INPUTS)) {
      const type = input.charAt(0).toUpperCase() + input.slice(1);
      assert.deepEqual(Object.keys(members("types/input.d.ts", type)).sort(), [...names].sort());
    }
  });

  it("are those of a Helm release", () => {
    assert.deepEqual(members("helm/v3/release.d.ts", "ReleaseArgs"), { ...RELEASE_INPUTS });
    const repository = members("types/input.d.ts", "helm", "v3", "RepositoryOpts");
    assert.deepEqual(Object.keys(repository).sort(), [...REPOSITORY_INPUTS].sort());
  });
});
