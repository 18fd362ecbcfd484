import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  command,
  type CommandResult,
  forStack,
  type Layout,
  layout,
  type Sandbox,
  sandboxExports,
  type StartOptions,
  startSandbox,
  stopSandbox,
  succeed,
  toolEnvironment,
} from "secrets-pipeline-sandbox";
import { PROJECT_OF, PULUMI_PROJECT } from "./project.js";

// A person at work in a sandbox of their own, with the pulumi, kubectl and doppler commands and nothing else.

/**
 * Variables that a caller's environment may hold by accident. None of them may reach a tool: no host exists, no token
 * is valid.
 */
export const HOSTILE: NodeJS.ProcessEnv = {
  DOPPLER_TOKEN: "dp.pt.a-real-token-of-the-caller",
  DOPPLER_API_HOST: "https://api.doppler.invalid",
  DOPPLER_PROJECT: "somebody-elses",
  GITHUB_TOKEN: "ghp_a-real-token-of-the-caller",
  GITHUB_OWNER: "somebody-else",
  GITHUB_BASE_URL: "https://github.invalid",
  PULUMI_ACCESS_TOKEN: "pul-a-real-token-of-the-caller",
  PULUMI_BACKEND_URL: "https://pulumi.invalid",
  PULUMI_CONFIG_PASSPHRASE: "the-callers-passphrase",
  KUBECONFIG: "/nonexistent/kubeconfig-of-the-caller",
  HTTPS_PROXY: "http://proxy.invalid:3128",
  https_proxy: "http://proxy.invalid:3128",
};

/** One run of a tool. */
export interface Run extends CommandResult {
  /** Standard output and error, for assertions about what a person reads. */
  readonly text: string;
}

/** A person and their sandbox. */
export class User {
  private constructor(
    readonly here: Layout,
    readonly sandbox: Sandbox,
    private readonly heard = { text: "" },
    /** More variables of the person's shell. */
    readonly variables: NodeJS.ProcessEnv = {},
    /** The folder that the person works in. */
    readonly folder = PULUMI_PROJECT.folder,
  ) {}

  /** All that any tool has written so far. */
  get transcript(): string {
    return this.heard.text;
  }

