import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import MarkdownIt from "markdown-it";
import type Token from "markdown-it/lib/token.mjs";
import { parse } from "yaml";

// What the documentation says of the repository has to be true: its links, its commands, the files and the test steps
// that it names.

const ROOT = join(__dirname, "..");
const GENERATED = new Set(["node_modules", "dist", "bin"]);

function filesBelow(folder: string, wanted: (path: string) => boolean): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return GENERATED.has(entry.name) ? [] : filesBelow(path, wanted);
    return wanted(path) ? [path] : [];
  });
}

const isMarkdown = (path: string) => path.endsWith(".md");
const atTheTop = readdirSync(ROOT).filter(isMarkdown);
const pages = [...atTheTop, ...filesBelow("docs", isMarkdown), join("sandbox", "README.md")];
const text = (path: string) => readFileSync(join(ROOT, path), "utf8");

const markdown = new MarkdownIt();

/** Every token of a page, those within a paragraph or a cell among them. */
const tokensOf = (page: string): Token[] =>
  markdown.parse(text(page), {}).flatMap((token) => [token, ...(token.children ?? [])]);

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(page: string): Set<string> {
  const tokens = markdown.parse(text(page), {});
  const headings = tokens.flatMap(({ type }, index) => (type === "heading_open" ? [tokens[index + 1]] : []));
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const plain = (heading?.children ?? []).map(({ content }) => content).join("");
      const slug = plain
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
        .replaceAll(" ", "-");
      const before = seen.get(slug) ?? 0;
      seen.set(slug, before + 1);
      return before === 0 ? slug : `${slug}-${before}`;
    }),
  );
}

/** What is wrong with a page's links into this repository. */
function brokenLinks(page: string): string[] {
  const targets = tokensOf(page).flatMap((token) => token.attrGet("href") ?? token.attrGet("src") ?? []);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .flatMap((target) => {
      const [path = "", anchor] = target.split("#").map(decodeURIComponent);
      const file = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, file))) return [`${target}: there is no such file`];
      if (anchor === undefined) return [];
      return isMarkdown(file) && anchorsOf(file).has(anchor) ? [] : [`${target}: there is no such heading`];
    });
}

/** The shell commands of a page, in its code blocks and in its text. */
function commandsOf(page: string): string[] {
  return tokensOf(page).flatMap(({ type, info, content }) =>
    type === "code_inline" || (type === "fence" && info === "sh") ? content.split("\n") : [],
  );
}

describe.each(pages)("%s", (page) => {
  it("links to files and headings that exist", () => {
    expect(brokenLinks(page)).toEqual([]);
  });
  it("names targets of make and scripts of npm that exist", () => {
    const targets = new Set([...text("Makefile").matchAll(/^([a-z0-9-]+):/gm)].map(([, name]) => name));
    for (const command of commandsOf(page)) {
      for (const [, target] of command.matchAll(/(?:^|[;&] )(?:[A-Z_]+=\S+ )?make ([a-z][a-z0-9-]*)/g)) {
        expect([command, targets.has(target)]).toEqual([command, true]);
      }
      for (const [, folder, script = ""] of command.matchAll(/npm (?:--prefix (\S+) )?run (?:--silent )?([a-z:]+)/g)) {
        // The sandbox's own page speaks of the sandbox's scripts.
        const manifest = join(folder ?? (page.startsWith("sandbox") ? "sandbox" : "."), "package.json");
        const { scripts } = JSON.parse(text(manifest)) as { scripts: Record<string, string> };
        expect([command, Object.keys(scripts)]).toEqual([command, expect.arrayContaining([script])]);
      }
    }
  });
  it("names parts of make e2e, files and folders that exist", () => {
    for (const { content } of tokensOf(page).filter(({ type }) => type === "code_inline")) {
      for (const [, part = ""] of content.matchAll(/make e2e PART=([\w.]+)/g)) {
        expect([content, storiesOf(part).length]).not.toEqual([content, 0]);
      }
      const isOurs = /^(src|lib|components|client|policy|prcheck|examples|test|sandbox|docs|e2e|\.github)\/[\w./-]*$/;
      // The sandbox's page speaks of its own folders.
      if (isOurs.test(content) && !page.startsWith("sandbox")) {
        expect([content, existsSync(join(ROOT, content))]).toEqual([content, true]);
      }
    }
  });
});

