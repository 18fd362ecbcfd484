import { execFile } from "node:child_process";
import { z } from "zod";
import type { StackResource } from "../../lib/stackResources";

// The pulumi command, asked about a stack. Secrets in the state stay encrypted.

/** A stack as its last run left it. */
export interface StackExport {
  resources: StackResource[];
  /** The version of the CLI that wrote the state last. */
  writtenBy: string | undefined;
}

/** The state can't be had: what `pulumi` said. */
export class StackError extends Error {}

const properties = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((p) => p ?? {});

const exported = z.object({
  deployment: z.object({
    manifest: z.object({ version: z.string().optional() }).optional(),
    resources: z
      .array(
        z.object({
          urn: z.string(),
          parent: z.string().optional(),
          inputs: properties,
          outputs: properties,
          dependencies: z.array(z.string()).nullish(),
          propertyDependencies: z.record(z.string(), z.array(z.string()).nullish()).nullish(),
          /** Set on what a replacement left behind. */
          delete: z.boolean().optional(),
        }),
      )
      .nullish(),
  }),
});

/**
 * A stack's resources.
 *
 * @throws StackError
 */
export async function readStack(stack: string, signal?: AbortSignal): Promise<StackExport> {
  const text = await pulumi(["stack", "export", "--stack", stack], signal);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new StackError("pulumi stack export: the answer is no JSON");
  }
  const { data } = exported.safeParse(body);
  if (data === undefined) throw new StackError("pulumi stack export: the state has an unknown form");
  const { manifest, resources } = data.deployment;
  return {
    writtenBy: manifest?.version,
    resources: (resources ?? [])
      .filter((resource) => !resource.delete)
      .map(({ urn, parent, inputs, outputs, dependencies, propertyDependencies }) => ({
        urn,
        parent,
        inputs,
        outputs,
        dependencies: [
          ...new Set([...(dependencies ?? []), ...Object.values(propertyDependencies ?? {}).flatMap((of) => of ?? [])]),
        ],
      })),
  };
}

/**
 * A setting of the stack, decrypted. Only for a credential to ask with, where the stack keeps it among its settings.
 *
 * @throws StackError
 */
export async function readSetting(stack: string, name: string, signal?: AbortSignal): Promise<string> {
  return (await pulumi(["config", "get", name, "--stack", stack], signal)).replace(/\n$/, "");
}

/** The version of the CLI, such as `3.259.0`. */
export async function cliVersion(signal?: AbortSignal): Promise<string> {
  return (await pulumi(["version"], signal)).trim().replace(/^v/, "");
}

function pulumi(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const all = [...args, "--non-interactive", "--color=never"];
  return new Promise((resolve, reject) => {
    execFile("pulumi", all, { env, maxBuffer: 512 << 20, signal }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === "ENOENT") reject(new StackError("pulumi is not on PATH"));
      else reject(new StackError(reasonOf(stderr) || error.message));
    });
  });
}

/** The CLI's last line, without its label. */
function reasonOf(stderr: string): string {
  return (stderr.trim().split("\n").at(-1) ?? "").replace(/^error: /, "");
}