  /** Brings up a sandbox in a folder of its own, in a hostile environment. */
  static async arrive(options: Partial<Omit<StartOptions, "log">>): Promise<User> {
    const here = layout(mkdtempSync(join(tmpdir(), "secrets-pipeline-e2e-")));
    const lines: string[] = [];
    try {
      const log = (line: string) => {
        lines.push(line);
        console.error(`# ${line}`);
      };
      const user = new User(here, await startSandbox(here, { project: PULUMI_PROJECT, ...options, log }));
      user.heard.text = lines.join("\n");
      return user;
    } catch (error) {
      rmSync(here.dir, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Ends the sandbox and deletes its folder.
   *
   * @param keep keeps the folder, for whoever looks for the fault
   */
  async leave(keep: boolean): Promise<void> {
    await stopSandbox(this.here);
    if (keep) console.error(`# kept for a look: ${this.here.dir}`);
    else rmSync(this.here.dir, { recursive: true, force: true });
  }

  /** The same person at work on another stack. Tools take that stack's Doppler config and cluster. */
  on(stack: string): User {
    return new User(this.here, forStack(this.sandbox, stack), this.heard, this.variables, this.folder);
  }

  /** The same person at work in another folder, such as another project's. */
  in(folder: string): User {
    return new User(this.here, this.sandbox, this.heard, this.variables, folder);
  }

  /** The stack that the person works on. */
  get stack(): string {
    return this.sandbox.stack;
  }

  /** The environment of the person's shell after `eval "$(sandbox/env)"`. */
  get env(): NodeJS.ProcessEnv {
    const exports = sandboxExports(this.here, this.sandbox);
    return { ...toolEnvironment(this.here, exports, { ...process.env, ...HOSTILE }), ...this.variables };
  }

  /** Runs a tool, whatever its exit code. */
  async attempt(program: string, args: readonly string[], input?: string): Promise<Run> {
    const result = await command(program, args, {
      env: this.env,
      cwd: this.folder,
      ...(input === undefined ? {} : { input }),
    });
    const text = `${result.stdout}\n${result.stderr}`;
    this.heard.text += text;
    return { ...result, text };
  }

  /** Runs a tool that must succeed. */
  async run(program: string, args: readonly string[], input?: string): Promise<Run> {
    const result = await this.attempt(program, args, input);
    if (result.code !== 0) {
      throw new Error(`"${program} ${args.join(" ")}" failed with exit code ${result.code}:\n${result.text.trim()}`);
    }
    return result;
  }

  /** Runs a tool that must succeed. What it writes may hold values, so it is not part of the transcript. */
  quietly(program: string, args: readonly string[]): Promise<string> {
    return succeed(program, args, { env: this.env, cwd: this.folder });
  }

  pulumi(...args: string[]): Promise<Run> {
    return this.run("pulumi", [...args, "--non-interactive", "--color", "never"]);
  }

  up(...args: string[]): Promise<Run> {
    return this.pulumi("up", "--stack", this.stack, "--yes", "--skip-preview", ...args);
  }

  /** Runs `pulumi up` or another command that changes the stack, whatever its exit code. */
  tries(change: "up" | "destroy", ...args: string[]): Promise<Run> {
    const options = ["--stack", this.stack, "--yes", "--skip-preview", "--non-interactive", "--color", "never"];
    return this.attempt("pulumi", [change, ...options, ...args]);
  }

  kubectl(...args: string[]): Promise<Run> {
    return this.run("kubectl", args);
  }

  /**
   * Types a value into a Doppler config of the stack.
   *
   * @param project where it is typed. Default: where the checked-in stacks have this name
   */
  async type(name: string, value: string, project: string | undefined = PROJECT_OF[name]): Promise<void> {
    const place = project === undefined ? [] : [`--project=${project}`];
    await this.run("doppler", ["secrets", "set", name, "--silent", ...place], value);
  }

  /** An object of the cluster, or `undefined` if there is none. */
  async object<T>(kind: string, name: string, namespace?: string): Promise<T | undefined> {
    const where = namespace === undefined ? [] : ["--namespace", namespace];
    const { stdout } = await command("kubectl", ["get", kind, name, ...where, "--ignore-not-found", "--output=json"], {
      env: this.env,
      cwd: PULUMI_PROJECT.folder,
    });
    return stdout.trim() === "" ? undefined : (JSON.parse(stdout) as T);
  }

  /** A Secret's values, decoded; `undefined` if there is no such Secret. Not part of the transcript. */
  async secret(namespace: string, name: string): Promise<Record<string, string> | undefined> {
    const secret = await this.object<{ data?: Record<string, string> }>("secret", name, namespace);
    return (
      secret &&
      Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
      )
    );
  }

  /** The files below the sandbox's folder, outside the stand-ins' own stores, that hold one of these texts in clear. */
  filesWith(texts: readonly string[]): string[] {
    const needles = texts.map((text) => Buffer.from(text));
    const found: string[] = [];
    const walk = (dir: string) => {
      for (const entry of readdirSync(dir, { withFileTypes: true })) {
        const path = join(dir, entry.name);
        if (path === this.here.doppler || path === this.here.github) continue;
        if (entry.isDirectory()) walk(path);
        else if (entry.isFile() && statSync(path).size > 0) {
          const content = readFileSync(path);
          if (needles.some((needle) => content.includes(needle))) found.push(relative(this.here.dir, path));
        }
      }
    };
    walk(this.here.dir);
    return found;
  }
}

/**
 * Asks twice a second until the answer is not `undefined`.
 *
 * @throws after `withinMs`, naming what was waited for
 */
export async function eventually<T>(what: string, withinMs: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`within ${withinMs / 1000} s: ${what}`);
    await delay(500);
  }
}
