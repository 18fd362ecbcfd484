import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { renderDownload, transformName, type DownloadFormat, type NameTransformer } from "./download.js";

describe("name transformers", () => {
  const table: [NameTransformer, string, string][] = [
    ["none", "SMTP__USER_NAME", "SMTP__USER_NAME"],
    ["camel", "USER_NAME", "userName"],
    ["upper-camel", "USER_NAME", "UserName"],
    ["lower-snake", "USER_NAME", "user_name"],
    ["lower-kebab", "USER_NAME", "user-name"],
    ["tf-var", "USER_NAME", "TF_VAR_user_name"],
    ["dotnet", "SMTP__USER_NAME", "Smtp:UserName"],
    ["dotnet-env", "SMTP__USER_NAME", "Smtp__UserName"],
  ];
  for (const [transformer, name, expected] of table) {
    it(`${transformer}: ${name} → ${expected}`, () => assert.equal(transformName(name, transformer), expected));
  }
});

describe("download formats", () => {
  const secrets = new Map([
    ["A", 'say "hi" \\ $HOME'],
    ["LINES", "one\ntwo"],
    ["SMTP__USER", "u"],
  ]);
  const table: [DownloadFormat, string][] = [
    ["json", '{"A":"say \\"hi\\" \\\\ $HOME","LINES":"one\\ntwo","SMTP__USER":"u"}'],
    ["dotnet-json", '{"A":"say \\"hi\\" \\\\ $HOME","Lines":"one\\ntwo","Smtp":{"User":"u"}}'],
    ["env", 'A="say \\"hi\\" \\\\ \\$HOME"\nLINES="one\\ntwo"\nSMTP__USER="u"'],
    ["env-no-quotes", 'A=say "hi" \\ $HOME\nLINES=one\ntwo\nSMTP__USER=u'],
    ["docker", 'A=say "hi" \\ $HOME\nLINES=one\\ntwo\nSMTP__USER=u'],
  ];
  for (const [format, expected] of table) {
    it(format, () => assert.equal(renderDownload(secrets, format, "none").text, expected));
  }

  it("yaml keeps strings that look like something else strings", () => {
    const tricky = new Map([...secrets, ["NO", "no"], ["NUMBER", "012"], ["EMPTY", ""]]);
    assert.deepEqual(parse(renderDownload(tricky, "yaml", "none").text), Object.fromEntries(tricky));
  });
});
