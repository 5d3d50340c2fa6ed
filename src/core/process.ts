import { execa, type Options } from "execa";
import type { FlowContext } from "./context.ts";
import { FlowError, systemCode } from "./errors.ts";
import { redact } from "./redact.ts";

export interface RunOptions {
  cwd?: string;
  /** Added to, or with undefined taken out of, the context's environment. */
  env?: Record<string, string | undefined>;
  /** The whole environment; the context's is not used then. */
  exactEnv?: Record<string, string | undefined>;
  /** Standard input. Default: none (`/dev/null`), so that nothing ever waits for a prompt. */
  input?: string | Uint8Array;
  /** Wall time in ms after which the process is ended. Default: none. */
  timeoutMs?: number;
  /** Ends the process after this many ms without output. Default: none. */
  idleTimeoutMs?: number;
  /** Exit codes that are answers, not failures. Default `[0]`. */
  okCodes?: readonly number[];
  /** Called with each complete line of standard error, for progress. */
  onStderrLine?: (line: string) => void;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/**
 * Runs a program with an argument array, never through a shell, and collects its output as UTF-8.
 * It ends with the context's signal.
 * @throws FlowError FLOW_COMMAND_NOT_FOUND, FLOW_COMMAND_FAILED (with the last lines of stderr), FLOW_TIMEOUT, or the signal's reason
 */
export async function run(
  ctx: FlowContext,
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<RunResult> {
  const [file, ...args] = argv;
  ctx.signal.throwIfAborted();
  const idle = new AbortController();
  const execaOptions = {
    cwd: options.cwd ?? ctx.cwd,
    env: definedOnly(options.exactEnv ?? { ...ctx.env, ...options.env }),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    cancelSignal: AbortSignal.any([ctx.signal, idle.signal]),
    forceKillAfterDelay: 2_000,
    maxBuffer: 1024 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  } satisfies Options;
  const child = execa(file, args, execaOptions);
  const stopIdle = watchIdle([child.stdout, child.stderr], options.idleTimeoutMs, () => idle.abort());
  if (options.onStderrLine) forEachLine(child.stderr, options.onStderrLine);
  const result = await child;
  stopIdle();
  ctx.signal.throwIfAborted();
  const name = redact([file, ...args].join(" "));
  if (idle.signal.aborted) {
    throw new FlowError(
      "FLOW_TIMEOUT",
      `${name} gave no sign of life for ${(options.idleTimeoutMs ?? 0) / 1000} s and was ended`,
      {
        hint: "check the network, or the host it talks to, and run the command again",
      },
    );
  }
  if (result.timedOut)
    throw new FlowError("FLOW_TIMEOUT", `${name} did not end within ${(options.timeoutMs ?? 0) / 1000} s`);
  if (result.exitCode === undefined && result.signal === undefined) {
    if (systemCode(result.cause) === "ENOENT" || systemCode(result) === "ENOENT") {
      throw new FlowError("FLOW_COMMAND_NOT_FOUND", `${file}: command not found`, { cause: result.cause });
    }
    throw new FlowError("FLOW_COMMAND_FAILED", `${name} could not be started: ${result.shortMessage ?? ""}`, {
      cause: result.cause,
    });
  }
  const exitCode = result.exitCode ?? 128;
  if (!(options.okCodes ?? [0]).includes(exitCode)) {
    const how = result.signal === undefined ? `exited with ${exitCode}` : `was ended by ${result.signal}`;
    throw new FlowError("FLOW_COMMAND_FAILED", `${name} ${how}`, {
      cause: lastLines(result.stderr || result.stdout, 20),
    });
  }
  return { stdout: result.stdout, stderr: result.stderr, exitCode };
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function watchIdle(
  streams: readonly NodeJS.ReadableStream[],
  idleMs: number | undefined,
  onIdle: () => void,
): () => void {
  if (idleMs === undefined) return () => {};
  let timer = setTimeout(onIdle, idleMs);
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(onIdle, idleMs);
  };
  for (const stream of streams) stream.on("data", restart);
  return () => clearTimeout(timer);
}

/** Calls `onLine` for each line of a UTF-8 stream, the last unterminated one included. `\r` ends a line too (progress of git). */
export function forEachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new TextDecoder();
  let rest = "";
  const feed = (text: string) => {
    const lines = (rest + text).split(/\r\n|[\r\n]/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
  stream.on("data", (chunk: Uint8Array) => feed(decoder.decode(chunk, { stream: true })));
  stream.on("end", () => {
    feed(decoder.decode());
    if (rest !== "") onLine(rest);
  });
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
