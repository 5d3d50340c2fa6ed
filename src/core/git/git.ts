import { execa, type ResultPromise } from "execa";
import { decodeBytes, encodeBytes } from "../bytes.ts";
import type { FlowContext } from "../context.ts";
import { FlowError } from "../errors.ts";
import { sendSignal } from "../proc.ts";
import { forEachLine, lastLines } from "../process.ts";
import { redact } from "../redact.ts";
import { gitEnvironment } from "./environment.ts";
import { SignOfLife } from "./sign-of-life.ts";

export interface GitOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  /** Exit codes that are answers, not failures. Default `[0]`. */
  okCodes?: readonly number[];
  /** For commands that talk to a remote: ends git after this many ms without a sign of life. Default: none. */
  idleTimeoutMs?: number;
  onProgress?: (line: string) => void;
}

export interface GitResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** How long a git that was told to end may take, in ms. */
const forceKillAfterDelay = 2_000;

/** git in one directory, in a neutral configuration. Arguments are never passed through a shell. */
export class Git {
  readonly dir: string;
  readonly #ctx: FlowContext;
  readonly #env: Record<string, string>;

  constructor(ctx: FlowContext, dir: string) {
    this.#ctx = ctx;
    this.dir = dir;
    this.#env = gitEnvironment(ctx);
  }

  /**
   * Runs git and gives its output as text; what is not UTF-8 in it, a path say, survives ({@link decodeBytes}).
   * @throws FlowError FLOW_GIT_FAILED with git's own words as the cause
   */
  async run(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
    const { stdout, stderr, exitCode } = await this.#start(args, options);
    return { stdout: decodeBytes(stdout), stderr: decodeBytes(stderr), exitCode };
  }

  /** Standard output, without its final newline. */
  async text(args: readonly string[], options: GitOptions = {}): Promise<string> {
    return (await this.run(args, options)).stdout.replace(/\n$/, "");
  }

  /** What git printed between zero bytes (`-z`): paths as they are, whatever they hold. */
  async list(args: readonly string[], options: GitOptions = {}): Promise<string[]> {
    return (await this.run(args, options)).stdout.split("\0").filter(Boolean);
  }

  /** Standard output as bytes, for contents. */
  async bytes(args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
    return Buffer.from((await this.#start(args, options)).stdout);
  }

  /** Whether git exits with 0; 1 is "no"; anything else throws. */
  async test(args: readonly string[]): Promise<boolean> {
    return (await this.run(args, { okCodes: [0, 1] })).exitCode === 0;
  }

  /** Starts a git whose stdin and stdout stream (`fast-import`, `cat-file --batch`). The caller awaits it. */
  spawn(
    args: readonly string[],
    env: Record<string, string> = {},
  ): ResultPromise<{ buffer: { stdout: false }; encoding: "buffer"; reject: false }> {
    return execa("git", [...args], {
      cwd: this.dir,
      env: { ...this.#env, ...env },
      extendEnv: false,
      stdin: "pipe",
      stdout: "pipe",
      buffer: { stdout: false },
      encoding: "buffer",
      reject: false,
      cancelSignal: this.#ctx.signal,
    }) as never;
  }

  async #start(args: readonly string[], options: GitOptions) {
    const ctx = this.#ctx;
    ctx.signal.throwIfAborted();
    const idle = new AbortController();
    const ending = AbortSignal.any([ctx.signal, idle.signal]);
    const remote = options.idleTimeoutMs !== undefined;
    const child = execa("git", [...args], {
      cwd: this.dir,
      env: { ...this.#env, ...options.env },
      extendEnv: false,
      encoding: "buffer",
      reject: false,
      stripFinalNewline: false,
      maxBuffer: 2 ** 30,
      cancelSignal: ending,
      forceKillAfterDelay,
      detached: remote,
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: inputOf(options.input) }),
    });
    const life =
      options.idleTimeoutMs === undefined ? undefined : new SignOfLife(options.idleTimeoutMs, () => idle.abort());
    child.stderr.on("data", (chunk: Uint8Array) => life?.read(Buffer.from(chunk).toString("latin1")));
    child.stdout.on("data", () => life?.answer());
    if (options.onProgress) forEachLine(child.stderr, options.onProgress);
    const stopEnding = remote ? endGroup(child.pid, ending) : undefined;
    const result = await child;
    life?.end();
    stopEnding?.();
    ctx.signal.throwIfAborted();
    const name = redact(`git ${args.join(" ")}`);
    if (idle.signal.aborted) {
      throw new FlowError("FLOW_TIMEOUT", `${name}: no progress for ${(options.idleTimeoutMs ?? 0) / 1000} s`, {
        hint: "check the network and that the git host is up, then run the command again",
      });
    }
    if (result.exitCode === undefined || !(options.okCodes ?? [0]).includes(result.exitCode)) {
      const said = lastLines(Buffer.from(result.stderr).toString("utf8"), 20);
      throw new FlowError("FLOW_GIT_FAILED", `${name} failed in ${this.dir}`, {
        cause: redact(said) || result.shortMessage,
        details: { exitCode: result.exitCode ?? null, stderr: redact(said) },
      });
    }
    return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode };
  }
}

function inputOf(input: string | Uint8Array): Uint8Array {
  return typeof input === "string" ? encodeBytes(input) : input;
}

/**
 * Ends a process group on a signal: git leaves the helper that talks to the remote behind when it is ended, and that
 * one keeps the output open for as long as its host is silent. Gives what stops watching.
 */
function endGroup(leader: number | undefined, ending: AbortSignal): () => void {
  if (leader === undefined) return () => {};
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    sendSignal(-leader, "SIGTERM");
    force = setTimeout(() => sendSignal(-leader, "SIGKILL"), forceKillAfterDelay);
  };
  ending.addEventListener("abort", end, { once: true });
  return () => {
    ending.removeEventListener("abort", end);
    clearTimeout(force);
  };
}
