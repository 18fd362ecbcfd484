import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";
import type { PropertyType, ResourceSpec } from "../schema.js";

/*
 * Reads what a released SDK says of a resource out of its type declarations, so that a test can hold a stand-in's
 * table against it.
 */

/** A resource or function in comparable form: types as short texts, as in `list<string>`. */
export interface Surface {
  inputs: Record<string, { type: string; required: boolean }>;
  /** Names of all outputs. */
  outputs: string[];
  /** Names of the outputs that the SDK itself marks as secret. */
  secretOutputs: string[];
}

/** Brings a table into the form of the SDK's declarations. */
export function tableSurface(spec: ResourceSpec): Surface {
  const properties = Object.entries(spec.properties);
  return {
    inputs: Object.fromEntries(
      properties
        .filter(([, property]) => property.input !== false)
        .map(([name, property]) => [name, { type: typeText(property.type), required: property.required ?? false }]),
    ),
    outputs: properties.map(([name]) => name).sort(),
    secretOutputs: properties
      .filter(([, property]) => property.secret)
      .map(([name]) => name)
      .sort(),
  };
}

/**
 * Reads the declarations of a class in an installed SDK package.
 *
 * @param packageName as in `@pulumiverse/doppler`
 * @param module the file in it, without extension, as in `serviceToken` or `projectmember/group`
 * @param className as in `ServiceToken`
 */
export function sdkSurface(packageName: string, module: string, className: string): Surface {
  const root = packageRoot(packageName);
  const source = parse(join(root, `${module}.d.ts`));
  const args = findInterface(source, [`${className}Args`]);
  const declaration = source.statements.find(
    (statement): statement is ts.ClassDeclaration =>
      ts.isClassDeclaration(statement) && statement.name?.text === className,
  );
  if (!declaration) {
    throw new Error(`${packageName}/${module}.d.ts declares no class ${className}`);
  }
  const outputs = declaration.members
    .filter((member): member is ts.PropertyDeclaration => ts.isPropertyDeclaration(member))
    .filter((member) => !member.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.StaticKeyword))
    .map((member) => nameOf(member));
  const script = readFileSync(join(root, `${module}.js`), "utf8");
  const secrets = /additionalSecretOutputs: (\[[^\]]*\])/.exec(script)?.[1] ?? "[]";
  return {
    inputs: interfaceInputs(root, args),
    outputs: outputs.sort(),
    secretOutputs: (JSON.parse(secrets) as string[]).sort(),
  };
}

/** Reads the argument names, types and needs of a function in an installed SDK package. */
export function sdkFunctionInputs(packageName: string, module: string, interfaceName: string): Surface["inputs"] {
  const root = packageRoot(packageName);
  return interfaceInputs(root, findInterface(parse(join(root, `${module}.d.ts`)), [interfaceName]));
}

/** The version of an installed package, without a leading `v`. */
export function sdkVersion(packageName: string): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(packageName), "package.json"), "utf8")) as {
    version: string;
  };
  return manifest.version.replace(/^v/, "");
}

function packageRoot(packageName: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(packageName));
  while (!existsSync(join(folder, "package.json"))) {
    folder = dirname(folder);
  }
  return folder;
}

const parsed = new Map<string, ts.SourceFile>();

function parse(path: string): ts.SourceFile {
  const known = parsed.get(path);
  if (known) {
    return known;
  }
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2022);
  parsed.set(path, source);
  return source;
}

function findInterface(source: ts.SourceFile | ts.ModuleBlock, path: string[]): ts.InterfaceDeclaration {
  const [first, ...rest] = path;
  for (const statement of source.statements) {
    if (rest.length === 0 && ts.isInterfaceDeclaration(statement) && statement.name.text === first) {
      return statement;
    }
    if (rest.length > 0 && ts.isModuleDeclaration(statement) && statement.name.text === first && statement.body) {
      return findInterface(statement.body as ts.ModuleBlock, rest);
    }
  }
  throw new Error(`no interface ${path.join(".")} in the declarations`);
}

function interfaceInputs(root: string, declaration: ts.InterfaceDeclaration): Surface["inputs"] {
  return Object.fromEntries(
    declaration.members.filter(ts.isPropertySignature).map((member) => {
      if (!member.type) {
        throw new Error(`the property ${nameOf(member)} is declared without a type`);
      }
      return [nameOf(member), { type: nodeText(root, member.type), required: member.questionToken === undefined }];
    }),
  );
}

function nameOf(member: ts.PropertySignature | ts.PropertyDeclaration): string {
  if (ts.isIdentifier(member.name) || ts.isStringLiteral(member.name)) {
    return member.name.text;
  }
  throw new Error("a property is declared with a computed name");
}

function typeText(type: PropertyType): string {
  if (typeof type === "string") {
    return type;
  }
  if ("list" in type) {
    return `list<${typeText(type.list)}>`;
  }
  if ("map" in type) {
    return `map<${typeText(type.map)}>`;
  }
  return objectText(
    Object.entries(type.object).map(([name, property]) => [name, property.required ?? false, typeText(property.type)]),
  );
}

function objectText(members: [name: string, required: boolean, type: string][]): string {
  const texts = members.map(([name, required, type]) => `${name}${required ? "" : "?"}: ${type}`);
  return `{${texts.sort().join(", ")}}`;
}

function nodeText(root: string, node: ts.TypeNode): string {
  switch (node.kind) {
    case ts.SyntaxKind.StringKeyword:
      return "string";
    case ts.SyntaxKind.BooleanKeyword:
      return "boolean";
    case ts.SyntaxKind.NumberKeyword:
      return "number";
  }
  if (ts.isUnionTypeNode(node)) {
    const [only, ...more] = node.types.filter((type) => type.kind !== ts.SyntaxKind.UndefinedKeyword);
    if (only && more.length === 0) {
      return nodeText(root, only);
    }
  }
  if (ts.isArrayTypeNode(node)) {
    return `list<${nodeText(root, node.elementType)}>`;
  }
  if (ts.isTypeLiteralNode(node)) {
    const [index] = node.members;
    if (index && ts.isIndexSignatureDeclaration(index)) {
      return `map<${nodeText(root, index.type)}>`;
    }
  }
  if (ts.isTypeReferenceNode(node)) {
    const path = entityPath(node.typeName);
    if (path.join(".") === "pulumi.Input" && node.typeArguments?.[0]) {
      return nodeText(root, node.typeArguments[0]);
    }
    if (path[0] === "inputs") {
      const inputs = interfaceInputs(root, findInterface(parse(join(root, "types", "input.d.ts")), path.slice(1)));
      return objectText(Object.entries(inputs).map(([name, { type, required }]) => [name, required, type]));
    }
  }
  throw new Error(`unexpected type in the declarations, of kind ${ts.SyntaxKind[node.kind]}`);
}

function entityPath(name: ts.EntityName): string[] {
  return ts.isIdentifier(name) ? [name.text] : [...entityPath(name.left), name.right.text];
}
