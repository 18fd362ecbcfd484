// Lints snippets as if each stood in a file of the repository, by the rule on imports alone.
// stdin: [{ "file": …, "code": … }], stdout: the messages of each.
import { ESLint } from "eslint";
import { readFileSync } from "node:fs";

const eslint = new ESLint({
  ruleFilter: ({ ruleId }) => ruleId === "import-x/no-restricted-paths",
  // The files need not exist, and the rule needs no types.
  overrideConfig: [{ languageOptions: { parserOptions: { projectService: false, project: null } } }],
});
const messages = [];
for (const { file, code } of JSON.parse(readFileSync(0, "utf8"))) {
  const [result] = await eslint.lintText(code, { filePath: file });
  messages.push((result?.messages ?? []).map(({ message }) => message));
}
process.stdout.write(JSON.stringify(messages));
