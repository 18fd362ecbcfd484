import { randomBytes } from "node:crypto";
import { command, succeed } from "./command.js";
import { type Layout, layout } from "./layout.js";
import { main } from "./main.js";
import { type Sandbox, sandboxEnvironment, startSandbox } from "./sandbox.js";
import { stackSettings } from "./project.js";

// `make sandbox`: everything up, `pulumi up` on the checked-in stack, values typed with the Doppler CLI, the result.

const log = (line: string) => console.log(`• ${line}`);

await main(async (signal) => {
  const here = layout();
  const started = Date.now();
  const sandbox = await startSandbox(here, { stack: process.env["SANDBOX_STACK"] ?? "dev", log, signal });
  log(`sandbox up after ${seconds(started)}`);

  const tool = { env: sandboxEnvironment(here, sandbox), cwd: here.program, signal };
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
  await succeed("pulumi", up, show);

  const typed = await typeValues(here, sandbox, tool);
  if (typed.length > 0) {
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

  console.log(`
Up after ${seconds(started)}.
  Doppler stand-in   ${sandbox.dopplerUrl}
  GitHub stand-in    ${sandbox.githubUrl}
  API server         ${sandbox.server}
  logs               ${here.logs}, ${here.operator}/logs, ${here.cluster}/logs

Try next:
  eval "$(sandbox/env)"
  pulumi preview --stack ${stack}
  kubectl get externalsecrets --all-namespaces
  doppler secrets set JWT_SECRET          # type a value; the Secret has it within a minute
  make sandbox-down`);
});

/** Types a value for every name the stack reads that has none yet, as a person would, and gives their names. */
async function typeValues(
  here: Layout,
  sandbox: Sandbox,
  tool: { env: NodeJS.ProcessEnv; cwd: string; signal: AbortSignal },
): Promise<string[]> {
  const present = JSON.parse(await succeed("doppler", ["secrets", "--only-names", "--json"], tool)) as Record<
    string,
    unknown
  >;
  const missing = dopplerNames(stackSettings(here.program, sandbox.stack)).filter((name) => !(name in present));
  if (missing.length === 0) return [];
  console.log("");
  log("typing a random value for each name that has none, with the Doppler CLI:");
  for (const name of missing) {
    console.log(`$ doppler secrets set ${name}`);
    await succeed("doppler", ["secrets", "set", name, "--silent"], {
      ...tool,
      input: randomBytes(18).toString("base64url"),
    });
  }
  return missing;
}

/** The Doppler names that a stack's apps and its DockerHub credentials come from. */
export function dopplerNames(settings: Record<string, unknown>): string[] {
  const { apps = [], githubActions } = settings as {
    apps?: { keys: string[] | Record<string, string> }[];
    githubActions?: { username?: { dopplerName?: string }; token?: { dopplerName?: string } };
  };
  const names = apps.flatMap(({ keys }) => (Array.isArray(keys) ? keys : Object.values(keys)));
  if (githubActions !== undefined) {
    names.push(
      githubActions.username?.dopplerName ?? "DOCKERHUB_USERNAME",
      githubActions.token?.dopplerName ?? "DOCKERHUB_TOKEN",
    );
  }
  return [...new Set(names)];
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
