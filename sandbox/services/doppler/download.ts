import { stringify } from "yaml";

export const DOWNLOAD_FORMATS = ["json", "dotnet-json", "env", "env-no-quotes", "yaml", "docker"] as const;
export type DownloadFormat = (typeof DOWNLOAD_FORMATS)[number];

export const NAME_TRANSFORMERS = [
  "none",
  "camel",
  "upper-camel",
  "lower-snake",
  "lower-kebab",
  "tf-var",
  "dotnet",
  "dotnet-env",
] as const;
export type NameTransformer = (typeof NAME_TRANSFORMERS)[number];

const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();

const pascal = (name: string) => name.split("_").map(capitalized).join("");

/** `SMTP__USER_NAME` → `["Smtp", "UserName"]`: two underscores separate sections in .NET. */
const dotnetSections = (name: string) => name.split("__").map(pascal);

/** Rewrites an UPPER_SNAKE_CASE name. */
export function transformName(name: string, transformer: NameTransformer): string {
  switch (transformer) {
    case "none":
      return name;
    case "upper-camel":
      return pascal(name);
    case "camel": {
      const upper = pascal(name);
      return upper.charAt(0).toLowerCase() + upper.slice(1);
    }
    case "lower-snake":
      return name.toLowerCase();
    case "lower-kebab":
      return name.toLowerCase().replaceAll("_", "-");
    case "tf-var":
      return `TF_VAR_${name.toLowerCase()}`;
    case "dotnet":
      return dotnetSections(name).join(":");
    case "dotnet-env":
      return dotnetSections(name).join("__");
  }
}

type Nested = { [name: string]: string | Nested };

function dotnetJson(secrets: ReadonlyMap<string, string>): Nested {
  const result: Nested = {};
  for (const [name, value] of secrets) {
    const sections = dotnetSections(name);
    const last = sections.pop() ?? name;
    let section = result;
    for (const key of sections) {
      const present = section[key];
      const next: Nested = typeof present === "object" ? present : {};
      section[key] = next;
      section = next;
    }
    section[last] = value;
  }
  return result;
}

const quoted = (value: string) =>
  `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "\\$").replaceAll("\n", "\\n")}"`;

/**
 * A config's secrets as a file.
 * @returns the content type and the text; in the `json` form a flat object of strings and nothing else.
 */
export function renderDownload(
  secrets: ReadonlyMap<string, string>,
  format: DownloadFormat,
  transformer: NameTransformer,
): { contentType: string; text: string } {
  const named = new Map([...secrets].map(([name, value]) => [transformName(name, transformer), value]));
  const lines = (line: (name: string, value: string) => string) => [...named].map(([n, v]) => line(n, v)).join("\n");
  const json = "application/json; charset=utf-8";
  const plain = "text/plain; charset=utf-8";
  switch (format) {
    case "json":
      return { contentType: json, text: JSON.stringify(Object.fromEntries(named)) };
    case "dotnet-json":
      return { contentType: json, text: JSON.stringify(dotnetJson(secrets)) };
    case "env":
      return { contentType: plain, text: lines((name, value) => `${name}=${quoted(value)}`) };
    case "env-no-quotes":
      return { contentType: plain, text: lines((name, value) => `${name}=${value}`) };
    case "docker":
      // Docker's env files have neither quotes nor a way to continue a line.
      return { contentType: plain, text: lines((name, value) => `${name}=${value.replaceAll("\n", "\\n")}`) };
    case "yaml":
      return {
        contentType: plain,
        text: stringify(Object.fromEntries(named), {
          defaultStringType: "QUOTE_DOUBLE",
          defaultKeyType: "PLAIN",
          lineWidth: 0,
        }),
      };
  }
}
