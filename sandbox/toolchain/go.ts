import { spawn } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { tail } from "../process/child.js";

/** What Go itself reads from the environment, and what it needs to reach a module proxy. Nothing else is passed on. */
const passedOn = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "GOAUTH",
  "GOENV",
  "GOINSECURE",
  "GOMODCACHE",
  "GONOPROXY",
  "GONOSUMDB",
  "GOPATH",
  "GOPRIVATE",
  "GOPROXY",
  "GOROOT",
  "GOSUMDB",
  "GOTMPDIR",
  "GOTOOLCHAIN",
  "GOVCS",
  "NETRC",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/** Settings that decide what comes out of a build, and so are ours and part of the cache key. */
export const buildSettings = {
  GOFLAGS: "-mod=readonly -trimpath -buildvcs=false",
  GOWORK: "off",
  CGO_ENABLED: "0",
} as const;

/** Settings that only decide how fast a build is. A compiler's process is short: it need not collect its garbage often. */
const speed = { GOGC: "400" } as const;

/**
 * The environment a Go command runs in.
 *
 * @param buildCache the folder of compiled packages; default: where Go keeps those of all its builds
 */
export function goEnv(env: NodeJS.ProcessEnv, buildCache?: string): NodeJS.ProcessEnv {
  const kept = passedOn.filter((name) => env[name] !== undefined).map((name) => [name, env[name]] as const);
  // Cross-compiling variables are left out: what is built runs here.
  const cache = buildCache === undefined ? {} : { GOCACHE: buildCache };
  return { ...Object.fromEntries(kept), ...buildSettings, ...speed, ...cache };
}

export interface GoCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** All output is appended to it; its path is in the error. */
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
  /** Told before a further attempt after the network failed. */
  readonly onRetry?: (reason: string) => void;
  /** Shown each line of its standard error as it comes; one for which it answers true is kept out of log and errors. */
  readonly onLine?: (line: string) => boolean;
  /** Milliseconds before the second attempt, doubled for the third; default 3000. */
  readonly retryDelayMs?: number;
}

/** Attempts in all, when it is the network that fails. */
const attempts = 4;

/**
 * Runs `go`, again when a download failed for a reason that may pass.
 *
 * @returns its standard output
 * @throws with the last lines of its output and where all of it is
 */
export async function runGo(command: GoCommand): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    command.signal?.throwIfAborted();
    const run = await once(command);
    await appendFile(command.logFile, `$ go ${command.args.join(" ")}\n${run.stderr}`, { mode: 0o600 });
    command.signal?.throwIfAborted();
    if (run.code === 0) return run.stdout;
    const output = `${run.stderr}\n${run.stdout}`;
    const reason = passingNetworkFailure(output);
    if (reason === undefined || attempt >= attempts) {
      const hint =
        reason === undefined
          ? ""
          : `\nThe module proxy could not be reached after ${attempts} attempts: ${reason}. Check the network, GOPROXY and the proxy variables, then run it again.`;
      throw new Error(
        `go ${command.args.slice(0, 2).join(" ")} failed${run.code === null ? "" : ` (exit code ${run.code})`}:\n${tail(output, 20)}${hint}\nThe whole output: ${command.logFile}`,
      );
    }
    command.onRetry?.(reason);
    await delay((command.retryDelayMs ?? 3_000) * 2 ** (attempt - 1), undefined, { signal: command.signal });
  }
}

/** The reason a download failed, when another attempt may succeed; undefined for any other failure. */
export function passingNetworkFailure(output: string): string | undefined {
  const patterns = [
    /i\/o timeout/,
    /TLS handshake timeout/,
    /connection (?:refused|reset by peer|timed out)/,
    /network is unreachable/,
    /no such host|Temporary failure in name resolution|server misbehaving/,
    /unexpected EOF|: EOF$/m,
    /stream error|http2: server sent GOAWAY/,
    /\b(?:408 Request Timeout|429 Too Many Requests|50[0234] [A-Z][A-Za-z ]+)/,
  ];
  for (const pattern of patterns) {
    const match = output.match(pattern);
    if (match !== null) return match[0].replace(/^: /, "");
  }
  return undefined;
}

/**
 * Makes sure that there is a Go which can build a module that says `go <needed>`.
 *
 * @returns its version as Go writes it, e.g. "go1.26.1"
 * @throws with what to install
 */
export async function requireGo(needed: string, env: NodeJS.ProcessEnv): Promise<string> {
  const advice = `Install Go ${needed} or later from https://go.dev/dl/ and put its bin folder on PATH`;
  let answer: { code: number | null; stdout: string; stderr: string };
  try {
    // Outside any module, so that the version is Go's own and not one that a go.mod asks for.
    answer = await once({ args: ["env", "GOVERSION", "GOTOOLCHAIN"], cwd: "/", env: goEnv(env), logFile: "" });
  } catch (error) {
    throw new Error(
      `Go is needed to build the sandbox's tools, and none runs (${(error as Error).message}). ${advice}.`,
      {
        cause: error,
      },
    );
  }
  const [version = "", toolchain = ""] = answer.stdout.trim().split("\n");
  if (answer.code !== 0 || !version.startsWith("go")) {
    throw new Error(`go env failed:\n${tail(answer.stderr, 5)}\n${advice}.`);
  }
  // Any other setting lets Go fetch the version a module asks for.
  if (compareVersions(version.slice(2), needed) < 0 && toolchain === "local") {
    throw new Error(
      `${version} is too old for the sandbox's tools. ${advice}, or allow Go to fetch it with GOTOOLCHAIN=auto.`,
    );
  }
  // Go learned to fetch other versions of itself with 1.21.
  if (compareVersions(version.slice(2), "1.21") < 0)
    throw new Error(`${version} is too old for the sandbox's tools. ${advice}.`);
  return version;
}

/** Compares dotted versions by number; what follows the numbers (rc1, -custom) is ignored. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => (version.match(/^\d+(?:\.\d+)*/)?.[0] ?? "0").split(".").map(Number);
  const left = numbers(a);
  const right = numbers(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The `go` line of a go.mod, and the version it takes of a module. */
export function readGoMod(text: string, module: string): { readonly go: string; readonly version: string } {
  const go = text.match(/^go (\S+)/m)?.[1];
  const line = text.split("\n").find((candidate) =>
    candidate
      .trim()
      .replace(/^require /, "")
      .startsWith(`${module} `),
  );
  const version = line
    ?.trim()
    .replace(/^require /, "")
    .split(" ")[1];
  if (go === undefined || version === undefined) throw new Error(`go.mod does not pin ${module}`);
  return { go, version };
}

function once(command: GoCommand): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("go", command.args, { cwd: command.cwd, env: command.env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      if (command.onLine?.(line) !== true) stderr += `${line}\n`;
    });
    // go ends its compilers on SIGINT; on SIGTERM it would leave them running.
    let kill: NodeJS.Timeout | undefined;
    const abort = () => {
      child.kill("SIGINT");
      kill = setTimeout(() => child.kill("SIGKILL"), 5_000);
    };
    command.signal?.addEventListener("abort", abort, { once: true });
    const settle = () => {
      clearTimeout(kill);
      command.signal?.removeEventListener("abort", abort);
    };
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("close", (code) => {
      settle();
      resolve({ code, stdout, stderr });
    });
  });
}
