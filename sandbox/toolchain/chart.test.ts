import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chartMetadata, crdTemplates } from "./chart.js";

const crd = (kind: string, more = "") => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    controller-gen.kubebuilder.io/version: v0.19.0
  name: ${kind.toLowerCase()}s.example.io
spec:
  names:
    kind: ${kind}
    singular: ${kind.toLowerCase()}
${more}  versions:
    - name: v1
      schema:
        description: |-
          annotations:
            not these
`;

const conditionOf = (bundle: string, file: string) => crdTemplates(bundle).get(file)?.split("\n")[0];

describe("crdTemplates", () => {
  it("makes one file of each CRD, named by its singular", () => {
    const templates = crdTemplates([crd("ExternalSecret"), crd("PushSecret")].join("---\n"));
    assert.deepEqual([...templates.keys()], ["externalsecret.yaml", "pushsecret.yaml"]);
  });

  it("lets the chart's annotations in, at the CRD's own and nowhere else", () => {
    assert.equal(
      crdTemplates(crd("ExternalSecret")).get("externalsecret.yaml"),
      `{{- if .Values.installCRDs }}
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    {{- with .Values.crds.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if and .Values.crds.conversion.enabled .Values.webhook.certManager.enabled .Values.webhook.certManager.addInjectorAnnotations }}
    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "external-secrets.fullname" . }}-webhook
    {{- end }}
    controller-gen.kubebuilder.io/version: v0.19.0
  name: externalsecrets.example.io
spec:
  names:
    kind: ExternalSecret
    singular: externalsecret
  versions:
    - name: v1
      schema:
        description: |-
          annotations:
            not these
{{- end }}
`,
    );
  });

  for (const [kind, condition] of [
    ["SecretStore", "{{- if .Values.installCRDs }}"],
    ["ClusterSecretStore", "{{- if and .Values.installCRDs .Values.crds.createClusterSecretStore }}"],
    ["ClusterGenerator", "{{- if and .Values.installCRDs .Values.crds.createClusterGenerator }}"],
    ["PushSecret", "{{- if and .Values.installCRDs .Values.crds.createPushSecret }}"],
    ["ClusterPushSecret", "{{- if and .Values.installCRDs .Values.crds.createClusterPushSecret }}"],
  ] as const) {
    it(`installs ${kind} under the chart's condition`, () => {
      assert.equal(conditionOf(crd(kind), `${kind.toLowerCase()}.yaml`), condition);
    });
  }

  it("takes a conversion that is none", () => {
    assert.equal(crdTemplates(crd("X", "  conversion:\n    strategy: None\n")).size, 1);
  });

  for (const [what, bundle, message] of [
    ["an empty bundle", "\n", /the CRD bundle is empty/],
    ["another kind", crd("X").replace("CustomResourceDefinition", "Namespace"), /has a Namespace/],
    ["two of one name", [crd("X"), crd("X")].join("---\n"), /two CRDs have the singular name x/],
    ["a conversion", crd("X", "  conversion:\n    strategy: Webhook\n"), /xs\.example\.io has a conversion/],
    ["text that Helm would run", crd("X").replace("not these", "{{ .x }}"), /has \{\{ in it/],
    ["no annotations", crd("X").replace(/ {2}annotations:\n.*\n/, ""), /xs\.example\.io has no annotations to add to/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => crdTemplates(bundle), message);
    });
  }
});

describe("chartMetadata", () => {
  it("sets the version and drops the dependency, and leaves the rest as it is", () => {
    assert.equal(
      chartMetadata(
        `apiVersion: v2\nname: external-secrets\nversion: "0.20.3"\nappVersion: "v0.20.3"\n# why\nkubeVersion: ">= 1.19.0-0"\ndependencies:\n  - name: bitwarden-sdk-server\n    version: v0.5.1\n`,
        "0.20.4",
      ),
      `apiVersion: v2\nname: external-secrets\nversion: "0.20.4"\nappVersion: "v0.20.4"\n# why\nkubeVersion: ">= 1.19.0-0"\n`,
    );
  });
});
