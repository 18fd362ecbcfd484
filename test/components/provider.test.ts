import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ComponentProvider, getPulumiComponents } from "@pulumi/pulumi/provider/experimental";
import * as components from "../../components";

// What other languages see of the components.

const manifest = (folder: string) =>
  JSON.parse(readFileSync(join(__dirname, "..", "..", folder, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
const own = manifest("components");
const program = manifest(".");

interface Property {
  description?: string;
  plain?: boolean;
}

interface Schema {
  version: string;
  resources: Record<
    string,
    { description?: string; inputProperties: Record<string, Property>; properties: Record<string, Property> }
  >;
  types: Record<string, { properties?: Record<string, Property> }>;
}

describe("the component provider", () => {
  let schema: Schema;
  beforeAll(async () => {
    const provider = new ComponentProvider({
      name: own.name,
      dirname: join(__dirname, "..", "..", "components"),
      components: getPulumiComponents(components),
    });
    schema = JSON.parse(await provider.getSchema()) as Schema;
  }, 120_000);

  it("has the program's name and version", () => {
    expect([own.name, own.version]).toEqual([program.name, program.version]);
    expect(schema.version).toBe(program.version);
  });

  it("offers every component that makes sense alone, under the types that the program's states have", () => {
    expect(Object.keys(schema.resources).sort()).toEqual(
      [
        ...["AppSecrets", "DopplerMirror", "DopplerProject", "DopplerSecretStore", "ExternalSecretsOperator"],
        ...["GithubActionsSecrets", "GithubOrganizationSecrets"],
      ].map((name) => `secrets-pipeline:index:${name}`),
    );
  });

  it("describes each component, input, output and field in words", () => {
    const mute = [
      ...Object.entries(schema.resources).flatMap(([type, { description, inputProperties, properties }]) => [
        [type, { description }] as const,
        ...Object.entries(inputProperties).map(([name, property]) => [`${type} ${name}`, property] as const),
        ...Object.entries(properties).map(([name, property]) => [`${type}'s ${name}`, property] as const),
      ]),
      ...Object.entries(schema.types).flatMap(([type, { properties }]) =>
        Object.entries(properties ?? {}).map(([name, property]) => [`${type} ${name}`, property] as const),
      ),
    ].filter(([, { description }]) => description === undefined || /\[object|\{@link/.test(description));
    expect(mute.map(([what]) => what)).toEqual([]);
  });

  it("takes outputs wherever a component does not need the value itself", () => {
    const plain: Record<string, string[]> = Object.fromEntries(
      Object.entries(schema.resources).map(([type, { inputProperties }]) => [
        type.split(":")[2] ?? "",
        Object.keys(inputProperties).filter((name) => inputProperties[name]?.plain),
      ]),
    );
    expect(plain).toEqual({
      AppSecrets: [
        ...[
          "namespace",
          "secretName",
          "externalSecretName",
          "perKey",
          "keys",
          "values",
          "parts",
          "spread",
          "pattern",
          "leaveOut",
          "keep",
          "from",
          "type",
          "labels",
          "annotations",
        ],
        ...["merge", "alsoAs", "adopt"],
      ],
      DopplerMirror: ["adopt"],
      DopplerProject: ["createProject", "createEnvironment", "serviceTokenName", "protect", "adopt"],
      DopplerSecretStore: ["oidc", "adopt"],
      ExternalSecretsOperator: [
        "namespace",
        "releaseName",
        "deleteNamespace",
        "adopt",
        "chart",
        "repository",
        "version",
        "values",
      ],
      GithubActionsSecrets: ["repository", "environment", "createEnvironment", "secrets", "dependabotSecrets"],
      GithubOrganizationSecrets: ["visibility", "selectedRepositoryIds", "secrets", "dependabotSecrets"],
    });
  });

  it("gives what the next component, or the app, needs", () => {
    const outputs: Record<string, string[]> = Object.fromEntries(
      Object.entries(schema.resources).map(([type, { properties }]) => [
        type.split(":")[2] ?? "",
        Object.keys(properties),
      ]),
    );
    expect(outputs).toEqual({
      AppSecrets: ["reference"],
      DopplerMirror: ["storeName", "secretName"],
      DopplerProject: ["project", "config", "serviceToken"],
      DopplerSecretStore: ["storeName"],
      ExternalSecretsOperator: ["namespace"],
      GithubActionsSecrets: ["secretNames", "dependabotSecretNames"],
      GithubOrganizationSecrets: ["secretNames", "dependabotSecretNames"],
    });
  });
});
