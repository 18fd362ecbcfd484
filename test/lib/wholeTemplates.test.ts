import { partTemplate, patternTemplate, spreadTemplate, templateWords } from "../../lib/wholeTemplates";
import { parseTemplate } from "../../lib/template";

// The operator itself renders these templates in e2e/stories/wholeConfigs.test.ts.

const OUT = { leaveOut: "PORT|(?:\\w+_)?TLS_KEY", keep: ["B_TLS_KEY", "A_TLS_KEY"] };
const part = { name: "APP_JSON", property: "db.password" };
const all = {
  pattern: patternTemplate("STRIPE_*", OUT),
  star: patternTemplate("*", {}),
  spread: spreadTemplate("APP_JSON", OUT),
  part: partTemplate(part),
};

it.each(Object.entries(all))("the template of a %s has braces and blocks that match", (_what, template) => {
  expect(parseTemplate(template).problems.filter((problem) => /brace|"end"/.test(problem))).toEqual([]);
});

it.each(Object.entries(all))(
  "the template of a %s has no percent sign, which would garble Go's errors",
  (_, template) => {
    expect(template).not.toContain("%");
  },
);

it("each template says in words what it makes, and others don't", () => {
  expect(Object.values(all).map(templateWords)).toEqual([
    "all names that begin with STRIPE_",
    "all names",
    "all properties of APP_JSON",
    "db.password of APP_JSON",
  ]);
  expect(templateWords("{{ .A }} {{- /* a comment */}}")).toBeUndefined();
});

it("a pattern lets in names that begin so, but for Doppler's own and those that are left out and not kept", () => {
  expect(all.pattern).toContain(
    "{{- if and (mustRegexMatch `^STRIPE_[A-Z0-9_]*$` $key) (or (has $key (list `A_TLS_KEY` `B_TLS_KEY`)) (not (mustRegexMatch " +
      "`^(?:DOPPLER_CONFIG|DOPPLER_ENVIRONMENT|DOPPLER_PROJECT|PORT|(?:\\w+_)?TLS_KEY)$` $key))) }}",
  );
  expect(all.star).toContain(
    "(not (mustRegexMatch `^(?:DOPPLER_CONFIG|DOPPLER_ENVIRONMENT|DOPPLER_PROJECT)$` $key)) }}",
  );
});

it("a JSON object lets in the properties that are not left out", () => {
  expect(all.spread).toContain(
    "{{- if and (or (has $key (list `A_TLS_KEY` `B_TLS_KEY`)) (not (mustRegexMatch `^(?:PORT|(?:\\w+_)?TLS_KEY)$` $key))) }}",
  );
});

it("a JSON object whose name is kept lets in all of its properties", () => {
  expect(spreadTemplate("APP_JSON", { ...OUT, keep: ["APP_JSON"] })).toContain("{{- if and true }}");
});

it.each(["spread", "part"] as const)("the template of a %s names the one Doppler name that it is made of", (what) => {
  expect(parseTemplate(all[what]).names).toEqual(["APP_JSON"]);
  expect(parseTemplate(all[what]).optional).toEqual([]);
});

it("a part is found property by property", () => {
  expect(all.part).toContain("{{- range $step := list `db` `password` }}");
});

// The same regular expression as in the template, for which RE2 and JavaScript have the same meaning.
it.each([
  ['{"a": 1, "b": [-1.50e+10, "2"], "c": true}', '{"a": "#1", "b": ["#-1.50e+10", "2"], "c": true}'],
  ['{"1": "x \\" 2 \\\\", "-": 3}\n', '{"1": "x \\" 2 \\\\", "-": "#3"}\n'],
  ['{"a": "no number"}', '{"a": "no number"}'],
])("numbers are marked in %s, and digits in texts are not", (json, marked) => {
  const [, source = ""] = /regexReplaceAll `([^`]+)` \.APP_JSON/.exec(all.part) ?? [];
  // JavaScript matches the empty rest at the end once more.
  expect(json.replace(new RegExp(source, "g"), '$1"#$2"').replace(/("#")+$/, "")).toBe(marked);
});
