import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Cluster } from "../../src/world/kubectl";

// What is asked of kubectl, and what is made of its answers: kubectl here is a script that notes how it was called.

const dir = mkdtempSync(join(tmpdir(), "cluster-test-"));
const path = process.env["PATH"];
beforeAll(() => {
  process.env["PATH"] = [dir, path].join(delimiter);
});
afterAll(() => {
  process.env["PATH"] = path;
  rmSync(dir, { recursive: true, force: true });
});

/** Makes a kubectl that answers, and gives the arguments and the kubeconfig of each call. */
function kubectl(
  stdout: string,
  code = 0,
  stderr = "",
): () => { args: string[]; kubeconfig?: string; file?: string }[] {
  const calls = join(dir, "calls");
  rmSync(calls, { force: true });
  writeFileSync(
    join(dir, "kubectl"),
    `#!${process.execPath}
const fs = require("fs");
const args = process.argv.slice(2);
const file = args.find((arg) => arg.startsWith("--kubeconfig="))?.slice(13);
const kubeconfig = file && fs.readFileSync(file, "utf8");
fs.appendFileSync(${JSON.stringify(calls)}, JSON.stringify({ args, file, kubeconfig }) + "\\n");
process.stdout.write(${JSON.stringify(stdout)});
process.stderr.write(${JSON.stringify(stderr)});
process.exitCode = ${code};
`,
  );
  chmodSync(join(dir, "kubectl"), 0o755);
  return () =>
    readFileSync(calls, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { args: string[] });
}

const OBJECTS = [
  { kind: "namespace", name: "reports" },
  { kind: "secret", name: "a", namespace: "one" },
  { kind: "secret", name: "b", namespace: "one" },
];

it("asks once a namespace, and for names only", async () => {
  const calls = kubectl("secret/b\n");
  expect(await new Cluster(undefined, "acme-dev").present(OBJECTS)).toEqual([OBJECTS[2]]);
  const options = ["--ignore-not-found", "--output=name"];
  const last = ["--request-timeout=15s", "--context=acme-dev"];
  expect(calls().map(({ args }) => args)).toEqual([
    ["get", "namespace/reports", ...options, ...last],
    ["get", "secret/a", "secret/b", ...options, "--namespace=one", ...last],
  ]);
});

it("reads the UIDs of those namespaces that are there", async () => {
  const calls = kubectl("kube-system   1a-2b\nreports       3c-4d\n");
  const uids = await new Cluster(undefined, undefined).namespaceUids(["kube-system", "reports", "web"]);
  expect([...uids]).toEqual([
    ["kube-system", "1a-2b"],
    ["reports", "3c-4d"],
  ]);
  expect(calls()[0]?.args.slice(0, 4)).toEqual(["get", "namespace/kube-system", "namespace/reports", "namespace/web"]);
});

it("is content with no namespace at all", async () => {
  kubectl("");
  expect((await new Cluster(undefined, undefined).namespaceUids(["web"])).size).toBe(0);
});

it("hands a kubeconfig over in a file that is gone afterwards", async () => {
  const calls = kubectl("");
  await new Cluster("apiVersion: v1\n", undefined).present(OBJECTS.slice(0, 1));
  const [call] = calls();
  expect(call?.kubeconfig).toBe("apiVersion: v1\n");
  expect(existsSync(call?.file ?? "")).toBe(false);
});

it.each([
  ["v1 v1beta1", ["v1", "v1beta1"]],
  ["", undefined],
])("reads the served versions from %j", async (answer, versions) => {
  kubectl(answer);
  expect(await new Cluster(undefined, undefined).servedVersions("xs.example.io")).toEqual(versions);
});

it.each([
  ["9 superseded\n10 pending-upgrade\n2 superseded\n", "pending-upgrade"],
  ["", undefined],
])("takes the last revision of a release: %j", async (answer, status) => {
  const calls = kubectl(answer);
  expect(await new Cluster(undefined, undefined).releaseStatus("eso", "external-secrets")).toBe(status);
  expect(calls()[0]?.args).toContain("--selector=owner=helm,name=external-secrets");
});

it("says what kubectl says when it fails", async () => {
  kubectl("", 1, "Unable to connect to the server\n");
  await expect(new Cluster(undefined, undefined).present(OBJECTS)).rejects.toThrow("Unable to connect to the server");
});

it("says that there is no kubectl", async () => {
  process.env["PATH"] = join(dir, "nothing-here");
  const asked = new Cluster(undefined, undefined).present(OBJECTS);
  await expect(asked).rejects.toThrow("kubectl is not on PATH");
  process.env["PATH"] = [dir, path].join(delimiter);
});