/** The files of the end-to-end tests that `make e2e PART=<part>` runs. */
function storiesOf(part: string): string[] {
  const folder = ["e2e", join("sandbox", "e2e")].find((path) => existsSync(join(ROOT, path))) ?? "";
  return filesBelow(folder, (path) => path.endsWith(".test.ts") && path.replace(/ts$/, "js").includes(part));
}

/** The cells of a page's tables, a row at a time, as they stand there. */
const rowsOf = (page: string): string[][] =>
  text(page)
    .split("\n")
    .filter((line) => /^\|(?! -)/.test(line))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));

describe("docs/evidence.md", () => {
  const proofs = rowsOf("docs/evidence.md").flatMap(([, part = "", step = ""]) => {
    const quoted = /^"(.+)"$/.exec(step)?.[1];
    return quoted === undefined ? [] : [{ part, quoted }];
  });
  it("has a proof for each row of its tables of steps", () => {
    expect(proofs.length).toBeGreaterThan(20);
  });
  it.each(proofs)('$part has a step "$quoted"', ({ part, quoted }) => {
    expect(storiesOf(part).filter((path) => text(path).includes(`step("${quoted}`))).toHaveLength(1);
  });
});

describe("the README", () => {
  it("is a card and not a manual", () => {
    expect(text("README.md").split("\n").length - 1).toBeLessThanOrEqual(150);
  });
  it("has every page of the documentation in its map", () => {
    const linked = tokensOf("README.md").flatMap((token) => token.attrGet("href")?.split("#")[0] ?? []);
    expect(linked).toEqual(expect.arrayContaining(pages.filter((page) => page.startsWith("docs"))));
  });
  it("has every folder of the code in its map", () => {
    const code = readdirSync(ROOT, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !GENERATED.has(entry.name))
      .map(({ name }) => name)
      .filter((name) => name !== "docs");
    const linked = tokensOf("README.md").flatMap((token) => token.attrGet("href")?.split("/")[0] ?? []);
    expect(linked).toEqual(expect.arrayContaining(code));
  });
});

describe("the versions", () => {
  it("of the packages are the newest one in the changelog", () => {
    const newest = /^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$/m.exec(text("CHANGELOG.md"))?.[1];
    for (const folder of [".", "components", "client", "policy"]) {
      const { version } = JSON.parse(text(join(folder, "package.json"))) as { version: string };
      expect([folder, version]).toEqual([folder, newest]);
    }
  });
  it("of the Pulumi CLI that are tested are within those that are required", () => {
    const { requiredPulumiVersion } = parse(text("Pulumi.yaml")) as { requiredPulumiVersion: string };
    const minor = (version: string) => Number(/^v?3\.(\d+)\.\d+$/.exec(version)?.[1]);
    const lowest = /^>=(\S+) <4\.0\.0$/.exec(requiredPulumiVersion)?.[1] ?? "";
    const inWorkflows = /pulumi-version: (\S+)/.exec(text(".github/actions/prepare/action.yml"))?.[1] ?? "";
    const modules = filesBelow(
      "sandbox/toolchain",
      // Pulumi's YAML language host has the CLI's module as a library only.
      (path) => path.endsWith("go.mod") && !path.includes("pulumi-yaml"),
    );
    const inSandbox = modules.flatMap(
      (path) => /^\s+github\.com\/pulumi\/pulumi\/pkg\/v3 (\S+)/m.exec(text(path))?.[1] ?? [],
    );
    expect(inSandbox.length).toBeGreaterThan(0);
    for (const version of [inWorkflows, ...inSandbox]) expect(minor(version)).toBeGreaterThanOrEqual(minor(lowest));
  });
});

describe("Dependabot's configuration", () => {
  const { updates } = parse(text(".github/dependabot.yml")) as {
    updates: { "package-ecosystem": string; directories: string[] }[];
  };
  const folders = (ecosystem: string) => updates.find((u) => u["package-ecosystem"] === ecosystem)?.directories ?? [];
  const withFile = (name: string) =>
    filesBelow(".", (path) => path.endsWith(`/${name}`) || path === name).map(
      (path) => `/${relative(".", dirname(path))}`,
    );

  it("has every folder with a lock file", () => {
    expect([...folders("npm")].sort()).toEqual(withFile("package-lock.json").sort());
  });
  it("has every Go module, and nothing else", () => {
    const modules = withFile("go.mod");
    expect(modules.length).toBeGreaterThan(0);
    expect(folders("gomod")).toEqual(["/sandbox/toolchain/*"]);
    for (const path of modules) expect(path).toMatch(/^\/sandbox\/toolchain\/[^/]+$/);
  });
});
