import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type { ILanguageRuntimeServer } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import languageProto from "@pulumi/pulumi/proto/language_pb.js";
import type * as pb from "@pulumi/pulumi/proto/language_pb.js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import { parseOptions } from "./options.js";
import { directDependencies, type Parameterization, requiredPackages } from "./packages.js";
import { runProgram, startPlugin } from "./program.js";

/** The released language host that this one stands in for. */
export const VERSION = "3.259.0";

/** Serves `pulumirpc.LanguageRuntime` for Node.js programs. */
export class LanguageHost {
  /** Fires on the engine's Cancel. */
  readonly #cancelled = new AbortController();

  constructor(
    /** Where the engine listens; programs report to it. */
    private engineAddress: string,
    /** Called with the engine's address when it comes by handshake instead. */
    private readonly onHandshake: (engineAddress: string) => void = () => undefined,
  ) {}

  /** Serves on a loopback port that the kernel chooses. */
  async listen(): Promise<{ port: number; stop: () => void }> {
    const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
    server.addService(languageGrpc.LanguageRuntimeService, this.#service());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return { port, stop: () => server.forceShutdown() };
  }

  /** Interrupts the programs under way. */
  cancel(): void {
    this.#cancelled.abort();
  }

  #service(): ILanguageRuntimeServer {
    return {
      handshake: unary((request: pb.LanguageHandshakeRequest) => {
        this.engineAddress = request.getEngineAddress();
        this.onHandshake(this.engineAddress);
        return new languageProto.LanguageHandshakeResponse();
      }),
      getPluginInfo: unary(() => {
        const response = new pluginProto.PluginInfo();
        response.setVersion(VERSION);
        return response;
      }),
      getRequiredPackages: unary((request: pb.GetRequiredPackagesRequest) => {
        const response = new languageProto.GetRequiredPackagesResponse();
        for (const found of requiredPackages(request.getInfo()?.getProgramDirectory() ?? "")) {
          const dependency = new pluginProto.PackageDependency();
          dependency.setName(found.name);
          dependency.setKind("resource");
          dependency.setVersion(found.version);
          dependency.setServer(found.server);
          if (found.parameterization) {
            dependency.setParameterization(parameterization(found.parameterization));
          }
          if (found.extension) {
            dependency.setExtension$(parameterization(found.extension));
          }
          response.addPackages(dependency);
        }
        return response;
      }),
      getRequiredPlugins: unimplemented("GetRequiredPlugins"),
      run: (call, callback) => void this.#run(call, callback),
      installDependencies: (call) => this.#install(call),
      runtimeOptionsPrompts: unary(() => new languageProto.RuntimeOptionsResponse()),
      template: unary(() => new languageProto.TemplateResponse()),
      about: unary((request: pb.AboutRequest) => {
        const response = new languageProto.AboutResponse();
        response.setExecutable(process.execPath);
        response.setVersion(process.version);
        const metadata = response.getMetadataMap();
        metadata.set("packagemanager", "npm");
        const typescript = typescriptVersion(request.getInfo()?.getProgramDirectory() ?? "");
        if (typescript !== undefined) {
          metadata.set("typescriptVersion", typescript);
        }
        return response;
      }),
      getProgramDependencies: unary((request: pb.GetProgramDependenciesRequest) => {
        const response = new languageProto.GetProgramDependenciesResponse();
        for (const { name, version } of directDependencies(request.getInfo()?.getProgramDirectory() ?? "")) {
          const dependency = new languageProto.DependencyInfo();
          dependency.setName(name);
          dependency.setVersion(version);
          response.addDependencies(dependency);
        }
        return response;
      }),
      runPlugin: (call) => this.#runPlugin(call),
      generateProgram: unimplemented("GenerateProgram"),
      generateProject: unimplemented("GenerateProject"),
      generatePackage: unimplemented("GeneratePackage"),
      pack: unimplemented("Pack"),
      link: unimplemented("Link"),
      cancel: unary(() => {
        this.cancel();
        return new emptyProto.Empty();
      }),
    };
  }

