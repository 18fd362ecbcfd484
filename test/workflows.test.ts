import { readdirSync, readFileSync, statSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";

// What actionlint can't know of the workflows: who gets which right and which secret, and what waits for what.

const ROOT = join(__dirname, "..");
const GITHUB = join(ROOT, ".github");

interface Step {
  if?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}
interface Concurrency {
  group: string;
  "cancel-in-progress": boolean;
  queue?: string;
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
  /** Another workflow, in the place of steps. */
  uses?: string;
  with?: Record<string, unknown>;
  secrets?: string;
  steps?: Step[];
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
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([name, job]) => ({ file, name, job, steps: job.steps ?? [] })),
);
const job = (file: string, name: string) => workflow(file).jobs[name] as Job;
const actions = readdirSync(join(GITHUB, "actions")).map((name) => `actions/${name}/action.yml`);
const pinned = [...files.map((file) => `workflows/${file}`), ...actions];
const text = (path: string) => readFileSync(join(GITHUB, path), "utf8");

const usesSecrets = (job: Job) => JSON.stringify(job).includes("secrets.");
const runsPulumi = ({ run }: Step) => /pulumi (up|preview)|preview\.sh|\/up\.sh/.test(run ?? "");
const identifies = ({ uses }: Step) => uses === "./.github/actions/identity";
/** Those that work on a stack, each with where it takes the stack's name from. */
const onStacks = jobs
  .filter(({ steps }) => steps.some(runsPulumi))
  .map((one) => ({ ...one, stack: one.job.strategy === undefined ? "${{ inputs.stack }}" : "${{ matrix.stack }}" }));

