import { dopplerNames, parseTemplate, templateWithoutGaps } from "../../lib/template";

describe("the Doppler names in a template", () => {
  it.each<[string, string, string[]]>([
    [
      "parts of a URL",
      "postgres://{{ .DB_USER | urlquery }}:{{.DB_PASSWORD|urlquery}}@{{ .DB_HOST }}/a",
      ["DB_USER", "DB_PASSWORD", "DB_HOST"],
    ],
    ["one twice", "{{ .A }}{{ .A }}", ["A"]],
    ["with trimmed space", "a {{- .A -}} b", ["A"]],
    ["arguments", '{{ printf "%s:%s" .A (trim .B) | b64enc }}', ["A", "B"]],
    ["from the root", "{{ $.A }}", ["A"]],
    ["by index", '{{ index . "A" }}', ["A"]],
    ["a field of what a function gives", "{{ (fromJson .A).password }}", ["A"]],
    ["a variable, and its field", "{{ $x := fromJson .A }}{{ $x.NAME }}", ["A"]],
    ["not in quotes", '{{ print ".NOT {{ .NEITHER }}" .A }}', ["A"]],
    ["not in raw quotes", "{{ print `.NOT }}` .A }}", ["A"]],
    ["not in a comment", "{{/* .NOT */}}{{ .A }}", ["A"]],
    ["not outside of actions", "x.NOT {{ .A }}", ["A"]],
    ["not a number", "{{ add 1.5 .A }}", ["A"]],
    [
      "not where the dot is another",
      "{{ with fromJson .A }}{{ .user }} {{ $.B }}{{ else }}{{ .C }}{{ end }}{{ .D }}",
      ["A", "B", "C", "D"],
    ],
    ["in a branch", "{{ if .A }}{{ .B }}{{ else if .C }}{{ .D }}{{ end }}", ["A", "B", "C", "D"]],
    ["beside a brace of the text", "a}b {{ .A }}", ["A"]],
    ["by a function of one name's value", '{{ get (fromJson .A) "user" }}', ["A"]],
    ["before three braces", '{"a":{"b":{{ .A | toJson }}}}', ["A"]],
  ])("%s", (_what, template, names) => {
    expect(parseTemplate(template)).toMatchObject({ names, problems: [] });
  });

  it.each<[string, string, string]>([
    ["an action that is not closed", "{{ .A", "expected as many closing braces as opening ones"],
    ["an action that is closed too early", "{{ .A }", "expected as many closing braces as opening ones"],
    ["an action with one brace", "{{ .A }}:{ .B }}", "expected as many closing braces as opening ones"],
    [
      "all values together",
      '{{ .A }}{{ get . "B" }}',
      'expected no "get" on all values: write each Doppler name, such as {{ .DB_PASSWORD }}',
    ],
    [
      "all values together, within a block",
      '{{ with .A }}{{ pluck "B" $ }}{{ end }}',
      'expected no "pluck" on all values: write each Doppler name, such as {{ .DB_PASSWORD }}',
    ],
    ["no Doppler name", "{{ .db_password }}", "expected Doppler names, such as {{ .DB_PASSWORD }}"],
    ["a path", "{{ .DB.PASSWORD }}", "expected no dot behind a Doppler name: its value is a text"],
    ["a block that is not ended", "{{ if .A }}x", 'expected an "end" for each "if", "with" and "range"'],
    ["an end of nothing", "{{ .A }}{{ end }}", 'expected an "end" for each "if", "with" and "range"'],
    ["a definition", '{{ define "x" }}{{ .A }}{{ end }}', 'expected no "define"'],
    ["a new hash each time", "{{ bcrypt .A }}", 'expected no "bcrypt", which gives another value each time'],
    ["another time each time", "{{ .A }}{{ now | date }}", 'expected no "now", which gives another value each time'],
    [
      "a password each time",
      "{{ .A }}{{ randAlphaNum 8 }}",
      'expected no "randAlphaNum", which gives another value each time',
    ],
  ])("are not to be had from %s", (_what, template, problem) => {
    expect(parseTemplate(template).problems).toContain(problem);
  });

  it("are each counted once for a Secret", () => {
    expect(dopplerNames({ keys: { a: "A", b: "B" }, values: { c: "{{ .B }}{{ .C }}", d: "{{ .C }}" } })).toEqual([
      "A",
      "B",
      "C",
    ]);
  });
});

describe("a template without gaps", () => {
  it.each<[string, string, string]>([
    ["is the template itself where it comes to all names", "{{ .A }}:{{ printf .B }}", ""],
    ["asks for a name within a block", "{{ if .A }}{{ .B }}{{ end }}", "{{ $_ := .B }}"],
    ["asks for a name that is looked up by index", '{{ index . "A" }}', "{{ $_ := .A }}"],
    ["asks for a name that the operator need not look at", "{{ or .A .B }}", "{{ $_ := .A }}{{ $_ := .B }}"],
    ["asks for no name that the template comes to elsewhere", "{{ .A }}{{ with .A }}x{{ end }}", ""],
  ])("%s", (_what, template, before) => {
    expect(templateWithoutGaps(template)).toBe(before + template);
  });
});
