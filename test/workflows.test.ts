import { readdirSync, readFileSync, statSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";

// What actionlint can't know of the workflows: who gets which right and which secret, and what waits for what.

const ROOT = join(__dirname, "..");
const GITHUB = join(ROOT, ".github");

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}
interface Concurrency {
  group: string;
  "cancel-in-progress": boolean;
  queue: string;
}
interface Job {
  if?: string;
  needs?: string | string[];
  permissions?: Record<string, string>;
  environment?: string;
  concurrency?: Concurrency;
  env?: Record<string, string>;
  "timeout-minutes"?: number;
  strategy?: { matrix: Record<string, unknown> };
  steps: Step[];
}
interface Workflow {
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  concurrency?: Concurrency;
  env?: Record<string, string>;
  jobs: Record<string, Job>;
}

const files = readdirSync(join(GITHUB, "workflows"));
const workflow = (file: string) => parse(readFileSync(join(GITHUB, "workflows", file), "utf8")) as Workflow;
const jobs = files.flatMap((file) => Object.entries(workflow(file).jobs).map(([name, job]) => ({ file, name, job })));
const text = (path: string) => readFileSync(join(GITHUB, path), "utf8");

const usesSecrets = (job: Job) => JSON.stringify(job).includes("secrets.");
const runsPulumi = (job: Job) => job.steps.some(({ run }) => /pulumi (up|preview)|preview\.sh/.test(run ?? ""));

describe("the workflows", () => {
  it("are those for a pull request, a merge, each night and each week", () => {
    expect(Object.fromEntries(files.map((file) => [file, Object.keys(workflow(file).on)]))).toEqual({
      "drift.yml": ["schedule", "workflow_dispatch"],
      "e2e.yml": ["schedule", "workflow_dispatch"],
      "preview.yml": ["pull_request"],
      "up.yml": ["push"],
    });
    expect(workflow("up.yml").on["push"]).toEqual({ branches: ["main"] });
  });

  it.each([...files.map((file) => `workflows/${file}`), "actions/prepare/action.yml"])(
    "%s pins each action by its commit",
    (path) => {
      const uses = [...text(path).matchAll(/uses: (.+)$/gm)].map(([, used]) => used ?? "");
      expect(uses.length).toBeGreaterThan(0);
      for (const used of uses) expect(used).toMatch(/^(\.\/|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)/);
    },
  );
  it("take the same commit of an action everywhere", () => {
    const all = [...files.map((file) => `workflows/${file}`), "actions/prepare/action.yml"]
      .flatMap((path) => [...text(path).matchAll(/uses: ([\w-]+\/[\w-]+)@(.+)$/gm)])
      .map(([, action = "", commit = ""]) => `${action} ${commit}`);
    expect(new Set(all).size).toBe(new Set(all.map((pair) => pair.split(" ")[0])).size);
  });

  it("give no right to a whole workflow, and to a job no more than it needs", () => {
    for (const file of files) expect([file, workflow(file).permissions]).toEqual([file, {}]);
    for (const { file, name, job } of jobs) {
      const expected =
        name === "comment" ? { "pull-requests": "write" } : name === "approval" ? {} : { contents: "read" };
      expect([file, name, job.permissions]).toEqual([file, name, expected]);
    }
  });
  it("let the one job that may write run nobody's code", () => {
    const { steps } = workflow("preview.yml").jobs["comment"] as Job;
    expect(steps.map(({ uses, run }) => uses?.split("@")[0] ?? run?.slice(0, 7))).toEqual([
      "actions/download-artifact",
      "of_ours",
    ]);
    expect(steps[1]?.run).not.toMatch(/\.sh|npm|node /);
  });

  it("hand a secret to the step that runs Pulumi, and to nothing else", () => {
    for (const { name, job } of jobs) {
      expect(usesSecrets(job)).toBe(runsPulumi(job));
      expect(JSON.stringify(job.env ?? {})).not.toContain("secrets.");
      for (const step of job.steps) {
        const given = JSON.stringify(step).includes("secrets.");
        expect([name, step.run, given]).toEqual([name, step.run, runsPulumi({ steps: [step] })]);
      }
      // Secrets of an environment, where it can be said who gets them and who has to agree.
      if (usesSecrets(job)) expect(job.environment).toMatch(/^(preview-\$\{\{ matrix\.stack \}\}|dev|prod)$/);
    }
    for (const file of files) expect(JSON.stringify(workflow(file).env ?? {})).not.toContain("secrets.");
  });
  it("let no fork's change near a secret", () => {
    for (const file of files) expect(text(`workflows/${file}`)).not.toContain("pull_request_target");
    const { jobs: onPullRequest } = workflow("preview.yml");
    const guarded = (name: string): boolean => {
      const job = onPullRequest[name];
      if (/head\.repo\.full_name == github\.repository/.test(job?.if ?? "")) return true;
      return [job?.needs ?? []].flat().some(guarded);
    };
    for (const [name, job] of Object.entries(onPullRequest)) {
      const wantsTrust = usesSecrets(job) || Object.values(job.permissions ?? {}).includes("write");
      if (wantsTrust) expect([name, guarded(name)]).toEqual([name, true]);
    }
    expect(onPullRequest["stacks"]?.if).toContain("dependabot");
  });
  it("put nothing that somebody else wrote into a script", () => {
    for (const { job } of jobs) for (const { run } of job.steps) expect(run ?? "").not.toContain("${{");
  });
  it("leave no credential behind in the checkout", () => {
    for (const { job } of jobs) {
      for (const step of job.steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"))) {
        expect(step.with).toEqual({ "persist-credentials": false });
      }
    }
  });

  it("have one turn for a stack, and drop nobody who waits for it", () => {
    for (const { file, name, job } of jobs) {
      expect(job["timeout-minutes"]).toBeGreaterThan(0);
      if (!runsPulumi(job)) continue;
      const stack = job.strategy === undefined ? name : "${{ matrix.stack }}";
      expect([file, job.concurrency]).toEqual([
        file,
        { group: `stack-${stack}`, "cancel-in-progress": false, queue: "max" },
      ]);
    }
    for (const file of files) expect(workflow(file).concurrency).toBeUndefined();
    expect(jobs.filter(({ job }) => runsPulumi(job))).toHaveLength(4);
  });
  it("bring a merge to dev at once, and to prod when it is approved, which holds up nobody", () => {
    const { dev, approval, prod } = workflow("up.yml").jobs;
    expect([dev?.needs, approval?.needs, prod?.needs]).toEqual([undefined, "dev", "approval"]);
    expect([approval?.environment, approval?.concurrency]).toEqual(["prod-approval", undefined]);
    for (const job of [dev, prod]) {
      const up = job?.steps.find((step) => runsPulumi({ steps: [step] }));
      expect(up?.run).toContain("--policy-pack policy");
      expect(up?.run).not.toContain("--skip-preview");
    }
  });
  it("check for drift without changing anything", () => {
    const run = workflow("drift.yml")
      .jobs["drift"]?.steps.map((step) => step.run ?? "")
      .join("\n");
    expect(run).toContain('pulumi preview --stack "$STACK" --refresh --expect-no-changes');
    expect(run).not.toMatch(/pulumi (up|refresh|destroy)/);
  });
  it("know of queue what actionlint does not", () => {
    for (const [, value] of files.flatMap((file) => [...text(`workflows/${file}`).matchAll(/queue: (.+)$/gm)])) {
      expect(value).toBe("max");
    }
  });
});