  async #run(
    call: grpc.ServerUnaryCall<pb.RunRequest, pb.RunResponse>,
    callback: grpc.sendUnaryData<pb.RunResponse>,
  ): Promise<void> {
    const response = new languageProto.RunResponse();
    const callEnded = new AbortController();
    call.on("cancelled", () => callEnded.abort());
    try {
      const { request } = call;
      const info = request.getInfo();
      if (this.engineAddress === "" || !info) {
        throw new Error("the engine gave no address of its own or no program; a handshake has to come before Run");
      }
      const result = await runProgram(
        {
          rootDirectory: info.getRootDirectory(),
          programDirectory: info.getProgramDirectory(),
          entryPoint: info.getEntryPoint(),
          options: parseOptions(info.getOptions()?.toJavaScript() ?? {}),
          args: request.getArgsList(),
          project: request.getProject(),
          stack: request.getStack(),
          organization: request.getOrganization(),
          dryRun: request.getDryrun(),
          parallel: request.getParallel(),
          engineAddress: this.engineAddress,
          monitorAddress: request.getMonitorAddress(),
          config: Object.fromEntries(request.getConfigMap().toArray()),
          configSecretKeys: request.getConfigsecretkeysList(),
        },
        AbortSignal.any([callEnded.signal, this.#cancelled.signal]),
      );
      response.setError(result.error);
      response.setBail(result.bail);
    } catch (error) {
      response.setError(error instanceof Error ? error.message : String(error));
    }
    callback(null, response);
  }

  /** Runs a plugin to its end. What it writes goes to the engine, which reads the plugin's port there. */
  #runPlugin(call: grpc.ServerWritableStream<pb.RunPluginRequest, pb.RunPluginResponse>): void {
    const { request } = call;
    const callEnded = new AbortController();
    call.on("cancelled", () => callEnded.abort());
    const fail = (details: string): void => {
      call.emit("error", { code: grpc.status.UNKNOWN, details });
    };
    try {
      const info = request.getInfo();
      const child = startPlugin(
        {
          kind: request.getKind(),
          programDirectory: info?.getProgramDirectory() ?? "",
          workingDirectory: request.getPwd(),
          options: parseOptions(info?.getOptions()?.toJavaScript() ?? {}),
          args: request.getArgsList(),
          env: request.getEnvList(),
        },
        AbortSignal.any([callEnded.signal, this.#cancelled.signal]),
      );
      for (const stream of ["stdout", "stderr"] as const) {
        child[stream].on("data", (chunk: Buffer) => {
          const response = new languageProto.RunPluginResponse();
          if (stream === "stdout") response.setStdout(chunk);
          else response.setStderr(chunk);
          call.write(response);
        });
      }
      child.on("error", (error) => fail(`the plugin could not be started: ${error.message}`));
      child.on("close", (code, killedBy) => {
        if (code === 0) call.end();
        else if (child.pid !== undefined) {
          fail(code === null ? `Program ended by ${killedBy}` : `Program exited with non-zero exit code: ${code}`);
        }
      });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  }

  #install(call: grpc.ServerWritableStream<pb.InstallDependenciesRequest, pb.InstallDependenciesResponse>): void {
    const fail = (details: string): void => {
      call.emit("error", { code: grpc.status.UNKNOWN, details });
    };
    const info = call.request.getInfo();
    let options;
    try {
      options = parseOptions(info?.getOptions()?.toJavaScript() ?? {});
    } catch (error) {
      fail((error as Error).message);
      return;
    }
    if (options.packageManager !== "auto" && options.packageManager !== "npm") {
      fail(`only npm can install dependencies here, and the project asks for ${options.packageManager}`);
      return;
    }
    const args = ["install", "--loglevel=error", ...(options.production ? ["--omit=dev"] : [])];
    const child = spawn("npm", args, {
      cwd: info?.getProgramDirectory() || call.request.getDirectory(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stop = (): void => void child.kill("SIGTERM");
    call.on("cancelled", stop);
    this.#cancelled.signal.addEventListener("abort", stop, { once: true });
    child.stdout.on("data", (chunk: Buffer) => {
      const response = new languageProto.InstallDependenciesResponse();
      response.setStdout(chunk);
      call.write(response);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      const response = new languageProto.InstallDependenciesResponse();
      response.setStderr(chunk);
      call.write(response);
    });
    child.on("error", (error) => fail(`npm could not be started: ${error.message}`));
    child.on("close", (code) => {
      this.#cancelled.signal.removeEventListener("abort", stop);
      if (code === 0) {
        call.end();
      } else if (child.pid !== undefined) {
        fail(`npm install failed with exit code ${code}`);
      }
    });
  }
}

function unary<Request, Response>(answer: (request: Request) => Response): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    try {
      callback(null, answer(call.request));
    } catch (error) {
      callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) });
    }
  };
}

function unimplemented<Request, Response>(method: string): grpc.handleUnaryCall<Request, Response> {
  return (_call, callback) => {
    callback({ code: grpc.status.UNIMPLEMENTED, details: `this language host does not implement ${method}` });
  };
}

function parameterization({ name, version, value }: Parameterization) {
  const message = new pluginProto.PackageParameterization();
  message.setName(name);
  message.setVersion(version);
  message.setValue(value);
  return message;
}

function typescriptVersion(programDirectory: string): string | undefined {
  try {
    const manifest = createRequire(join(programDirectory, "index.js"))("typescript/package.json") as {
      version: string;
    };
    return manifest.version;
  } catch {
    return undefined;
  }
}
