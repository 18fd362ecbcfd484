import {
  type ClusterChoice,
  command,
  describePlaces,
  forStack,
  type Layout,
  layout,
  main,
  type Sandbox,
  sandboxEnvironment,
  startSandbox,
  succeed,
} from "secrets-pipeline-sandbox";
import { PULUMI_PROJECT } from "../support/project.js";
import { namesWithoutValue, typeValues } from "../support/values.js";

// `make sandbox` brings up the sandbox, runs `pulumi up` on the checked-in stacks, types values with the Doppler CLI
// and shows the result.

const log = (line: string) => console.log(`• ${line}`);

await main(async (signal) => {
  const here = layout();
  const started = Date.now();
  const stacks = (process.env["SANDBOX_STACK"] ?? "dev").split(",").map((name) => name.trim());
  const project = PULUMI_PROJECT;
  const sandbox = await startSandbox(here, { project, stacks, clusters: clustersSetting(), log, signal });
  log(`sandbox up after ${seconds(started)}`);

  for (const stack of stacks) await upStack(here, forStack(sandbox, stack), signal);

  console.log(`
Up after ${seconds(started)}.
${describePlaces(here, sandbox, stacks)}

Try next:
  eval "$(sandbox/env)"${stacks.length > 1 ? `                   # ${sandbox.stack}; "$(sandbox/env ${stacks[1]})" for ${stacks[1]}` : ""}
  pulumi preview --stack ${sandbox.stack}
  kubectl get externalsecrets --all-namespaces
  doppler secrets set JWT_SECRET          # type a value; the Secret has it within a minute
  make sandbox-down`);
});

function clustersSetting(): ClusterChoice | undefined {
  const setting = process.env["SANDBOX_CLUSTERS"];
  if (setting === undefined || setting === "one" || setting === "each") return setting;
  throw new Error(`SANDBOX_CLUSTERS is "${setting}"; expected "one" for all stacks, or "each" its own`);
}

/** Runs `pulumi up` on a stack, types its values and shows the result. */
async function upStack(here: Layout, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
  const tool = { env: sandboxEnvironment(here, sandbox), cwd: PULUMI_PROJECT.folder, signal };
  const show = { ...tool, show: true };
  const { stack } = sandbox;
  await succeed("pulumi", ["stack", "select", "--create", stack], tool);

  console.log(`\n$ pulumi up --stack ${stack}`);
  const up = [
    "up",
    "--stack",
    stack,
    "--yes",
    "--skip-preview",
    "--suppress-outputs",
    "--non-interactive",
    "--color",
    "never",
  ];
  const names = namesWithoutValue(await succeed("pulumi", up, show));
  if (names.length > 0) {
    console.log("");
    log("typing a random value for each name that needs one, with the Doppler CLI:");
    await typeValues(names, tool, ({ name, project, config }) =>
      console.log(`$ doppler secrets set ${name} --project ${project} --config ${config}`),
    );
    console.log(`\n$ pulumi up --stack ${stack}     # the DockerHub credentials have values now`);
    await succeed("pulumi", up, show);
  }

  log("waiting for the operator to deliver the Secrets …");
  await succeed(
    "kubectl",
    [
      "wait",
      "externalsecrets.external-secrets.io",
      "--all",
      "--all-namespaces",
      "--for=condition=Ready",
      "--timeout=120s",
    ],
    tool,
  );
  for (const args of [
    ["get", "clustersecretstores"],
    ["get", "externalsecrets", "--all-namespaces"],
  ]) {
    console.log(`\n$ kubectl ${args.join(" ")}`);
    await command("kubectl", args, show);
  }
  console.log(`\n$ pulumi stack output --json`);
  await command("pulumi", ["stack", "output", "--json", "--stack", stack], show);
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
