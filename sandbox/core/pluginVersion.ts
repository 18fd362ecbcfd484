import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";

/** How long a plugin may take to start and to answer. Milliseconds. */
const patience = 10_000;

/**
 * Starts a provider plugin and asks it for its version, as Pulumi's engine does.
 *
 * @returns without a leading v; undefined when the plugin does not say one
 */
export async function pluginVersion(
  program: string,
  env: NodeJS.ProcessEnv = process.env,
  deadlineMs = patience,
): Promise<string | undefined> {
  // A plugin is given the engine's address, and connects to it when it has something to say.
  const child = spawn(program, ["127.0.0.1:1"], {
    env: { PATH: env["PATH"], HOME: env["HOME"] },
    stdio: ["ignore", "pipe", "ignore"],
    // A group of its own, so that what a wrapper script starts ends with it.
    detached: true,
  });
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    const port = await new Promise<string | undefined>((resolve) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("error", () => resolve(undefined));
      child.once("exit", () => resolve(undefined));
      deadline.addEventListener("abort", () => resolve(undefined));
    });
    if (port === undefined || !/^\d+$/.test(port)) return undefined;
    return await ask(`127.0.0.1:${port}`, deadlineMs);
  } finally {
    endGroup(child.pid);
  }
}

function ask(address: string, deadlineMs: number): Promise<string | undefined> {
  const client = new providerGrpc.ResourceProviderClient(address, grpc.credentials.createInsecure());
  return new Promise((resolve) => {
    const done = (_: unknown, info: PluginInfo | undefined) => {
      client.close();
      const version = info?.getVersion().replace(/^v/, "");
      resolve(version === "" ? undefined : version);
    };
    client.getPluginInfo(new emptyProto.Empty(), new grpc.Metadata(), { deadline: Date.now() + deadlineMs }, done);
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return; // It did not start.
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
