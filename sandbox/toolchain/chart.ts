import { parse, parseDocument } from "yaml";

/** The parts of a CustomResourceDefinition that decide how the chart wraps it. */
interface Definition {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly names: { readonly kind: string; readonly singular: string };
    readonly conversion?: { readonly strategy: string };
  };
}

/**
 * Turns the operator's CRD bundle into chart templates, as its own packaging does: each CRD can be left out by
 * `installCRDs`, some by `crds.create<Kind>` too, and each takes `crds.annotations` (`helm.sh/resource-policy: keep` among
 * them) and, where conversion and cert-manager are on, the annotation by which cert-manager injects its CA.
 *
 * @param bundle deploy/crds/bundle.yaml: CRDs in one YAML stream, each with annotations
 * @returns template text by file name
 * @throws when the bundle has something that these templates would not render as the released chart does
 */
export function crdTemplates(bundle: string): ReadonlyMap<string, string> {
  const templates = new Map<string, string>();
  for (const text of bundle.split(/^---[ \t]*\n/m)) {
    if (text.trim() === "") continue;
    const definition = parse(text) as Definition;
    const { kind, singular } = definition.spec.names;
    const name = definition.metadata.name;
    if (definition.kind !== "CustomResourceDefinition") throw new Error(`the CRD bundle has a ${definition.kind}`);
    // "None" is what the API server takes where nothing is said.
    if ((definition.spec.conversion?.strategy ?? "None") !== "None")
      throw new Error(`${name} has a conversion, which is not templated`);
    // Text in braces would be run by Helm; escaping it is easy, but there has been none so far.
    if (text.includes("{{")) throw new Error(`${name} has {{ in it, which Helm would take for a template`);
    const file = `${singular}.yaml`;
    if (templates.has(file)) throw new Error(`two CRDs have the singular name ${singular}`);
    templates.set(file, `{{- if ${condition(kind)} }}\n${withAnnotations(text, name)}{{- end }}\n`);
  }
  if (templates.size === 0) throw new Error("the CRD bundle is empty");
  return templates;
}

/** The chart's metadata with the version it is released under, and without the dependency that can't be fetched. */
export function chartMetadata(chartYaml: string, version: string): string {
  const document = parseDocument(chartYaml);
  document.set("version", version);
  document.set("appVersion", `v${version}`);
  document.delete("dependencies");
  return document.toString();
}

function condition(kind: string): string {
  const optional = kind.includes("Cluster") || kind.includes("PushSecret");
  return optional ? `and .Values.installCRDs .Values.crds.create${kind}` : ".Values.installCRDs";
}

function withAnnotations(text: string, name: string): string {
  const metadata = text.indexOf("\nmetadata:\n");
  const line = "\n  annotations:\n";
  const at = text.indexOf(line, metadata);
  const end = text.indexOf("\nspec:\n");
  if (metadata < 0 || at < 0 || at > end) throw new Error(`${name} has no annotations to add to`);
  const insertion = [
    "    {{- with .Values.crds.annotations }}",
    "    {{- toYaml . | nindent 4 }}",
    "    {{- end }}",
    "    {{- if and .Values.crds.conversion.enabled .Values.webhook.certManager.enabled .Values.webhook.certManager.addInjectorAnnotations }}",
    '    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "external-secrets.fullname" . }}-webhook',
    "    {{- end }}",
    "",
  ].join("\n");
  const after = at + line.length;
  const body = `${text.slice(0, after)}${insertion}${text.slice(after)}`;
  return body.endsWith("\n") ? body : `${body}\n`;
}