describe("a script of the workflows", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "workflow's "));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const run = (script: string, args: string[], env: Record<string, string> = {}) =>
    execFileSync(join(GITHUB, script), args, {
      cwd: folder,
      env: { PATH: process.env["PATH"], TMPDIR: folder, ...env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });

  it("finds the stacks", () => {
    for (const name of ["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.eu-1.yaml"]) writeFileSync(join(folder, name), "");
    expect(run("stacks.sh", [])).toBe('stacks=["dev","eu-1"]\n');
    writeFileSync(join(folder, "Pulumi.$(id).yaml"), "");
    expect(() => run("stacks.sh", [])).toThrow("expected letters");
  });
  it("keeps a kubeconfig for as long as it is needed, and for nobody else to read", () => {
    const look = 'cat "$KUBECONFIG"; stat -c %a "$KUBECONFIG"; env | cut -d= -f1; echo "$KUBECONFIG" > where';
    const secrets = {
      KUBECONFIG_CONTENTS: "a: kubeconfig",
      DOPPLER_TOKEN: "given",
      GITHUB_TOKEN: "",
      PULUMI_ACCESS_TOKEN: "",
    };
    const lines = run("with-kubeconfig.sh", ["bash", "-c", look], secrets).split("\n");
    expect(lines.slice(0, 2)).toEqual(["a: kubeconfig", "600"]);
    expect(lines).toContain("DOPPLER_TOKEN");
    for (const name of ["KUBECONFIG_CONTENTS", "GITHUB_TOKEN", "PULUMI_ACCESS_TOKEN"])
      expect(lines).not.toContain(name);
    expect(() => statSync(readFileSync(join(folder, "where"), "utf8").trim())).toThrow("ENOENT");
    expect(() => run("with-kubeconfig.sh", ["bash", "-c", "exit 3"], secrets)).toThrow(
      expect.objectContaining({ status: 3 }) as Error,
    );
  });
  it("does nothing for a commit that is no longer the newest", () => {
    writeFileSync(join(folder, "gh"), '#!/bin/sh\n[ "$2" = repos/acme/secrets/commits/main ] && echo newest\n', {
      mode: 0o755,
    });
    const env = {
      PATH: `${folder}:${process.env["PATH"]}`,
      GITHUB_REPOSITORY: "acme/secrets",
      GITHUB_REF_NAME: "main",
    };
    expect(run("newest.sh", [], { ...env, GITHUB_SHA: "newest" })).toBe("newest=true\n");
    expect(run("newest.sh", [], { ...env, GITHUB_SHA: "earlier" })).toBe("newest=false\n");
    writeFileSync(join(folder, "gh"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    expect(() => run("newest.sh", [], { ...env, GITHUB_SHA: "newest" })).toThrow();
  });
});