describe("the workflows", () => {
  it("are those for a pull request, a merge, each night and each week", () => {
    expect(Object.fromEntries(files.map((file) => [file, Object.keys(workflow(file).on)]))).toEqual({
      "comment.yml": ["workflow_call"],
      "drift.yml": ["schedule", "workflow_dispatch"],
      "e2e.yml": ["schedule", "workflow_dispatch"],
      "preview-stack.yml": ["workflow_call"],
      "preview.yml": ["pull_request"],
      "up-stack.yml": ["workflow_call"],
      "up.yml": ["push"],
    });
    expect(workflow("up.yml").on["push"]).toEqual({ branches: ["main"] });
  });

  it.each(pinned)("%s pins each action by its commit", (path) => {
    const uses = [...text(path).matchAll(/uses: (.+)$/gm)].map(([, used]) => used ?? "");
    expect(uses.length).toBeGreaterThan(0);
    for (const used of uses) expect(used).toMatch(/^(\.\/|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+(\.\d+){1,2}$)/);
  });
  it("take the same commit of an action everywhere", () => {
    const all = pinned
      .flatMap((path) => [...text(path).matchAll(/uses: ([\w-]+\/[\w-]+)@(.+)$/gm)])
      .map(([, action = "", commit = ""]) => `${action} ${commit}`);
    expect(new Set(all).size).toBe(new Set(all.map((pair) => pair.split(" ")[0])).size);
  });

  it("give no right to a whole workflow, and to a job no more than it needs", () => {
    for (const file of files) expect([file, workflow(file).permissions]).toEqual([file, {}]);
    const contents = { contents: "read" };
    const expected = (file: string, name: string): Record<string, string> | undefined => {
      if (name === "approval") return {};
      if (file === "comment.yml" && name === "comment") return { "pull-requests": "write" };
      // A called workflow's jobs have no right that the caller does not have.
      if (name.endsWith("comment")) return { ...contents, "pull-requests": "write" };
      if (name === "stacks" && file !== "drift.yml") return { ...contents, actions: "read" };
      const withIdentity = ["open", "protected", "up", "preview", "drift"];
      return withIdentity.includes(name) ? { ...contents, "id-token": "write" } : contents;
    };
    for (const {
      file,
      name,
      job: { permissions },
    } of jobs) {
      expect([file, name, permissions]).toEqual([file, name, expected(file, name)]);
    }
  });
  it("let the one job that may write run nobody's code", () => {
    const { steps = [] } = job("comment.yml", "comment");
    expect(steps.map(({ uses, run }) => uses?.split("@")[0] ?? run?.slice(0, 7))).toEqual([
      "actions/download-artifact",
      "of_ours",
    ]);
    expect(steps[1]?.run).not.toMatch(/\.sh|npm|node /);
  });

  it("hand a secret to the steps that run Pulumi or get the job its identity, and to nothing else", () => {
    for (const { name, job: one, steps } of jobs) {
      expect([name, usesSecrets(one)]).toEqual([name, steps.some(runsPulumi)]);
      expect(JSON.stringify(one.env ?? {})).not.toContain("secrets.");
      for (const step of steps) {
        const given = JSON.stringify(step).includes("secrets.");
        expect([name, step.run, given]).toEqual([name, step.run, runsPulumi(step) || identifies(step)]);
      }
    }
    for (const file of files) expect(JSON.stringify(workflow(file).env ?? {})).not.toContain("secrets.");
  });
  it("take secrets from environments, where it can be said who gets them and who has to agree", () => {
    expect(onStacks.map(({ file, job: { environment } }) => [file, environment])).toEqual([
      ["drift.yml", "drift-${{ matrix.stack }}"],
      ["preview-stack.yml", "preview-${{ inputs.stack }}"],
      ["up-stack.yml", "${{ inputs.stack }}"],
    ]);
    // A called workflow gets them only so. None of its callers is on a fork's pull request, see below.
    const callers = jobs.filter(({ job: { uses } }) => /(preview|up)-stack\.yml$/.test(uses ?? ""));
    expect(callers.map(({ job: { secrets } }) => secrets)).toEqual(["inherit", "inherit", "inherit", "inherit"]);
  });
  it("have an identity of their own at a cloud and at GitHub, where variables name one", () => {
    const wanted = {
      "aws-role": "AWS_ROLE",
      "aws-region": "AWS_REGION",
      "gcp-workload-identity-provider": "GCP_WORKLOAD_IDENTITY_PROVIDER",
      "gcp-service-account": "GCP_SERVICE_ACCOUNT",
      "azure-client-id": "AZURE_CLIENT_ID",
      "azure-tenant-id": "AZURE_TENANT_ID",
      "azure-subscription-id": "AZURE_SUBSCRIPTION_ID",
      "azure-storage-account": "AZURE_STORAGE_ACCOUNT",
      "github-app-client-id": "PIPELINE_APP_CLIENT_ID",
    };
    const action = parse(text("actions/identity/action.yml")) as {
      inputs: Record<string, unknown>;
      runs: { steps: Step[] };
    };
    const variables = Object.fromEntries(
      Object.entries(wanted).map(([input, name]) => [input, `\${{ vars.${name} }}`]),
    );
    for (const { steps } of onStacks) {
      const identity = steps.find(identifies);
      expect(identity?.with).toMatchObject(variables);
      expect(Object.keys(identity?.with ?? {})).toEqual(Object.keys(action.inputs));
      // After everything that runs packages' code, and just before Pulumi.
      expect(steps.findIndex(identifies)).toBe(steps.findIndex(runsPulumi) - 1);
      expect(steps.find(runsPulumi)?.env?.["GITHUB_TOKEN"]).toBe(
        "${{ steps.identity.outputs.github-token || secrets.PIPELINE_GITHUB_TOKEN }}",
      );
    }
    // Off until a variable names it.
    for (const step of action.runs.steps) expect(step.if).toMatch(/^inputs\.[\w-]+ != ''$/);
    const used = action.runs.steps.flatMap(({ uses }) => uses?.split("@")[0] ?? []);
    expect(used).toEqual(
      expect.arrayContaining([
        "aws-actions/configure-aws-credentials",
        "google-github-actions/auth",
        "azure/login",
        "actions/create-github-app-token",
      ]),
    );
  });
  it("let no fork's change near a secret", () => {
    for (const file of files) expect(text(`workflows/${file}`)).not.toContain("pull_request_target");
    const { jobs: onPullRequest } = workflow("preview.yml");
    const guarded = (name: string): boolean => {
      const job = onPullRequest[name];
      if (/head\.repo\.full_name == github\.repository/.test(job?.if ?? "")) return true;
      return [job?.needs ?? []].flat().some(guarded);
    };
    for (const [name, one] of Object.entries(onPullRequest)) {
      const rights = Object.values(one.permissions ?? {}).includes("write");
      if (one.secrets !== undefined || usesSecrets(one) || rights) expect([name, guarded(name)]).toEqual([name, true]);
    }
    expect(onPullRequest["stacks"]?.if).toContain("dependabot");
  });
  it("put nothing that somebody else wrote into a script", () => {
    for (const { steps } of jobs) for (const { run } of steps) expect(run ?? "").not.toContain("${{");
    for (const path of actions) {
      const { runs } = parse(text(path)) as { runs: { steps: Step[] } };
      for (const { run } of runs.steps) expect(run ?? "").not.toContain("${{");
    }
  });
  it("leave no credential behind in the checkout", () => {
    for (const { steps } of jobs) {
      for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"))) {
        expect(step.with).toEqual({ "persist-credentials": false });
      }
    }
  });

  it("have one turn for a stack's ups and drift checks, and drop nobody who waits for it", () => {
    const turn = (stack: string) => ({ group: `stack-${stack}`, "cancel-in-progress": false, queue: "max" });
    for (const { file, job: one, stack } of onStacks.filter(({ file: f }) => f !== "preview-stack.yml")) {
      expect([file, one.concurrency]).toEqual([file, turn(stack)]);
    }
    for (const file of files) expect(workflow(file).concurrency).toBeUndefined();
    expect(onStacks).toHaveLength(3);
    for (const { job: one } of jobs) if (one.steps !== undefined) expect(one["timeout-minutes"]).toBeGreaterThan(0);
  });
  it("have a queue for previews of each pull request, in which nothing else waits", () => {
    const { concurrency } = job("preview-stack.yml", "preview");
    expect(concurrency).toEqual({
      group: "preview-${{ inputs.stack }}-${{ github.event.pull_request.number }}",
      "cancel-in-progress": true,
    });
    const others = jobs.flatMap(({ job: { concurrency: other } }) => other?.group ?? []);
    expect(others.filter((group) => group.startsWith("preview-"))).toHaveLength(1);
    // GitHub refuses a queue of which the newest takes every place.
    for (const { job: one } of jobs) {
      if (one.concurrency?.["cancel-in-progress"]) expect(one.concurrency.queue).toBeUndefined();
    }
  });
  it("preview a protected stack in an environment that must wait for a reviewer, and the comment does not wait", () => {
    const { stacks, open, protected: closed, comment, "first-comment": first } = workflow("preview.yml").jobs;
    expect(stacks?.steps?.at(-1)?.run).toContain('.github/stacks.sh preview- ""');
    for (const [name, one] of Object.entries({ open, protected: closed })) {
      expect([one?.needs, one?.uses]).toEqual(["stacks", "./.github/workflows/preview-stack.yml"]);
      expect(one?.strategy?.matrix["stack"]).toBe(`\${{ fromJSON(needs.stacks.outputs.${name}) }}`);
      expect(one?.if).toBe(`needs.stacks.outputs.${name} != '[]'`);
    }
    expect([first?.needs, first?.with?.["waiting"]]).toEqual([
      ["stacks", "open"],
      "${{ needs.stacks.outputs.protected }}",
    ]);
    expect(comment?.needs).toContain("protected");
    expect([comment?.with?.["waiting"], first?.uses, comment?.uses]).toEqual([
      "[]",
      "./.github/workflows/comment.yml",
      "./.github/workflows/comment.yml",
    ]);
  });
  it("bring a merge to each stack at once, and to the protected ones when they are approved, which holds up nobody", () => {
    const { stacks, open, newest, protected: closed } = workflow("up.yml").jobs;
    expect(stacks?.steps?.at(-1)?.run).toContain('.github/stacks.sh "" -approval');
    expect([open?.needs, newest?.needs, closed?.needs]).toEqual(["stacks", ["stacks", "open"], ["stacks", "newest"]]);
    expect([open?.with?.["approval"], closed?.with?.["approval"]]).toEqual([false, true]);
    expect(closed?.if).toContain("needs.newest.outputs.newest == 'true'");
    for (const one of [open, closed]) expect(one?.uses).toBe("./.github/workflows/up-stack.yml");
    const { approval, up } = workflow("up-stack.yml").jobs;
    expect([approval?.if, approval?.environment, approval?.concurrency]).toEqual([
      "inputs.approval",
      "${{ inputs.stack }}-approval",
      undefined,
    ]);
    expect([up?.needs, up?.if]).toEqual([
      "approval",
      "${{ !cancelled() && (needs.approval.result == 'success' || !inputs.approval) }}",
    ]);
    expect(text("up.sh")).toMatch(/pulumi up .*--policy-pack policy|policies=\(--policy-pack policy\)/);
    expect(text("up.sh")).not.toContain("--skip-preview");
  });
  it("check for drift without changing anything", () => {
    const run = workflow("drift.yml")
      .jobs["drift"]?.steps?.map((step) => step.run ?? "")
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
    expect(run("stacks.sh", [])).toBe('stacks=["dev","eu-1"]\nopen=["dev","eu-1"]\nprotected=[]\n');
    // Pulumi takes dots in a stack's name. An example is nobody's stack.
    for (const name of ["Pulumi.eu.west.yaml", "Pulumi.example.yaml"]) writeFileSync(join(folder, name), "");
    expect(run("stacks.sh", [])).toContain('stacks=["dev","eu-1","eu.west"]\n');
    writeFileSync(join(folder, "Pulumi.$(id).yaml"), "");
    expect(() => run("stacks.sh", [])).toThrow("expected letters");
  });
  it.each([
    ["as the program writes it", "config:\n  secrets-pipeline:protect: true\n"],
    ["as Pulumi writes it", 'config:\n  secrets-pipeline:protect: "true"\n'],
    ["in one line", 'config: {"secrets-pipeline:protect": true}\n'],
    ["without the project", "config:\n  protect: true # since 2024\n"],
  ])("knows a protected stack: %s", (_how, file) => {
    writeFileSync(join(folder, "Pulumi.dev.yaml"), "config:\n  secrets-pipeline:protect: false\n");
    writeFileSync(join(folder, "Pulumi.prod.yaml"), file);
    expect(run("stacks.sh", [])).toBe('stacks=["dev","prod"]\nopen=["dev"]\nprotected=["prod"]\n');
  });
  it("knows a protected stack by a variable of the repository, which no pull request changes", () => {
    for (const name of ["Pulumi.dev.yaml", "Pulumi.eu.yaml", "Pulumi.eu-1.yaml"]) writeFileSync(join(folder, name), "");
    const lines = run("stacks.sh", [], { PROTECTED_STACKS: "eu-1, prod" }).split("\n");
    expect(lines.slice(1, 3)).toEqual(['open=["dev","eu"]', 'protected=["eu-1"]']);
  });
  it("refuses a protected stack whose environment waits for nobody", () => {
    writeFileSync(join(folder, "Pulumi.dev.yaml"), "");
    writeFileSync(join(folder, "Pulumi.prod.yaml"), "config:\n  secrets-pipeline:protect: true\n");
    const gh = (answer: string) =>
      writeFileSync(
        join(folder, "gh"),
        `#!/bin/sh\n[ "$2" = repos/acme/secrets/environments/preview-prod ] || exit 1\n${answer}\n`,
        { mode: 0o755 },
      );
    const env = { PATH: `${folder}:${process.env["PATH"]}`, GITHUB_REPOSITORY: "acme/secrets" };
    const find = (more: Record<string, string> = {}) => run("stacks.sh", ["preview-", ""], { ...env, ...more });
    const found = 'stacks=["dev","prod"]\nopen=["dev"]\nprotected=["prod"]\n';
    gh('printf "branch_policy\\nrequired_reviewers\\n"');
    expect(find()).toBe(found);
    for (const answer of ["echo branch_policy", "exit 1", "true"]) {
      gh(answer);
      expect(() => find()).toThrow(/::error::the GitHub environment preview-prod is one of a protected stack/);
    }
    // For repositories whose plan has no reviewers.
    expect(find({ APPROVALS: "off" })).toBe(found);
    // Another environment of the same stack is another matter.
    gh("echo required_reviewers");
    expect(() => run("stacks.sh", ["", "-approval"], env)).toThrow("prod-approval");
  });
  it("brings a stack up under the policies, with the configuration that there is for it", () => {
    writeFileSync(join(folder, "pulumi"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
    mkdirSync(join(folder, "policy", "config"), { recursive: true });
    writeFileSync(join(folder, "policy", "config", "dev.json"), "{}");
    const up = (stack: string) => run("up.sh", [stack], { PATH: `${folder}:${process.env["PATH"]}` });
    const always = (stack: string) =>
      `up --stack ${stack} --yes --non-interactive --suppress-outputs --policy-pack policy`;
    expect(up("dev")).toBe(`${always("dev")} --policy-pack-config policy/config/dev.json\n`);
    expect(up("eu-1")).toBe(`${always("eu-1")}\n`);
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
