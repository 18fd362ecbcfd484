import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ensureLaterChart, ensureOperator, ensureToolchain, type ToolchainOptions } from "./build.js";
import { cacheKey, cacheRoot } from "./cache.js";
import { earlierOperators, laterChart } from "./tools.js";

const dir = mkdtempSync(join(tmpdir(), "build-test-"));
after(() => rmSync(dir, { recursive: true, force: true }));

function script(file: string, text: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

/** The module of any program, as much of it as is looked at; read-only, as in Go's module cache. */
const module = join(dir, "module");
for (const [file, text] of [
  ["main.go", "package main"],
  ["pkg/provider/register/register.go", "everything"],
  ["pkg/generator/register/register.go", "everything"],
  ["deploy/charts/external-secrets/Chart.yaml", "name: external-secrets\nversion: 0.0.0\ndependencies: [{name: x}]\n"],
  ["deploy/charts/external-secrets/Chart.lock", "x"],
  ["deploy/charts/external-secrets/templates/crds/README.md", "x"],
  ["cmd/pulumi-resource-kubernetes/schema.json", "the schema"],
  ["cmd/pulumi-resource-kubernetes/terraform-mapping.json", "the mapping"],
  [
    "deploy/crds/bundle.yaml",
    "kind: CustomResourceDefinition\nmetadata:\n  annotations:\n    a: b\n  name: xs.example.io\nspec:\n  names:\n    kind: X\n    singular: x\n",
  ],
] as const) {
  mkdirSync(join(module, file, ".."), { recursive: true });
  writeFileSync(join(module, file), text);
  chmodSync(join(module, file), 0o444);
}

let machines = 0;

/**
 * A machine of its own: a home, a cache, and a `go` that notes each package that it makes a program of in builds.txt.
 *
 * @param more.go runs before each build, in a shell that has the folder or file to write as $out and the packages as $@
 */
function machine(more: { go?: string; bin?: Readonly<Record<string, string>> } = {}) {
  const home = join(dir, `machine-${machines++}`);
  const bin = join(home, "bin");
  const builds = join(home, "builds.txt");
  const go = `
    if [ "$1" = env ]; then echo go1.99.0; echo local; exit; fi
    if [ "$1" = mod ]; then echo '{"Dir": "${module}"}'; exit; fi
    command=$1
    while [ "\${1#-}" != "$1" ] || [ "$1" = "$command" ]; do
      if [ "$1" = -o ]; then out=$2; shift; fi
      shift
    done
    if [ $command = list ]; then
      for package in "$@"; do
        echo "{
	\\"ImportPath\\": \\"$package\\",
	\\"Dir\\": \\"${module}\\",
	\\"GoFiles\\": [\\"main.go\\"],
	\\"Stale\\": true
}"
      done
      exit
    fi
    ${more.go ?? ""}
    for package in "$@"; do
      echo "$package" >> ${builds}
      echo "$package" >&2
      case "$out" in
        */) name=\${package##*/}; if [ $name = v3 ]; then name=server; fi; echo "built from $package" > "$out$name" ;;
        *) echo "built from $package" > "$out" ;;
      esac
    done`;
  script(join(bin, "go"), go);
  for (const [program, text] of Object.entries(more.bin ?? {})) script(join(bin, program), text);
  const lines: string[] = [];
  const cache = join(home, "cache");
  const options: ToolchainOptions = {
    progress: (line) => lines.push(line),
    env: { PATH: bin, HOME: home, XDG_CACHE_HOME: cache },
  };
  return {
    home,
    bin,
    lines,
    options,
    root: join(cache, "secrets-pipeline-sandbox"),
    built: () => (existsSync(builds) ? readFileSync(builds, "utf8").trim().split("\n") : []),
  };
}

describe("ensureToolchain", () => {
  it("builds all on a bare machine, and nothing the second time", async () => {
    const bare = machine();
    const toolchain = await ensureToolchain(bare.options);
    assert.equal(readFileSync(toolchain.etcd, "utf8"), "built from go.etcd.io/etcd/server/v3\n");
    assert.equal(readFileSync(toolchain.kubeScheduler, "utf8"), "built from k8s.io/kubernetes/cmd/kube-scheduler\n");
    assert.equal(readFileSync(toolchain.doppler, "utf8"), "built from github.com/DopplerHQ/cli\n");
    assert.deepEqual(toolchain.origins.helm, { from: "built", path: toolchain.helm, version: "v3.18.6" });
    const plugin = toolchain.kubernetesPlugin;
    assert.equal(plugin?.version, "4.0.0-20260115033456-f47bc2d6f199");
    const { program, chart, version } = toolchain.operator;
    assert.equal(version, "0.20.4");
    const programs = Object.values(toolchain).filter((value) => typeof value === "string");
    for (const path of [...programs, plugin.program, program, chart]) {
      assert.ok(existsSync(path), path);
      assert.ok(path.startsWith(bare.root), path);
    }
    assert.equal(bare.built().length, 10);
    assert.match(
      bare.lines[0] ?? "",
      /^building with go1\.99\.0, once per machine, in .*: doppler, pulumi, .*, the External Secrets Operator$/,
    );
    assert.match(bare.lines[2] ?? "", /^10 packages to compile, about \d+ s on /);
    assert.match(bare.lines.at(-1) ?? "", /^built in \d+ s$/);
    assert.deepEqual(
      readdirSync(bare.root).filter((name) => name === "unfinished" || name === "build.lock"),
      [],
    );

    const before = bare.lines.length;
    assert.deepEqual(await ensureToolchain(bare.options), toolchain);
    assert.equal(bare.built().length, 10);
    assert.equal(bare.lines.length, before);
  });

  it("makes all programs that share a go.mod in one build, beside the files that one of them embeds", async () => {
    const bare = machine({
      go: `echo "$*" >> "$HOME/calls"; if [ -e pulumi-resource-kubernetes ]; then while read -r l; do echo "$l"; done < pulumi-resource-kubernetes/schema.json > "$HOME/seen"; fi`,
    });
    await ensureToolchain(bare.options);
    assert.equal(readFileSync(join(bare.home, "calls"), "utf8").trim().split("\n").length, 2);
    assert.equal(existsSync(join(bare.home, "seen")), true);
  });

  it("builds no Kubernetes provider plugin where there is one", async () => {
    const bare = machine();
    const toolchain = await ensureToolchain({ ...bare.options, hasKubernetesPlugin: true });
    assert.equal(toolchain.kubernetesPlugin, undefined);
    assert.deepEqual(
      bare.built().filter((name) => name.includes("pulumi-resource")),
      [],
    );
  });

  it("needs no Go when all is there", async () => {
    const bare = machine();
    const toolchain = await ensureToolchain(bare.options);
    rmSync(join(bare.bin, "go"));
    assert.deepEqual(await ensureToolchain(bare.options), toolchain);
  });

  it("builds the operator from a trimmed copy, and leaves only the program", async () => {
    const bare = machine({
      go: `if [ "$1" = . ]; then while read -r l; do echo "$l"; done < pkg/provider/register/register.go > "$HOME/seen"; fi`,
    });
    const toolchain = await ensureToolchain(bare.options);
    assert.deepEqual(readdirSync(join(toolchain.operator.program, "..")).sort(), ["build.json", "external-secrets"]);
    const seen = readFileSync(join(bare.home, "seen"), "utf8");
    assert.match(seen, /pkg\/provider\/doppler"/);
    assert.doesNotMatch(seen, /everything|aws/);
    assert.equal(readFileSync(join(module, "pkg/provider/register/register.go"), "utf8"), "everything");
  });

  it("makes the chart of the release, with its CRDs and without what can't be fetched", async () => {
    const { chart } = (await ensureToolchain(machine().options)).operator;
    assert.equal(
      readFileSync(join(chart, "Chart.yaml"), "utf8"),
      "name: external-secrets\nversion: 0.20.4\nappVersion: v0.20.4\n",
    );
    assert.deepEqual(readdirSync(join(chart, "templates", "crds")), ["x.yaml"]);
    assert.equal(existsSync(join(chart, "Chart.lock")), false);
    assert.equal(statSync(join(chart, "Chart.yaml")).mode & 0o200, 0o200);
  });

  it("uses what the machine has where it fits", async () => {
    const fitted = machine({
      bin: {
        pulumi: "echo v3.200.0",
        helm: "echo v4.0.0",
        kubectl: `echo "Client Version: v1.32.4-dispatcher"; echo "Kustomize Version: v5.5.0"`,
        doppler: "echo 'No version is set' >&2; exit 126",
      },
    });
    const toolchain = await ensureToolchain(fitted.options);
    assert.deepEqual(toolchain.origins.pulumi, { from: "PATH", path: join(fitted.bin, "pulumi"), version: "3.200.0" });
    assert.equal(toolchain.origins.kubectl.version, "1.32.4-dispatcher");
    assert.equal(toolchain.kubectl, join(fitted.bin, "kubectl"));
    assert.equal(toolchain.origins.helm.from, "built");
    assert.equal(toolchain.origins.doppler.from, "built");
    assert.ok(fitted.lines.includes(`${join(fitted.bin, "helm")} is not used: version 3 is needed`));
    assert.ok(fitted.lines.includes(`${join(fitted.bin, "doppler")} is not used: it does not run (exit code 126)`));
    assert.deepEqual(
      fitted.built().filter((pkg) => /cmd\/(pulumi|kubectl)$/.test(pkg)),
      [],
    );
  });

  it("takes neither the sandbox's wrappers nor its own builds for the machine's", async () => {
    const wrapped = machine();
    const wrappers = join(wrapped.home, "wrappers");
    script(join(wrappers, "pulumi"), "echo v3.1.0");
    const { doppler } = await ensureToolchain(wrapped.options);
    rmSync(doppler);
    script(doppler, "echo v3.2.0");
    const link = join(wrapped.home, "link");
    symlinkSync(wrappers, link);
    const PATH = [link, wrappers, join(doppler, ".."), wrapped.bin].join(":");
    const env = { ...wrapped.options.env, PATH };
    const toolchain = await ensureToolchain({ ...wrapped.options, env, skipOnPath: [wrappers] });
    assert.equal(toolchain.origins.pulumi.from, "built");
    assert.equal(toolchain.origins.doppler.from, "built");
  });

  it("passes on none of the caller's tokens when it asks a program for its version", async () => {
    const asked = machine({ bin: { pulumi: `echo "v3.0.0\${PULUMI_ACCESS_TOKEN}"` } });
    const env = { ...asked.options.env, PULUMI_ACCESS_TOKEN: "pul-secret" };
    assert.equal((await ensureToolchain({ ...asked.options, env })).origins.pulumi.version, "3.0.0");
  });

  it("shows why a build failed, keeps what was finished and goes on from there", async () => {
    const failing = machine({
      go: `if [ -e "$HOME/broken" ] && [ "$1" = . ]; then echo half > "$out"; echo "cannot find main" >&2; exit 1; fi`,
    });
    writeFileSync(join(failing.home, "broken"), "");
    await assert.rejects(
      ensureToolchain(failing.options),
      /^Error: the External Secrets Operator could not be built\. go build -v failed \(exit code 1\):\n {2}\| cannot find main\n/,
    );
    assert.equal(failing.built().length, 9);
    assert.equal(existsSync(join(failing.root, "external-secrets")), false);
    assert.equal(existsSync(join(failing.root, "build.lock")), false);
    rmSync(join(failing.home, "broken"));
    assert.ok(existsSync((await ensureToolchain(failing.options)).operator.program));
    assert.equal(failing.built().length, 10);
  });

  it("does not mind what a killed build has left", async () => {
    const killed = machine();
    const { etcd } = await ensureToolchain(killed.options);
    const place = join(etcd, "..");
    rmSync(place, { recursive: true });
    const left = join(place, "..", ".unfinished-of-another-key");
    mkdirSync(left);
    writeFileSync(join(left, "etcd"), "half");
    writeFileSync(join(killed.root, "build.lock"), JSON.stringify({ pid: 1, startedAt: "an earlier one", token: "x" }));
    assert.equal(
      readFileSync((await ensureToolchain(killed.options)).etcd, "utf8"),
      "built from go.etcd.io/etcd/server/v3\n",
    );
    assert.equal(existsSync(left), false);
  });

  it("builds once when called twice at a time", async () => {
    const busy = machine();
    const [one, two] = await Promise.all([ensureToolchain(busy.options), ensureToolchain(busy.options)]);
    assert.deepEqual(one, two);
    assert.equal(busy.built().length, 10);
    assert.equal(busy.lines.filter((line) => line.startsWith("building ")).length, 1);
    assert.ok(busy.lines.some((line) => line === `waiting for the build that runs as process ${process.pid}`));
  });

  it("stops a build when told to, and leaves nothing unfinished", async () => {
    const abort = new AbortController();
    const stopped = machine({
      go: `if [ "$1" = . ]; then trap "exit 1" INT; while :; do :; done; fi`,
    });
    const running = ensureToolchain({
      ...stopped.options,
      heartbeatMs: 1,
      signal: abort.signal,
      progress: (line) => {
        if (/^the External Secrets Operator: 9 of 10 packages/.test(line)) abort.abort(new Error("interrupted"));
      },
    });
    await assert.rejects(running, /interrupted/);
    assert.equal(existsSync(join(stopped.root, "external-secrets")), false);
    assert.equal(existsSync(join(stopped.root, "build.lock")), false);
    // What was compiled is kept for the next one.
    assert.ok(existsSync(join(stopped.root, "unfinished")));
  });

  it("says what to do when Go is missing", async () => {
    const without = machine();
    rmSync(join(without.bin, "go"));
    await assert.rejects(
      ensureToolchain(without.options),
      /Go is needed to build the sandbox's tools.*Install Go 1\.25\.8 or later/,
    );
  });
});

describe("ensureOperator", () => {
  it("builds an earlier version beside the present one, once", async () => {
    const bare = machine();
    const { operator: present } = await ensureToolchain(bare.options);
    const before = bare.built().length;
    for (const version of earlierOperators) {
      const earlier = await ensureOperator(version, bare.options);
      assert.equal(earlier.version, version);
      assert.match(readFileSync(join(earlier.chart, "Chart.yaml"), "utf8"), new RegExp(`appVersion: v${version}\n`));
      assert.ok(existsSync(earlier.program));
      assert.notEqual(earlier.program, present.program);
      assert.deepEqual(await ensureOperator(version, bare.options), earlier);
    }
    assert.equal(bare.built().length, before + earlierOperators.length);
    assert.ok(bare.lines.some((line) => /^building with .*: the External Secrets Operator 0\.17\.0$/.test(line)));
  });
});

describe("ensureLaterChart", () => {
  it("makes the chart alone, once, and compiles nothing", async () => {
    const bare = machine();
    const chart = await ensureLaterChart(bare.options);
    assert.match(readFileSync(join(chart, "Chart.yaml"), "utf8"), new RegExp(`appVersion: v${laterChart}\n`));
    assert.ok(existsSync(join(chart, "templates", "crds", "x.yaml")));
    assert.deepEqual(bare.built(), []);
    const before = bare.lines.length;
    assert.equal(await ensureLaterChart(bare.options), chart);
    assert.equal(bare.lines.length, before);
  });
});

describe("the cache", () => {
  it("is where the XDG variable says, unless that is relative", () => {
    assert.equal(cacheRoot({ HOME: "/h", XDG_CACHE_HOME: "/c" }), "/c/secrets-pipeline-sandbox");
    assert.equal(cacheRoot({ HOME: "/h", XDG_CACHE_HOME: "c" }), "/h/.cache/secrets-pipeline-sandbox");
    assert.equal(cacheRoot({ HOME: "/h" }), "/h/.cache/secrets-pipeline-sandbox");
  });

  it("has another key for any other input", () => {
    const keys = [
      cacheKey("v1", ["a", "b"]),
      cacheKey("v2", ["a", "b"]),
      cacheKey("v1", ["ab"]),
      cacheKey("v1", ["a", "b", ""]),
      cacheKey("v1", ["b", "a"]),
    ];
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(cacheKey("v1", ["a", "b"]), keys[0]);
    assert.match(keys[0] ?? "", /^v1-[0-9a-f]{16}$/);
  });
});
